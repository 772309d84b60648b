//! Where all counters are found.
//!
//! Cores ask for theirs when configuration changes; the admin page asks for all of them. A name keeps its counters as
//! long as the process lives, so that a cluster that goes and comes back counts on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    ClusterCounters, HttpCounters, ListenerCounters, OutlierCounters, PerCore, SpanCounters, TcpCounters, TlsCounters,
    VirtualHostCounters,
    group::{Metric, Value},
};

/// One kind of counters, by name.
type Named<T> = Mutex<BTreeMap<String, Arc<PerCore<T>>>>;

/// All counters of a data plane.
#[derive(Default)]
pub(crate) struct Registry {
    clusters: Named<ClusterCounters>,
    managers: Named<HttpCounters>,
    virtual_hosts: Named<VirtualHostCounters>,
    listeners: Named<ListenerCounters>,
    tcp: Named<TcpCounters>,
    tls_listeners: Named<TlsCounters>,
    tls_clusters: Named<TlsCounters>,
    health: Mutex<BTreeMap<String, Arc<HealthCounters>>>,
    outliers: Mutex<BTreeMap<String, Arc<OutlierCounters>>>,
    spans: OnceLock<Arc<SpanCounters>>,
    /// What came by xDS.
    pub(crate) config: ConfigCounters,
}

/// What health checks of a cluster saw: `cluster.<name>.health_check.…`, and how many endpoints it has.
#[derive(Debug, Default)]
pub(crate) struct HealthCounters {
    pub(crate) attempt: AtomicU64,
    pub(crate) success: AtomicU64,
    pub(crate) failure: AtomicU64,
    pub(crate) membership_total: AtomicU64,
    pub(crate) membership_healthy: AtomicU64,
    pub(crate) membership_change: AtomicU64,
    pub(crate) update_success: AtomicU64,
    pub(crate) update_failure: AtomicU64,
    /// Whether limits are reached: of connections, requests, waiting requests and retries.
    pub(crate) cx_open: AtomicU64,
    pub(crate) rq_open: AtomicU64,
    pub(crate) rq_pending_open: AtomicU64,
    pub(crate) rq_retry_open: AtomicU64,
}

/// What came by xDS.
#[derive(Debug, Default)]
pub(crate) struct ConfigCounters {
    /// Whether the control plane is connected.
    pub(crate) connected: AtomicU64,
    /// Accepted and rejected updates of clusters, endpoints, secrets, listeners and routes.
    pub(crate) updates: [(AtomicU64, AtomicU64); 5],
}

/// What the admin page says of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerFacts {
    pub(crate) live: bool,
    /// Envoy's number for its state: 0 live, 1 draining, 2 pre-initializing, 3 initializing.
    pub(crate) state: i64,
    pub(crate) uptime_seconds: i64,
    pub(crate) concurrency: i64,
}

/// The numbers of one thing.
pub(crate) struct Group {
    /// Before the metric's name in text: `cluster.api`.
    pub(crate) path: String,
    /// Before the metric's name in Prometheus: `envoy_cluster`.
    pub(crate) family: &'static str,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) metrics: Vec<Metric>,
}

fn named<T: Default>(kind: &Named<T>, name: &str) -> Arc<PerCore<T>> {
    let mut kind = kind.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(kind.entry(name.to_owned()).or_default())
}

fn groups<T>(
    kind: &Named<T>,
    metrics: impl Fn(&PerCore<T>) -> Vec<Metric>,
    group: impl Fn(&str, Vec<Metric>) -> Group,
) -> Vec<Group> {
    let kind = kind.lock().unwrap_or_else(PoisonError::into_inner);
    kind.iter().map(|(name, sets)| group(&name.replace(':', "_"), metrics(sets))).collect()
}

/// The labels of a prefix. Those of nodes with several listeners, `ingress.http.3000`, say which one it is about: App
/// Mesh's dashboards know that by tags of its own.
fn prefix_labels(label: &'static str, name: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["ingress", protocol, port] => vec![
            ("appmesh_listener_port", port.to_owned()),
            ("appmesh_listener_protocol", protocol.to_owned()),
            (label, "ingress".to_owned()),
        ],
        _ => vec![(label, name.to_owned())],
    }
}

impl Registry {
    pub(crate) fn cluster(&self, name: &str) -> Arc<PerCore<ClusterCounters>> {
        named(&self.clusters, name)
    }

