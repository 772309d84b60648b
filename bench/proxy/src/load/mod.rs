//! The client: sends requests through a proxy, times them, and reads off what the proxy's process used meanwhile.
//!
//! What is measured begins after a warm-up and ends before connections do, so that CPU time and requests are of the same
//! moment.

pub(crate) mod http1;
pub(crate) mod http2;
mod paced;
mod samples;
mod secured;

use std::{
    fmt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::process::Cpu;
pub(crate) use samples::Samples;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Protocol {
    Http1,
    /// Without TLS.
    Http2,
    Http2Tls,
    /// Unary calls over HTTP/2 without TLS.
    Grpc,
    /// A connection, a TLS handshake and a request by HTTP/1.1, each time anew.
    Handshakes,
}

/// What is asked for, how, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct Work {
    /// What is spoken
    #[arg(long, value_enum, default_value = "http1")]
    pub(crate) protocol: Protocol,
    /// The proxy's port on the loopback address
    #[arg(long)]
    pub(crate) port: u16,
    /// Connections
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Bytes of a response's body
    #[arg(long, default_value_t = 1024)]
    pub(crate) size: usize,
    /// Milliseconds that are measured
    #[arg(long, default_value_t = 1000)]
    pub(crate) millis: u64,
    /// Milliseconds before that
    #[arg(long, default_value_t = 200)]
    pub(crate) warm: u64,
    /// Requests a second, timed from when they were due; as fast as it goes where none is said
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Milliseconds for which the connections are kept after it, idle
    #[arg(long, default_value_t = 0)]
    pub(crate) hold: u64,
    /// The certificate that is believed, where there is TLS
    #[arg(long)]
    pub(crate) certificate: Option<PathBuf>,
    /// The processor it runs on
    #[arg(long)]
    pub(crate) processor: usize,
    /// The proxy's processes
    #[arg(long, value_delimiter = ',')]
    pub(crate) pids: Vec<u32>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Requests that were answered as they should.
    pub(crate) requests: u64,
    /// Requests that were not.
    pub(crate) errors: u64,
    /// Seconds that were measured.
    pub(crate) seconds: f64,
    /// Seconds of CPU time that the proxy used.
    pub(crate) cpu: f64,
    /// The part of it in user mode, 0 to 1.
    pub(crate) user: f64,
    /// Microseconds that half, 99 % and 99.9 % of the requests did not exceed.
    pub(crate) latency: [f64; 3],
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, errors, seconds, cpu, user, latency: [p50, p99, p999] } = self;
        write!(f, "{requests} {errors} {seconds} {cpu} {user} {p50} {p99} {p999}")
    }
}

impl Outcome {
    /// Reads what [`fmt::Display`] wrote.
    pub(crate) fn read(line: &str) -> Result<Self> {
        let numbers: Vec<f64> =
            line.split_whitespace().map(str::parse).collect::<Result<_, _>>().with_context(|| format!("`{line}`"))?;
        let [requests, errors, seconds, cpu, user, p50, p99, p999] = numbers[..] else {
            bail!("`{line}` is no outcome")
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they were counted")]
        let (requests, errors) = (requests as u64, errors as u64);
        Ok(Self { requests, errors, seconds, cpu, user, latency: [p50, p99, p999] })
    }

    /// Microseconds of CPU time that a request took.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 requests")]
    pub(crate) fn cpu_per_request(&self) -> f64 {
        self.cpu * 1e6 / self.requests.max(1) as f64
    }

    /// Requests a second.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 requests")]
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Does the work and prints what came of it.
pub(crate) fn run(work: &Work) -> Result<()> {
    crate::process::pin(work.processor)?;
    let outcome = match (work.protocol, work.rate) {
        (Protocol::Http1, None) => http1::run(work)?,
        (Protocol::Http1, Some(rate)) => paced::run(work, rate)?,
        (Protocol::Http2 | Protocol::Http2Tls | Protocol::Grpc, None) => http2::run(work)?,
        (Protocol::Handshakes, None) => secured::handshakes(work)?,
        (protocol, Some(_)) => bail!("{protocol:?} at a fixed rate is not measured"),
    };
    println!("{outcome}");
    thread::sleep(Duration::from_millis(work.hold));
    Ok(())
}

/// The part of the work that counts.
pub(crate) struct Window {
    pids: Vec<u32>,
    warm: Instant,
    end: Instant,
    begun: Option<(Instant, Cpu)>,
}

impl Window {
    pub(crate) fn new(work: &Work) -> Self {
        let warm = Instant::now() + Duration::from_millis(work.warm);
        Self { pids: work.pids.clone(), warm, end: warm + Duration::from_millis(work.millis), begun: None }
    }

    /// Whether a request that ended `now` counts; none when the work is over.
    pub(crate) fn counts(&mut self, now: Instant) -> Result<Option<bool>> {
        if self.begun.is_none() {
            if now < self.warm {
                return Ok(Some(false));
            }
            self.begun = Some((now, Cpu::of(&self.pids)?));
        }
        Ok((now < self.end).then_some(true))
    }

    pub(crate) fn begun(&self) -> Option<Instant> {
        self.begun.map(|(begun, _)| begun)
    }

    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// What came of the requests that counted.
    pub(crate) fn outcome(&self, samples: &mut Samples, errors: u64) -> Result<Outcome> {
        let (begun, before) = self.begun.context("nothing was measured")?;
        let cpu = Cpu::of(&self.pids)?.since(before);
        let seconds = begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "ticks of a run")]
        let user = cpu.ticks.0 as f64 / (cpu.ticks.0 + cpu.ticks.1).max(1) as f64;
        let latency = [0.5, 0.99, 0.999].map(|share| samples.quantile(share));
        Ok(Outcome { requests: samples.count(), errors, seconds, cpu: cpu.total.as_secs_f64(), user, latency })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        let outcome =
            Outcome { requests: 3000, errors: 1, seconds: 1.5, cpu: 0.06, user: 0.25, latency: [100.0, 200.0, 300.5] };
        assert_eq!(Outcome::read(&outcome.to_string()).unwrap(), outcome);
        assert!((outcome.cpu_per_request() - 20.0).abs() < 1e-9 && (outcome.rate() - 2000.0).abs() < 1e-9);
        assert!(Outcome::read("1 2 3").is_err());
    }
}
