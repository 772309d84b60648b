//! Load balancers: a section of the edge.
//!
//! The forwarding is `proxy::balancer`'s. Here are its sockets: for each port that a load balancer listens on one
//! listener on the machine's loopback, shared by all balancers and told apart by name, one at each address the balancer
//! has in its VPC, and one at a port of its own for whoever fronts for ports that could not be had. Connections to
//! targets are born in the VPC.

mod sockets;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use futures::{FutureExt, future::BoxFuture};
use names::Clock;
use proxy::balancer::{Balancer, Config};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

pub use proxy::balancer::{
    Access, Action, BalancerConfig, Certificate, Check, Condition, Counted, Group, Half, Listener, Rule, Target,
    TargetSeen, Totals, Versions,
};

use crate::{ItemError, Section, Vpcs, protocol::Observed};
use sockets::{InVpcs, Open, Place};

/// The name of the section of what balancers count.
pub const COUNTS: &str = "balancer-counts";

/// The section's name.
pub const SECTION: &str = "balancers";

/// What is asked: all load balancers of the machine.
pub type Desired = Config;

/// What the section sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The health of targets that a balancer forwards to.
    pub targets: Vec<TargetSeen>,
    /// The listeners, by balancer and port, whose port on the machine could not be had, and why.
    pub unbound: Vec<(String, u16, String)>,
    /// The loopback port at which every balancer answers to its host name.
    pub fallback_port: Option<u16>,
}

/// The section.
pub struct Balancers {
    running: Option<Running>,
    seen: Arc<watch::Sender<Observed>>,
    counted: Arc<watch::Sender<Observed>>,
}

/// What the balancers count: a section that is never told anything, and only asked. Its value is a list of [`Counted`].
///
/// It is beside the balancers' own, whose observation changes with the health of targets alone.
pub struct Counts(Arc<watch::Sender<Observed>>);

struct Running {
    balancer: Balancer,
    open: Open,
    /// The part of what is seen that the sockets say; the rest the balancer says.
    sockets: watch::Sender<Seen>,
}

impl Default for Balancers {
    fn default() -> Self {
        let observed = || Arc::new(watch::Sender::new(Observed::default()));
        Self { running: None, seen: observed(), counted: observed() }
    }
}

impl Section for Counts {
    fn name(&self) -> &'static str {
        COUNTS
    }

    fn apply<'a>(&'a mut self, _: Value, _: &'a Vpcs) -> BoxFuture<'a, Vec<ItemError>> {
        async { vec![ItemError { item: COUNTS.to_owned(), error: "it is not told anything".to_owned() }] }.boxed()
    }

    fn observed(&self) -> Option<watch::Receiver<Observed>> {
        Some(self.0.subscribe())
    }
}

impl Section for Balancers {
    fn name(&self) -> &'static str {
        SECTION
    }

    fn apply<'a>(&'a mut self, desired: Value, vpcs: &'a Vpcs) -> BoxFuture<'a, Vec<ItemError>> {
        async move {
            match serde_json::from_value::<Config>(desired) {
                Ok(config) => self.make_true(config, vpcs).await,
                Err(error) => vec![ItemError::new(SECTION, &error)],
            }
        }
        .boxed()
    }

    fn observed(&self) -> Option<watch::Receiver<Observed>> {
        Some(self.seen.subscribe())
    }
}

impl Balancers {
    /// The section of what they count.
    pub fn counts(&self) -> Counts {
        Counts(Arc::clone(&self.counted))
    }

    async fn make_true(&mut self, config: Config, vpcs: &Vpcs) -> Vec<ItemError> {
        if self.running.is_none() {
            match self.start(vpcs).await {
                Ok(running) => self.running = Some(running),
                Err(error) => return vec![ItemError::new(SECTION, &error)],
            }
        }
        let Some(running) = &mut self.running else { return Vec::new() };
        // First what requests find, then where they come in; what goes is closed before either.
        let places: BTreeSet<Place> = config.balancers.iter().flat_map(places).collect();
        running.open.keep(&places);
        running.balancer.apply(config.clone()).await;
        let failed = running.open.open(&places, &running.balancer, vpcs).await;
        let (mut unbound, mut errors) = (Vec::new(), Vec::new());
        for balancer in &config.balancers {
            for place in places_of(balancer) {
                let Some(reason) = failed.get(&place) else { continue };
                match place {
                    Place::Machine(port) => unbound.push((balancer.id.clone(), port, reason.clone())),
                    Place::Vpc(..) => errors.push(ItemError { item: balancer.id.clone(), error: reason.clone() }),
                }
            }
        }
        running.sockets.send_if_modified(|seen| {
            let news = seen.unbound != unbound;
            seen.unbound = unbound;
            news
        });
        errors
    }

    async fn start(&self, vpcs: &Vpcs) -> std::io::Result<Running> {
        let balancer = Balancer::start(Arc::new(InVpcs(vpcs.clone())), Clock::System, seed())?;
        let mut open = Open::default();
        let fallback = open.fallback(&balancer).await?;
        let sockets = watch::Sender::new(Seen { fallback_port: Some(fallback), ..Seen::default() });
        tokio::spawn(tell(balancer.seen(), sockets.subscribe(), Arc::clone(&self.seen)));
        tokio::spawn(tell_counts(balancer.counted(), Arc::clone(&self.counted)));
        Ok(Running { balancer, open, sockets })
    }
}

/// Puts together what the balancer and the sockets say, as long as either has news.
async fn tell(
    mut targets: watch::Receiver<proxy::balancer::Seen>,
    mut sockets: watch::Receiver<Seen>,
    seen: Arc<watch::Sender<Observed>>,
) {
    loop {
        let now = Seen { targets: targets.borrow_and_update().targets.clone(), ..sockets.borrow_and_update().clone() };
        let value = serde_json::to_value(now).unwrap_or_default();
        seen.send_modify(|observed| *observed = Observed { revision: observed.revision + 1, value });
        let ended = tokio::select! {
            changed = targets.changed() => changed,
            changed = sockets.changed() => changed,
        };
        if ended.is_err() {
            return;
        }
    }
}

/// Says what was counted, as it grows.
async fn tell_counts(mut counted: watch::Receiver<Vec<Counted>>, told: Arc<watch::Sender<Observed>>) {
    while counted.changed().await.is_ok() {
        let value = serde_json::to_value(&*counted.borrow_and_update()).unwrap_or_default();
        told.send_modify(|observed| *observed = Observed { revision: observed.revision + 1, value });
    }
}

fn places(balancer: &BalancerConfig) -> impl Iterator<Item = Place> {
    places_of(balancer).into_iter()
}

/// Where a balancer is to be reached.
fn places_of(balancer: &BalancerConfig) -> Vec<Place> {
    let ports = || balancer.listeners.iter().map(|listener| listener.port);
    let inside = |address: &Ipv4Addr| {
        let address = *address;
        ports().map(move |port| Place::Vpc(balancer.vpc.clone(), SocketAddrV4::new(address, port), balancer.id.clone()))
    };
    ports().map(Place::Machine).chain(balancer.addresses.iter().flat_map(inside)).collect()
}

/// What the balancer's ids are made from; they need to differ between processes, not to be secret.
fn seed() -> u64 {
    let now = Clock::System.now().as_millis().cast_unsigned();
    now ^ (u64::from(std::process::id()) << 40)
}
