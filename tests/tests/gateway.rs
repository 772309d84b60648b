//! A virtual gateway as users have one: a task of Envoy alone behind a load balancer. It speaks TLS to what is in the mesh,
//! tries again and gives up in time, as the real CLI was told, on both data planes.

use std::{collections::BTreeMap, process::Command, time::Duration};

use e2e::{Aws, House, Machine, Sample, binary, envoy, get, run, wait_until};
use serde_json::{Value, json};

/// How long a change may take to be seen in answers, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(2);
/// Answers that are enough to say that all are so.
const ENOUGH: usize = 60;

/// The value that the stack of the sample exports as `name`.
fn export(aws: &Aws, name: &str) -> String {
    let listed = aws.json("cloudformation list-exports");
    let mut exports = listed["Exports"].as_array().expect("exports").iter();
    let found = exports.find(|one| one["Name"] == format!("todo:{name}")).expect(name);
    found["Value"].as_str().expect("a text").to_owned()
}

/// Has both versions of the API take nothing but TLS, with a certificate of ACM.
fn encrypt(aws: &Aws) {
    let made = aws.json(
        "acm request-certificate --domain-name api.todo.local --subject-alternative-names api-v2.todo.local \
         --key-algorithm EC_prime256v1",
    );
    for (node, host) in [("api-v1", "api.todo.local"), ("api-v2", "api-v2.todo.local")] {
        let certificate = json!({ "acm": { "certificateArn": made["CertificateArn"] } });
        let check = json!({ "protocol": "http", "path": "/ping", "healthyThreshold": 2, "unhealthyThreshold": 2,
                            "timeoutMillis": 2000, "intervalMillis": 5000 });
        let listener = json!({ "portMapping": { "port": 3000, "protocol": "http" }, "healthCheck": check,
                               "tls": { "mode": "STRICT", "certificate": certificate } });
        let spec = json!({ "listeners": [listener], "serviceDiscovery": { "dns": { "hostname": host } } });
        aws.json(&format!("appmesh update-virtual-node --mesh-name todo --virtual-node-name {node} --spec '{spec}'"));
    }
}

/// Makes the gateway, its route, its task and its place behind the load balancer.
fn open(aws: &Aws) {
    let format = "edge %RESPONSE_CODE% %UPSTREAM_TLS_VERSION%";
    let log = json!({ "accessLog": { "file": { "path": "/dev/stdout", "format": { "text": format } } } });
    let spec = json!({ "listeners": [{ "portMapping": { "port": 8080, "protocol": "http" } }], "logging": log });
    aws.json(&format!("appmesh create-virtual-gateway --mesh-name todo --virtual-gateway-name edge --spec '{spec}'"));
    let target = json!({ "virtualService": { "virtualServiceName": "api.todo.local" } });
    let spec = json!({ "httpRoute": { "match": { "prefix": "/edge/" }, "action": { "target": target } } });
    aws.json(&format!(
        "appmesh create-gateway-route --mesh-name todo --virtual-gateway-name edge --gateway-route-name api --spec '{spec}'"
    ));

    let health = "curl -s http://localhost:9901/server_info | grep state | grep -q LIVE";
    let options = json!({ "awslogs-group": export(aws, "LogGroup"), "awslogs-region": "ap-southeast-2",
                          "awslogs-stream-prefix": "edge" });
    // No proxyConfiguration: what comes to a gateway comes to its own port.
    let container = json!([{
        "name": "envoy", "image": "public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.12.1-prod", "essential": true,
        "user": "1337", "portMappings": [{ "containerPort": 8080 }],
        "environment": [{ "name": "APPMESH_RESOURCE_ARN", "value": "mesh/todo/virtualGateway/edge" }],
        "healthCheck": { "command": ["CMD-SHELL", health], "interval": 5, "timeout": 2, "retries": 3 },
        "logConfiguration": { "logDriver": "awslogs", "options": options },
    }]);
    aws.json(&format!(
        "ecs register-task-definition --family edge --network-mode awsvpc --requires-compatibilities FARGATE --cpu 256 \
         --memory 512 --container-definitions '{container}'"
    ));
    let group = aws.json(&format!(
        "elbv2 create-target-group --name edge --protocol HTTP --port 8080 --target-type ip --vpc-id {} \
         --health-check-path /edge/ping --health-check-interval-seconds 5 --health-check-timeout-seconds 2 \
         --healthy-threshold-count 2",
        export(aws, "VpcId")
    ));
    let group = group["TargetGroups"][0]["TargetGroupArn"].as_str().expect("an ARN").to_owned();
    let balancers = aws.json("elbv2 describe-load-balancers");
    let balancer = balancers["LoadBalancers"][0]["LoadBalancerArn"].as_str().expect("an ARN");
    let listeners = aws.json(&format!("elbv2 describe-listeners --load-balancer-arn {balancer}"));
    let listener = listeners["Listeners"][0]["ListenerArn"].as_str().expect("an ARN");
    aws.json(&format!(
        "elbv2 create-rule --listener-arn {listener} --priority 1 --conditions Field=path-pattern,Values='/edge/*' \
         --actions Type=forward,TargetGroupArn={group}"
    ));
    let (subnet, tasks) = (export(aws, "SubnetOne"), export(aws, "TaskGroup"));
    aws.json(&format!(
        "ecs create-service --cluster todo --service-name edge --task-definition edge --desired-count 1 \
         --launch-type FARGATE --load-balancers targetGroupArn={group},containerName=envoy,containerPort=8080 \
         --network-configuration \
         awsvpcConfiguration={{subnets=[{subnet}],securityGroups=[{tasks}],assignPublicIp=ENABLED}}"
    ));
    aws.json("ecs wait services-stable --cluster todo --services edge");
}

