//! What is counted, under the names Envoy counts it.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{Counter, Gauge, Histogram, Latencies, PerCore, StatusCounts};

/// A number for the admin page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Counter(u64),
    Gauge(i64),
    Times(Latencies),
    /// How often each status code was seen; shown by class, and by code if so said.
    Statuses {
        counts: BTreeMap<u16, u64>,
        by_code: bool,
    },
}

impl Value {
    /// Whether there ever was something to count.
    pub(crate) fn is_used(&self) -> bool {
        match self {
            Self::Counter(number) => *number > 0,
            Self::Gauge(number) => *number != 0,
            Self::Times(latencies) => latencies.count() > 0,
            Self::Statuses { counts, .. } => !counts.is_empty(),
        }
    }

    /// Whether it is of the kind that Envoy's admin page calls so; any is if none is asked for.
    pub(crate) fn is_of(&self, kind: Option<&str>) -> bool {
        match kind {
            Some("Counters") => matches!(self, Self::Counter(_) | Self::Statuses { .. }),
            Some("Gauges") => matches!(self, Self::Gauge(_)),
            Some("Histograms") => matches!(self, Self::Times(_)),
            _ => true,
        }
    }
}

/// A number with its name inside its group.
pub(crate) type Metric = (&'static str, Value);

/// One more of something as long as this lives.
pub(crate) struct Held<T> {
    set: Arc<T>,
    gauge: fn(&T) -> &Gauge,
}

impl<T> Held<T> {
    pub(crate) fn new(set: Arc<T>, gauge: fn(&T) -> &Gauge) -> Self {
        gauge(&set).add(1);
        Self { set, gauge }
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        (self.gauge)(&self.set).add(-1);
    }
}

/// What all cores saw of a status counter.
pub(super) fn statuses<T>(sets: &PerCore<T>, of: impl Fn(&T) -> &StatusCounts, by_code: bool) -> Value {
    let mut counts = BTreeMap::new();
    sets.each(|set| of(set).add_to(&mut counts));
    Value::Statuses { counts, by_code }
}

pub(super) fn times<T>(sets: &PerCore<T>, of: impl Fn(&T) -> &Histogram) -> Value {
    let mut latencies = Latencies::default();
    sets.each(|set| of(set).add_to(&mut latencies));
    Value::Times(latencies)
}

/// Declares a set of counters with their names.
macro_rules! counters {
    ($(#[$about:meta])* $set:ident {
        counters { $($counter:ident: $counter_name:literal,)* }
        gauges { $($gauge:ident: $gauge_name:literal,)* }
        statuses { $($status:ident: $status_name:literal by_code $by_code:literal,)* }
        times { $($time:ident: $time_name:literal,)* }
        $(not_shown { $($hidden:ident: $kind:ty,)* })?
    }) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub(crate) struct $set {
            $(pub(crate) $counter: Counter,)*
            $(pub(crate) $gauge: Gauge,)*
            $(pub(crate) $status: StatusCounts,)*
            $(pub(crate) $time: Histogram,)*
            $($(pub(crate) $hidden: $kind,)*)?
        }

        impl $set {
            /// The numbers of all cores together.
            pub(crate) fn metrics(sets: &PerCore<Self>) -> Vec<Metric> {
                vec![
                    $(($counter_name, Value::Counter(sets.sum(|set| &set.$counter))),)*
                    $(($gauge_name, Value::Gauge(sets.level(|set| &set.$gauge))),)*
                    $(($status_name, statuses(sets, |set| &set.$status, $by_code)),)*
                    $(($time_name, times(sets, |set| &set.$time)),)*
                ]
            }
        }
    };
}

pub(crate) use counters;

counters! {
    /// What goes to a cluster: `cluster.<name>.…`.
    ClusterCounters {
        counters {
            cx_connect_fail: "upstream_cx_connect_fail",
            cx_connect_timeout: "upstream_cx_connect_timeout",
            cx_http2_total: "upstream_cx_http2_total",
            cx_none_healthy: "upstream_cx_none_healthy",
            cx_connect_attempts_exceeded: "upstream_cx_connect_attempts_exceeded",
            cx_overflow: "upstream_cx_overflow",
            cx_total: "upstream_cx_total",
            lb_healthy_panic: "lb_healthy_panic",
            rq_active_overflow: "upstream_rq_active_overflow",
            rq_cancelled: "upstream_rq_cancelled",
            rq_completed: "upstream_rq_completed",
            rq_pending_overflow: "upstream_rq_pending_overflow",
            rq_per_try_timeout: "upstream_rq_per_try_timeout",
            rq_retry: "upstream_rq_retry",
            rq_retry_backoff_exponential: "upstream_rq_retry_backoff_exponential",
            rq_retry_limit_exceeded: "upstream_rq_retry_limit_exceeded",
            rq_retry_overflow: "upstream_rq_retry_overflow",
            rq_retry_success: "upstream_rq_retry_success",
            rq_rx_reset: "upstream_rq_rx_reset",
            rq_timeout: "upstream_rq_timeout",
            rq_total: "upstream_rq_total",
        }
        gauges {
            cx_active: "upstream_cx_active",
            rq_active: "upstream_rq_active",
            rq_pending_active: "upstream_rq_pending_active",
        }
        statuses { statuses: "upstream_rq" by_code true, }
        times { rq_time: "upstream_rq_time", }
        not_shown { half: HalfCounters, users: UserCounters, }
    }
}

