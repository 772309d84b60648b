//! A cluster, as one core knows it: its endpoints with their connections, and whose turn it is.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    endpoint::{Endpoint, EndpointCounters, EndpointSet},
    gates::{Admission, Gates},
    outlier::{Outcome, Watch},
};
use crate::{
    connect::{Connect, Route},
    http::{Failure, Security, Upstream},
    model::{self, ServerVersion},
    rotation::Rotation,
    stats::ClusterCounters,
    tls::Connector,
};

/// What cores are told of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct ClusterPlan {
    pub(crate) settings: Arc<model::Cluster>,
    pub(crate) endpoints: Arc<EndpointSet>,
    pub(crate) gates: Arc<Gates>,
    /// Secures connections to it, if they are to be.
    pub(crate) connector: Option<Arc<Connector>>,
    /// Leaves endpoints out that fail requests, if anybody does.
    pub(crate) watch: Option<Arc<Watch>>,
}

/// A cluster on a core.
pub(crate) struct Cluster {
    plan: ClusterPlan,
    pub(crate) counters: Arc<ClusterCounters>,
    connect: Arc<dyn Connect>,
    security: Option<Security>,
    members: Vec<Rc<Member>>,
    choice: RefCell<Choice>,
}

/// An endpoint on a core.
pub(crate) struct Member {
    endpoint: Arc<Endpoint>,
    pub(crate) counters: Arc<EndpointCounters>,
    pub(crate) upstream: Rc<Upstream>,
}

/// Whom to choose from.
struct Choice {
    /// The version of the endpoints' health this was made from.
    version: Cell<u64>,
    usable: Vec<usize>,
    rotation: Rotation,
    panic: bool,
}

impl Cluster {
    /// The cluster `plan` describes. What `before` has is kept where it is the same: connections above all.
    pub(crate) fn new(
        plan: ClusterPlan,
        counters: Arc<ClusterCounters>,
        connect: Arc<dyn Connect>,
        security: Option<Security>,
        before: Option<&Self>,
    ) -> Self {
        let before = before.filter(|before| before.connects_as(&plan));
        let known: HashMap<SocketAddr, &Rc<Member>> = before.map_or_else(HashMap::new, |before| {
            before.members.iter().map(|member| (member.endpoint.settings.address, member)).collect()
        });
        let member = |endpoint: &Arc<Endpoint>| match known.get(&endpoint.settings.address) {
            Some(member) if Arc::ptr_eq(&member.endpoint, endpoint) => Rc::clone(member),
            Some(member) => Rc::new(Member::new(endpoint, Rc::clone(&member.upstream))),
            None => {
                let upstream = upstream(&plan, &counters, &connect, security.as_ref(), endpoint.settings.address);
                Rc::new(Member::new(endpoint, Rc::new(upstream)))
            }
        };
        let members = plan.endpoints.endpoints.iter().map(member).collect();
        let choice = RefCell::new(Choice::of(&plan));
        Self { plan, counters, connect, security, members, choice }
    }

    /// Whether it is what `plan` says.
    pub(crate) fn is(&self, plan: &ClusterPlan) -> bool {
        self.plan.settings == plan.settings
            && Arc::ptr_eq(&self.plan.endpoints, &plan.endpoints)
            && Arc::ptr_eq(&self.plan.gates, &plan.gates)
            && self.plan.watch.as_ref().map(Arc::as_ptr) == plan.watch.as_ref().map(Arc::as_ptr)
            && self.connects_as(plan)
    }

