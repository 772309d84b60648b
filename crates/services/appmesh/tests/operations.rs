//! The operations as a caller sees them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

#[path = "support/house.rs"]
mod house;

use std::time::Duration;

use house::{House, node, route};
use names::{Region, Scope};
use serde_json::{Value, json};

const ROUTE: &str = "arn:aws:appmesh:us-east-1:000000000000:mesh/flask-mesh/virtualRouter/api-vr/route/api-route";

fn of_route() -> Value {
    json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr", "routeName": "api-route" })
}

fn of_node(name: &str) -> Value {
    json!({ "meshName": "flask-mesh", "virtualNodeName": name })
}

#[test]
fn the_table_has_every_operation_once() {
    let house = House::new();
    let names: Vec<&str> = house.service.operations().map(|(name, _)| name).collect();
    for resource in
        ["Mesh", "VirtualNode", "VirtualRouter", "Route", "VirtualService", "VirtualGateway", "GatewayRoute"]
    {
        for verb in ["Create", "Describe", "Update", "Delete"] {
            assert!(names.contains(&format!("{verb}{resource}").as_str()), "{verb}{resource}");
        }
    }
    assert_eq!(names.len(), 7 * 5 + 3 + 9);
}

#[tokio::test]
async fn what_is_created_is_described_with_its_metadata() {
    let house = House::new();
    house.article().await;
    let answer = house.ok("DescribeRoute", of_route()).await;
    let route = &answer["route"];
    assert_eq!(route["metadata"]["arn"], ROUTE);
    assert_eq!((&route["metadata"]["version"], &route["status"]["status"]), (&json!(1), &json!("ACTIVE")));
    assert_eq!(route["metadata"]["meshOwner"], "000000000000");
    assert_eq!(route["metadata"]["uid"].as_str().unwrap().len(), 36);
    let targets = &route["spec"]["httpRoute"]["action"]["weightedTargets"];
    assert_eq!(targets[1], json!({ "virtualNode": "api-v2-vn", "weight": 0 }));
}

#[tokio::test]
async fn a_change_counts_the_version_up_and_keeps_who_it_is() {
    let house = House::new();
    house.article().await;
    let before = house.ok("DescribeRoute", of_route()).await["route"]["metadata"].clone();
    house.clock.advance(Duration::from_mins(1));
    let after = house.ok("UpdateRoute", route(&[("api-vn", 2), ("api-v2-vn", 1)])).await["route"]["metadata"].clone();
    assert_eq!((&after["version"], &after["uid"]), (&json!(2), &before["uid"]));
    assert_eq!(after["createdAt"], before["createdAt"]);
    assert_ne!(after["lastUpdatedAt"], before["lastUpdatedAt"]);
    assert_eq!(house.ok("DescribeRoute", of_route()).await["route"]["metadata"], after);
}

