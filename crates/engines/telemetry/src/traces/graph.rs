//! The service graph: services as nodes, calls as edges, with how they went.
//!
//! A node is a service by its name and what it runs on. A request that nobody here made comes from a node of type
//! `client`; a call to somebody who sent no segment of its own goes to a node that is inferred from the caller's side.
//! What a call cost is told by the caller's step where there is one, since that is what the caller waited for.

use std::collections::BTreeMap;

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

    fn add(&mut self, segment: &Segment) {
        let (Some(seconds), Some(end)) = (segment.duration(), segment.end) else { return };
        let count = match segment {
            Segment { fault: true, .. } => &mut self.fault,
            Segment { throttle: true, .. } => &mut self.throttle,
            Segment { error: true, .. } => &mut self.error,
            _ => &mut self.ok,
        };
        *count += 1;
        self.seconds += seconds;
        self.histogram.add(seconds);
        let (first, last) = self.span.unwrap_or((segment.start, end));
        self.span = Some((first.min(segment.start), last.max(end)));
    }
}

/// What makes two segments the same node: name and type. The type of what is inferred differs from that of what is
/// not, so `client` and service of one name are two.
type Key = (String, Option<String>);

#[derive(Default)]
struct Builder {
    nodes: BTreeMap<Key, Node>,
    edges: BTreeMap<(Key, Key), Statistics>,
}

impl Graph {
    /// The graph of what `counts` among the segments at hand.
    pub(super) fn of(forest: &Forest<'_>, counts: impl Fn(&Segment) -> bool) -> Self {
        let mut builder = Builder::default();
        for service in forest.services().filter(|service| counts(service)) {
            let to = builder.service(service);
            match forest.caller(service) {
                Some((caller, step)) => {
                    let from = builder.caller(caller);
                    builder.edge(from, to, if step.is_call() { step } else { service });
                }
                None => builder.client(to, service),
            }
        }
        for (caller, step) in forest.open_calls().filter(|(_, step)| counts(step)) {
            let (from, to) = (builder.caller(caller), builder.inferred(step));
            builder.edge(from, to, step);
        }
        builder.finish()
    }
}

impl Builder {
    fn node(&mut self, key: &Key) -> &mut Node {
        self.nodes.entry(key.clone()).or_insert_with(|| Node {
            name: key.0.clone(),
            kind: key.1.clone(),
            ..Node::default()
        })
    }

    fn service(&mut self, segment: &Segment) -> Key {
        let key = self.caller(segment);
        self.node(&key).statistics.add(segment);
        key
    }

    /// The node of a service that is there as a caller, its own request counted or not.
    fn caller(&mut self, segment: &Segment) -> Key {
        let key = (segment.name.clone(), segment.origin.clone());
        self.node(&key).active = true;
        key
    }

    fn client(&mut self, to: Key, segment: &Segment) {
        self.node(&to).root = true;
        let from = (segment.name.clone(), Some("client".to_owned()));
        self.node(&from);
        self.edge(from, to, segment);
    }

    fn inferred(&mut self, step: &Segment) -> Key {
        let aws = step.namespace.as_deref() == Some("aws");
        let kind = if aws { format!("AWS::{}", step.name) } else { "remote".to_owned() };
        let key = (step.name.clone(), Some(kind));
        self.node(&key).statistics.add(step);
        key
    }

    fn edge(&mut self, from: Key, to: Key, told_by: &Segment) {
        self.edges.entry((from, to)).or_default().add(told_by);
    }

    fn finish(self) -> Graph {
        let number: BTreeMap<Key, usize> = self.nodes.keys().cloned().zip(0..).collect();
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
