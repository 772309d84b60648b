//! The service graph: services as nodes, calls as edges, with how they went.
//!
//! A node is a service by its name and what it runs on. A request that nobody here made comes from a node of type
//! `client`; a call to somebody who sent no segment of its own goes to a node that is inferred from the caller's side.
//! What a call cost is told by the caller's step where there is one, since that is what the caller waited for.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Forest, Histogram, Segment};

/// Who calls whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The nodes; an edge names another by its index.
    pub nodes: Vec<Node>,
}

/// A service, or who stands for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it runs on; `client`, `remote` or an AWS service's type if it is inferred.
    pub kind: Option<String>,
    /// Whether clients call it.
    pub root: bool,
    /// Whether it sent segments itself.
    pub active: bool,
    /// How its requests went; none for a client.
    pub statistics: Statistics,
    /// Whom it calls.
    pub edges: Vec<Edge>,
}

/// Calls from one node to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    /// The index of the node that is called.
    pub to: usize,
    /// How the calls went.
    pub statistics: Statistics,
}

/// How requests went, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Those that went well.
    pub ok: u64,
    /// Those that failed by the client's fault, but for those sent away.
    pub error: u64,
    /// Those sent away.
    pub throttle: u64,
    /// Those that failed by the server's fault.
    pub fault: u64,
    /// Seconds they took together.
    pub seconds: f64,
    /// How long they took.
    pub histogram: Histogram,
    /// When the first began and the last ended, in seconds since 1970; none if there was none.
    pub span: Option<(f64, f64)>,
}

impl Statistics {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.ok + self.error + self.throttle + self.fault
    }

    fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.error += other.error;
        self.throttle += other.throttle;
        self.fault += other.fault;
        self.seconds += other.seconds;
        self.histogram.merge(&other.histogram);
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }

    /// Counts a request; one that is in progress took nothing yet, and is not counted.
    pub(super) fn add(&mut self, took: Option<&Took>) {
        let Some(Took { start, end, outcome }) = took else { return };
        let count = match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Error => &mut self.error,
            Outcome::Throttle => &mut self.throttle,
            Outcome::Fault => &mut self.fault,
        };
        *count += 1;
        let seconds = (end - start).max(0.0);
        self.seconds += seconds;
        self.histogram.add(seconds);
        let (first, last) = self.span.unwrap_or((*start, *end));
        self.span = Some((first.min(*start), last.max(*end)));
    }
}

/// How one request went, and from when to when.
#[derive(Clone, Debug)]
pub(super) struct Took {
    start: f64,
    end: f64,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Ok,
    Error,
    Throttle,
    Fault,
}

impl Took {
    /// What a segment tells; none while it is in progress.
    pub(super) fn of(segment: &Segment) -> Option<Self> {
        let outcome = match segment {
            Segment { fault: true, .. } => Outcome::Fault,
            Segment { throttle: true, .. } => Outcome::Throttle,
            Segment { error: true, .. } => Outcome::Error,
            _ => Outcome::Ok,
        };
        Some(Self { start: segment.start, end: segment.end?, outcome })
    }
}

impl Node {
    /// Whether it stands for whoever calls from outside.
    pub(super) fn is_client(&self) -> bool {
        !self.active && self.kind.as_deref() == Some(CLIENT)
    }
}

/// The type of who calls from outside.
const CLIENT: &str = "client";

/// What makes two segments the same node: name and type. The type of what is inferred differs from that of what is
/// not, so `client` and service of one name are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind<'a>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind<'a> {
    /// A service that sent segments, and what it runs on.
    Active(Option<&'a str>),
    /// Whoever calls from outside.
    Client,
    /// Somebody who is called and tells nothing.
    Remote,
    /// A service of AWS that is called.
    Aws,
}

impl<'a> Key<'a> {
    pub(super) fn service(segment: &'a Segment) -> Self {
        Self { name: &segment.name, kind: Kind::Active(segment.origin.as_deref()) }
    }

    pub(super) fn client(of: &'a Segment) -> Self {
        Self { name: &of.name, kind: Kind::Client }
    }

    pub(super) fn inferred(step: &'a Segment) -> Self {
        let aws = step.namespace.as_deref() == Some("aws");
        Self { name: &step.name, kind: if aws { Kind::Aws } else { Kind::Remote } }
    }

