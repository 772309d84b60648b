//! What the traces of one minute tell of the service graph, kept trace by trace: where something comes in, its trace
//! alone is read and told anew, and the graph is summed up from what all of them told.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use super::{
    Edge, Forest, Graph, Node, Segment, Statistics,
    graph::{Key, Seen, Took, observe_by},
    minutes::{AFTER, BEFORE, minute_of},
};

/// What the traces of a minute tell.
#[derive(Debug, Default)]
pub(super) struct Tellings {
    numbers: Numbers,
    /// In the order of the traces, so that sums come out the same however they came about.
    by_trace: BTreeMap<String, Box<[Telling]>>,
    count: usize,
}

/// A request to a node, or a call from one to another.
#[derive(Debug)]
struct Telling {
    from: Option<u32>,
    to: u32,
    /// None while it is in progress: who takes part is known, and not how it went.
    took: Option<Took>,
}

impl Tellings {
    /// How many there are, over all traces.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether `trace` tells anything.
    pub(super) fn have(&self, trace: &str) -> bool {
        self.by_trace.contains_key(trace)
    }

    /// Tells anew what `documents` do: those of `trace` that begin near `minute`, in the order of their begins.
    pub(super) fn tell(&mut self, minute: i64, trace: &str, documents: &[Segment]) {
        let gone = self.by_trace.remove(trace);
        self.count -= gone.map_or(0, |gone| gone.len());
        let near = near(documents, minute);
        let is_told = |document: &Segment| minute_of(document.begun_millis()) == minute;
        if !near.iter().any(is_told) {
            return;
        }
        let mut told = Vec::new();
        observe_by(&Forest::new(near), |document, seen| {
            if is_told(document) {
                told.push(self.numbers.telling(&seen));
            }
        });
        self.count += told.len();
        self.by_trace.insert(trace.to_owned(), told.into());
    }

    /// What `segments`, of any traces and in the order of their begins, tell of each of `minutes`; those in which none
    /// begins are left out.
    pub(super) fn of(mut segments: Vec<Segment>, minutes: &RangeInclusive<i64>) -> BTreeMap<i64, Self> {
        segments.sort_by_cached_key(|segment| segment.trace_id.clone());
        let mut found: BTreeMap<i64, Self> = BTreeMap::new();
        for trace in segments.chunk_by(|one, other| one.trace_id == other.trace_id) {
            let mut begun: Vec<_> = trace.iter().map(|segment| minute_of(segment.begun_millis())).collect();
            begun.dedup();
            for minute in begun.into_iter().filter(|minute| minutes.contains(minute)) {
                found.entry(minute).or_default().tell(minute, &trace[0].trace_id, trace);
            }
        }
        found
    }

    /// The graph of all that is told. Its nodes are in no order: [`Graph::merged`] gives them one.
    pub(super) fn graph(&self) -> Graph {
        let nodes = &self.numbers.nodes;
        let (mut requests, mut calls) = (vec![None; nodes.len()], BTreeMap::<_, Statistics>::new());
        for telling in self.by_trace.values().flatten() {
            let called: &mut Statistics = requests[index(telling.to)].get_or_insert_default();
            let Some(from) = telling.from else {
                called.add(telling.took.as_ref());
                continue;
            };
            requests[index(from)].get_or_insert_default();
            calls.entry((from, telling.to)).or_default().add(telling.took.as_ref());
        }
        // Who is told of no longer has a number still, and no place in the graph.
        let mut graph = Graph::default();
        let mut place = vec![0; nodes.len()];
        for (number, statistics) in requests.into_iter().enumerate() {
            let Some(statistics) = statistics else { continue };
            place[number] = graph.nodes.len();
            graph.nodes.push(Node { statistics, ..nodes[number].clone() });
        }
        for ((from, to), statistics) in calls {
            let (from, to) = (place[index(from)], place[index(to)]);
            graph.nodes[to].root |= graph.nodes[from].is_client();
            graph.nodes[from].edges.push(Edge { to, statistics });
        }
        graph
    }
}

/// Those of `documents` among which callers are looked for, where something begins in `minute`.
fn near(documents: &[Segment], minute: i64) -> &[Segment] {
    let before = |bound: i64| documents.partition_point(|document| minute_of(document.begun_millis()) < bound);
    &documents[before(minute - BEFORE)..before(minute + AFTER + 1)]
}

/// Nodes by number: tellings are many, and hold no names.
#[derive(Debug, Default)]
struct Numbers {
    nodes: Vec<Node>,
    by_name: HashMap<String, Vec<u32>>,
}

impl Numbers {
    fn telling(&mut self, seen: &Seen<'_>) -> Telling {
        match seen {
            Seen::Request(to, segment) => Telling { from: None, to: self.number(to), took: Took::of(segment) },
            Seen::Call(from, to, told_by) => {
                Telling { from: Some(self.number(from)), to: self.number(to), took: Took::of(told_by) }
            }
        }
    }

    fn number(&mut self, key: &Key<'_>) -> u32 {
        let known = self.by_name.get(key.name).into_iter().flatten();
        if let Some(number) = known.copied().find(|number| key.is_of(&self.nodes[index(*number)])) {
            return number;
        }
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(key.node());
        self.by_name.entry(key.name.to_owned()).or_default().push(number);
        number
    }
}

/// Numbers are as small as they can be, and index vectors.
fn index(number: u32) -> usize {
    number as usize
}
