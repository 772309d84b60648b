//! Metrics by real clients: Debian's Prometheus scrapes and its rules see a canary; an alarm on a load balancer's errors
//! works; logs are queried.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use e2e::{Aws, House, Load, Machine, Sample, binary, get, run, wait_until};
use serde_json::Value;

/// Longer than anything here takes on a machine that is busy with other things.
const SEEN_MAX: Duration = Duration::from_mins(3);
/// A ramp that fails soon.
const POLICY: &str =
    r#"{"Steps": [5, 25, 50], "BaselineSeconds": 2, "MinimumStepSeconds": 1, "BakeSeconds": 2, "Metrics": ["Errors"]}"#;
/// Where Prometheus answers.
const PROMETHEUS: &str = "http://127.0.0.1:9090";

/// Prometheus with the guide's own files, but for its pace; ended with the test.
struct Prometheus(Child);

impl Prometheus {
    fn start(machine: &Machine) -> Self {
        let (guide, folder) = (
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/prometheus"),
            machine.folder().join("prometheus"),
        );
        fs::create_dir(&folder).expect("a folder");
        for file in ["prometheus.yml", "rules.yml"] {
            let text = fs::read_to_string(guide.join(file)).expect("a file of the guide");
            let text = text.replace("_interval: 10s", "_interval: 1s");
            fs::write(folder.join(file), text).expect("it can be written");
        }
        let configuration = folder.join("prometheus.yml");
        run(Command::new("promtool").args(["check", "config"]).arg(&configuration));
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", configuration.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
        command.args(["--web.listen-address=127.0.0.1:9090", "--log.level=warn"]).stdout(Stdio::null());
        Self(command.spawn().expect("prometheus, of the Debian package, can be started"))
    }

    /// What a query finds.
    fn ask(&self, query: &str) -> Vec<Value> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = get(&format!("{PROMETHEUS}/api/v1/query?query={query}"));
        let body = answer.map(|answer| answer.body).unwrap_or_default();
        let found: Value = serde_json::from_str(&body).unwrap_or_default();
        found["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_scrapes_the_house_and_a_rule_sees_a_canary() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    wait_until("the first answer", SEEN_MAX, || get(&url).is_ok_and(|answer| answer.status == 200));
    sample.deploy_services("3");
    let load = Load::start(&url, 40);
    let prometheus = Prometheus::start(&machine);
    let seen = |query: &str| wait_until(query, SEEN_MAX, || !prometheus.ask(query).is_empty());
    seen("up{job=\"serin\"} == 1");
    // All three proxies are in the one scrape, under Envoy's names, with who they are.
    seen("count(serin_proxy_up == 1) == 3");
    seen("sum(envoy_cluster_upstream_rq_total{mesh=\"todo\", virtual_node=\"gateway\", task=~\".+\"}) > 0");
    seen("serin_route_weight{virtual_node=\"api-v1\"} == 1");
    seen("serin:requests:rate1m > 0");

    let mut canary = Command::new(binary("serin"));
    canary.args(["canary", "start", "--region", "ap-southeast-2", "--mesh", "todo", "--router", "api"]);
    run(canary.args(["--route", "api", "--to", "api-v2", "--policy", POLICY]));
    seen("ALERTS{alertname=\"SerinCanaryTakenBack\", alertstate=\"firing\", mesh=\"todo\"}");
    seen("serin_canary_e_value >= serin_canary_e_value_limit");
    seen("serin_canary_failed_requests_total{version=\"new\"} > 0");
    seen("serin_canary_harm_total > 0");
    assert_eq!(prometheus.ask("serin_samples_left_out > 0"), [Value::Null; 0]);
    load.stop();
    drop(prometheus);
    house.stop();
}

#[test]
fn who_has_keys_shows_them_to_read_metrics() {
    let machine = Machine::new();
    let house = House::start_with(&machine, &["--access-key", "me:secret"]);
    let ask = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]).args(arguments);
        run(command.arg("http://127.0.0.1:4566/metrics"))
    };
    assert_eq!(ask(&[]), "401");
    assert_eq!(ask(&["--user", "me:guess"]), "401");
    assert_eq!(ask(&["--user", "me:secret"]), "200");
    house.stop();
}

