//! The console in a real Chromium: the todo sample's weights moved by keyboard, and what really flows seen to follow;
//! names that would be scripts; who may come in and who may not.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use e2e::{
    Browser, House, Load, Machine, Sample, binary,
    browser::{SHOWN_MAX, keys},
    get, run, wait_until,
};

const ORIGIN: &str = "http://127.0.0.1:4566";
/// The largest first page, in bytes.
const FIRST_PAGE_MAX: usize = 100_000;

#[test]
fn weights_are_moved_by_keyboard_and_what_flows_follows() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    let load = Load::start(&url, 100);
    let browser = Browser::start(&machine);

    browser.open(&format!("{ORIGIN}/"));
    browser.wait_for("main", "todo-services");
    browser.wait_for("#live.on", "live");
    browser.wait_for("main", "api-v1");
    browser.click("a[href$='/mesh/todo']");
    browser.wait_for("svg.graph", "api-v2");
    browser.click("svg a[href$='/mesh/todo/api/api']");

    // From 1:0 to 2:1, with nothing but keys.
    browser.wait_for("#status .state.good", "applied");
    browser.script("document.getElementById('weight-0').focus()");
    browser.press(&[keys::RIGHT, keys::TAB, keys::RIGHT, keys::TAB]);
    assert_eq!(browser.text("[data-ratio]"), "2 : 1");
    browser.press(&[keys::ENTER]);
    browser.wait_for("#flow", "66.7");
    browser.wait_for("#status .state.good", "applied");
    browser.wait_for("#status", "Acknowledged by 1 of 1 proxy");
    let flows = || {
        browser
            .script("return [...document.querySelectorAll('#flow td.share')].map(one => parseFloat(one.textContent))")
    };
    wait_until("two of three requests flow to the first version", SHOWN_MAX, || {
        let flows = flows();
        let near = |place: usize, wanted: f64| flows[place].as_f64().is_some_and(|share| (share - wanted).abs() < 2.0);
        near(0, 66.7) && near(1, 33.3)
    });
    let report = load.stop();
    assert!(report.failures.is_empty(), "{} requests failed: {:?}", report.failures.len(), report.failures.first());

    assert_eq!(browser.problems(ORIGIN), [""; 0]);
    drop(browser);
    sample.delete();
    house.stop();
}

/// A ramp that fails soon.
const POLICY: &str =
    r#"{"Steps": [5, 25, 50], "BaselineSeconds": 2, "MinimumStepSeconds": 1, "BakeSeconds": 2, "Metrics": ["Errors"]}"#;
/// How long a canary may take until it is taken back.
const TAKEN_BACK_MAX: Duration = Duration::from_mins(3);

#[test]
fn a_canary_is_watched_being_taken_back_and_a_trace_followed() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_mins(1), || get(&url).is_ok_and(|answer| answer.status == 200));
    sample.deploy_services("3");
    let load = Load::start(&url, 40);
    let browser = Browser::start(&machine);

    let mut canary = Command::new(binary("serin"));
    canary.args(["canary", "start", "--region", "ap-southeast-2", "--mesh", "todo", "--router", "api"]);
    run(canary.args(["--route", "api", "--to", "api-v2", "--policy", POLICY]));
    browser.open(&format!("{ORIGIN}/console/000000000000/ap-southeast-2/canaries"));
    browser.wait_for("#canaries", "api-v2");
    browser.click("#canaries td a");
    browser.wait_for("h1", "api-v1 → api-v2");
    browser.wait_for("#live.on", "live");
    // Nobody asks for the page again: it says so by itself.
    wait_until("the page says that it is taken back", TAKEN_BACK_MAX, || {
        browser.text("#standing").contains("Taken back")
    });
    browser.wait_for("#events", "It is taken back");
    browser.wait_for("#evidence svg", "taken back");
    browser.wait_for("#why", "bit for bit");
    browser.wait_for("#actions", "Try again");

    browser.open(&format!("{ORIGIN}/console/000000000000/ap-southeast-2/traces?minutes=1"));
    browser.wait_for("#traces", "gateway");
    browser.click("#traces td a");
    // From the gateway, through its sidecar, to the version that answered.
    for name in ["gateway", "todo/gateway", "api"] {
        browser.wait_for("#waterfall", name);
    }
    load.stop();
    assert_eq!(browser.problems(ORIGIN), [""; 0]);
    drop(browser);
    house.stop();
}