#[tokio::test]
async fn a_client_token_makes_a_repeated_request_the_same_request() {
    let house = House::new();
    let create = |token: &str, egress: &str| json!({ "meshName": "m", "clientToken": token, "spec": { "egressFilter": { "type": egress } } });
    let first = house.ok("CreateMesh", create("one", "DROP_ALL")).await;
    assert_eq!(house.ok("CreateMesh", create("one", "DROP_ALL")).await, first);
    let (code, status, text) = house.fails("CreateMesh", create("one", "ALLOW_ALL")).await;
    assert_eq!((code.as_str(), status), ("ConflictException", 409));
    assert!(text.contains("client token"), "{text}");
    let (code, _, text) = house.fails("CreateMesh", create("two", "DROP_ALL")).await;
    assert_eq!((code.as_str(), text.as_str()), ("ConflictException", "Mesh with name m already exists"));

    let changed = house.ok("UpdateMesh", create("three", "ALLOW_ALL")).await;
    assert_eq!(house.ok("UpdateMesh", create("three", "ALLOW_ALL")).await, changed, "counted twice");
    assert_eq!(house.fails("UpdateMesh", create("three", "DROP_ALL")).await.0, "ConflictException");
    assert_eq!(house.fails("UpdateMesh", create("not a token", "DROP_ALL")).await.0, "BadRequestException");
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let house = House::new();
    house.article().await;
    let in_use = async |operation: &str, members: Value, words: &str| {
        let (code, status, text) = house.fails(operation, members).await;
        assert_eq!((code.as_str(), status), ("ResourceInUseException", 409), "{text}");
        assert!(text.contains(words), "{text}");
    };
    let router = json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr" });
    let mesh = json!({ "meshName": "flask-mesh" });
    in_use("DeleteVirtualNode", of_node("api-vn"), "is the target of one or more routes").await;
    in_use("DeleteVirtualRouter", router.clone(), "has one or more routes").await;
    in_use("DeleteMesh", mesh.clone(), "for account 000000000000 has active VirtualNodes, please delete").await;
    assert_eq!(house.ok("DeleteRoute", of_route()).await["route"]["status"]["status"], "DELETED");
    in_use("DeleteVirtualRouter", router.clone(), "cannot be deleted because it is a VirtualService provider").await;
    let service = json!({ "meshName": "flask-mesh", "virtualServiceName": "api.flask.sample" });
    house.ok("DeleteVirtualService", service).await;
    house.ok("DeleteVirtualRouter", router).await;
    for name in ["api-vn", "api-v2-vn", "gateway-vn"] {
        house.ok("DeleteVirtualNode", of_node(name)).await;
    }
    house.ok("DeleteMesh", mesh.clone()).await;
    let (code, status, text) = house.fails("DescribeMesh", mesh).await;
    assert_eq!((code.as_str(), status), ("NotFoundException", 404), "{text}");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let house = House::new();
    let missing = async |operation: &str, members: Value, words: &str| {
        let (code, status, text) = house.fails(operation, members).await;
        assert_eq!((code.as_str(), status, text.as_str()), ("NotFoundException", 404, words));
    };
    missing(
        "CreateVirtualNode",
        node("n", "h", &[]),
        "Mesh with name flask-mesh is not present for account 000000000000",
    )
    .await;
    house.article().await;
    let absent = "VirtualNode with name x is not present under mesh flask-mesh for account 000000000000";
    missing("DescribeVirtualNode", of_node("x"), absent).await;
    missing("UpdateRoute", route(&[("x", 1)]), "VirtualNode with name x is missing").await;
    let provider = json!({ "virtualNode": { "virtualNodeName": "x" } });
    let service = json!({ "meshName": "flask-mesh", "virtualServiceName": "s", "spec": { "provider": provider } });
    missing("CreateVirtualService", service, "VirtualNode with name x is missing").await;
    let routes = json!({ "meshName": "flask-mesh", "virtualRouterName": "x" });
    let absent = "VirtualRouter with name x is not present under mesh flask-mesh for account 000000000000";
    missing("ListRoutes", routes, absent).await;
}

#[tokio::test]
async fn bad_weights_are_refused_and_the_route_stays() {
    let house = House::new();
    house.article().await;
    let eleven: Vec<(&str, i64)> = (0..11).map(|_| ("api-vn", 1)).collect();
    for (weights, words) in [
        (&[("api-vn", 101)][..], "less than or equal to 100"),
        (&[("api-vn", 60), ("api-v2-vn", 41)], "total must be less than or equal to 100"),
        (&[("api-vn", -1)], "-1"),
        (&eleven, "less than or equal to 10"),
        (&[], "greater than or equal to 1"),
    ] {
        let (code, status, text) = house.fails("UpdateRoute", route(weights)).await;
        assert_eq!((code.as_str(), status), ("BadRequestException", 400), "{weights:?}");
        assert!(text.contains(words), "{weights:?}: {text}");
    }
    house.ok("UpdateRoute", route(&[("api-vn", 0), ("api-v2-vn", 0)])).await;
    assert_eq!(house.ok("DescribeRoute", of_route()).await["route"]["metadata"]["version"], 2);
}

