//! Pictures of every page of the console, light, dark and narrow, in a folder: for people to look at.
//!
//! Run by `cargo xtask screenshots`. The todo sample is deployed; one canary goes wrong and is taken back, one goes on
//! while the pictures are taken. No picture is taken before the page shows what it is about, and each is told of.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use e2e::{Aws, Browser, House, Load, Machine, Sample, binary, get, wait_until};

const CONSOLE: &str = "http://127.0.0.1:4566/console";
/// Where the sample is deployed.
const SCOPE: &str = "000000000000/ap-southeast-2";
/// Looks: the name, width and height of the window, and the scheme of colours.
const LOOKS: [(&str, u32, u32, &str); 3] =
    [("light", 1280, 800, "light"), ("dark", 1280, 800, "dark"), ("narrow", 390, 844, "light")];
/// A ramp that fails soon.
const QUICK: &str = r#"{"Steps": [5, 25, 50], "MinimumStepSeconds": 1, "BakeSeconds": 2, "Metrics": ["Errors"]}"#;
/// One that is still at it when the pictures are taken.
const SLOW: &str = r#"{"Steps": [10, 25, 50], "MinimumStepSeconds": 240, "BakeSeconds": 60, "Metrics": ["Errors"]}"#;
/// What is asked of the logs.
const QUESTION: &str = "stats count(*) as lines, latest(@message) as last by @logStream\n| sort lines desc\n| limit 20";
/// How long a page may take to show what it is about, on a machine that is busy with other things.
const PAGE_MAX: Duration = Duration::from_mins(3);
/// Requests a second: enough to see, few enough for a machine that takes pictures beside.
const RATE: u32 = 20;
/// An alarm on the errors that the bad version gives, of which the first minutes have some.
const ALARM: &str = "cloudwatch put-metric-alarm --alarm-name todo-errors --alarm-description 'Answers of 500 and above' \
                     --namespace AWS/ApplicationELB --metric-name HTTPCode_Target_5XX_Count --statistic Sum --period 60 \
                     --evaluation-periods 3 --datapoints-to-alarm 1 --threshold 3 --treat-missing-data notBreaching \
                     --comparison-operator GreaterThanOrEqualToThreshold";

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder for the pictures"));
    fs::create_dir_all(&folder).expect("the folder can be made");
    let folder = folder.canonicalize().expect("the folder is there");
    let machine = Machine::new();
    let house = House::start(&machine);
    let browser = Browser::start(&machine);
    shoot(&browser, &folder, &Shot::new("empty", "/", "main", "Nothing"));
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    let load = Load::start(&url, RATE);
    let aws = house.aws();
    aws.json(&format!("{ALARM} --dimensions Name=LoadBalancer,Value={}", balancer(&aws)));
    say("the sample is deployed");
    // A version that fails every other request, then a good one.
    sample.deploy_services("3");
    canary(QUICK, true);
    say("one canary is taken back");
    sample.deploy_services("2");
    canary(SLOW, false);
    for shot in shots(&aws, &browser) {
        shoot(&browser, &folder, &shot);
    }
    load.stop();
    drop(browser);
    sample.delete();
    house.stop();
    println!("The pictures are in {}.", folder.display());
}

fn canary(policy: &str, watch: bool) {
    let mut command = Command::new(binary("serin"));
    command.args([
        "canary",
        "start",
        "--region",
        "ap-southeast-2",
        "--mesh",
        "todo",
        "--router",
        "api",
        "--route",
        "api",
    ]);
    command.args(["--to", "api-v2", "--policy", policy]).args(watch.then_some("--watch"));
    // One that is taken back ends with another exit code than success.
    command.status().expect("serin can be started");
}

/// A page to be pictured.
struct Shot {
    name: &'static str,
    path: String,
    /// Where, and what must be there before the picture is taken.
    selector: &'static str,
    text: &'static str,
}

impl Shot {
    fn new(name: &'static str, path: impl Into<String>, selector: &'static str, text: &'static str) -> Self {
        Self { name, path: path.into(), selector, text }
    }
}

/// Tells how far it is.
fn say(what: &str) {
    println!("screenshots: {what}");
}

