//! What holds for all seven resources alike: quotas, pages, client tokens, owners of meshes. One table of resources, and
//! each rule walks it, so that none is forgotten.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

#[path = "support/house.rs"]
mod house;

use house::House;
use serde_json::{Value, json};

/// An account that nobody has shared a mesh from.
const STRANGER: &str = "123456789012";
/// Our own.
const OWN: &str = "000000000000";

/// A kind of resource.
struct Kind {
    /// As operations name it.
    noun: &'static str,
    /// As lists name it.
    plural: &'static str,
    /// The member of its own name.
    name: &'static str,
    /// The members of what it hangs on, with their values.
    parents: &'static [(&'static str, &'static str)],
    /// How many there may be.
    quota: usize,
    /// A spec, and another.
    specs: fn() -> [Value; 2],
}

const MESH: (&str, &str) = ("meshName", "m");

const KINDS: [Kind; 7] = [
    Kind {
        noun: "Mesh",
        plural: "Meshes",
        name: "meshName",
        parents: &[],
        quota: 15,
        specs: || ["DROP_ALL", "ALLOW_ALL"].map(|filter| json!({ "egressFilter": { "type": filter } })),
    },
    Kind {
        noun: "VirtualNode",
        plural: "VirtualNodes",
        name: "virtualNodeName",
        parents: &[MESH],
        quota: 200,
        specs: || ["a.local", "b.local"].map(|host| json!({ "serviceDiscovery": { "dns": { "hostname": host } } })),
    },
    Kind {
        noun: "VirtualRouter",
        plural: "VirtualRouters",
        name: "virtualRouterName",
        parents: &[MESH],
        quota: 200,
        specs: || {
            [80, 81].map(|port| json!({ "listeners": [{ "portMapping": { "port": port, "protocol": "http" } }] }))
        },
    },
    Kind {
        noun: "Route",
        plural: "Routes",
        name: "routeName",
        parents: &[MESH, ("virtualRouterName", "r")],
        quota: 50,
        specs: || {
            ["/", "/other"].map(|prefix| {
                let action = json!({ "weightedTargets": [{ "virtualNode": "n", "weight": 1 }] });
                json!({ "httpRoute": { "match": { "prefix": prefix }, "action": action } })
            })
        },
    },
    Kind {
        noun: "VirtualService",
        plural: "VirtualServices",
        name: "virtualServiceName",
        parents: &[MESH],
        quota: 200,
        specs: || [json!({}), json!({ "provider": { "virtualNode": { "virtualNodeName": "n" } } })],
    },
    Kind {
        noun: "VirtualGateway",
        plural: "VirtualGateways",
        name: "virtualGatewayName",
        parents: &[MESH],
        quota: 3,
        specs: || {
            [80, 81].map(|port| json!({ "listeners": [{ "portMapping": { "port": port, "protocol": "http" } }] }))
        },
    },
    Kind {
        noun: "GatewayRoute",
        plural: "GatewayRoutes",
        name: "gatewayRouteName",
        parents: &[MESH, ("virtualGatewayName", "g")],
        quota: 50,
        specs: || {
            ["/", "/other"].map(|prefix| {
                let target = json!({ "virtualService": { "virtualServiceName": "s" } });
                json!({ "httpRoute": { "match": { "prefix": prefix }, "action": { "target": target } } })
            })
        },
    },
];

impl Kind {
    fn operation(&self, verb: &str) -> String {
        format!("{verb}{}", if verb == "List" { self.plural } else { self.noun })
    }

    /// The members that lead to the resource `name`, or to all if there is no name.
    fn members(&self, name: Option<&str>) -> Value {
        let mut members: Value =
            self.parents.iter().map(|(member, value)| ((*member).to_owned(), json!(value))).collect();
        if let Some(name) = name {
            members[self.name] = json!(name);
        }
        members
    }

    fn with_spec(&self, name: &str, spec: usize, token: Option<&str>) -> Value {
        let mut members = self.members(Some(name));
        members["spec"] = (self.specs)()[spec].clone();
        if let Some(token) = token {
            members["clientToken"] = json!(token);
        }
        members
    }

    /// The list in an answer of its `List` operation.
    fn listed(&self, answer: &Value) -> Vec<String> {
        let mut plural = self.plural.to_owned();
        plural[..1].make_ascii_lowercase();
        answer[&plural].as_array().unwrap().iter().map(|one| one[self.name].as_str().unwrap().to_owned()).collect()
    }

    /// A house in which it can be created, without one of its kind.
    async fn house(&self) -> House {
        let house = House::new();
        let needs: &[usize] = match self.noun {
            "Mesh" => &[],
            "Route" => &[0, 1, 2],
            "VirtualService" => &[0, 1],
            "GatewayRoute" => &[0, 4, 5],
            _ => &[0],
        };
        for (kind, name) in needs.iter().map(|place| (&KINDS[*place], ["m", "n", "r", "", "s", "g"][*place])) {
            house.ok(&kind.operation("Create"), kind.with_spec(name, 0, None)).await;
        }
        house
    }
}

fn with(members: &Value, name: &str, value: &str) -> Value {
    let mut members = members.clone();
    members[name] = json!(value);
    members
}