#[tokio::test]
async fn a_route_is_of_one_kind_and_of_its_routers_protocol() {
    let house = House::new();
    house.article().await;
    let change = |spec: Value| {
        let mut request = of_route();
        request["spec"] = spec;
        request
    };
    let action = json!({ "weightedTargets": [{ "virtualNode": "api-vn", "weight": 1 }] });
    let http = json!({ "match": { "prefix": "/" }, "action": action });
    for (spec, words) in [
        (json!({}), "exactly one of"),
        (json!({ "httpRoute": http, "http2Route": http }), "exactly one of"),
        (json!({ "http2Route": http }), "no listener for that"),
        (json!({ "httpRoute": { "match": { "prefix": "/", "port": 81 }, "action": action } }), "on port 81"),
        (json!({ "httpRoute": { "match": { "prefix": "x" }, "action": action } }), "must start with /"),
        (json!({ "httpRoute": { "match": { "path": { "regex": "(" } }, "action": action } }), "regular expression"),
        (json!({ "httpRoute": { "match": { "path": {} }, "action": action } }), "exactly one of exact, regex"),
        (json!({ "httpRoute": http, "priority": 1001 }), "less than or equal to 1000"),
        (json!({ "httpRoute": { "match": { "method": "FETCH" }, "action": action } }), "FETCH"),
        (json!({ "httpRoute": { "match": { "colour": "red" }, "action": action } }), "colour"),
    ] {
        let (code, _, text) = house.fails("UpdateRoute", change(spec.clone())).await;
        assert_eq!(code, "BadRequestException", "{spec}");
        assert!(text.contains(words), "{spec}: {text}");
    }
}

#[tokio::test]
async fn a_virtual_node_is_checked_and_what_is_not_done_yet_is_refused_by_name() {
    let house = House::new();
    house.article().await;
    let listener = |more: Value| {
        let mut listener = json!({ "portMapping": { "port": 80, "protocol": "http" } });
        listener.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "listeners": [listener], "serviceDiscovery": { "dns": { "hostname": "h" } } })
    };
    let check = json!({ "protocol": "http", "healthyThreshold": 1, "unhealthyThreshold": 11, "timeoutMillis": 1,
                        "intervalMillis": 1 });
    for (spec, words) in [
        (json!({ "listeners": [{ "portMapping": { "port": 80, "protocol": "http" } }] }), "serviceDiscovery"),
        (listener(json!({ "portMapping": { "port": 70000, "protocol": "http" } })), "65535"),
        (listener(json!({ "healthCheck": check })), "4 validation errors detected"),
        (listener(json!({ "timeout": { "tcp": {} } })), "of the protocol of the listener"),
        (listener(json!({ "connectionPool": { "http": { "maxConnections": 0 } } })), "greater than or equal to 1"),
        (json!({ "backends": [{}] }), "exactly one of virtualService"),
        (json!({ "serviceDiscovery": {} }), "exactly one of awsCloudMap, dns"),
    ] {
        let request = json!({ "meshName": "flask-mesh", "virtualNodeName": "n", "spec": spec });
        let (code, _, text) = house.fails("CreateVirtualNode", request).await;
        assert_eq!(code, "BadRequestException", "{spec}");
        assert!(text.contains(words), "{spec}: {text}");
    }
}