    pub(super) fn is_active(&self) -> bool {
        matches!(self.kind, Kind::Active(_))
    }

    /// The type as the API spells it.
    pub(super) fn type_name(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            Kind::Active(origin) => origin.map(Cow::Borrowed),
            Kind::Client => Some(Cow::Borrowed(CLIENT)),
            Kind::Remote => Some(Cow::Borrowed("remote")),
            Kind::Aws => Some(Cow::Owned(format!("AWS::{}", self.name))),
        }
    }

    /// The node, of which nothing is known yet.
    pub(super) fn node(&self) -> Node {
        let kind = self.type_name().map(Cow::into_owned);
        Node { name: self.name.to_owned(), kind, active: self.is_active(), ..Node::default() }
    }

    /// Whether it is that of `node`.
    pub(super) fn is_of(&self, node: &Node) -> bool {
        node.active == self.is_active() && node.name == self.name && node.kind.as_deref() == self.type_name().as_deref()
    }
}

/// What one segment tells of the graph.
pub(super) enum Seen<'a> {
    /// A request to a node.
    Request(Key<'a>, &'a Segment),
    /// A call from one node to another, told by this (sub)segment.
    Call(Key<'a>, Key<'a>, &'a Segment),
}

/// Tells all that is seen in what `counts` among the segments at hand.
pub(super) fn observe<'a>(forest: &Forest<'a>, counts: impl Fn(&Segment) -> bool, mut tell: impl FnMut(Seen<'a>)) {
    observe_by(forest, |counted, seen| {
        if counts(counted) {
            tell(seen);
        }
    });
}

/// Tells all that is seen, and with each the document by whose begin it is counted.
pub(super) fn observe_by<'a>(forest: &Forest<'a>, mut tell: impl FnMut(&'a Segment, Seen<'a>)) {
    for service in forest.services() {
        let to = Key::service(service);
        tell(service, Seen::Request(to, service));
        match forest.caller(service) {
            Some((caller, step)) => {
                let told_by = if step.is_call() { step } else { service };
                tell(service, Seen::Call(Key::service(caller), to, told_by));
            }
            None => tell(service, Seen::Call(Key::client(service), to, service)),
        }
    }
    for (document, caller, step) in forest.open_calls() {
        let to = Key::inferred(step);
        tell(document, Seen::Request(to, step));
        tell(document, Seen::Call(Key::service(caller), to, step));
    }
}

impl Graph {
    /// The graph of what `counts` among the segments at hand.
    pub(super) fn of(forest: &Forest<'_>, counts: impl Fn(&Segment) -> bool) -> Self {
        let mut builder = Builder::default();
        observe(forest, counts, |seen| builder.add(&seen));
        builder.finish()
    }

    /// One graph of all that `graphs` tell.
    pub(super) fn merged<'g>(graphs: impl Iterator<Item = &'g Self>) -> Self {
        let mut nodes: BTreeMap<(&str, Option<&str>, bool), Node> = BTreeMap::new();
        let mut edges: BTreeMap<_, Statistics> = BTreeMap::new();
        let key = |node: &'g Node| (node.name.as_str(), node.kind.as_deref(), node.active);
        for graph in graphs {
            for node in &graph.nodes {
                let merged = nodes.entry(key(node)).or_insert_with(|| Node {
                    statistics: Statistics::default(),
                    edges: Vec::new(),
                    ..node.clone()
                });
                merged.root |= node.root;
                merged.statistics.merge(&node.statistics);
                for edge in &node.edges {
                    let to = key(&graph.nodes[edge.to]);
                    edges.entry((key(node), to)).or_default().merge(&edge.statistics);
                }
            }
        }
        let number: BTreeMap<_, usize> = nodes.keys().copied().zip(0..).collect();
        let mut nodes: Vec<_> = nodes.into_values().collect();
        for ((from, to), statistics) in edges {
            nodes[number[&from]].edges.push(Edge { to: number[&to], statistics });
        }
        Self { nodes }
    }
}

#[derive(Default)]
struct Builder<'a> {
    nodes: BTreeMap<Key<'a>, Node>,
    edges: BTreeMap<(Key<'a>, Key<'a>), Statistics>,
}