/// The part of a cluster's requests whose users are in the first of two random halves. Envoy has nothing like it, and
/// so its pages do not either.
#[derive(Debug, Default)]
pub(crate) struct HalfCounters {
    pub(crate) requests: Counter,
    pub(crate) errors: Counter,
    pub(crate) rq_time: Histogram,
}

impl HalfCounters {
    /// Counts an attempt by its status.
    pub(crate) fn record(&self, status: u16) {
        self.requests.increment();
        if status >= 500 {
            self.errors.increment();
        }
    }
}

/// Groups of users that are counted apart.
pub(crate) const GROUPS: usize = 64;

/// A cluster's requests by groups of users, where users stay with a version; nothing, and no memory, elsewhere.
#[derive(Debug, Default)]
pub(crate) struct UserCounters(OnceLock<Box<[UserGroup; GROUPS]>>);

/// Requests of a group of users, and those that failed.
#[derive(Debug, Default)]
struct UserGroup {
    requests: Counter,
    errors: Counter,
}

impl UserCounters {
    /// Counts an attempt of a user in `group` by its status.
    pub(crate) fn record(&self, group: usize, status: u16) {
        let groups = self.0.get_or_init(|| Box::new(std::array::from_fn(|_| UserGroup::default())));
        let Some(group) = groups.get(group) else { return };
        group.requests.increment();
        if status >= 500 {
            group.errors.increment();
        }
    }

    /// Adds what was counted of each group, requests and failures, to `totals`, if any was.
    pub(crate) fn add_to(&self, totals: &mut Vec<(u64, u64)>) {
        let Some(groups) = self.0.get() else { return };
        totals.resize(GROUPS, (0, 0));
        for (total, group) in totals.iter_mut().zip(groups.iter()) {
            // The failed ones first: they are not more than all also while it is being counted.
            total.1 += group.errors.get();
            total.0 += group.requests.get();
        }
    }
}

counters! {
    /// What comes through a connection manager: `http.<prefix>.…`.
    HttpCounters {
        counters {
            cx_drain_close: "downstream_cx_drain_close",
            cx_http1_total: "downstream_cx_http1_total",
            cx_http2_total: "downstream_cx_http2_total",
            cx_protocol_error: "downstream_cx_protocol_error",
            cx_total: "downstream_cx_total",
            no_cluster: "no_cluster",
            no_route: "no_route",
            rq_completed: "downstream_rq_completed",
            rq_direct_response: "rq_direct_response",
            rq_max_duration_reached: "downstream_rq_max_duration_reached",
            rq_redirect: "rq_redirect",
            rq_rx_reset: "downstream_rq_rx_reset",
            rq_timeout: "downstream_rq_timeout",
            rq_total: "downstream_rq_total",
            rq_ws_on_non_ws_route: "downstream_rq_ws_on_non_ws_route",
            upgrades_total: "downstream_cx_upgrades_total",
        }
        gauges {
            cx_active: "downstream_cx_active",
            rq_active: "downstream_rq_active",
        }
        statuses { statuses: "downstream_rq" by_code false, }
        times { rq_time: "downstream_rq_time", }
    }
}

counters! {
    /// What goes to a virtual host: `vhost.<name>.vcluster.other.…`.
    VirtualHostCounters {
        counters {
            rq_retry: "upstream_rq_retry",
            rq_timeout: "upstream_rq_timeout",
            rq_total: "upstream_rq_total",
        }
        gauges {}
        statuses { statuses: "upstream_rq" by_code true, }
        times { rq_time: "upstream_rq_time", }
    }
}

counters! {
    /// What comes to a listener: `listener.<address>.…`.
    ListenerCounters {
        counters {
            cx_overflow: "downstream_cx_overflow",
            cx_total: "downstream_cx_total",
            no_filter_chain_match: "no_filter_chain_match",
        }
        gauges { cx_active: "downstream_cx_active", }
        statuses {}
        times {}
    }
}

counters! {
    /// What is passed on as it is: `tcp.<prefix>.…`.
    TcpCounters {
        counters {
            cx_no_route: "downstream_cx_no_route",
            cx_total: "downstream_cx_total",
            idle_timeout: "idle_timeout",
            rx_bytes: "downstream_cx_rx_bytes_total",
            tx_bytes: "downstream_cx_tx_bytes_total",
        }
        gauges { cx_active: "downstream_cx_active", }
        statuses {}
        times {}
    }
}
