//! What the control plane and the edge say to each other: one JSON document a line, one reply to each request.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use network::egress::Reach;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest line either side reads, in bytes: all zones of a large mesh are a few megabytes.
pub const LINE_MAX: usize = 64 << 20;

/// How long an answer to [`Request::Observe`] is held.
pub const OBSERVE_MAX: Duration = Duration::from_secs(20);

/// What the control plane asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Who are you, and what do you hold?
    Hello,
    /// Make this true, all of it and nothing else of its kind.
    Apply(Section),
    /// What does the plugged section of this name see? Answered when that is newer than the revision `after`, or
    /// after [`OBSERVE_MAX`] with what there is.
    Observe {
        /// The section.
        name: String,
        /// The revision that is known already; 0 is older than any.
        after: u64,
    },
    /// Let go of everything and end.
    Shutdown,
}

/// What the edge answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// To [`Request::Hello`].
    Hello(Hello),
    /// To [`Request::Apply`]: everything is as asked but for these.
    Applied(Vec<ItemError>),
    /// To [`Request::Observe`].
    Observed(Observed),
    /// To [`Request::Shutdown`]: no more replies follow.
    Stopping,
    /// The request could not be read, or names a section that this edge does not have.
    Refused(String),
}

/// What a plugged section sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Grows with every change, from 1. It begins anew with a new edge.
    pub revision: u64,
    /// What is seen, in the section's own form.
    pub value: Value,
}

/// Who the edge is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Its process.
    pub pid: u32,
    /// The version of the program it runs.
    pub version: String,
    /// The VPCs it holds, by id.
    pub vpcs: BTreeMap<String, Held>,
}

/// A VPC that the edge holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// A path that opens its namespace as long as the edge lives.
    pub namespace: PathBuf,
    /// The namespace's inode. A path can outlive what it named: compare before use.
    pub inode: u64,
}

/// One kind of desired state, complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Section {
    /// The VPCs there are. One that is not named any more is let go of, with all that is in it.
    Vpcs(Vec<Vpc>),
    /// The names there are.
    Zones(Zones),
    /// Where the control plane is, for the relay in every VPC.
    Relay(SocketAddr),
    /// A section that is plugged in; see [`crate::Section`].
    Plugged {
        /// Its name.
        name: String,
        /// Its desired state.
        desired: Value,
    },
}

/// One VPC as the edge is to make it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// Its id, `vpc-0123456789abcdef0`.
    pub id: String,
    /// The router address of each of its subnets.
    pub routers: BTreeSet<Ipv4Addr>,
    /// Its resolver: base and two. None if it has DNS support switched off.
    pub resolver: Option<Ipv4Addr>,
    /// The addresses of its load balancers.
    pub extra: BTreeSet<Ipv4Addr>,
    /// How far its tasks get that may leave it; names are resolved for them as far.
    #[serde(default)]
    pub egress: Reach,
    /// The path of a namespace to take over instead of making one, when the edge holds none for this VPC yet: a
    /// control plane that outlived an edge keeps the VPC alive, and its tasks with it.
    pub adopt: Option<PathBuf>,
}

/// The names that one owner gives in the VPCs. A VPC's resolver answers for those of all owners together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zones {
    /// Who gives them: each service that names things tells its own and leaves those of others be.
    pub owner: String,
    /// The zones by the VPC's id.
    pub vpcs: BTreeMap<String, dns::Zones>,
}

/// An item of a section that is not as it was asked, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemError {
    /// The item: a VPC's id, a load balancer's name.
    pub item: String,
    /// What failed, with its causes.
    pub error: String,
}

impl ItemError {
    /// That `item` failed with `error`.
    pub fn new(item: impl Into<String>, error: &dyn std::error::Error) -> Self {
        Self { item: item.into(), error: causes(error) }
    }
}

/// An error and all its causes in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_lines_that_people_can_read() {
        let line = |request| serde_json::to_string(&request).unwrap();
        assert_eq!(line(Request::Hello), r#""hello""#);
        let relay = Section::Relay("127.0.0.1:4566".parse().unwrap());
        assert_eq!(line(Request::Apply(relay)), r#"{"apply":{"relay":"127.0.0.1:4566"}}"#);
        let vpc = Vpc { id: "vpc-1".to_owned(), routers: [Ipv4Addr::new(10, 0, 1, 1)].into(), ..Vpc::default() };
        assert_eq!(
            line(Request::Apply(Section::Vpcs(vec![vpc]))),
            r#"{"apply":{"vpcs":[{"id":"vpc-1","routers":["10.0.1.1"],"resolver":null,"extra":[],"egress":"none","adopt":null}]}}"#
        );
    }
}
