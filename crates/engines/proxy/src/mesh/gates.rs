//! How much a cluster may have going on at once, over all cores.
//!
//! A request over HTTP/1.1 has a connection to itself, so the limit of connections is one of requests on their way.
//! Those beyond it wait, up to the limit of pending ones. A connection that is passed on as it is does not wait: the
//! one it would wait for may never end. What is unlimited costs nothing.

use std::sync::{
    Arc,
    atomic::{
        AtomicU32,
        Ordering::{AcqRel, Acquire},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    http::Failure,
    model::Limits,
    stats::{ClusterCounters, Held},
};

/// The gates of one cluster.
#[derive(Debug)]
pub(crate) struct Gates {
    limits: Limits,
    connections: Option<Arc<Semaphore>>,
    pending: AtomicU32,
    requests: AtomicU32,
    retries: AtomicU32,
}

/// One of a limited number, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    gates: Arc<Gates>,
    count: fn(&Gates) -> &AtomicU32,
}

impl Drop for Place {
    fn drop(&mut self) {
        (self.count)(&self.gates).fetch_sub(1, AcqRel);
    }
}

/// Leave to send a request.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    _request: Option<Place>,
    _connection: Option<OwnedSemaphorePermit>,
}

/// Which limits of a cluster are reached: its open circuit breakers.
#[expect(clippy::struct_excessive_bools, reason = "one for each limit there is")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) connections: bool,
    pub(crate) pending: bool,
    pub(crate) requests: bool,
    pub(crate) retries: bool,
}

impl Gates {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let permits = limits.connections.and_then(|limit| usize::try_from(limit).ok());
        let connections = permits.map(|limit| Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))));
        let (pending, requests, retries) = Default::default();
        Arc::new(Self { limits, connections, pending, requests, retries })
    }

    /// The limits they were made of.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    fn place(self: &Arc<Self>, count: fn(&Self) -> &AtomicU32, limit: Option<u32>) -> Result<Option<Place>, Failure> {
        let Some(limit) = limit else { return Ok(None) };
        let more = |present: u32| (present < limit).then_some(present + 1);
        match count(self).fetch_update(AcqRel, Acquire, more) {
            Ok(_) => Ok(Some(Place { gates: Arc::clone(self), count })),
            Err(_) => Err(Failure::Overflow),
        }
    }

    /// Lets a request in, at once or when another has ended. `shared` is whether connections carry many at once, and
    /// their limit is not one of requests.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        counters: &Arc<ClusterCounters>,
        shared: bool,
    ) -> Result<Admission, Failure> {
        let request = self.place(|gates| &gates.requests, self.limits.requests);
        let request = request.inspect_err(|_| counters.rq_active_overflow.increment())?;
        let Some(connections) = self.connections.as_ref().filter(|_| !shared) else {
            return Ok(Admission { _request: request, _connection: None });
        };
        if let Ok(permit) = Arc::clone(connections).try_acquire_owned() {
            return Ok(Admission { _request: request, _connection: Some(permit) });
        }
        let pending = self.place(|gates| &gates.pending, self.limits.pending);
        let _pending = pending.inspect_err(|_| counters.rq_pending_overflow.increment())?;
        counters.cx_overflow.increment();
        let _shown = Held::new(Arc::clone(counters), |counters| &counters.rq_pending_active);
        let permit = Arc::clone(connections).acquire_owned().await.map_err(|_| Failure::Overflow)?;
        Ok(Admission { _request: request, _connection: Some(permit) })
    }

    /// Lets a connection be passed on, at once or not at all.
    pub(crate) fn connect(&self, counters: &ClusterCounters) -> Result<Admission, Failure> {
        let Some(connections) = &self.connections else { return Ok(Admission::default()) };
        let permit = Arc::clone(connections).try_acquire_owned().map_err(|_| {
            counters.cx_overflow.increment();
            Failure::Overflow
        })?;
        Ok(Admission { _request: None, _connection: Some(permit) })
    }

    /// Lets a request be tried again.
    pub(crate) fn retry(self: &Arc<Self>) -> Result<Option<Place>, Failure> {
        self.place(|gates| &gates.retries, self.limits.retries)
    }

    /// Which limits are reached now.
    pub(crate) fn reached(&self) -> Reached {
        let is_reached =
            |count: &AtomicU32, limit: Option<u32>| limit.is_some_and(|limit| count.load(Acquire) >= limit);
        Reached {
            connections: self.connections.as_ref().is_some_and(|connections| connections.available_permits() == 0),
            pending: is_reached(&self.pending, self.limits.pending),
            requests: is_reached(&self.requests, self.limits.requests),
            retries: is_reached(&self.retries, self.limits.retries),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::PerCore;

    fn counters() -> Arc<ClusterCounters> {
        PerCore::default().local()
    }

    #[tokio::test]
    async fn one_request_waits_and_the_next_is_refused() {
        let limits = Limits { connections: Some(1), pending: Some(1), ..Limits::default() };
        let (gates, counters) = (Gates::new(limits), counters());
        let first = gates.enter(&counters, false).await.unwrap();
        let mut second = Box::pin(gates.enter(&counters, false));
        assert!(!poll_once(&mut second).await);
        assert!(matches!(gates.enter(&counters, false).await, Err(Failure::Overflow)));
        assert_eq!((counters.rq_pending_active.get(), counters.cx_overflow.get()), (1, 1));
        assert_eq!(gates.reached(), Reached { connections: true, pending: true, ..Reached::default() });
        drop(first);
        second.await.unwrap();
        assert_eq!(counters.rq_pending_active.get(), 0);
        gates.enter(&counters, false).await.unwrap();
    }

    #[tokio::test]
    async fn a_place_is_given_back() {
        let limits = Limits { requests: Some(1), retries: Some(0), ..Limits::default() };
        let (gates, counters) = (Gates::new(limits), counters());
        let first = gates.enter(&counters, false).await.unwrap();
        assert!(matches!(gates.enter(&counters, false).await, Err(Failure::Overflow)));
        drop(first);
        gates.enter(&counters, false).await.unwrap();
        assert!(gates.retry().is_err());
        assert_eq!(gates.reached(), Reached { retries: true, ..Reached::default() });
    }

    #[tokio::test]
    async fn a_connection_does_not_wait_for_another() {
        let limits = Limits { connections: Some(1), requests: Some(0), ..Limits::default() };
        let (gates, counters) = (Gates::new(limits), counters());
        let first = gates.connect(&counters).unwrap();
        assert!(matches!(gates.connect(&counters), Err(Failure::Overflow)));
        assert_eq!(counters.cx_overflow.get(), 1);
        drop(first);
        gates.connect(&counters).unwrap();
        assert!(Gates::new(Limits::default()).connect(&counters).is_ok());
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_ready())).await
    }
}
