//! One VPC as the edge holds it: its namespace, and the servers that stand in it.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use dns::Upstreams;
use network::{
    CONTROL_PLANE, LINK_LOCAL_RESOLVER, Sockets,
    egress::{LISTENER, Reach},
    vpc,
};
use tokio::{sync::watch, task::JoinHandle};
use tracing::{info, warn};

use crate::{
    egress,
    protocol::{Held, Vpc},
    relay,
};

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// The wait before a server that failed is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// A VPC that is held. Dropping it ends its servers and lets go of its namespace.
pub(crate) struct Place {
    vpc: network::Vpc,
    sockets: Sockets,
    table: watch::Sender<Arc<dns::Table>>,
    resolvers: BTreeMap<Ipv4Addr, Server>,
    relays: BTreeMap<u16, Server>,
    reach: watch::Sender<Reach>,
    egress: Option<Server>,
    /// Names whom the machine asks about names.
    machine_resolvers: PathBuf,
}

/// A task that ends when this is dropped.
struct Server(JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Place {
    /// A place in the namespace that `wanted` names, or in a new one.
    pub(crate) async fn open(wanted: &Vpc, machine_resolvers: PathBuf) -> Result<Self, network::Error> {
        let adopted = wanted.adopt.as_deref().map(network::Vpc::open);
        let vpc = match adopted {
            Some(Ok(vpc)) => vpc,
            Some(Err(error)) => {
                warn!(vpc = wanted.id, %error, "The namespace of a VPC is gone, a new one is made.");
                network::Vpc::create().await?
            }
            None => network::Vpc::create().await?,
        };
        let (sockets, table, reach) = (vpc.sockets()?, watch::Sender::default(), watch::Sender::default());
        info!(vpc = wanted.id, namespace = %vpc.namespace().identity(), "VPC is held.");
        let (resolvers, relays) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { vpc, sockets, table, resolvers, relays, reach, egress: None, machine_resolvers })
    }

    /// A maker of sockets inside.
    pub(crate) fn sockets(&self) -> Sockets {
        self.sockets.clone()
    }

    /// How others find the namespace.
    pub(crate) fn held(&self) -> Held {
        let namespace = self.vpc.namespace();
        Held { namespace: namespace.path(), inode: namespace.identity().inode }
    }

    /// Makes the names of `zones` those that the resolver answers for.
    pub(crate) fn name(&self, zones: &dns::Zones) -> Result<(), dns::Error> {
        let table = Arc::new(dns::Table::new(zones)?);
        self.table.send_replace(table);
        Ok(())
    }

    /// Makes the VPC as `wanted`: addresses first, then who answers at them.
    pub(crate) async fn settle(
        &mut self,
        wanted: &Vpc,
        control_plane: &watch::Sender<SocketAddr>,
    ) -> Result<(), network::Error> {
        let spec =
            vpc::Spec { routers: wanted.routers.clone(), resolver: wanted.resolver, extra: wanted.extra.clone() };
        self.vpc.converge(&spec).await?;
        self.reach.send_replace(wanted.egress);
        self.settle_resolvers(wanted.resolver).await?;
        if self.egress.as_ref().is_none_or(|server| server.0.is_finished()) {
            let listener = self.sockets.listen(LISTENER).await?;
            self.egress = Some(Server(tokio::spawn(egress::serve(listener, self.reach.subscribe()))));
        }
        self.relays.retain(|_, server| !server.0.is_finished());
        for port in relay::PORTS {
            if !self.relays.contains_key(&port) {
                let listener = self.sockets.listen(SocketAddrV4::new(CONTROL_PLANE, port)).await?;
                let relay = relay::serve(listener, port, wanted.id.clone(), control_plane.subscribe());
                self.relays.insert(port, Server(tokio::spawn(relay)));
            }
        }
        Ok(())
    }

    /// Whom its resolvers ask about other names: whom the machine asks, if tasks may leave the VPC at all.
    fn upstreams(&self) -> Upstreams {
        let (reach, file) = (self.reach.subscribe(), self.machine_resolvers.clone());
        Upstreams::new(move || if *reach.borrow() == Reach::None { Vec::new() } else { egress::resolvers(&file) })
    }

    /// A VPC without DNS support has neither resolver, as on AWS.
    async fn settle_resolvers(&mut self, resolver: Option<Ipv4Addr>) -> Result<(), network::Error> {
        let wanted: Vec<_> = resolver.into_iter().flat_map(|own| [own, LINK_LOCAL_RESOLVER]).collect();
        self.resolvers.retain(|address, server| wanted.contains(address) && !server.0.is_finished());
        for address in wanted {
            if !self.resolvers.contains_key(&address) {
                let place = SocketAddrV4::new(address, DNS_PORT);
                let server = resolver_at(place, &self.sockets, &self.table, self.upstreams()).await?;
                self.resolvers.insert(address, server);
            }
        }
        Ok(())
    }
}

/// Starts a resolver. Its first sockets are made before this answers; should it fail later, it is started again.
async fn resolver_at(
    address: SocketAddrV4,
    sockets: &Sockets,
    table: &watch::Sender<Arc<dns::Table>>,
    upstreams: Upstreams,
) -> Result<Server, network::Error> {
    let (mut udp, mut tcp) = (sockets.udp(address).await?, sockets.listen(address).await?);
    let (sockets, table) = (sockets.clone(), table.subscribe());
    let serve = async move {
        loop {
            let Err(error) = dns::serve(udp, tcp, table.clone(), upstreams.clone()).await else { return };
            warn!(%address, %error, "A resolver failed and is started again.");
            tokio::time::sleep(RESTART_PAUSE).await;
            let Ok(again) = sockets.udp(address).await else { return };
            let Ok(listener) = sockets.listen(address).await else { return };
            (udp, tcp) = (again, listener);
        }
    };
    Ok(Server(tokio::spawn(serve)))
}
