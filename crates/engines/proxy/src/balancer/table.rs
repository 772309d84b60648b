//! All balancers and groups, as they are now.

use std::{cell::RefCell, collections::BTreeMap, net::IpAddr, rc::Rc, sync::Arc};

use names::Clock;
use tokio::sync::watch;

use super::{
    Seen, TargetSeen,
    config::{Access, Action, Balancer, Config, Group as GroupConfig, Listener},
    group::{Group, Place},
    ledger::{Ledger, Tally},
};
use crate::{
    Connect,
    http::{Peer, Request},
    rotation::Rotation,
    tls::{Acceptor, Store},
};

/// What is there. One for the core.
pub(crate) struct Table {
    connect: Arc<dyn Connect>,
    store: Store,
    tell: watch::Sender<Seen>,
    ledger: Ledger,
    standing: RefCell<Standing>,
}

/// What is there at a time.
#[derive(Default)]
struct Standing {
    balancers: BTreeMap<String, Rc<Stand>>,
    by_host: BTreeMap<String, Rc<Stand>>,
    /// By where they are reached from and by id.
    groups: BTreeMap<(Place, String), Rc<Group>>,
}

/// A balancer.
pub(crate) struct Stand {
    config: Balancer,
    ports: BTreeMap<u16, Rc<Port>>,
    /// What it answers before it chooses a target.
    pub(crate) tally: Rc<Tally>,
}

/// What a balancer does at a port.
pub(crate) struct Port {
    config: Listener,
    /// What is done where no rule holds.
    deed: Deed,
    /// What is done by each of the listener's rules, in their order.
    ruled: Vec<Deed>,
    pub(crate) security: Security,
}

/// How a port secures connections.
pub(crate) enum Security {
    /// Not at all.
    Bare,
    Secured(Arc<Acceptor>),
    /// It should, and can't: nobody is let in.
    Broken,
}

/// What is done with a request.
pub(crate) enum Deed {
    /// It goes to one of the groups, in turns.
    Forward { groups: Vec<Rc<Group>>, turns: Rotation },
    /// It is answered.
    Answer { status: u16, content_type: String, body: String },
    /// It is sent elsewhere.
    Redirect { status: u16, location: String },
}

impl Table {
    pub(crate) fn new(connect: Arc<dyn Connect>, clock: Clock, tell: watch::Sender<Seen>) -> Self {
        Self { connect, store: Store::new(clock), tell, ledger: Ledger::default(), standing: RefCell::default() }
    }

    /// Makes `config` what is there; what is the same is kept as it is.
    pub(crate) fn apply(self: &Rc<Self>, config: Config) {
        let known: BTreeMap<&str, &GroupConfig> =
            config.groups.iter().map(|group| (group.id.as_str(), group)).collect();
        let before = self.standing.take();
        let mut after = Standing::default();
        for balancer in &config.balancers {
            let place = Place { vpc: balancer.vpc.clone(), source: balancer.addresses.first().copied() };
            let mut ports = BTreeMap::new();
            for listener in &balancer.listeners {
                let mut group = |id: &String| {
                    let key = (place.clone(), id.clone());
                    let known = known.get(id.as_str())?;
                    let group = after.groups.entry(key.clone()).or_insert_with(|| {
                        let group = before.groups.get(&key).cloned();
                        let connect = Arc::clone(&self.connect);
                        group.unwrap_or_else(|| {
                            let tally = self.ledger.tally(&balancer.id, Some((id, None)));
                            Rc::new(Group::new(&balancer.id, id, &place, connect, tally))
                        })
                    });
                    group.settle(known, &Rc::downgrade(self));
                    Some(Rc::clone(group))
                };
                let old = before.balancers.get(&balancer.id).and_then(|stand| stand.ports.get(&listener.port));
                let kept = old.filter(|old| old.config == *listener && old.has(&mut group));
                let port = kept.map_or_else(|| Rc::new(Port::new(listener, &self.store, &mut group)), Rc::clone);
                ports.insert(listener.port, port);
            }
            let tally = self.ledger.tally(&balancer.id, None);
            let stand = Rc::new(Stand { config: balancer.clone(), ports, tally });
            after.by_host.insert(balancer.host.to_ascii_lowercase(), Rc::clone(&stand));
            after.balancers.insert(balancer.id.clone(), stand);
        }
        for (key, group) in &before.groups {
            if !after.groups.contains_key(key) {
                group.retire();
            }
        }
        *self.standing.borrow_mut() = after;
        self.tell();
    }

    /// Tells what is seen, if that is news.
    pub(crate) fn tell(&self) {
        let standing = self.standing.borrow();
        let mut targets: Vec<TargetSeen> = Vec::new();
        for group in standing.groups.values() {
            for seen in group.seen() {
                // Two balancers with one group see the same targets; the first one's view is told, but that a target is
                // drained only if it is for both.
                let same =
                    |t: &&mut TargetSeen| (&t.group, t.address, t.port) == (&seen.group, seen.address, seen.port);
                match targets.iter_mut().find(same) {
                    Some(told) if told.state == "drained" => *told = seen,
                    Some(_) => {}
                    None => targets.push(seen),
                }
            }
        }
        let now = Seen { targets };
        self.tell.send_if_modified(|before| {
            let news = *before != now;
            *before = now;
            news
        });
    }