#[test]
fn an_alarm_on_a_load_balancers_errors_works() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let (aws, sample) = (house.aws(), Sample::push(&house));
    let url = sample.deploy();
    wait_until("the first answer", SEEN_MAX, || get(&url).is_ok_and(|answer| answer.status == 200));
    let balancers = aws.json("elbv2 describe-load-balancers");
    let arn = balancers["LoadBalancers"][0]["LoadBalancerArn"].as_str().expect("a load balancer");
    let balancer = arn.split_once(":loadbalancer/").expect("it is in its ARN").1.to_owned();
    let dimensions = format!("--dimensions Name=LoadBalancer,Value={balancer}");
    aws.json(&format!(
        "cloudwatch put-metric-alarm --alarm-name errors --namespace AWS/ApplicationELB --metric-name \
         HTTPCode_Target_5XX_Count {dimensions} --statistic Sum --period 60 --evaluation-periods 1 --threshold 3 \
         --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching"
    ));
    // What tasks use is a metric too: of this one there is always some.
    aws.json(
        "cloudwatch put-metric-alarm --alarm-name memory --namespace AWS/ECS --metric-name MemoryUtilization \
         --dimensions Name=ClusterName,Value=todo Name=ServiceName,Value=gateway --statistic Average --period 60 \
         --evaluation-periods 1 --threshold 0 --comparison-operator GreaterThanThreshold",
    );
    let state = |alarm: &str| {
        let found = aws.json(&format!("cloudwatch describe-alarms --alarm-names {alarm}"));
        found["MetricAlarms"][0]["StateValue"].clone()
    };
    let load = Load::start(&url, 20);
    wait_until("no alarm while all is well", SEEN_MAX, || state("errors") == "OK");
    // Every other answer of the third version is a failure.
    sample.deploy_services("3");
    sample.deploy_mesh(0, 1);
    wait_until("an alarm", SEEN_MAX, || state("errors") == "ALARM");
    wait_until("an alarm on what the tasks use", SEEN_MAX, || state("memory") == "ALARM");
    let report = load.stop();
    assert!(report.failures.len() >= 3);

    let read = |metric: &str, how: &str, of: &str| statistic(&aws, metric, how, of);
    let requests = |of: &str| -> f64 {
        read("RequestCount", "--statistics Sum", of).iter().filter_map(|point| point["Sum"].as_f64()).sum()
    };
    let total = f64::from(u32::try_from(report.total()).expect("few"));
    wait_until("all requests are counted", SEEN_MAX, || requests(&dimensions) >= total);
    let took = read("TargetResponseTime", "--extended-statistics p99", &dimensions);
    let took = took[0]["ExtendedStatistics"]["p99"].as_f64().unwrap_or_default();
    assert!(took > 0.0 && took < 20.0, "{took}");
    let groups = aws.json("elbv2 describe-target-groups");
    let group = groups["TargetGroups"][0]["TargetGroupArn"].as_str().expect("a target group");
    let group = format!("{dimensions} Name=TargetGroup,Value={}", group.rsplit_once(':').expect("an ARN").1);
    assert!(requests(&group) >= total);
    let healthy = read("HealthyHostCount", "--statistics Maximum", &group);
    assert!(healthy.iter().all(|point| point["Maximum"] == 1.0) && !healthy.is_empty(), "{healthy:?}");
    house.stop();
}

/// A statistic of a load balancer's metric over the last hour, in one period, or two where an hour of the clock begins.
fn statistic(aws: &Aws, metric: &str, how: &str, dimensions: &str) -> Vec<Value> {
    let (start, end) = (now() - 3600, now() + 60);
    let found = aws.json(&format!(
        "cloudwatch get-metric-statistics --namespace AWS/ApplicationELB --metric-name {metric} {dimensions} {how} \
         --period 3600 --start-time {start} --end-time {end}"
    ));
    found["Datapoints"].as_array().cloned().unwrap_or_default()
}

#[test]
fn logs_are_queried_and_what_is_no_query_is_refused_where_it_stands() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    aws.json("logs create-log-group --log-group-name shop");
    aws.json("logs create-log-stream --log-group-name shop --log-stream-name one");
    let event = |number: u64| {
        let (status, took) = (if number.is_multiple_of(3) { 500 } else { 200 }, number * 10);
        let message = serde_json::json!({ "status": status, "took": took, "http": { "path": "/todos" } });
        serde_json::json!({ "timestamp": (now() - 120 + number) * 1000, "message": message.to_string() })
    };
    let events: Vec<Value> = (0..30).map(event).collect();
    let path = machine.folder().join("events.json");
    fs::write(&path, Value::from(events).to_string()).expect("a file");
    aws.json(&format!(
        "logs put-log-events --log-group-name shop --log-stream-name one --log-events file://{}",
        path.display()
    ));
    let start = format!("logs start-query --log-group-names shop --start-time {} --end-time {}", now() - 600, now());
    let query = "filter http.path like /^.todos/ | stats count(*) as n, pct(took, 50) as half by status | sort n desc";
    let begun = aws.json(&format!("{start} --query-string '{query}'"));
    let id = begun["queryId"].as_str().expect("an id").to_owned();
    let mut found = Value::Null;
    wait_until("the query's end", SEEN_MAX, || {
        found = aws.json(&format!("logs get-query-results --query-id {id}"));
        found["status"] == "Complete"
    });
    let rows: Vec<Vec<String>> = found["results"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row.as_array().expect("fields").iter().map(|field| field["value"].to_string()).collect())
        .collect();
    assert_eq!(rows, [["\"200\"", "\"20\"", "\"140\""], ["\"500\"", "\"10\"", "\"120\""]]);
    assert_eq!(found["statistics"]["recordsMatched"], 30.0);
    let refused = aws.refused(&format!("{start} --query-string 'fields status | fliter status = 500'"));
    assert!(refused.contains("MalformedQueryException") && refused.contains("line 1 and position 17"), "{refused}");
    let queries = aws.json("logs describe-queries --log-group-name shop");
    assert_eq!(queries["queries"][0]["status"], "Complete");
    house.stop();
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
