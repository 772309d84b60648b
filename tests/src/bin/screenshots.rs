//! Pictures of every page of the console, light, dark and narrow, in a folder: for people to look at.
//!
//! Run by `cargo xtask screenshots`. The todo sample is deployed; one canary goes wrong and is taken back, one goes on
//! while the pictures are taken.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use e2e::{Browser, House, Load, Machine, Sample, binary, get, wait_until};

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
/// How long the canary goes on before the pictures: charts need something to show.
const RUN_UP: Duration = Duration::from_secs(45);

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder for the pictures"));
    fs::create_dir_all(&folder).expect("the folder can be made");
    let folder = folder.canonicalize().expect("the folder is there");
    let machine = Machine::new();
    let house = House::start(&machine);
    let browser = Browser::start(&machine);
    shoot(&browser, &folder, "empty", "/");
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", Duration::from_secs(30), || get(&url).is_ok_and(|answer| answer.status == 200));
    let load = Load::start(&url, 60);
    // A version that fails every other request, then a good one.
    sample.deploy_services("3");
    canary(QUICK, true);
    sample.deploy_services("2");
    canary(SLOW, false);
    std::thread::sleep(RUN_UP);
    for (name, path) in pages(&house, &browser) {
        shoot(&browser, &folder, name, &path);
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

/// The name of each page's pictures, and its address.
fn pages(house: &House, browser: &Browser) -> Vec<(&'static str, String)> {
    let at = |path: &str| format!("/{SCOPE}/{path}");
    let first = |page: &str, selector: &str| {
        browser.open(&format!("{CONSOLE}/{SCOPE}/{page}"));
        let link = format!("return document.querySelector({})?.getAttribute('href')", serde_json::json!(selector));
        let link = browser.script(&link);
        let link = link.as_str().unwrap_or_else(|| panic!("{page} has no {selector}"));
        link.strip_prefix("/console").unwrap_or(link).to_owned()
    };
    let tasks = house.aws().json("ecs list-services --cluster todo");
    let service = tasks["serviceArns"][0].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    vec![
        ("overview", "/".to_owned()),
        ("meshes", at("mesh")),
        ("mesh", at("mesh/todo")),
        ("route", at("mesh/todo/api/api")),
        ("canaries", at("canaries")),
        ("canary", first("canaries", "#canaries table:first-of-type td a")),
        ("canary-past", first("canaries", "#canaries table:last-of-type td a")),
        ("stacks", at("stacks")),
        ("stack", at("stacks/todo-services")),
        ("services", at("services")),
        ("service", at(&format!("services/todo/{service}"))),
        ("task", first(&format!("services/todo/{service}"), "#tasks td a")),
        ("map", at("map")),
        ("traces", at("traces")),
        ("trace", first("traces", "#traces td a")),
        ("logs", at("logs")),
        ("missing", at("stacks/nobody")),
    ]
}

fn shoot(browser: &Browser, folder: &Path, name: &str, path: &str) {
    for (look, width, height, scheme) in LOOKS {
        browser.look(width, height, scheme);
        browser.open(&format!("{CONSOLE}{path}"));
        // What flows is known after two looks.
        std::thread::sleep(Duration::from_millis(2500));
        browser.picture(&folder.join(format!("{name}-{look}.png")), None);
    }
}