#[test]
fn names_stay_names_and_strangers_stay_out() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    aws.json("logs create-log-group --log-group-name bad");
    aws.json("logs create-log-stream --log-group-name bad --log-stream-name <script>document.title='bad'</script>");
    let now = aws_now();
    aws.json(&format!(
        "logs put-log-events --log-group-name bad --log-stream-name <script>document.title='bad'</script> --log-events \
         '[{{\"timestamp\":{now},\"message\":\"<img src=x onerror=document.title=1>\"}}]'"
    ));
    let browser = Browser::start(&machine);
    browser.open(&format!("{ORIGIN}/console/000000000000/ap-southeast-2/logs"));
    browser.wait_for("main", "onerror=document.title=1");
    assert_eq!(browser.script("return document.title"), "Logs – Serin");
    browser.wait_for("#live.on", "live");
    names_of_all_kinds(&aws, &browser);
    assert_eq!(browser.problems(ORIGIN), [""; 0]);
    drop(browser);

    let first = ask("GET", "/console/", "127.0.0.1:4566", "Accept: text/html\r\n", "");
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    let files = ["console.css", "console.js", "icon.svg"];
    let files = files.map(|file| ask("GET", &format!("/console/{file}"), "127.0.0.1:4566", "", "").len());
    let whole = first.len() + files.iter().sum::<usize>();
    assert!(whole < FIRST_PAGE_MAX, "the first page and all it needs is {whole} bytes");
    assert!(first.contains("content-security-policy: default-src 'none'; script-src 'self'"));
    // A name that somebody had point to loopback; a form that another site sends; one without the page's token.
    assert!(ask("GET", "/console/", "evil.example:4566", "", "").starts_with("HTTP/1.1 421"));
    let path = "/console/000000000000/ap-southeast-2/canaries/x";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let from =
        |origin: &str| ask("POST", path, "127.0.0.1:4566", &format!("{form}Origin: {origin}\r\n"), "command=Abort");
    assert!(from("http://evil.example").starts_with("HTTP/1.1 403"));
    assert!(from(ORIGIN).starts_with("HTTP/1.1 403"));
    // Programs are served as ever, at the same addresses.
    assert!(ask("GET", "/", "127.0.0.1:4566", "Accept: */*\r\n", "").contains("MissingAuthenticationToken"));
    house.stop();
}

/// What would be a script on a page that does not escape.
const BAD: &str = "<img src=x onerror=document.title=1>";

/// Names and texts of segments, alarms and queries, on every page that shows them, on a phone: as text, and no page wider
/// than the window.
fn names_of_all_kinds(aws: &e2e::Aws, browser: &Browser) {
    let seconds = aws_now() / 1000;
    let trace = format!("1-{seconds:08x}-0123456789abcdef01234567");
    let segment = |id: u32, parent: &str, start: u128| {
        format!(
            r#"'{{"name":"{BAD}","id":"{id:016x}","trace_id":"{trace}","start_time":{start}.5,"end_time":{start}.9{parent},
                 "origin":"AWS::{BAD}","user":"{BAD}","http":{{"request":{{"url":"http://x/{BAD}","method":"{BAD}"}}}}}}'"#
        )
    };
    // The second begins a second before who called it.
    let called = segment(2, r#","parent_id":"0000000000000001""#, seconds - 2);
    aws.json(&format!("xray put-trace-segments --trace-segment-documents {} {called}", segment(1, "", seconds - 1)));
    aws.json(&format!(
        "cloudwatch put-metric-alarm --alarm-name '{BAD}' --alarm-description '{BAD}' --namespace '{BAD}' \
         --metric-name '{BAD}' --statistic Sum --period 60 --evaluation-periods 1 --threshold 1 \
         --comparison-operator GreaterThanThreshold"
    ));
    browser.look(390, 844, "light");
    let alarm = "%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D1%3E";
    for (page, title) in [
        ("traces", "Traces"),
        (&*format!("traces/{trace}"), "Trace …01234567"),
        ("map", "Service map"),
        ("alarms", "Alarms"),
        (&*format!("alarms/{alarm}"), BAD),
        ("logs", "Logs"),
        ("logs/insights", "Logs Insights"),
    ] {
        browser.open(&format!("{ORIGIN}/console/000000000000/ap-southeast-2/{page}"));
        browser.wait_for("#live.on", "live");
        if page == "logs/insights" {
            browser.script(
                "document.querySelector('textarea').value = 'fields @message | filter @message like /onerror/'",
            );
            browser.click("form.search button");
            browser.wait_for("#answer", "Complete");
        } else if page.starts_with("traces/") {
            browser.wait_for("#waterfall", "Clocks disagree: 1");
        }
        browser.wait_for("main", "onerror=document.title=1");
        assert_eq!(browser.script("return document.title"), format!("{title} – Serin"), "{page}");
        let wide = browser.script("return document.documentElement.scrollWidth - window.innerWidth");
        assert!(wide.as_f64().is_some_and(|wide| wide <= 0.0), "{page} is {wide} pixels too wide");
    }
}

#[test]
fn who_has_keys_asks_for_them() {
    let machine = Machine::new();
    let house = House::start_with(&machine, &["--access-key", "me:secret"]);
    let page = ask("GET", "/console/", "127.0.0.1:4566", "Accept: text/html\r\n", "");
    assert!(page.starts_with("HTTP/1.1 303") && page.contains("location: /console/sign-in"), "{page}");
    let browser = Browser::start(&machine);
    browser.open(ORIGIN);
    browser.wait_for("h1", "Sign in");
    browser.type_into("input[name=access-key]", "me");
    browser.type_into("input[name=secret]", &format!("secret{}", keys::ENTER));
    browser.wait_for("h1", "Overview");
    browser.wait_for("#live.on", "live");
    assert_eq!(browser.script("return document.cookie"), "", "scripts must not see the session");
    browser.click(".who button");
    browser.wait_for("h1", "Sign in");
    assert_eq!(browser.problems(ORIGIN), [""; 0]);
    drop(browser);
    house.stop();
}

/// Milliseconds since 1970.
fn aws_now() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis()
}

/// One request, and the whole answer.
fn ask(method: &str, path: &str, host: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect("127.0.0.1:4566").expect("the house listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).expect("the house takes a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the house answers");
    String::from_utf8_lossy(&answer).into_owned()
}
