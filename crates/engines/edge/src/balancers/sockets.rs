//! Where requests come in, and how connections to targets come about.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
    time::Duration,
};

use proxy::{
    Connect, Connecting, Route,
    balancer::{Balancer, Entry},
};
use tokio_util::sync::CancellationToken;

use crate::Vpcs;

/// The longest a connection may take; whoever asks bounds it further.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A port of the machine's loopback, for all balancers that have it.
    Machine(u16),
    /// An address in a VPC, for the balancer that has it.
    Vpc(String, SocketAddrV4, String),
}

/// The listeners there are.
#[derive(Default)]
pub(super) struct Open {
    listeners: BTreeMap<Place, CancellationToken>,
}

impl Open {
    /// Closes what is at none of these places.
    pub(super) fn keep(&mut self, places: &BTreeSet<Place>) {
        self.listeners.retain(|place, closed| {
            let kept = places.contains(place);
            if !kept {
                closed.cancel();
            }
            kept
        });
    }

    /// Opens what is missing at `places`; the answer is what could not be opened, and why.
    pub(super) async fn open(
        &mut self,
        places: &BTreeSet<Place>,
        balancer: &Balancer,
        vpcs: &Vpcs,
    ) -> BTreeMap<Place, String> {
        let mut failed = BTreeMap::new();
        for place in places {
            if self.listeners.contains_key(place) {
                continue;
            }
            match listener(place, vpcs).await {
                Ok(listener) => {
                    let closed = CancellationToken::new();
                    balancer.listen(listener, entry(place), closed.clone()).await;
                    self.listeners.insert(place.clone(), closed);
                }
                Err(error) => _ = failed.insert(place.clone(), error.to_string()),
            }
        }
        failed
    }

    /// Opens a listener for all balancers at a port that the kernel chooses.
    pub(super) async fn fallback(&mut self, balancer: &Balancer) -> io::Result<u16> {
        let listener = on_machine(0)?;
        let port = listener.local_addr()?.port();
        balancer.listen(listener, Entry::Any, CancellationToken::new()).await;
        Ok(port)
    }
}

fn entry(place: &Place) -> Entry {
    match place {
        Place::Machine(port) => Entry::Named { port: *port },
        Place::Vpc(_, address, balancer) => Entry::Own { balancer: balancer.clone(), port: address.port() },
    }
}

async fn listener(place: &Place, vpcs: &Vpcs) -> io::Result<TcpListener> {
    match place {
        Place::Machine(port) => on_machine(*port),
        Place::Vpc(vpc, address, _) => {
            let sockets = vpcs.sockets(vpc).ok_or_else(|| io::Error::other(format!("{vpc} is not there yet")))?;
            sockets.listen(*address).await.map_err(io::Error::other)?.into_std()
        }
    }
}

/// A listener on the machine's own loopback: this thread never enters another network.
fn on_machine(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connections that are born in the VPC their route names.
pub(super) struct InVpcs(pub(super) Vpcs);

impl Connect for InVpcs {
    fn connect(&self, route: &Route) -> Connecting {
        let (vpcs, route) = (self.0.clone(), route.clone());
        Box::pin(async move {
            let network = &route.network;
            let sockets = vpcs.sockets(network).ok_or_else(|| io::Error::other(format!("{network} is not there")))?;
            let SocketAddr::V4(target) = route.target else {
                return Err(io::Error::other("a VPC has IPv4 addresses alone"));
            };
            let source = match route.source {
                Some(IpAddr::V4(source)) => Some(source),
                _ => None,
            };
            sockets.connect(source, target, CONNECT_MAX).await.map_err(io::Error::other)
        })
    }
}
