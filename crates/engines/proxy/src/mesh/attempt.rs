//! What is counted as under way, and for how long: a request, and an attempt at a server.
//!
//! Counters belong to the manager, the cluster and its member, which a request holds on to anyhow. Were they held by
//! themselves, each would cost a request two locked instructions: their sets are shared with the admin page's thread.

use std::rc::Rc;

use super::{
    cluster::{Cluster, Member},
    gates::Admission,
    manager::Manager,
};

/// A request, counted as under way for as long as this lives.
pub(super) struct Active(Rc<Manager>);

impl Active {
    pub(super) fn new(manager: &Rc<Manager>) -> Self {
        manager.counters.rq_active.add(1);
        Self(Rc::clone(manager))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.counters.rq_active.add(-1);
    }
}

/// What an attempt holds while it lasts.
pub(super) struct Attempt {
    cluster: Rc<Cluster>,
    pub(super) member: Option<Rc<Member>>,
    _admission: Admission,
}

impl Attempt {
    /// An attempt at `member` of `cluster` begins, or at no member if the server is nobody's endpoint.
    pub(super) fn new(cluster: Rc<Cluster>, member: Option<Rc<Member>>, admission: Admission) -> Self {
        cluster.counters.rq_total.increment();
        cluster.counters.rq_active.add(1);
        if let Some(member) = &member {
            member.counters.rq_total.increment();
            member.counters.rq_active.add(1);
        }
        Self { cluster, member, _admission: admission }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.cluster.counters.rq_active.add(-1);
        if let Some(member) = &self.member {
            member.counters.rq_active.add(-1);
        }
    }
}
