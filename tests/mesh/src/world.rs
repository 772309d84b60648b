//! Where it all happens: a VPC and tasks in namespaces of the test's own, as the house makes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use dns::{Data, RecordSet, Table, Zone, Zones};
use network::{Namespace, Redirect, Sockets, Vpc, task, vpc};
use tokio::sync::watch;

/// The router of the only subnet.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The resolver.
pub(crate) const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Where the control plane is in every VPC.
pub const CONTROL_PLANE: SocketAddrV4 = SocketAddrV4::new(network::CONTROL_PLANE, 4566);
/// The group that proxies run as.
pub(crate) const PROXY_GROUP: u32 = 1337;
/// How long a name may be remembered, in seconds: short, as tests change names.
const TTL: u32 = 1;
/// The application's ports that are bent to the proxy.
const APP_PORTS: [u16; 5] = [3000, 3001, 3443, 4000, 4001];

/// A VPC with a resolver.
pub struct World {
    vpc: Vpc,
    sockets: Sockets,
    names: watch::Sender<Arc<Table>>,
}

/// A place on the VPC that a proxy and an application share.
pub struct Task {
    /// Its namespace.
    pub namespace: Namespace,
    /// A maker of sockets inside.
    pub sockets: Sockets,
    /// Its address.
    pub address: Ipv4Addr,
}

impl World {
    /// A VPC that has `addresses`.
    ///
    /// # Panics
    /// Without root, as everything here: a test that cannot run fails.
    pub async fn new(addresses: &BTreeSet<Ipv4Addr>) -> Self {
        let vpc = Vpc::create().await.expect("a VPC: run the tests as root");
        let spec = vpc::Spec { routers: [ROUTER].into(), resolver: Some(RESOLVER), extra: addresses.clone() };
        vpc.converge(&spec).await.expect("the VPC's addresses");
        let sockets = vpc.sockets().expect("sockets in the VPC");
        let (names, table) = watch::channel(Arc::new(table(&BTreeMap::new())));
        let at = SocketAddrV4::new(RESOLVER, 53);
        let (udp, tcp) = (sockets.udp(at).await.expect("UDP 53"), sockets.listen(at).await.expect("TCP 53"));
        tokio::spawn(dns::serve(udp, tcp, table, dns::Upstreams::none()));
        Self { vpc, sockets, names }
    }

    /// A maker of sockets in the VPC.
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Makes these the names there are, each with its addresses.
    pub fn name(&self, names: &BTreeMap<String, Vec<Ipv4Addr>>) {
        self.names.send_replace(Arc::new(table(names)));
    }

    /// A task at 10.0.0.`host`. `redirect`: its traffic goes through its proxy, as that of a virtual node does.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub async fn task(&self, host: u8, redirect: bool) -> Task {
        let address = address(host);
        let spec = task::Spec {
            interface_id: format!("eni-{host:017x}"),
            mac: [2, 0, 10, 0, 0, host],
            address,
            subnet: "10.0.0.0/16".parse().expect("a net"),
            router: ROUTER,
        };
        let namespace = self.vpc.attach(&spec).await.expect("a task's namespace");
        if redirect {
            let rules = Redirect {
                ignored_uid: None,
                ignored_gid: Some(PROXY_GROUP),
                proxy_ingress_port: 15000,
                proxy_egress_port: 15001,
                app_ports: APP_PORTS.into(),
                egress_ignored_ports: BTreeSet::new(),
                egress_ignored_addresses: [network::CONTROL_PLANE.into()].into(),
            };
            rules.apply(&namespace).await.expect("redirects");
        }
        let sockets = Sockets::of(&namespace).expect("sockets in a task");
        Task { namespace, sockets, address }
    }
}

/// The address of the task 10.0.0.`host`.
pub(crate) fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, host)
}

fn table(names: &BTreeMap<String, Vec<Ipv4Addr>>) -> Table {
    let record = |(name, addresses): (&String, &Vec<Ipv4Addr>)| RecordSet {
        name: name.clone(),
        ttl: TTL,
        answers_max: addresses.len().max(1),
        data: addresses.iter().copied().map(Data::Address).collect(),
    };
    let records = names.iter().map(record).collect();
    let zone = Zone { apex: "local".to_owned(), negative_ttl: TTL, records };
    Table::new(&Zones { zones: vec![zone] }).expect("names that fit")
}
