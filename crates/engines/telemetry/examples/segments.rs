//! `cargo xtask bench telemetry` starts this: how many segments a second one core takes, what they weigh on disk, and how
//! soon the service graph of a million of them is there. Each figure is a line on the standard output: name, value, unit
//! and aim, with tabs between; an aim with a `+` is one to be reached and not to be kept under.

use std::{fs, time::Instant};

use names::{Scope, Timestamp};
use telemetry::{
    Limits, Telemetry,
    traces::{Filter, Span},
};

/// Segments in one batch, as many as the X-Ray daemon posts at once.
const BATCH: u64 = 50;
/// Segments of one trace: a gateway with a step that calls, a proxy, and an API.
const IN_TRACE: u64 = 3;
/// When the first begins, in seconds since 1970.
const BEGIN: u64 = 1_700_000_000;
/// Seconds over which the segments are spread.
const SECONDS: u64 = 3600;
/// How often the graph is asked for.
const ROUNDS: u32 = 20;

fn documents(trace: u64, traces: u64) -> [String; 3] {
    let start = BEGIN + trace * SECONDS / traces;
    let id = |part: u64| format!("{:016x}", trace * 8 + part + 1);
    let trace_id = format!("1-{start:08x}-{trace:024x}");
    let version = if trace.is_multiple_of(3) { "v2" } else { "v1" };
    let fault = trace.is_multiple_of(50);
    let status = if fault { 500 } else { 200 };
    [
        format!(
            r#"{{"name":"gateway","id":"{}","trace_id":"{trace_id}","start_time":{start}.012,"end_time":{start}.062,"origin":"AWS::ECS::Container","http":{{"request":{{"method":"GET","url":"http://gateway.todo.local/todos/{}","client_ip":"10.0.1.17"}},"response":{{"status":{status}}}}},"annotations":{{"version":"1"}},"subsegments":[{{"name":"api.todo.local","id":"{}","start_time":{start}.02,"end_time":{start}.05,"namespace":"remote","http":{{"request":{{"method":"GET","url":"http://api.todo.local/todos"}},"response":{{"status":{status}}}}}}}]}}"#,
            id(0),
            trace % 100,
            id(1),
        ),
        format!(
            r#"{{"name":"todo/gateway","id":"{}","trace_id":"{trace_id}","parent_id":"{}","start_time":{start}.022,"end_time":{start}.048,"origin":"AWS::AppMesh::Proxy","http":{{"request":{{"method":"GET","url":"http://api.todo.local/todos"}},"response":{{"status":{status}}}}}}}"#,
            id(2),
            id(1),
        ),
        format!(
            r#"{{"name":"api-{version}","id":"{}","trace_id":"{trace_id}","parent_id":"{}","start_time":{start}.025,"end_time":{start}.045,"origin":"AWS::ECS::Container","fault":{fault},"http":{{"request":{{"method":"GET","url":"http://api.todo.local/todos"}},"response":{{"status":{status}}}}},"annotations":{{"version":"{version}"}}}}"#,
            id(3),
            id(2),
        ),
    ]
}

fn figure(name: &str, value: f64, unit: &str, aim: &str) {
    println!("{name}\t{value}\t{unit}\t{aim}");
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few million")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let segments: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("telemetry.db");
    let limits = Limits { segments_max: u64::MAX, ..Limits::default() };
    let (telemetry, scope) = (Telemetry::open(&path, limits)?, Scope::default());
    let (traces, count) = (telemetry.traces(), segments / IN_TRACE);
    let all: Vec<String> = (0..count).flat_map(|trace| documents(trace, count)).collect();
    let weight: usize = all.iter().map(String::len).sum();
    let seconds = |seconds: u64| Timestamp::from_millis(i64::try_from(seconds * 1000).unwrap_or(i64::MAX));
    let now = seconds(BEGIN + SECONDS);

    let clock = Stopwatch::start();
    for batch in all.chunks(usize::try_from(BATCH)?) {
        traces.put(&scope, batch, now)?;
    }
    let (core, wall) = clock.stop()?;
    figure("segments taken in batches of 50, in a second of one core", all.len() as f64 / core, "1/s", "+100000");
    figure("the same, in a second of this machine as busy as it was", all.len() as f64 / wall, "1/s", "");
    telemetry.trim(now)?;
    let files: u64 = fs::read_dir(folder.path())?
        .filter_map(Result::ok)
        .filter(|file| file.path().extension().is_none_or(|extension| extension != "reserve"))
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum();
    figure("a document, as it came", weight as f64 / all.len() as f64, "bytes", "");
    figure("a segment, on disk with its indices", files as f64 / all.len() as f64, "bytes", "");

    let span = Span { start: seconds(BEGIN), end: seconds(BEGIN + SECONDS) };
    let filter = Filter::parse("")?;
    let clock = Stopwatch::start();
    let graph = traces.graph(&scope, span, &filter)?;
    let (core, _) = clock.stop()?;
    let total: u64 = graph.nodes.iter().map(|node| node.statistics.total()).sum();
    figure("the graph of an hour, the first time: time of one core", core * 1e3, "ms", "");
    figure("segments in it", total as f64, "", "");
    let clock = Stopwatch::start();
    for _ in 0..ROUNDS {
        traces.graph(&scope, span, &filter)?;
    }
    let (_, wall) = clock.stop()?;
    figure("the graph of an hour, again", wall * 1e3 / f64::from(ROUNDS), "ms", "100");
    let clock = Stopwatch::start();
    for trace in 0..ROUNDS {
        traces.put(&scope, &documents(count - 1 - u64::from(trace), count), now)?;
        traces.graph(&scope, span, &filter)?;
    }
    let (core, wall) = clock.stop()?;
    figure("the same after each trace that comes in: time of one core", core * 1e3 / f64::from(ROUNDS), "ms", "100");
    figure("the same, on this machine as busy as it was", wall * 1e3 / f64::from(ROUNDS), "ms", "");
    drop((traces, telemetry));
    // What it would cost if nothing were kept of the minutes in which things come in.
    let traces = Telemetry::open(&path, limits)?.traces();
    let clock = Stopwatch::start();
    traces.graph(&scope, Span { start: seconds(BEGIN + SECONDS - 120), ..span }, &filter)?;
    let (core, _) = clock.stop()?;
    figure("the last three minutes of it, made anew: time of one core", core * 1e3, "ms", "");
    Ok(())
}

/// Measures time twice: that of the machine, and that which this thread had of a core. Other work makes the first longer
/// and not the second.
struct Stopwatch {
    begun: Instant,
    had: u64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { begun: Instant::now(), had: had().unwrap_or_default() }
    }

    /// Seconds of a core, and seconds.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of some minutes")]
    fn stop(self) -> Result<(f64, f64), Box<dyn std::error::Error>> {
        Ok(((had()? - self.had) as f64 / 1e9, self.begun.elapsed().as_secs_f64()))
    }
}

/// Nanoseconds that this thread had of a core: the first number of its schedstat (the kernel's sched-stats.rst).
fn had() -> Result<u64, Box<dyn std::error::Error>> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}
