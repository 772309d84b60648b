//! A target group, as seen from one balancer: its targets, their health, and whose turn it is.

use std::{
    cell::{Cell, RefCell},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use super::{
    TargetSeen,
    config::{Check, Group as GroupConfig},
    health::{self, Health},
    ledger::Tally,
    table::Table,
};
use crate::{Connect, Route, core, http::Upstream, rotation::Rotation, stats::ClusterCounters};

/// How long a connection to a target may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a group's targets are reached from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) vpc: String,
    pub(crate) source: Option<Ipv4Addr>,
}

/// A target group.
pub(crate) struct Group {
    /// The balancer it is seen from.
    balancer: String,
    id: String,
    place: Place,
    connect: Arc<dyn Connect>,
    pub(crate) counters: Arc<ClusterCounters>,
    /// What is answered where there is no target to give a request to.
    pub(crate) tally: Rc<Tally>,
    members: RefCell<Vec<Rc<Member>>>,
    choice: RefCell<Choice>,
}

/// A target.
pub(crate) struct Member {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) health: RefCell<Health>,
    tally: Rc<Tally>,
    draining: Cell<bool>,
    /// Requests that it has been given and that have not ended.
    in_flight: Cell<usize>,
    table: Weak<Table>,
    check: Check,
    checking: RefCell<Option<tokio::task::JoinHandle<()>>>,
}

/// Whom to choose from; made anew when somebody's health changes.
#[derive(Default)]
struct Choice {
    usable: Vec<Rc<Member>>,
    turns: Option<Rotation>,
}

impl Group {
    pub(crate) fn new(balancer: &str, id: &str, place: &Place, connect: Arc<dyn Connect>, tally: Rc<Tally>) -> Self {
        Self {
            balancer: balancer.to_owned(),
            id: id.to_owned(),
            place: place.clone(),
            connect,
            counters: Arc::default(),
            tally,
            members: RefCell::default(),
            choice: RefCell::default(),
        }
    }

    /// Makes `config` what it is; targets that stay keep their health and their connections.
    pub(crate) fn settle(self: &Rc<Self>, config: &GroupConfig, table: &Weak<Table>) {
        let before = self.members.take();
        let mut after = Vec::new();
        for target in &config.targets {
            let same = |m: &&Rc<Member>| (m.address, m.port, &m.check) == (target.address, target.port, &config.check);
            let member = before.iter().find(same).cloned().unwrap_or_else(|| {
                let member = Rc::new(self.member(target.address, target.port, &config.check, table));
                let watched = health::watch(
                    Rc::clone(&member),
                    Rc::downgrade(self),
                    Weak::clone(table),
                    Arc::clone(&self.connect),
                );
                *member.checking.borrow_mut() = Some(core::spawn(watched));
                member
            });
            member.draining.set(target.draining);
            after.push(member);
        }
        for gone in before.iter().filter(|member| !after.iter().any(|kept| Rc::ptr_eq(kept, member))) {
            gone.retire();
        }
        let changed =
            before.len() != after.len() || !before.iter().zip(&after).all(|(one, other)| Rc::ptr_eq(one, other));
        *self.members.borrow_mut() = after;
        if changed || !self.fits() {
            self.choose();
        }
    }

    fn member(&self, address: Ipv4Addr, port: u16, check: &Check, table: &Weak<Table>) -> Member {
        let route = self.route(address, port);
        let (connect, counters) = (Arc::clone(&self.connect), Arc::clone(&self.counters));
        let whose = Some((self.id.as_str(), Some(route.target)));
        let tally = table.upgrade().map(|table| table.ledger().tally(&self.balancer, whose));
        let upstream = Upstream::new(route, connect, CONNECT_TIMEOUT, None, Arc::default(), counters);
        Member {
            address,
            port,
            upstream: Rc::new(upstream),
            health: RefCell::new(Health::initial()),
            tally: tally.unwrap_or_default(),
            draining: Cell::new(false),
            in_flight: Cell::new(0),
            table: Weak::clone(table),
            check: check.clone(),
            checking: RefCell::default(),
        }
    }

    /// The way to a target.
    pub(crate) fn route(&self, address: Ipv4Addr, port: u16) -> Route {
        let source = self.place.source.map(IpAddr::V4);
        Route { network: self.place.vpc.clone(), source, target: SocketAddr::from((address, port)) }
    }

    /// The target whose turn it is, passing over those in `tried` if there is another.
    pub(crate) fn pick(&self, tried: &[SocketAddr]) -> Option<InFlight> {
        let choice = self.choice.borrow();
        let turns = choice.turns.as_ref()?;
        let mut member = &choice.usable[turns.turn()?];
        for _ in 0..choice.usable.len() {
            if !tried.contains(&member.upstream.route.target) {
                break;
            }
            member = &choice.usable[turns.turn()?];
        }
        Some(InFlight::new(member))
    }

    /// Chooses anew: the healthy ones, or, when there are none, all that do not leave.
    pub(crate) fn choose(&self) {
        let usable = self.usable();
        let turns = Some(Rotation::new(usable.iter().map(|_| 1)));
        *self.choice.borrow_mut() = Choice { usable, turns };
    }

    fn usable(&self) -> Vec<Rc<Member>> {
        let members = self.members.borrow();
        let staying = || members.iter().filter(|member| !member.draining.get());
        let healthy: Vec<_> = staying().filter(|member| member.health.borrow().is_healthy()).cloned().collect();
        if healthy.is_empty() { staying().cloned().collect() } else { healthy }
    }

    /// Whether those it chooses from are still the right ones.
    fn fits(&self) -> bool {
        let (usable, choice) = (self.usable(), self.choice.borrow());
        usable.len() == choice.usable.len()
            && usable.iter().zip(&choice.usable).all(|(one, other)| Rc::ptr_eq(one, other))
    }

    /// What it sees of its targets.
    pub(crate) fn seen(&self) -> Vec<TargetSeen> {
        let seen = |member: &Rc<Member>| {
            let health = member.health.borrow();
            let (state, reason, description) = match (member.draining.get(), member.in_flight.get()) {
                (true, 0) => ("drained", None, None),
                (draining, _) => health.words(draining),
            };
            TargetSeen {
                group: self.id.clone(),
                address: member.address,
                port: member.port,
                state: state.to_owned(),
                reason: reason.map(str::to_owned),
                description,
            }
        };
        self.members.borrow().iter().map(seen).collect()
    }

    /// Nobody forwards here any more.
    pub(crate) fn retire(&self) {
        for member in self.members.take() {
            member.retire();
        }
    }
}

/// A request that its target has not answered yet.
pub(crate) struct InFlight(Rc<Member>);

impl InFlight {
    fn new(member: &Rc<Member>) -> Self {
        member.in_flight.set(member.in_flight.get() + 1);
        Self(Rc::clone(member))
    }

    pub(crate) fn upstream(&self) -> &Rc<Upstream> {
        &self.0.upstream
    }

    /// What is counted of its target.
    pub(crate) fn tally(&self) -> &Tally {
        &self.0.tally
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
        if self.0.draining.get()
            && self.0.in_flight.get() == 0
            && let Some(table) = self.0.table.upgrade()
        {
            table.tell();
        }
    }
}

impl Member {
    pub(crate) fn check(&self) -> &Check {
        &self.check
    }

    fn retire(&self) {
        self.upstream.retire();
        if let Some(checking) = self.checking.borrow_mut().take() {
            checking.abort();
        }
    }
}