#[tokio::test]
async fn there_are_no_more_of_a_kind_than_its_quota_says_and_one_less_makes_room() {
    for kind in &KINDS {
        let house = kind.house().await;
        for number in 0..kind.quota {
            house.ok(&kind.operation("Create"), kind.with_spec(&format!("x{number}"), 0, None)).await;
        }
        let more = kind.with_spec("one-more", 0, None);
        let (code, status, text) = house.fails(&kind.operation("Create"), more.clone()).await;
        assert_eq!((code.as_str(), status), ("LimitExceededException", 400), "{}: {text}", kind.noun);
        assert!(text.contains(&kind.quota.to_string()) && text.contains(kind.noun), "{text}");
        house.ok(&kind.operation("Delete"), kind.members(Some("x0"))).await;
        house.ok(&kind.operation("Create"), more).await;
    }
}

#[tokio::test]
async fn every_list_comes_in_pages_that_hold_each_once() {
    for kind in &KINDS {
        let house = kind.house().await;
        for name in ["x2", "x0", "x1"] {
            house.ok(&kind.operation("Create"), kind.with_spec(name, 0, None)).await;
        }
        let (mut seen, mut pages, mut request) = (Vec::new(), 0, kind.members(None));
        request["limit"] = json!(2);
        loop {
            let page = house.ok(&kind.operation("List"), request.clone()).await;
            let names = kind.listed(&page);
            assert!(!names.is_empty() && names.len() <= 2, "{}: {page}", kind.noun);
            seen.extend(names);
            pages += 1;
            let Some(token) = page["nextToken"].as_str() else { break };
            request["nextToken"] = json!(token);
        }
        assert_eq!((seen, pages), (["x0", "x1", "x2"].map(str::to_owned).to_vec(), 2), "{}", kind.noun);
        let whole = house.ok(&kind.operation("List"), kind.members(None)).await;
        assert_eq!((kind.listed(&whole).len(), whole["nextToken"].is_string()), (3, false), "{}", kind.noun);
        for (member, bad) in [("limit", json!(0)), ("limit", json!(101)), ("nextToken", json!("nonsense"))] {
            let mut request = kind.members(None);
            request[member] = bad.clone();
            let (code, status, text) = house.fails(&kind.operation("List"), request).await;
            assert_eq!((code.as_str(), status), ("BadRequestException", 400), "{} {bad}: {text}", kind.noun);
        }
    }
}

#[tokio::test]
async fn a_client_token_makes_a_request_that_comes_twice_one_request() {
    for kind in &KINDS {
        let house = kind.house().await;
        let (create, update) = (kind.operation("Create"), kind.operation("Update"));
        let first = house.ok(&create, kind.with_spec("x", 0, Some("one"))).await;
        assert_eq!(house.ok(&create, kind.with_spec("x", 0, Some("one"))).await, first, "{}", kind.noun);
        let (code, status, text) = house.fails(&create, kind.with_spec("x", 1, Some("one"))).await;
        assert_eq!((code.as_str(), status), ("ConflictException", 409), "{text}");
        assert!(text.contains("client token"), "{text}");
        for other in [None, Some("two")] {
            let (code, _, text) = house.fails(&create, kind.with_spec("x", 0, other)).await;
            assert_eq!(code, "ConflictException", "{text}");
            assert!(text.contains("already exists"), "{text}");
        }
        let changed = house.ok(&update, kind.with_spec("x", 1, Some("three"))).await;
        assert_eq!(house.ok(&update, kind.with_spec("x", 1, Some("three"))).await, changed, "{}: twice", kind.noun);
        assert_eq!(house.fails(&update, kind.with_spec("x", 0, Some("three"))).await.0, "ConflictException");
        let without = house.ok(&update, kind.with_spec("x", 1, None)).await;
        assert_ne!(without, changed, "{}: without a token each is another request", kind.noun);
        house.ok(&kind.operation("Delete"), kind.members(Some("x"))).await;
        let anew = house.ok(&create, kind.with_spec("x", 1, Some("one"))).await;
        assert_ne!(anew, first, "{}: what is gone is not the answer", kind.noun);
    }
}

#[tokio::test]
async fn a_mesh_of_another_account_is_nobody_s_here_whatever_is_asked_of_it() {
    for kind in KINDS.iter().filter(|kind| kind.noun != "Mesh") {
        let house = kind.house().await;
        let owned = |members: &Value, owner: &str| with(members, "meshOwner", owner);
        let whole = kind.with_spec("x", 0, None);
        for (verb, members) in [
            ("Create", whole.clone()),
            ("Update", whole.clone()),
            ("Describe", kind.members(Some("x"))),
            ("List", kind.members(None)),
            ("Delete", kind.members(Some("x"))),
        ] {
            let operation = kind.operation(verb);
            let (code, status, text) = house.fails(&operation, owned(&members, STRANGER)).await;
            assert_eq!((code.as_str(), status), ("ForbiddenException", 403), "{operation}: {text}");
            assert!(text.contains(STRANGER) && text.contains(OWN), "{operation}: {text}");
            for broken in ["1", "1234567890123"] {
                let (code, _, text) = house.fails(&operation, owned(&members, broken)).await;
                assert_eq!(code, "BadRequestException", "{operation}: {text}");
                assert!(text.contains("meshOwner"), "{operation}: {text}");
            }
            house.ok(&operation, owned(&members, OWN)).await;
        }
    }
}