    /// What is counted.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The balancer with this id.
    pub(crate) fn balancer(&self, id: &str) -> Option<Rc<Stand>> {
        self.standing.borrow().balancers.get(id).cloned()
    }

    /// The one balancer that speaks TLS at `port`; none if there are several, of which a name must choose.
    pub(crate) fn only_secured(&self, port: u16) -> Option<Rc<Stand>> {
        let standing = self.standing.borrow();
        let mut secured = standing.balancers.values().filter(|stand| stand.is_secured(port));
        secured.next().filter(|_| secured.next().is_none()).map(Rc::clone)
    }

    /// Whether any balancer speaks TLS at `port`.
    pub(crate) fn has_secured(&self, port: u16) -> bool {
        self.standing.borrow().balancers.values().any(|stand| stand.is_secured(port))
    }

    /// The balancer that answers to this name.
    pub(crate) fn named(&self, host: &[u8]) -> Option<Rc<Stand>> {
        let host = std::str::from_utf8(host).ok()?;
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host).trim_end_matches('.');
        self.standing.borrow().by_host.get(&host.to_ascii_lowercase()).cloned()
    }
}

impl Stand {
    /// What it does at `port`.
    pub(crate) fn at(&self, port: u16) -> Option<Rc<Port>> {
        self.ports.get(&port).cloned()
    }

    fn is_secured(&self, port: u16) -> bool {
        self.ports.get(&port).is_some_and(|port| !matches!(port.security, Security::Bare))
    }

    /// Its lowest port.
    pub(crate) fn lowest(&self) -> Option<u16> {
        self.ports.keys().next().copied()
    }

    /// Whether somebody at `client` may connect to `port`.
    pub(crate) fn lets_in(&self, client: IpAddr, port: u16) -> bool {
        let holds = |access: &Access| match client {
            IpAddr::V4(client) => access.from.contains(&client) && (access.ports.0..=access.ports.1).contains(&port),
            IpAddr::V6(_) => false,
        };
        self.config.allowed.iter().any(holds)
    }

    /// How long its connections may be quiet, in seconds.
    pub(crate) fn idle_timeout_seconds(&self) -> u32 {
        self.config.idle_timeout_seconds
    }
}

impl Port {
    fn new(config: &Listener, store: &Store, group: &mut impl FnMut(&String) -> Option<Rc<Group>>) -> Self {
        let deed = Deed::of(&config.action, group);
        let ruled = config.rules.iter().map(|rule| Deed::of(&rule.action, group)).collect();
        let acceptor = config.tls().map(|tls| store.acceptor(&tls));
        let security = match acceptor {
            None => Security::Bare,
            Some(Ok(acceptor)) => Security::Secured(acceptor),
            Some(Err(error)) => {
                tracing::error!(port = config.port, %error, "a listener cannot be secured");
                Security::Broken
            }
        };
        Self { config: config.clone(), deed, ruled, security }
    }

    /// What is done with `request` of `peer`.
    pub(crate) fn deed(&self, request: &Request, peer: &Peer) -> &Deed {
        let rules = self.config.rules.iter().zip(&self.ruled);
        let mut holding = rules.filter(|(rule, _)| rule.conditions.iter().all(|c| c.holds(request, peer)));
        holding.next().map_or(&self.deed, |(_, deed)| deed)
    }

    /// Whether it forwards to just the groups that `group` finds, so that its turns can go on.
    fn has(&self, group: &mut impl FnMut(&String) -> Option<Rc<Group>>) -> bool {
        let rules = self.config.rules.iter().map(|rule| &rule.action).zip(&self.ruled);
        // Each is asked, whatever was found before: asking is what keeps a group.
        std::iter::once((&self.config.action, &self.deed))
            .chain(rules)
            .fold(true, |all, (action, deed)| deed.has(action, group) && all)
    }
}

impl Deed {
    fn of(action: &Action, group: &mut impl FnMut(&String) -> Option<Rc<Group>>) -> Self {
        match action.clone() {
            Action::Forward(weights) => {
                let found = weights.iter().filter_map(|(id, weight)| Some((group(id)?, *weight)));
                let (groups, weights): (Vec<_>, Vec<_>) = found.unzip();
                Self::Forward { groups, turns: Rotation::new(weights) }
            }
            Action::Answer { status, content_type, body } => Self::Answer { status, content_type, body },
            Action::Redirect { status, location } => Self::Redirect { status, location },
        }
    }

    /// Whether it is what `action` says with the groups that `group` finds.
    fn has(&self, action: &Action, group: &mut impl FnMut(&String) -> Option<Rc<Group>>) -> bool {
        let (Action::Forward(weights), Self::Forward { groups, .. }) = (action, self) else { return true };
        let found: Vec<Rc<Group>> = weights.iter().filter_map(|(id, _)| group(id)).collect();
        found.len() == groups.len() && found.iter().zip(groups).all(|(one, other)| Rc::ptr_eq(one, other))
    }
}
