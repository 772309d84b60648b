//! The load balancer: one name in front of many targets, on the same forwarding core as the sidecar.
//!
//! Who runs it opens the listeners, in whatever network they belong, and hands them over with an [`Entry`] that says how
//! a request finds its balancer; toward targets connections come from a [`Connect`](crate::Connect) that knows the
//! networks. [`Balancer::apply`] is told everything there is, again and again: what is the same is not disturbed, so
//! connections, turns and health survive.
//!
//! All of it runs on one core of its own: turns are exact over all connections, and a core carries far more than the
//! tasks of one machine can answer.
//!
//! It behaves as an application load balancer does: `X-Forwarded-For`, `-Proto` and `-Port` are appended,
//! `X-Amzn-Trace-Id` is given to a request that comes without, a newcomer gets traffic after its first good check, and
//! when no target is healthy all are tried. One thing more: a request that can be repeated and never reached its target
//! goes to another one.

mod answer;
mod call;
mod config;
mod front;
mod group;
mod health;
mod ledger;
mod rule;
mod table;

pub use config::{
    Access, Action, Balancer as BalancerConfig, Certificate, Check, Config, Group, Listener, Seen, Target, TargetSeen,
};
pub use ledger::{Counted, Half, Totals};
pub use rule::{Condition, Rule};

pub use crate::model::Versions;

use std::{
    io,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use names::Clock;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    Connect,
    core::{self, Handle},
};
use front::Front;
use table::Table;

/// How often totals are told, where there is news: whoever judges by them should not wait for them.
const TOLD_EVERY: Duration = Duration::from_millis(200);
/// The part of the core's time that telling takes at most: one in so many. Of thousands of targets it is told less often.
const TOLD_SHARE: u32 = 50;

/// How a request that comes in at a listener finds its balancer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// By the name in `Host`, among the balancers that listen on this port.
    Named {
        /// The port the listener stands for.
        port: u16,
    },
    /// By the name in `Host`, among all balancers, at each one's lowest port: for who fronts for them.
    Any,
    /// It belongs to one balancer.
    Own {
        /// The balancer's id.
        balancer: String,
        /// Which of its listeners.
        port: u16,
    },
}

/// All load balancers of a process.
pub struct Balancer {
    core: Handle<Order>,
    seen: watch::Receiver<Seen>,
    counted: watch::Receiver<Vec<Counted>>,
}

enum Order {
    Apply(Box<Config>, oneshot::Sender<()>),
    Listen(std::net::TcpListener, Entry, CancellationToken),
}

impl Balancer {
    /// Starts the core. `seed` makes its ids; `connect` opens connections to targets.
    pub fn start(connect: Arc<dyn Connect>, clock: Clock, seed: u64) -> io::Result<Self> {
        let (tell, seen) = watch::channel(Seen::default());
        let (told, counted) = watch::channel(Vec::new());
        let core = Handle::start("balancer".to_owned(), move |mut orders| async move {
            let table = Rc::new(Table::new(connect, clock.clone(), tell));
            let core = core::on_thread(0, seed, clock);
            core::spawn(count(Rc::clone(&table), told));
            while let Some(order) = orders.recv().await {
                match order {
                    Order::Apply(config, done) => {
                        table.apply(*config);
                        // Whoever asked may have given up.
                        let _ = done.send(());
                    }
                    Order::Listen(listener, entry, closed) => {
                        let front = Rc::new(Front::new(Rc::clone(&core), Rc::clone(&table), entry));
                        core::spawn(front.accept(listener, closed));
                    }
                }
            }
        })?;
        Ok(Self { core, seen, counted })
    }

    /// Makes `config` what there is. Returns when every later request goes by it.
    pub async fn apply(&self, config: Config) {
        let (done, is_done) = oneshot::channel();
        if self.core.orders.send(Order::Apply(Box::new(config), done)).await.is_ok() {
            let _ = is_done.await;
        }
    }

    /// Takes requests from `listener` until `closed`; those on their way then end in peace.
    pub async fn listen(&self, listener: std::net::TcpListener, entry: Entry, closed: CancellationToken) {
        if self.core.orders.send(Order::Listen(listener, entry, closed)).await.is_err() {
            tracing::error!("the balancers' core is gone");
        }
    }

    /// What they see of their targets, as it changes.
    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.clone()
    }

    /// What they have counted of requests since they began, as it grows.
    pub fn counted(&self) -> watch::Receiver<Vec<Counted>> {
        self.counted.clone()
    }
}

/// Tells the totals, again and again, for as long as somebody may ask.
async fn count(table: Rc<Table>, told: watch::Sender<Vec<Counted>>) {
    let mut took = Duration::ZERO;
    while !told.is_closed() {
        tokio::time::sleep(TOLD_EVERY.max(took.saturating_mul(TOLD_SHARE))).await;
        let began = Instant::now();
        if let Some(counted) = table.ledger().read() {
            told.send_replace(counted);
        }
        took = began.elapsed();
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.core.stop();
    }
}

#[cfg(test)]
mod tests;
