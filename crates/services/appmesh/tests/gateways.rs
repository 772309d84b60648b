//! Virtual gateways and their routes as a caller sees them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

#[path = "support/house.rs"]
mod house;

use house::House;
use serde_json::{Value, json};

const GATEWAY: &str = "arn:aws:appmesh:us-east-1:000000000000:mesh/flask-mesh/virtualGateway/entry";

fn gateway(ports: &[u16]) -> Value {
    let listeners = ports.iter().map(|port| json!({ "portMapping": { "port": port, "protocol": "http" } }));
    json!({ "meshName": "flask-mesh", "virtualGatewayName": "entry",
            "spec": { "listeners": listeners.collect::<Vec<_>>() } })
}

/// The gateway route `name`, whose HTTP route has this `matched` and `rewrite`.
fn route(name: &str, matched: &Value, rewrite: &Value) -> Value {
    let target = json!({ "virtualService": { "virtualServiceName": "api.flask.sample" } });
    let mut action = json!({ "target": target });
    if !rewrite.is_null() {
        action["rewrite"] = rewrite.clone();
    }
    json!({ "meshName": "flask-mesh", "virtualGatewayName": "entry", "gatewayRouteName": name,
            "spec": { "httpRoute": { "match": matched, "action": action } } })
}

fn of_gateway() -> Value {
    json!({ "meshName": "flask-mesh", "virtualGatewayName": "entry" })
}

fn of_route(name: &str) -> Value {
    json!({ "meshName": "flask-mesh", "virtualGatewayName": "entry", "gatewayRouteName": name })
}

async fn house() -> House {
    let house = House::new();
    house.article().await;
    house.ok("CreateVirtualGateway", gateway(&[8088])).await;
    house
}

#[tokio::test]
async fn a_gateway_and_its_routes_are_made_described_changed_listed_tagged_and_deleted() {
    let house = house().await;
    let described = house.ok("DescribeVirtualGateway", of_gateway()).await;
    assert_eq!(described["virtualGateway"]["metadata"]["arn"], GATEWAY);
    let wanted = route("all", &json!({ "prefix": "/" }), &Value::Null);
    let made = house.ok("CreateGatewayRoute", wanted.clone()).await;
    assert_eq!(made["gatewayRoute"]["metadata"]["arn"], format!("{GATEWAY}/gatewayRoute/all"));
    assert_eq!(made["gatewayRoute"]["virtualGatewayName"], "entry");
    let mut changed = wanted;
    changed["spec"]["priority"] = json!(3);
    let changed = house.ok("UpdateGatewayRoute", changed).await;
    assert_eq!(changed["gatewayRoute"]["metadata"]["version"], 2);
    assert_eq!(house.ok("DescribeGatewayRoute", of_route("all")).await, changed);

    let tags = json!({ "resourceArn": format!("{GATEWAY}/gatewayRoute/all"), "tags": [{ "key": "a", "value": "b" }] });
    house.ok("TagResource", tags.clone()).await;
    let listed = house.ok("ListTagsForResource", json!({ "resourceArn": tags["resourceArn"] })).await;
    assert_eq!(listed["tags"], tags["tags"]);

    house.ok("CreateGatewayRoute", route("other", &json!({ "prefix": "/other/" }), &Value::Null)).await;
    let mut page = of_gateway();
    page["limit"] = json!(1);
    let first = house.ok("ListGatewayRoutes", page.clone()).await;
    assert_eq!(first["gatewayRoutes"][0]["gatewayRouteName"], "all");
    page["nextToken"] = first["nextToken"].clone();
    let second = house.ok("ListGatewayRoutes", page).await;
    assert_eq!(
        (&second["gatewayRoutes"][0]["gatewayRouteName"], &second["nextToken"]),
        (&json!("other"), &Value::Null)
    );

    for name in ["all", "other"] {
        let deleted = house.ok("DeleteGatewayRoute", of_route(name)).await;
        assert_eq!(deleted["gatewayRoute"]["status"]["status"], "DELETED");
    }
    house.ok("DeleteVirtualGateway", of_gateway()).await;
    let mesh = json!({ "meshName": "flask-mesh" });
    assert_eq!(house.ok("ListVirtualGateways", mesh).await["virtualGateways"], json!([]));
}

#[tokio::test]
async fn what_a_gateway_route_needs_is_not_deleted_before_it() {
    let house = house().await;
    house.ok("CreateGatewayRoute", route("all", &json!({ "prefix": "/" }), &Value::Null)).await;
    let service = json!({ "meshName": "flask-mesh", "virtualServiceName": "api.flask.sample" });
    for (operation, members) in [("DeleteVirtualService", service.clone()), ("DeleteVirtualGateway", of_gateway())] {
        let (code, status, text) = house.fails(operation, members).await;
        assert_eq!((code.as_str(), status), ("ResourceInUseException", 409), "{text}");
        assert!(text.contains("gateway routes"), "{text}");
    }
    let (_, _, text) = house.fails("DeleteMesh", json!({ "meshName": "flask-mesh" })).await;
    assert!(text.contains("GatewayRoutes"), "{text}");
    house.ok("DeleteGatewayRoute", of_route("all")).await;
    house.ok("DeleteVirtualService", service).await;
    house.ok("DeleteVirtualGateway", of_gateway()).await;
}

