//! What is asked of the balancers, and what they see.

use std::{fmt, net::Ipv4Addr};

use ipnet::Ipv4Net;
use names::Clock;
use serde::{Deserialize, Serialize};

use super::rule::Rule;
use crate::{
    TlsError,
    model::{self, CertificateSource, CommonTls, Material, ServerTls, Versions},
    tls::Store,
};

/// All load balancers of the machine, and the groups they forward to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The load balancers.
    pub balancers: Vec<Balancer>,
    /// The groups, whether or not somebody forwards to them.
    pub groups: Vec<Group>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balancer {
    /// Its name in errors and observations; unique.
    pub id: String,
    /// The host name it answers to on the machine.
    pub host: String,
    /// The VPC it stands in.
    pub vpc: String,
    /// Its addresses in the VPC: it listens on each, and comes from the first toward targets.
    pub addresses: Vec<Ipv4Addr>,
    /// Who may connect.
    pub allowed: Vec<Access>,
    /// How long a connection may be quiet.
    pub idle_timeout_seconds: u32,
    /// Its listeners.
    pub listeners: Vec<Listener>,
}

/// A permission to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// From here.
    pub from: Ipv4Net,
    /// To ports from the first to the second.
    pub ports: (u16, u16),
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Its port, in the VPC and, if it can be had, on the machine.
    pub port: u16,
    /// What it does with a request that no rule is about.
    pub action: Action,
    /// The first that holds decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// The certificates of its names, if it speaks TLS: each is for the clients that ask for a name it is for, and the
    /// first for all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// The versions of TLS it speaks.
    #[serde(default)]
    pub versions: Versions,
}

/// A certificate of a listener, in PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// It, and those that vouch for it.
    pub chain: String,
    /// Its key.
    pub key: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Listener {
    /// How it secures connections; none if it does not.
    pub(crate) fn tls(&self) -> Option<ServerTls> {
        let inline = |pem: &String| Material::Inline(pem.clone());
        let given = |one: &Certificate| model::Certificate { chain: inline(&one.chain), key: inline(&one.key) };
        let certificates: Vec<_> = self.certificates.iter().map(|one| CertificateSource::Given(given(one))).collect();
        let protocols = ["h2", "http/1.1"].map(str::to_owned).to_vec();
        let common = CommonTls { certificates, protocols, versions: self.versions, ..CommonTls::default() };
        (!self.certificates.is_empty()).then(|| ServerTls { common, ..ServerTls::default() })
    }

    /// Whether its certificates can be used; the error names what is wrong with one.
    pub fn check(&self) -> Result<(), TlsError> {
        let store = Store::new(Clock::System);
        self.tls().map_or(Ok(()), |tls| store.acceptor(&tls).map(drop))
    }
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// It goes to one of these groups, by weight.
    Forward(Vec<(String, u32)>),
    /// It is answered.
    Answer {
        /// The status.
        status: u16,
        /// The body's type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// It is sent elsewhere; `#{host}`, `#{path}`, `#{port}`, `#{protocol}` and `#{query}` stand for what was asked.
    Redirect {
        /// 301 or 302.
        status: u16,
        /// The URL, with its stand-ins.
        location: String,
    },
}

/// Targets that share the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name in actions and observations; unique.
    pub id: String,
    /// How the health of its targets is found out.
    pub check: Check,
    /// Its targets.
    pub targets: Vec<Target>,
}

/// A health check over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is asked for.
    pub path: String,
    /// The port; the target's own where none is given.
    pub port: Option<u16>,
    /// Time between two checks.
    pub interval_seconds: u32,
    /// How long one may take.
    pub timeout_seconds: u32,
    /// Good ones in a row that make a target healthy.
    pub healthy_threshold: u32,
    /// Bad ones in a row that make it unhealthy.
    pub unhealthy_threshold: u32,
    /// Statuses that are good: `200`, `200,202` or `200-299`.
    pub matcher: String,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its address in the VPC.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// It gets nothing new; what it is doing may end.
    pub draining: bool,
}

/// What the balancers see of their targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The health of targets that a balancer forwards to.
    pub targets: Vec<TargetSeen>,
}

/// The health of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSeen {
    /// Its group.
    pub group: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// `initial`, `healthy`, `unhealthy`, `draining`, or `drained`: it leaves and has no request in flight.
    pub state: String,
    /// Why it is not healthy, as Elastic Load Balancing words reasons: `Target.Timeout`.
    pub reason: Option<String>,
    /// The same for people.
    pub description: Option<String>,
}