    /// The counters of all clusters whose name `is_wanted`.
    pub(crate) fn clusters(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Arc<PerCore<ClusterCounters>>> {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters.iter().filter(|(name, _)| is_wanted(name)).map(|(_, sets)| Arc::clone(sets)).collect()
    }

    pub(crate) fn manager(&self, stat_prefix: &str) -> Arc<PerCore<HttpCounters>> {
        named(&self.managers, stat_prefix)
    }

    pub(crate) fn virtual_host(&self, name: &str) -> Arc<PerCore<VirtualHostCounters>> {
        named(&self.virtual_hosts, name)
    }

    pub(crate) fn listener(&self, address: &str) -> Arc<PerCore<ListenerCounters>> {
        named(&self.listeners, address)
    }

    pub(crate) fn tcp(&self, stat_prefix: &str) -> Arc<PerCore<TcpCounters>> {
        named(&self.tcp, stat_prefix)
    }

    /// Of handshakes with clients.
    pub(crate) fn tls_listener(&self, address: &str) -> Arc<PerCore<TlsCounters>> {
        named(&self.tls_listeners, address)
    }

    /// Of handshakes with servers.
    pub(crate) fn tls_cluster(&self, name: &str) -> Arc<PerCore<TlsCounters>> {
        named(&self.tls_clusters, name)
    }

    pub(crate) fn health(&self, cluster: &str) -> Arc<HealthCounters> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(health.entry(cluster.to_owned()).or_default())
    }

    pub(crate) fn outliers(&self, cluster: &str) -> Arc<OutlierCounters> {
        let mut outliers = self.outliers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(outliers.entry(cluster.to_owned()).or_default())
    }

    /// Those of the tracer, which there is one of.
    pub(crate) fn spans(&self) -> Arc<SpanCounters> {
        Arc::clone(self.spans.get_or_init(Arc::default))
    }

    /// Requests and passed-on connections that are under way.
    pub(crate) fn in_flight(&self) -> i64 {
        let managers = self.managers.lock().unwrap_or_else(PoisonError::into_inner);
        let tcp = self.tcp.lock().unwrap_or_else(PoisonError::into_inner);
        let requests: i64 = managers.values().map(|sets| sets.level(|set| &set.rq_active)).sum();
        requests + tcp.values().map(|sets| sets.level(|set| &set.cx_active)).sum::<i64>()
    }

    /// Requests and passed-on connections there ever were.
    pub(crate) fn seen(&self) -> u64 {
        let managers = self.managers.lock().unwrap_or_else(PoisonError::into_inner);
        let tcp = self.tcp.lock().unwrap_or_else(PoisonError::into_inner);
        let requests: u64 = managers.values().map(|sets| sets.sum(|set| &set.rq_total)).sum();
        requests + tcp.values().map(|sets| sets.sum(|set| &set.cx_total)).sum::<u64>()
    }

    /// All numbers.
    pub(crate) fn groups(&self, server: ServerFacts) -> Vec<Group> {
        let label = |name: &'static str, value: &str| vec![(name, value.to_owned())];
        let mut all = groups(&self.clusters, ClusterCounters::metrics, |name, metrics| Group {
            path: format!("cluster.{name}"),
            family: "envoy_cluster",
            labels: label("envoy_cluster_name", name),
            metrics,
        });
        all.extend(groups(&self.managers, HttpCounters::metrics, |name, metrics| Group {
            path: format!("http.{name}"),
            family: "envoy_http",
            labels: prefix_labels("envoy_http_conn_manager_prefix", name),
            metrics,
        }));
        all.extend(groups(&self.virtual_hosts, VirtualHostCounters::metrics, |name, metrics| Group {
            path: format!("vhost.{name}.vcluster.other"),
            family: "envoy_vhost_vcluster",
            labels: vec![("envoy_virtual_host", name.to_owned()), ("envoy_virtual_cluster", "other".to_owned())],
            metrics,
        }));
        all.extend(groups(&self.listeners, ListenerCounters::metrics, |name, metrics| Group {
            path: format!("listener.{name}"),
            family: "envoy_listener",
            labels: label("envoy_listener_address", name),
            metrics,
        }));
        all.extend(groups(&self.tcp, TcpCounters::metrics, |name, metrics| Group {
            path: format!("tcp.{name}"),
            family: "envoy_tcp",
            labels: prefix_labels("envoy_tcp_prefix", name),
            metrics,
        }));
        all.extend(groups(&self.tls_listeners, TlsCounters::metrics, |name, metrics| Group {
            path: format!("listener.{name}"),
            family: "envoy_listener",
            labels: label("envoy_listener_address", name),
            metrics,
        }));
        all.extend(groups(&self.tls_clusters, TlsCounters::metrics, |name, metrics| Group {
            path: format!("cluster.{name}"),
            family: "envoy_cluster",
            labels: label("envoy_cluster_name", name),
            metrics,
        }));
        all.extend(self.health_groups());
        all.extend(self.spans.get().map(|spans| spans.group()));
        all.extend(self.config.groups());
        all.push(server.group());
        all
    }