#[tokio::test]
async fn a_gateway_route_refers_to_what_is_there() {
    let house = house().await;
    let matched = json!({ "prefix": "/" });
    let mut elsewhere = route("r", &matched, &Value::Null);
    elsewhere["virtualGatewayName"] = json!("nowhere");
    let (code, _, text) = house.fails("CreateGatewayRoute", elsewhere).await;
    assert_eq!(code, "NotFoundException");
    assert!(text.starts_with("VirtualGateway with name nowhere"), "{text}");
    let mut nobody = route("r", &matched, &Value::Null);
    nobody["spec"]["httpRoute"]["action"]["target"]["virtualService"]["virtualServiceName"] = json!("x");
    let (code, _, text) = house.fails("CreateGatewayRoute", nobody).await;
    assert_eq!((code.as_str(), text.as_str()), ("NotFoundException", "VirtualService with name x is missing"));
    let mut port = route("r", &matched, &Value::Null);
    port["spec"]["httpRoute"]["action"]["target"]["port"] = json!(9);
    assert!(house.fails("CreateGatewayRoute", port).await.2.contains("no listener on port 9"));
    let mut spec = route("r", &matched, &Value::Null);
    let http = spec["spec"]["httpRoute"].take();
    spec["spec"] = json!({ "http2Route": http });
    assert!(house.fails("CreateGatewayRoute", spec).await.2.contains("has no listener for that"));
    assert!(
        house.fails("CreateGatewayRoute", route("r", &json!({ "port": 80 }), &Value::Null)).await.2.contains("port 80")
    );
}

#[tokio::test]
async fn a_gateway_with_several_ports_has_routes_that_say_theirs() {
    let house = house().await;
    house.ok("CreateGatewayRoute", route("all", &json!({ "prefix": "/" }), &Value::Null)).await;
    let (_, _, text) = house.fails("UpdateVirtualGateway", gateway(&[8088, 8089])).await;
    assert!(text.contains("[all]"), "{text}");
    house.ok("UpdateGatewayRoute", route("all", &json!({ "prefix": "/", "port": 8088 }), &Value::Null)).await;
    house.ok("UpdateVirtualGateway", gateway(&[8088, 8089])).await;
    let (_, _, text) = house.fails("CreateGatewayRoute", route("r", &json!({ "prefix": "/" }), &Value::Null)).await;
    assert!(text.contains("must define a port match"), "{text}");
    let (_, _, text) = house.fails("UpdateVirtualGateway", gateway(&[8089])).await;
    assert!(text.contains("port 8088"), "{text}");
}

#[tokio::test]
async fn rewrites_fit_what_is_matched() {
    let house = house().await;
    let refused = [
        (json!({ "prefix": "/a/" }), json!({ "prefix": { "value": "b/" } }), "must start and end with /"),
        (json!({ "prefix": "/a" }), json!({ "prefix": { "value": "/b/" } }), "ends with /"),
        (json!({ "prefix": "/" }), json!({ "prefix": {} }), "exactly one of"),
        (json!({ "path": { "exact": "/a" } }), json!({ "prefix": { "defaultPrefix": "DISABLED" } }), "has a path"),
        (json!({ "path": { "exact": "/a" } }), json!({ "path": { "exact": "b" } }), "must start with /"),
        (json!({ "prefix": "/" }), json!({ "hostname": { "defaultTargetHostname": "OFF" } }), "defaultTargetHostname"),
        (json!({ "hostname": {} }), Value::Null, "exactly one of exact, suffix"),
    ];
    for (matched, rewrite, words) in refused {
        let (code, status, text) = house.fails("CreateGatewayRoute", route("r", &matched, &rewrite)).await;
        assert_eq!((code.as_str(), status), ("BadRequestException", 400));
        assert!(text.contains(words), "{matched} {rewrite}: {text}");
    }
    let all = json!({ "prefix": { "value": "/b/" }, "hostname": { "defaultTargetHostname": "DISABLED" } });
    let matched = json!({ "prefix": "/a/", "hostname": { "suffix": ".example.com" }, "method": "GET",
                          "headers": [{ "name": "x", "match": { "range": { "start": 1, "end": 5 } }, "invert": true }],
                          "queryParameters": [{ "name": "q", "match": { "exact": "1" } }] });
    let made = house.ok("CreateGatewayRoute", route("r", &matched, &all)).await;
    assert_eq!(made["gatewayRoute"]["spec"]["httpRoute"]["match"], matched);
}

#[tokio::test]
async fn a_gateway_has_a_listener_of_a_protocol_that_has_requests() {
    let house = House::new();
    house.article().await;
    let (_, _, text) = house.fails("CreateVirtualGateway", gateway(&[])).await;
    assert!(text.contains("spec.listeners"), "{text}");
    let mut tcp = gateway(&[80]);
    tcp["spec"]["listeners"][0]["portMapping"]["protocol"] = json!("tcp");
    assert_eq!(house.fails("CreateVirtualGateway", tcp).await.0, "BadRequestException");
    let mut pool = gateway(&[80]);
    pool["spec"]["listeners"][0]["connectionPool"] = json!({ "http2": { "maxRequests": 1 } });
    assert!(house.fails("CreateVirtualGateway", pool).await.2.contains("must be of the protocol"));
    for name in ["a", "b", "c"] {
        let mut one = gateway(&[80]);
        one["virtualGatewayName"] = json!(name);
        house.ok("CreateVirtualGateway", one).await;
    }
    let (code, status, _) = house.fails("CreateVirtualGateway", gateway(&[80])).await;
    assert_eq!((code.as_str(), status), ("LimitExceededException", 400));
}
