//! Both data planes, side by side, and all they need to be tasks on a VPC.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::future::join_all;
use network::Sockets;
use serde_json::Value;

use crate::{
    Backends, Certificates, Client, Control, Identity, Kind, Plane, World,
    control::{Instances, Refused},
};

/// Where the application beside a proxy listens.
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// What each proxy refuses.
pub(crate) type Refusals = BTreeMap<(Identity, Kind), Vec<String>>;

/// A VPC with backends, a control plane, and proxies of both kinds once they are started.
pub struct Stage {
    /// Where it all is.
    pub world: World,
    /// What tells proxies what to do.
    pub control: Control,
    /// Where requests end up.
    pub backends: Backends,
    certificates: Arc<Certificates>,
    own: PathBuf,
    planes: Vec<(Identity, Plane)>,
}

impl Stage {
    /// One without proxies; `own` is our proxy's program.
    pub async fn new(own: &Path) -> Self {
        let world = World::new(&Backends::addresses()).await;
        world.name(&Backends::names());
        let backends = Backends::default();
        let certificates = Arc::new(Certificates::new());
        backends.start(world.sockets(), &certificates).await;
        let control = Control::start(&world).await;
        Self { world, control, backends, certificates, own: own.to_owned(), planes: Vec::new() }
    }

    /// Builds `mesh` and waits until the proxies of the virtual node `client` have it, starting them if need be.
    ///
    /// # Panics
    /// When the API or a proxy refuses it.
    pub async fn apply(&mut self, mesh: &Value) {
        self.control.apply(mesh, Instances::new()).await.expect("a mesh that the API takes");
        self.start(Identity::Client).await;
        self.acknowledged().await;
    }

    /// Changes the mesh by an operation and waits until the proxies of the virtual node `client` have what comes of it.
    ///
    /// # Panics
    /// When it is refused, or changes nothing.
    pub async fn change(&self, operation: &str, request: Value) {
        let before = self.control.revision(Identity::Client);
        self.control.call(operation, request).await.unwrap_or_else(|refused| panic!("{refused}"));
        self.control.next_revision(Identity::Client, before).await.unwrap_or_else(|refused| panic!("{refused}"));
        self.acknowledged().await;
    }

    async fn acknowledged(&self) {
        let all = Kind::ALL.map(|kind| self.control.acknowledged(Identity::Client, kind.as_str(), &[]));
        for (kind, result) in Kind::ALL.into_iter().zip(join_all(all).await) {
            if let Err(Refused(reason)) = result {
                panic!("{}: {reason}", kind.as_str());
            }
        }
    }

    /// Clients that open their connections by `sockets`.
    pub fn client(&self, sockets: &Sockets) -> Client {
        Client::new(sockets.clone(), Arc::clone(&self.certificates))
    }

    /// What proxies refuse now.
    pub(crate) fn refusals(&self) -> Refusals {
        let of = |(identity, plane): &(Identity, Plane)| {
            let refusals = self.control.refusals(*identity, plane.kind.as_str());
            ((*identity, plane.kind), refusals)
        };
        self.planes.iter().map(of).collect()
    }

    /// Starts the proxies that stand for `identity`, if they are not there yet.
    pub async fn start(&mut self, identity: Identity) {
        if self.planes.iter().any(|(there, _)| *there == identity) {
            return;
        }
        for kind in Kind::ALL {
            let plane = Plane::start(&self.world, kind, identity, &self.own, &self.certificates).await;
            if identity == Identity::Client {
                self.backends.listen(&plane.task.sockets, "app", LOOPBACK, None).await;
            }
            self.planes.push((identity, plane));
        }
    }

    /// Takes the proxies of `identity` off the stage.
    pub fn take(&mut self, identity: Identity) -> Vec<Plane> {
        let (taken, rest) = std::mem::take(&mut self.planes).into_iter().partition(|(id, _)| *id == identity);
        self.planes = rest;
        let taken: Vec<(Identity, Plane)> = taken;
        taken.into_iter().map(|(_, plane)| plane).collect()
    }

    /// The proxy of this kind that stands for `identity`.
    pub fn plane(&self, identity: Identity, kind: Kind) -> Option<&Plane> {
        let mut planes = self.planes.iter();
        planes.find(|(id, plane)| *id == identity && plane.kind == kind).map(|(_, plane)| plane)
    }
}