    fn health_groups(&self) -> Vec<Group> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let group = |(name, counters): (&String, &Arc<HealthCounters>)| Group {
            path: format!("cluster.{}", name.replace(':', "_")),
            family: "envoy_cluster",
            labels: vec![("envoy_cluster_name", name.replace(':', "_"))],
            metrics: counters.metrics(),
        };
        let outliers = self.outliers.lock().unwrap_or_else(PoisonError::into_inner);
        let outlier = |(name, counters): (&String, &Arc<OutlierCounters>)| Group {
            path: format!("cluster.{}", name.replace(':', "_")),
            family: "envoy_cluster",
            labels: vec![("envoy_cluster_name", name.replace(':', "_"))],
            metrics: counters.metrics(),
        };
        health.iter().map(group).chain(outliers.iter().map(outlier)).collect()
    }
}

impl HealthCounters {
    fn metrics(&self) -> Vec<Metric> {
        let counter = |counter: &AtomicU64| Value::Counter(counter.load(Relaxed));
        let gauge = |gauge: &AtomicU64| Value::Gauge(i64::try_from(gauge.load(Relaxed)).unwrap_or(i64::MAX));
        vec![
            ("circuit_breakers.default.cx_open", gauge(&self.cx_open)),
            ("circuit_breakers.default.rq_open", gauge(&self.rq_open)),
            ("circuit_breakers.default.rq_pending_open", gauge(&self.rq_pending_open)),
            ("circuit_breakers.default.rq_retry_open", gauge(&self.rq_retry_open)),
            ("health_check.attempt", counter(&self.attempt)),
            ("health_check.failure", counter(&self.failure)),
            ("health_check.success", counter(&self.success)),
            ("membership_change", counter(&self.membership_change)),
            ("update_failure", counter(&self.update_failure)),
            ("update_success", counter(&self.update_success)),
            ("membership_healthy", gauge(&self.membership_healthy)),
            ("membership_total", gauge(&self.membership_total)),
        ]
    }
}

impl ConfigCounters {
    /// Counts that a response was accepted.
    pub(crate) fn accepted(&self, kind: usize) {
        self.updates[kind].0.fetch_add(1, Relaxed);
    }

    /// Counts that a response was refused.
    pub(crate) fn refused(&self, kind: usize) {
        self.updates[kind].1.fetch_add(1, Relaxed);
    }

    fn groups(&self) -> Vec<Group> {
        const KINDS: [(&str, &str); 5] = [
            ("cluster_manager.cds", "envoy_cluster_manager_cds"),
            ("cluster_manager.eds", "envoy_cluster_manager_eds"),
            ("sds", "envoy_sds"),
            ("listener_manager.lds", "envoy_listener_manager_lds"),
            ("http.rds", "envoy_http_rds"),
        ];
        let connected = i64::try_from(self.connected.load(Relaxed)).unwrap_or(0);
        let control = Group {
            path: "control_plane".to_owned(),
            family: "envoy_control_plane",
            labels: Vec::new(),
            metrics: vec![("connected_state", Value::Gauge(connected))],
        };
        let kinds = KINDS.iter().zip(&self.updates).map(|((path, family), (accepted, rejected))| Group {
            path: (*path).to_owned(),
            family,
            labels: Vec::new(),
            metrics: vec![
                ("update_rejected", Value::Counter(rejected.load(Relaxed))),
                ("update_success", Value::Counter(accepted.load(Relaxed))),
            ],
        });
        kinds.chain([control]).collect()
    }
}

impl ServerFacts {
    fn group(self) -> Group {
        let metrics = vec![
            ("concurrency", Value::Gauge(self.concurrency)),
            ("live", Value::Gauge(i64::from(self.live))),
            ("state", Value::Gauge(self.state)),
            ("uptime", Value::Gauge(self.uptime_seconds)),
        ];
        Group { path: "server".to_owned(), family: "envoy_server", labels: Vec::new(), metrics }
    }
}