#[tokio::test]
async fn a_router_of_several_listeners_has_routes_that_say_for_which() {
    let house = House::new();
    house.article().await;
    let listeners = json!([{ "portMapping": { "port": 3000, "protocol": "http" } },
                           { "portMapping": { "port": 3001, "protocol": "http" } }]);
    let update = json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr", "spec": { "listeners": listeners } });
    let (code, _, text) = house.fails("UpdateVirtualRouter", update.clone()).await;
    assert_eq!(code, "BadRequestException");
    assert!(text.contains("1 Route(s) are missing port. Listing up to 5 route names: [api-route]"), "{text}");
    let mut ported = route(&[("api-vn", 1)]);
    ported["spec"]["httpRoute"]["match"]["port"] = json!(3000);
    house.ok("UpdateRoute", ported).await;
    house.ok("UpdateVirtualRouter", update).await;
    assert_eq!(house.fails("UpdateRoute", route(&[("api-vn", 1)])).await.0, "BadRequestException");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let house = House::new();
    house.article().await;
    let mut names = Vec::new();
    let mut request = json!({ "meshName": "flask-mesh", "limit": 2 });
    loop {
        let page = house.ok("ListVirtualNodes", request.clone()).await;
        let nodes = page["virtualNodes"].as_array().unwrap();
        assert!(nodes.len() <= 2);
        names.extend(nodes.iter().map(|node| node["virtualNodeName"].as_str().unwrap().to_owned()));
        let Some(token) = page.get("nextToken").filter(|token| token.is_string()) else { break };
        request["nextToken"] = token.clone();
    }
    assert_eq!(names, ["api-v2-vn", "api-vn", "gateway-vn"]);
    for bad in [json!({ "limit": 0 }), json!({ "limit": 101 }), json!({ "nextToken": "nonsense" })] {
        assert_eq!(house.fails("ListMeshes", bad).await.0, "BadRequestException");
    }
    let routes = house.ok("ListRoutes", json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr" })).await;
    assert_eq!((routes["routes"].as_array().unwrap().len(), &routes["routes"][0]["arn"]), (1, &json!(ROUTE)));
}

#[tokio::test]
async fn tags_are_put_on_and_taken_off_without_a_new_version() {
    let house = House::new();
    house.article().await;
    let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
    let request = json!({ "resourceArn": ROUTE, "tags": [tag("team", "api"), tag("stage", "test")] });
    house.ok("TagResource", request).await;
    house.ok("TagResource", json!({ "resourceArn": ROUTE, "tags": [tag("stage", "live")] })).await;
    let tags = house.ok("ListTagsForResource", json!({ "resourceArn": ROUTE })).await["tags"].clone();
    assert_eq!(tags, json!([tag("stage", "live"), tag("team", "api")]));
    house.ok("UntagResource", json!({ "resourceArn": ROUTE, "tagKeys": ["stage"] })).await;
    let tags = house.ok("ListTagsForResource", json!({ "resourceArn": ROUTE })).await["tags"].clone();
    assert_eq!(tags, json!([tag("team", "api")]));
    assert_eq!(house.ok("DescribeRoute", of_route()).await["route"]["metadata"]["version"], 1);
    let many: Vec<Value> = (0..50).map(|number| tag(&number.to_string(), "")).collect();
    let (code, status, _) = house.fails("TagResource", json!({ "resourceArn": ROUTE, "tags": many })).await;
    assert_eq!((code.as_str(), status), ("TooManyTagsException", 400));
    let other = ROUTE.replace("us-east-1", "us-west-2");
    assert_eq!(house.fails("ListTagsForResource", json!({ "resourceArn": other })).await.0, "NotFoundException");
}

#[tokio::test]
async fn meshes_of_two_regions_know_nothing_of_each_other() {
    let house = House::new();
    house.article().await;
    let west = Scope { region: Region::new("us-west-2"), ..Scope::default() };
    let listed = house.call_in(&west, "ListMeshes", json!({})).await.unwrap();
    assert_eq!(listed["meshes"], json!([]));
    house.call_in(&west, "CreateMesh", json!({ "meshName": "flask-mesh" })).await.unwrap();
    house.call_in(&west, "DeleteMesh", json!({ "meshName": "flask-mesh" })).await.unwrap();
    house.ok("DescribeRoute", of_route()).await;
}

#[tokio::test]
async fn a_mesh_of_another_account_is_not_ours_to_use() {
    let house = House::new();
    house.article().await;
    let owned = |owner: &str| json!({ "meshName": "flask-mesh", "meshOwner": owner });
    house.ok("DescribeMesh", owned("000000000000")).await;
    assert_eq!(house.fails("DescribeMesh", owned("123456789012")).await.0, "ForbiddenException");
    assert_eq!(house.fails("DescribeMesh", owned("1")).await.0, "BadRequestException");
}

#[tokio::test]
async fn there_are_no_more_meshes_than_the_quota_says() {
    let house = House::new();
    for number in 0..15 {
        house.ok("CreateMesh", json!({ "meshName": format!("m{number}") })).await;
    }
    let (code, status, text) = house.fails("CreateMesh", json!({ "meshName": "one-more" })).await;
    assert_eq!((code.as_str(), status), ("LimitExceededException", 400), "{text}");
}

#[tokio::test]
async fn a_name_that_could_not_stand_in_an_arn_is_refused() {
    let house = House::new();
    for name in ["", "a/b", "arn:aws:appmesh:r:123456789012:mesh/m", "with space", &"x".repeat(256)] {
        let (code, _, text) = house.fails("CreateMesh", json!({ "meshName": name })).await;
        assert_eq!(code, "BadRequestException", "{name}");
        assert!(text.contains("meshName"), "{text}");
    }
}
