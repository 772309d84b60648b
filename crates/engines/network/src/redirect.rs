//! App Mesh's `proxyConfiguration`: a task's TCP traffic bent to the proxy that stands beside its application.
//!
//! On AWS an agent sets these rules by iptables in the task's namespace before any container runs. We set the same
//! ones as `nf_tables`: what the application sends goes to the proxy's egress port, what others send to an application
//! port goes to the proxy's ingress port. The proxy asks the kernel where a connection was meant to go
//! (`SO_ORIGINAL_DST`), and its own traffic, known by user or group, is left alone.
//!
//! The values are taken exactly as given, also where they look like a mistake.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::{
    Error, Namespace,
    nft::{Base, Hook, Kind, Rule, Transaction},
    sysctl,
};

/// The table in the task's namespace.
const TABLE: &str = "appmesh";

/// The priority at which destinations are changed: the kernel's `NF_IP_PRI_NAT_DST`.
const PRIORITY: i32 = -100;

/// Which traffic of a task goes through its proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// Traffic of this user's processes is left alone: the proxy's user.
    pub ignored_uid: Option<u32>,
    /// Traffic of this group's processes is left alone.
    pub ignored_gid: Option<u32>,
    /// Where the proxy takes what comes in to the application's ports.
    pub proxy_ingress_port: u16,
    /// Where the proxy takes what the application sends out.
    pub proxy_egress_port: u16,
    /// The application's ports. What comes in to others is left alone.
    pub app_ports: BTreeSet<u16>,
    /// Traffic to these ports is left alone on its way out.
    pub egress_ignored_ports: BTreeSet<u16>,
    /// Traffic to these addresses is left alone on its way out.
    pub egress_ignored_addresses: BTreeSet<Ipv4Net>,
}

impl Redirect {
    /// Makes it so in the `task`'s namespace, instead of what was there before.
    pub async fn apply(&self, task: &Namespace) -> Result<(), Error> {
        let rules = self.transaction();
        let commit = || {
            rules.commit().map_err(|source| Error::Rules { table: TABLE, source })?;
            sysctl::connection_tracking()
        };
        task.run("redirect a task's traffic", commit).await?
    }

    fn transaction(&self) -> Transaction {
        let mut transaction = Transaction::replacing(TABLE);
        let chain = |hook| Base { kind: Kind::Nat, hook, priority: PRIORITY };
        transaction.base_chain("egress", chain(Hook::Output));
        transaction.base_chain("ingress", chain(Hook::Prerouting));
        for rule in self.egress() {
            transaction.rule("egress", &rule);
        }
        for rule in self.ingress() {
            transaction.rule("ingress", &rule);
        }
        transaction
    }

    /// First what is left alone, then all TCP that leaves this task. What it sends to itself never does.
    fn egress(&self) -> Vec<Rule> {
        let user = self.ignored_uid.map(|uid| Rule::new().user(uid).back());
        let group = self.ignored_gid.map(|gid| Rule::new().group(gid).back());
        let addresses = self.egress_ignored_addresses.iter().map(|net| Rule::new().destination(*net).back());
        let ports = self.egress_ignored_ports.iter().map(|port| Rule::new().tcp(*port, *port).back());
        let rest = Rule::new().any_tcp().destination_not_local().redirect(self.proxy_egress_port);
        user.into_iter().chain(group).chain(addresses).chain(ports).chain([rest]).collect()
    }

    fn ingress(&self) -> Vec<Rule> {
        let to_proxy = |port: &u16| Rule::new().tcp(*port, *port).source_not_local().redirect(self.proxy_ingress_port);
        self.app_ports.iter().map(to_proxy).collect()
    }
}
