//! Both data planes, side by side, and all they need to be tasks on a VPC.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use network::Sockets;
use serde_json::Value;

use crate::{
    Agent, Asked, Backends, Certificates, Client, Control, Group, Identity, Kind, Outcome, Plane, Send, World,
    control::Refused,
};

/// Where the application beside a proxy listens.
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Where a proxy's admin pages are.
const ADMIN: SocketAddrV4 = SocketAddrV4::new(LOOPBACK, 9901);
/// The page that says what a proxy has taken and does not go by yet.
const WARMING: &str = "/stats?filter=warming";
/// How long that may take; what waits for something that never comes is left waiting.
const WARM_MAX: Duration = Duration::from_secs(10);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

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
    /// What keeps secrets beside each proxy.
    pub agent: Agent,
    pub(crate) certificates: Arc<Certificates>,
    /// Our proxy's program.
    pub(crate) own: PathBuf,
    /// What proxies are told beside who they are.
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    planes: Vec<(Identity, Plane)>,
}

impl Stage {
    /// One without proxies; `own` is our proxy's program.
    pub async fn new(own: &Path) -> Self {
        let world = World::new(&Backends::addresses()).await;
        let names = Backends::names().into_iter().chain(Plane::names());
        world.name(&names.collect());
        let backends = Backends::default();
        let certificates = Arc::new(Certificates::new());
        backends.start(world.sockets(), &certificates).await;
        let control = Control::start(&world).await;
        let agent = Agent::new();
        let (own, variables, planes) = (own.to_owned(), Vec::new(), Vec::new());
        Self { world, control, backends, agent, certificates, own, variables, planes }
    }

    /// Tells proxies that are not started yet more by their environment.
    #[must_use]
    pub fn telling(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Builds the mesh of `group` and waits until its proxies have it, starting them if need be.
    ///
    /// # Panics
    /// When the API or a proxy refuses it.
    pub async fn apply(&mut self, group: &Group) {
        self.build(&group.asked()).await.unwrap_or_else(|refused| panic!("{refused}"));
        for identity in group.identities() {
            self.start(*identity).await;
            self.acknowledged(*identity).await;
        }
    }

    /// Builds a mesh; from then on clients believe the authorities that its proxies' certificates come from.
    pub(crate) async fn build(&mut self, asked: &Asked) -> Result<(), Refused> {
        self.control.apply(asked).await?;
        self.certificates.believe(&(self.control.authorities().await? + &self.agent.authorities()));
        Ok(())
    }

    /// Gives clients the certificate that they are to show, if it is one of the house or of the agent.
    pub async fn provide(&self, certificate: Option<&str>) -> Result<(), Refused> {
        let Some(uri) = certificate.filter(|name| name.contains("://")) else { return Ok(()) };
        if Agent::keeps(uri) {
            let (chain, key) = self.agent.pair(uri);
            self.certificates.keep(uri, &chain, &key);
            return Ok(());
        }
        let pair = self.control.call_acm("IssueIdentity", serde_json::json!({ "Uri": uri })).await?;
        let text = |member: &str| pair[member].as_str().unwrap_or_default().to_owned();
        self.certificates.keep(uri, &text("CertificateChain"), &text("PrivateKey"));
        Ok(())
    }

    /// Changes the mesh by an operation and waits until the proxies of the virtual node `client` have what comes of it.
    ///
    /// # Panics
    /// When it is refused, or changes nothing.
    pub async fn change(&self, operation: &str, request: Value) {
        let before = self.control.revision(Identity::Client);
        // A proxy is listed with what it refused before until it has heard of the new.
        let refused = Kind::ALL.map(|kind| self.control.refusals(Identity::Client, kind.as_str()));
        self.control.call(operation, request).await.unwrap_or_else(|refused| panic!("{refused}"));
        self.control.next_revision(Identity::Client, before).await.unwrap_or_else(|refused| panic!("{refused}"));
        self.acknowledged_but_for(Identity::Client, &refused).await;
    }

    /// Waits until the proxies of `identity` go by what they should have.
    ///
    /// # Panics
    /// When one refuses it.
    pub async fn acknowledged(&self, identity: Identity) {
        self.acknowledged_but_for(identity, &Kind::ALL.map(|_| Vec::new())).await;
    }

    async fn acknowledged_but_for(&self, identity: Identity, refused: &[Vec<String>]) {
        let kinds = Kind::ALL.into_iter().zip(refused);
        let all = kinds.map(|(kind, refused)| self.control.acknowledged(identity, kind.as_str(), refused));
        for (kind, result) in Kind::ALL.into_iter().zip(join_all(all).await) {
            if let Err(Refused(reason)) = result {
                panic!("{}: {reason}", kind.as_str());
            }
            if let Some(plane) = self.plane(identity, kind) {
                self.warm(plane).await;
            }
        }
    }

    /// Waits until `plane` goes by all that it has acknowledged: Envoy acknowledges a cluster or a listener when it has
    /// read it, and goes by the one before until it has found what the new one needs.
    pub(crate) async fn warm(&self, plane: &Plane) {
        let begun = Instant::now();
        let page: Send = serde_json::from_value(serde_json::json!({ "path": WARMING })).expect("a request");
        while begun.elapsed() < WARM_MAX {
            let Outcome { body, .. } = self.client(&plane.task.sockets).send(&page, ADMIN, "").await;
            let text = String::from_utf8_lossy(&body);
            let values = text.lines().filter_map(|line| line.rsplit(": ").next()?.trim().parse::<u64>().ok());
            if values.sum::<u64>() == 0 {
                return;
            }
            tokio::time::sleep(LOOK).await;
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
            let plane = Plane::start(self, kind, identity).await;
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
