//! Who is told what, asked as tasks ask.

use std::{net::Ipv4Addr, sync::Arc};

use api::ecs;
use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use wire::Origin;

use super::agent;
use crate::tests::{House, run_request, service_request};

/// A house with an agent.
struct Asked {
    house: House,
    agent: Router,
}

impl Asked {
    async fn new() -> Self {
        let house = House::new().await;
        let agent = agent(Arc::new(house.ecs()));
        Self { house, agent }
    }

    /// Runs a task of `family` and answers its id and its address.
    async fn run(&self, family: &str) -> (String, Ipv4Addr) {
        let arn = self.house.run(run_request(family)).await.tasks.remove(0).task_arn.unwrap();
        self.running(&arn).await
    }

    async fn running(&self, arn: &str) -> (String, Ipv4Addr) {
        let task = self.house.until_task(arn, |task| task.last_status.as_deref() == Some("RUNNING")).await;
        let address = task.containers[0].network_interfaces[0].private_ipv4_address.as_deref().unwrap();
        (arn.rsplit('/').next().unwrap().to_owned(), address.parse().unwrap())
    }

    /// What `address` is told at `path`.
    async fn ask(&self, address: Ipv4Addr, path: &str) -> (StatusCode, Value) {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let address = std::net::SocketAddrV4::new(address, 40000);
        request.extensions_mut().insert(Origin { network: "vpc-1".to_owned(), address, port: 80 });
        let response = self.agent.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn told(&self, address: Ipv4Addr, path: &str) -> Value {
        let (status, body) = self.ask(address, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        body
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_is_told_what_it_is() {
    let asked = Asked::new().await;
    asked.house.register("job", "v1").await;
    let (id, address) = asked.run("job").await;
    let told = asked.told(address, &format!("/v4/{id}-app")).await;
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/flask/{id}");
    for (member, wanted) in [
        ("DockerId", json!(format!("{id}-app"))),
        ("Name", json!("app")),
        ("Image", json!("v1")),
        ("DesiredStatus", json!("RUNNING")),
        ("KnownStatus", json!("RUNNING")),
        ("Limits", json!({"CPU": 0})),
        ("Type", json!("NORMAL")),
        ("LogDriver", json!("awslogs")),
    ] {
        assert_eq!(told[member], wanted, "{member}");
    }
    assert!(told["ImageID"].as_str().unwrap().starts_with("sha256:"), "{told}");
    assert_eq!(told["LogOptions"]["awslogs-stream"], format!("gateway/app/{id}"));
    assert_eq!(told["Labels"]["com.amazonaws.ecs.task-arn"], arn);
    assert_eq!(told["Labels"]["com.amazonaws.ecs.container-name"], "app");
    let network = &told["Networks"][0];
    assert_eq!(network["IPv4Addresses"], json!([address]));
    assert_eq!(
        (&network["IPv4SubnetCIDRBlock"], &network["SubnetGatewayIpv4Address"], &network["DomainNameServers"]),
        (&json!("10.0.0.0/24"), &json!("10.0.0.1/24"), &json!(["10.0.0.2"]))
    );
    // It has no check, so nothing is said of its health.
    assert_eq!(told.get("Health"), None);
    assert_eq!(told.get("ExitCode"), None);
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_service_is_told_with_its_containers_and_tags() {
    let asked = Asked::new().await;
    asked.house.register("api", "v1").await;
    let mut request = service_request("api", "api", 1);
    request.tags = vec![ecs::Tag { key: "team".to_owned(), value: Some("todo".to_owned()) }];
    request.propagate_tags = Some(ecs::PropagateTags::Service);
    asked.house.create_service(request).await.unwrap();
    asked.house.stable("api").await;
    let arn = asked.house.tasks().await[0].task_arn.clone().unwrap();
    let (id, address) = asked.running(&arn).await;
    let told = asked.told(address, &format!("/v4/{id}-app/task")).await;
    for (member, wanted) in [
        ("Cluster", json!("arn:aws:ecs:us-east-1:000000000000:cluster/flask")),
        ("TaskARN", json!(arn)),
        ("Family", json!("api")),
        ("Revision", json!("1")),
        ("ServiceName", json!("api")),
        ("KnownStatus", json!("RUNNING")),
        ("Limits", json!({"CPU": 0.25, "Memory": 512})),
        ("LaunchType", json!("FARGATE")),
    ] {
        assert_eq!(told[member], wanted, "{member}");
    }
    assert_eq!((told["Containers"][0]["Name"].as_str(), told.get("TaskTags")), (Some("app"), None));
    let tagged = asked.told(address, &format!("/v4/{id}-app/taskWithTags")).await;
    assert_eq!(tagged["TaskTags"]["team"], "todo");
    let statistics = asked.told(address, &format!("/v4/{id}-app/task/stats")).await;
    assert!(statistics.as_object().unwrap().contains_key(&format!("{id}-app")), "{statistics}");
}

#[tokio::test(start_paused = true)]
async fn a_role_has_credentials_and_nobody_else_gets_them() {
    let asked = Asked::new().await;
    asked.house.register("job", "v1").await;
    let (id, address) = asked.run("job").await;
    let (_, other) = asked.run("job").await;
    let path = format!("/v2/credentials/{id}");
    let told = asked.told(address, &path).await;
    assert_eq!(
        (&told["RoleArn"], &told["AccessKeyId"], &told["SecretAccessKey"]),
        (&json!("arn:aws:iam::000000000000:role/task"), &json!("000000000000"), &json!("hush"))
    );
    assert!(told["Token"].is_string() && told["Expiration"].as_str().unwrap().ends_with('Z'), "{told}");
    for path in [path, format!("/v4/{id}-app"), format!("/v4/{id}-app/task"), format!("/v4/{id}-app/stats")] {
        assert_eq!(asked.ask(other, &path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(asked.ask(address, &format!("/v4/{id}-nobody")).await.0, StatusCode::NOT_FOUND);
    let unknown = asked.agent.clone().oneshot(Request::get(format!("/v4/{id}-app")).body(Body::empty()).unwrap());
    assert_eq!(unknown.await.unwrap().status(), StatusCode::NOT_FOUND, "who comes by no relay is no task");
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_role_has_no_credentials() {
    let asked = Asked::new().await;
    let mut definition = crate::tests::simple_definition("job", "v1");
    definition.task_role_arn = None;
    asked.house.call::<ecs::RegisterTaskDefinition>(definition).await.unwrap();
    let (id, address) = asked.run("job").await;
    assert_eq!(asked.ask(address, &format!("/v2/credentials/{id}")).await.0, StatusCode::NOT_FOUND);
    asked.told(address, &format!("/v4/{id}-app")).await;
}