/// The load balancer as metrics call it.
fn balancer(aws: &Aws) -> String {
    let found = aws.json("elbv2 describe-load-balancers");
    let arn = found["LoadBalancers"][0]["LoadBalancerArn"].as_str().expect("the sample has a load balancer");
    arn.split_once(":loadbalancer/").expect("it is in its ARN").1.to_owned()
}

/// Every page, from the overview on.
fn shots(aws: &Aws, browser: &Browser) -> Vec<Shot> {
    let at = |path: &str| format!("/{SCOPE}/{path}");
    let first = |page: &str, selector: &str| {
        browser.open(&format!("{CONSOLE}/{SCOPE}/{page}"));
        let script = format!("return document.querySelector({})?.getAttribute('href')", serde_json::json!(selector));
        let mut found = None;
        // Of what is rare the first may still be on its way.
        wait_until(&format!("{selector} on {page}"), PAGE_MAX, || {
            found = browser.script(&script).as_str().map(str::to_owned);
            found.is_some()
        });
        let link = found.unwrap_or_default();
        link.strip_prefix("/console").unwrap_or(&link).to_owned()
    };
    let tasks = aws.json("ecs list-services --cluster todo");
    let service = tasks["serviceArns"][0].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    vec![
        Shot::new("canary", first("canaries", "#canaries table:first-of-type td a"), "#latency", "p99"),
        Shot::new("overview", "/", "main", "Watching"),
        Shot::new("meshes", at("mesh"), "main", "todo"),
        Shot::new("mesh", at("mesh/todo"), "svg.graph", "api-v2"),
        Shot::new("route", at("mesh/todo/api/api"), "#flow td.share", "%"),
        Shot::new("canaries", at("canaries"), "#canaries", "Taken back"),
        Shot::new("canary-past", first("canaries", "#canaries table:last-of-type td a"), "#why", "bit for bit"),
        Shot::new("stacks", at("stacks"), "main", "todo-services"),
        Shot::new("stack", at("stacks/todo-services"), "main", "update complete"),
        Shot::new("services", at("services"), "main", "gateway"),
        Shot::new("service", at(&format!("services/todo/{service}")), "#tasks", "running"),
        Shot::new("task", first(&format!("services/todo/{service}"), "#tasks td a"), "main", "envoy"),
        Shot::new("map", at("map?minutes=5"), "svg.graph", "gateway"),
        Shot::new("traces", at("traces?minutes=1"), "#traces", "ms"),
        Shot::new("trace", first("traces?minutes=1", "#traces td a"), "#waterfall", "api_"),
        Shot::new("logs", at("logs"), "#lines", ":"),
        Shot::new("insights", insights(browser), "#answer", "Complete"),
        Shot::new("alarms", at("alarms"), "#alarms", "todo-errors"),
        Shot::new("alarm", at("alarms/todo-errors"), "#metric", "As a table"),
        Shot::new("missing", at("stacks/nobody"), "main", "overview"),
    ]
}

/// Asks a question of the logs, and gives the page of its answer.
fn insights(browser: &Browser) -> String {
    browser.open(&format!("{CONSOLE}/{SCOPE}/logs/insights"));
    wait_until("the box for questions", PAGE_MAX, || {
        browser.script("return !!document.querySelector('textarea')") == true
    });
    browser.script(&format!("document.querySelector('textarea').value = {}", serde_json::json!(QUESTION)));
    browser.click("form.search button");
    wait_until("the answer", PAGE_MAX, || browser.text("#answer").contains("Complete"));
    let address = browser.script("return location.pathname + location.search");
    address
        .as_str()
        .and_then(|address| address.strip_prefix("/console"))
        .expect("it is a page of the console")
        .to_owned()
}

fn shoot(browser: &Browser, folder: &Path, shot: &Shot) {
    for (look, width, height, scheme) in LOOKS {
        browser.look(width, height, scheme);
        browser.open(&format!("{CONSOLE}{}", shot.path));
        wait_until(&format!("`{}` in {} of {}", shot.text, shot.selector, shot.path), PAGE_MAX, || {
            browser.text(shot.selector).contains(shot.text)
        });
        browser.picture(&folder.join(format!("{}-{look}.png", shot.name)), None);
    }
    say(&format!("{} is pictured", shot.name));
}