impl<'a> Builder<'a> {
    fn add(&mut self, seen: &Seen<'a>) {
        match seen {
            Seen::Request(key, segment) => self.node(*key).statistics.add(Took::of(segment).as_ref()),
            Seen::Call(from, to, told_by) => {
                self.node(*from);
                let called = self.node(*to);
                called.root |= from.kind == Kind::Client;
                self.edges.entry((*from, *to)).or_default().add(Took::of(told_by).as_ref());
            }
        }
    }

    fn node(&mut self, key: Key<'a>) -> &mut Node {
        self.nodes.entry(key).or_insert_with(|| key.node())
    }

    fn finish(self) -> Graph {
        let number: BTreeMap<Key<'_>, usize> = self.nodes.keys().copied().zip(0..).collect();
        let mut nodes: Vec<Node> = self.nodes.into_values().collect();
        for ((from, to), statistics) in self.edges {
            nodes[number[&from]].edges.push(Edge { to: number[&to], statistics });
        }
        Graph { nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::tellings::Tellings;

    /// What the article's gateway and its two APIs send for one request, as their SDK spells it.
    fn request(number: u64, version: &str, outcome: &str) -> Vec<Segment> {
        let trace = "1-6553f100-0123456789abcdef01234567";
        let (gateway, call, api, proxy) = (number * 4, number * 4 + 1, number * 4 + 2, number * 4 + 3);
        [
            format!(
                r#"{{"name":"gateway_todo","id":"{gateway:016x}","trace_id":"{trace}","start_time":100.0,
                     "end_time":100.04,"http":{{"request":{{"url":"gateway.flask.sample"}}}},
                     "subsegments":[{{"name":"api.flask.sample","id":"{call:016x}","start_time":100.01,
                                      "end_time":100.03,"namespace":"remote"}}]}}"#
            ),
            format!(
                r#"{{"name":"api_{version}_todo","id":"{api:016x}","trace_id":"{trace}","parent_id":"{gateway:016x}",
                     "start_time":100.02,"end_time":100.025{outcome}}}"#
            ),
            format!(
                r#"{{"name":"flask-mesh/gateway-vn","id":"{proxy:016x}","trace_id":"{trace}","parent_id":"{call:016x}",
                     "origin":"AWS::AppMesh::Proxy","start_time":100.012,"end_time":100.028,
                     "http":{{"response":{{"status":200}}}},
                     "aws":{{"app_mesh":{{"mesh_name":"flask-mesh","virtual_node_name":"gateway-vn"}}}}}}"#
            ),
        ]
        .iter()
        .map(|document| Segment::parse(document).unwrap())
        .collect()
    }

    fn graph(segments: &[Segment]) -> Graph {
        Graph::of(&Forest::new(segments), |_| true)
    }

    /// `from -> to: total`, one line each.
    fn edges(graph: &Graph) -> Vec<String> {
        let name =
            |node: &Node| node.kind.as_deref().map_or(node.name.clone(), |kind| format!("{}({kind})", node.name));
        let lines = graph.nodes.iter().flat_map(|node| node.edges.iter().map(move |edge| (node, edge)));
        lines
            .map(|(node, edge)| {
                format!("{} -> {}: {}", name(node), name(&graph.nodes[edge.to]), edge.statistics.total())
            })
            .collect()
    }

    #[test]
    fn the_article_shows_client_gateway_and_both_versions() {
        let mut segments = Vec::new();
        for number in 0..3 {
            segments.extend(request(number, if number < 2 { "1" } else { "2" }, ""));
        }
        let graph = graph(&segments);
        assert_eq!(
            edges(&graph),
            [
                "gateway_todo -> api_1_todo: 2",
                "gateway_todo -> api_2_todo: 1",
                "gateway_todo -> flask-mesh/gateway-vn(AWS::AppMesh::Proxy): 3",
                "gateway_todo(client) -> gateway_todo: 3",
            ]
        );
        let gateway = graph.nodes.iter().find(|node| node.name == "gateway_todo" && node.kind.is_none()).unwrap();
        assert!(gateway.root && gateway.active);
        assert_eq!((gateway.statistics.total(), gateway.statistics.ok), (3, 3));
        assert!((gateway.statistics.seconds - 0.12).abs() < 1e-6);
        let proxied = gateway.edges.last().unwrap();
        assert!((proxied.statistics.seconds - 0.06).abs() < 1e-6, "what the caller waited for");
    }

    #[test]
    fn each_failure_is_counted_as_what_it_is() {
        let mut segments = Vec::new();
        for (number, outcome) in
            (0..).zip(["", r#","error":true"#, r#","error":true,"throttle":true"#, r#","fault":true"#])
        {
            segments.extend(request(number, "1", outcome));
        }
        let graph = graph(&segments);
        let Statistics { ok, error, throttle, fault, .. } =
            &graph.nodes.iter().find(|node| node.name == "api_1_todo").unwrap().statistics;
        assert_eq!((ok, error, throttle, fault), (&1, &1, &1, &1));
    }

    #[test]
    fn whoever_sends_no_segment_is_inferred_from_the_call() {
        let segments: Vec<_> = request(0, "1", "").into_iter().take(1).collect();
        let graph = graph(&segments);
        assert_eq!(
            edges(&graph),
            ["gateway_todo -> api.flask.sample(remote): 1", "gateway_todo(client) -> gateway_todo: 1"]
        );
        assert!(!graph.nodes.iter().find(|node| node.name == "api.flask.sample").unwrap().active);
    }

    #[test]
    fn a_step_that_was_sent_by_itself_is_part_of_its_segment() {
        let trace = "1-6553f100-0123456789abcdef01234567";
        let documents = [
            format!(r#"{{"name":"web","id":"000000000000000a","trace_id":"{trace}","start_time":1.0,"end_time":2.0}}"#),
            format!(
                r#"{{"name":"DynamoDB","id":"000000000000000b","trace_id":"{trace}","type":"subsegment",
                     "parent_id":"000000000000000a","namespace":"aws","start_time":1.1,"end_time":1.2}}"#
            ),
        ];
        let segments: Vec<_> = documents.iter().map(|document| Segment::parse(document).unwrap()).collect();
        assert_eq!(edges(&graph(&segments)), ["web -> DynamoDB(AWS::DynamoDB): 1", "web(client) -> web: 1"]);
    }

    #[test]
    fn minutes_put_together_are_the_whole() {
        let mut segments = Vec::new();
        for number in 0..20 {
            let version = if number % 3 == 0 { "2" } else { "1" };
            segments.extend(
                request(number, version, if number % 4 == 0 { r#","fault":true"# } else { "" }).into_iter().map(
                    |mut segment| {
                        #[expect(clippy::cast_precision_loss, reason = "twenty")]
                        let later = number as f64 * 17.0;
                        segment.trace_id = format!("1-6553f100-{number:024x}");
                        segment.start += later;
                        segment.end = segment.end.map(|end| end + later);
                        segment
                    },
                ),
            );
        }
        let minutes: Vec<_> = Tellings::of(segments.clone(), &(0..=100)).values().map(Tellings::graph).collect();
        assert!(minutes.len() > 4);
        let (merged, whole) = (Graph::merged(minutes.iter()), graph(&segments));
        assert_eq!(edges(&merged), edges(&whole));
        for (one, other) in merged.nodes.iter().zip(&whole.nodes) {
            assert_eq!(
                (one.statistics.fault, &one.statistics.histogram),
                (other.statistics.fault, &other.statistics.histogram)
            );
            assert_eq!((one.statistics.span, one.root), (other.statistics.span, other.root));
        }
    }

    #[test]
    fn circles_end() {
        let trace = "1-6553f100-0123456789abcdef01234567";
        let step = |id: &str, parent: &str| {
            let document = format!(
                r#"{{"name":"n","id":"{id}","trace_id":"{trace}","type":"subsegment","parent_id":"{parent}",
                     "start_time":1.0,"end_time":2.0}}"#
            );
            Segment::parse(&document).unwrap()
        };
        let (a, b) = ("000000000000000a", "000000000000000b");
        assert!(graph(&[step(a, b), step(b, a)]).nodes.len() <= 2);
    }

    #[test]
    fn only_what_counts_is_counted_but_all_are_callers() {
        let segments = request(0, "1", "");
        let graph = Graph::of(&Forest::new(&segments), |segment| segment.name == "api_1_todo");
        assert_eq!(edges(&graph), ["gateway_todo -> api_1_todo: 1"]);
    }
}