/// Sends all requests to the second version, with `more` in the route.
fn route(aws: &Aws, more: &Value) {
    let targets = json!([{ "virtualNode": "api-v1", "weight": 0 }, { "virtualNode": "api-v2", "weight": 1 }]);
    let mut route = json!({ "match": { "prefix": "/" }, "action": { "weightedTargets": targets } });
    for (member, value) in more.as_object().into_iter().flatten() {
        route[member] = value.clone();
    }
    let spec = json!({ "httpRoute": route });
    aws.json(&format!(
        "appmesh update-route --mesh-name todo --virtual-router-name api --route-name api --spec '{spec}'"
    ));
}

/// How many of `count` answers have each status.
fn statuses(url: &str, count: usize) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for _ in 0..count {
        *statuses.entry(get(url).expect("an answer").status).or_default() += 1;
    }
    statuses
}

/// Waits until some answers in a row have these statuses and no others.
fn until(what: &str, url: &str, wanted: &[u16]) {
    let mut last = BTreeMap::new();
    wait_until(what, PATIENCE, || {
        last = statuses(url, 4);
        println!("{what}: {last:?}");
        last.keys().eq(wanted)
    });
}

/// Whether the gateway has told of an answer that came to it within TLS.
fn told_of_tls(aws: &Aws) -> bool {
    let group = export(aws, "LogGroup");
    let found = aws.json(&format!("logs filter-log-events --log-group-name {group} --log-stream-name-prefix edge"));
    let mut events = found["events"].as_array().into_iter().flatten();
    events.any(|event| event["message"].as_str().is_some_and(|message| message.starts_with("edge 200 TLSv1.")))
}

/// The whole story, on a house that is started with `arguments`.
fn a_gateway_lets_in(arguments: &[&str]) {
    let machine = Machine::new();
    let house = House::start_with(&machine, arguments);
    let sample = Sample::push(&house);
    // The second version fails every second request.
    let url = sample.deploy_version("3").replace("/todos", "/edge/todos");
    let aws = house.aws();
    encrypt(&aws);
    open(&aws);
    until("the first version answers", &url, &[200]);
    wait_until("the gateway's log tells of TLS", PATIENCE, || told_of_tls(&aws));

    // What App Mesh tried again by itself did not count such errors.
    route(&aws, &json!({}));
    until("every second request fails", &url, &[200, 500]);
    let again = json!({ "maxRetries": 2, "perRetryTimeout": { "unit": "s", "value": 10 }, "httpRetryEvents": ["server-error"] });
    route(&aws, &json!({ "retryPolicy": again }));
    until("every request is tried again", &url, &[200]);
    assert_eq!(statuses(&url, ENOUGH), BTreeMap::from([(200, ENOUGH)]));

    route(&aws, &json!({ "retryPolicy": again, "timeout": { "perRequest": { "unit": "s", "value": 2 } } }));
    run(Command::new(binary("serin"))
        .args(["fault", "inject", "--region", "ap-southeast-2", "--mesh", "todo"])
        .args(["--node", "api-v2", "--delay", "8000:100", "--seconds", "600"]));
    until("every request is given up in time", &url, &[504]);
    run(Command::new(binary("serin"))
        .args(["fault", "remove", "--region", "ap-southeast-2", "--mesh", "todo"])
        .args(["--node", "api-v2"]));
    until("every request is answered again", &url, &[200]);

    house.stop();
    let left = machine.leftovers();
    assert!(left.is_empty(), "left over: {left:#?}");
}

#[test]
fn a_gateway_of_our_own_proxy_lets_in() {
    a_gateway_lets_in(&[]);
}

#[test]
fn a_gateway_of_a_real_envoy_lets_in() {
    let program = envoy();
    a_gateway_lets_in(&["--envoy", program.to_str().expect("a path in UTF-8")]);
}