    /// Whether its connections are what `plan` wants connections to be.
    fn connects_as(&self, plan: &ClusterPlan) -> bool {
        let same_security = match (&self.plan.connector, &plan.connector) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        };
        same_security
            && self.plan.settings.connect_timeout == plan.settings.connect_timeout
            && self.plan.settings.protocol == plan.settings.protocol
    }

    /// Closes the connections that `after` has no use for.
    pub(crate) fn retire(&self, after: Option<&Self>) {
        for member in &self.members {
            let kept = |other: &Rc<Member>| Rc::ptr_eq(&other.upstream, &member.upstream);
            if !after.is_some_and(|after| after.members.iter().any(kept)) {
                member.upstream.retire();
            }
        }
    }

    /// Whether its servers may speak HTTP/2 with a client that does not.
    pub(crate) fn may_speak_http2(&self) -> bool {
        matches!(self.plan.settings.protocol.version, ServerVersion::Http2 | ServerVersion::Agreed)
    }

    /// Lets a request in, at once or when another has ended.
    pub(crate) async fn enter(&self) -> Result<Admission, Failure> {
        let shared = self.plan.settings.protocol.version == ServerVersion::Http2;
        self.plan.gates.enter(&self.counters, shared).await
    }

    pub(crate) fn gates(&self) -> &Arc<Gates> {
        &self.plan.gates
    }

    /// Whether it has no endpoints of its own: a connection goes where it was going.
    pub(crate) fn is_original_destination(&self) -> bool {
        self.plan.settings.discovery == model::Discovery::OriginalDestination
    }

    /// A server that is nobody's endpoint.
    pub(crate) fn upstream_at(&self, address: SocketAddr) -> Rc<Upstream> {
        Rc::new(upstream(&self.plan, &self.counters, &self.connect, self.security.as_ref(), address))
    }

    /// What came of a request to `member`.
    pub(crate) fn report(&self, member: &Member, outcome: Outcome, random: impl FnOnce() -> u64) {
        if let Some(watch) = &self.plan.watch {
            watch.report(&member.endpoint, outcome, random());
        }
    }

    /// The endpoint whose turn it is. One that is in `tried` is passed over, at most `passes` times.
    pub(crate) fn pick(&self, tried: &[SocketAddr], passes: u32) -> Option<Rc<Member>> {
        let mut choice = self.choice.borrow_mut();
        if choice.version.get() != self.plan.endpoints.version() {
            *choice = Choice::of(&self.plan);
        }
        if choice.panic {
            self.counters.lb_healthy_panic.increment();
        }
        let turn = || choice.rotation.turn().map(|turn| &self.members[choice.usable[turn]]);
        let mut member = turn()?;
        for _ in 0..passes {
            if !tried.contains(&member.endpoint.settings.address) {
                break;
            }
            member = turn()?;
        }
        Some(Rc::clone(member))
    }

    /// Closes connections that have waited too long.
    pub(crate) fn sweep(&self, now: Instant) {
        for member in &self.members {
            member.upstream.sweep(now);
        }
    }
}

impl Choice {
    fn of(plan: &ClusterPlan) -> Self {
        // The version is read first: what changes meanwhile is seen the next time.
        let version = Cell::new(plan.endpoints.version());
        let (usable, panic) = plan.endpoints.usable(plan.settings.panic_threshold);
        let rotation = Rotation::new(usable.iter().map(|at| plan.endpoints.endpoints[*at].settings.weight));
        Self { version, usable, rotation, panic }
    }
}

impl Member {
    /// The name it goes by, if it has one.
    pub(crate) fn hostname(&self) -> Option<&str> {
        self.endpoint.settings.hostname.as_deref()
    }

    fn new(endpoint: &Arc<Endpoint>, upstream: Rc<Upstream>) -> Self {
        Self { endpoint: Arc::clone(endpoint), counters: endpoint.counters.local(), upstream }
    }
}

fn upstream(
    plan: &ClusterPlan,
    counters: &Arc<ClusterCounters>,
    connect: &Arc<dyn Connect>,
    security: Option<&Security>,
    target: SocketAddr,
) -> Upstream {
    let route = Route { network: String::new(), source: None, target };
    let (protocol, counters) = (Arc::new(plan.settings.protocol.clone()), Arc::clone(counters));
    Upstream::new(route, Arc::clone(connect), plan.settings.connect_timeout, security.cloned(), protocol, counters)
}
