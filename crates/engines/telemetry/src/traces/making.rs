//! How graphs of minutes are made of documents, and mended where some came in since.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
};

use names::Scope;
use rusqlite::params;

use super::{
    Graph, OF_TRACE, Segment, Span, Traces,
    minutes::{MINUTE_MILLIS, minute_of},
    tellings::Tellings,
};
use crate::Error;

/// Minutes of which graphs are made at once.
const MINUTES_AT_ONCE: i64 = 10;

impl Traces {
    /// The graph of the whole minutes in `span`.
    pub(super) fn graph_of_minutes(&self, scope: &Scope, span: Span) -> Result<Graph, Error> {
        let (mut graphs, last) = (Vec::new(), minute_of(span.end.as_millis()));
        let mut minute = minute_of(span.start.as_millis());
        // Minutes without segments are stepped over, be they millions: clocks disagree.
        while let Some(next) = self.next_minute(scope, minute)?.filter(|next| *next <= last) {
            let (through, made) = self.from_minute(scope, next, last)?;
            graphs.extend(made);
            minute = through + 1;
        }
        Ok(Graph::merged(graphs.iter().map(Arc::as_ref)))
    }

    /// The first minute, from `minute` on, in which a segment begins.
    fn next_minute(&self, scope: &Scope, minute: i64) -> Result<Option<i64>, Error> {
        let sql = "SELECT min(begun) FROM segment WHERE scope = ?1 AND begun >= ?2";
        let bounds = params![scope.to_string(), minute.saturating_mul(MINUTE_MILLIS)];
        let begun: Option<i64> = self.0.reader().prepare_cached(sql)?.query_row(bounds, |row| row.get(0))?;
        Ok(begun.map(minute_of))
    }

    /// The graphs of some minutes from `minute` on, none after `last`; and the last minute that they are of.
    fn from_minute(&self, scope: &Scope, minute: i64, last: i64) -> Result<(i64, Vec<Arc<Graph>>), Error> {
        let (minutes, name) = (self.0.minutes(), scope.to_string());
        if let Some(graph) = minutes.get(&name, minute) {
            return Ok((minute, vec![graph]));
        }
        let _maker = minutes.maker();
        if let Some(graph) = minutes.get(&name, minute) {
            return Ok((minute, vec![graph]));
        }
        let (range, told) = if let Some((tellings, changed)) = minutes.take(&name, minute) {
            (minute..=minute, self.retell(scope, minute, tellings, &changed))
        } else {
            let range = minutes.begin(&name, minute..=last.min(minute.saturating_add(MINUTES_AT_ONCE - 1)));
            (range.clone(), self.tell(scope, &range))
        };
        let told = told.inspect_err(|_| minutes.finish(&name, range.clone(), Vec::new()))?;
        let made = told.into_iter().map(|(minute, tellings)| {
            let graph = Arc::new(tellings.graph());
            (minute, tellings, graph)
        });
        let made: Vec<_> = made.collect();
        let (last, graphs) = (*range.end(), made.iter().map(|(_, _, graph)| graph.clone()).collect());
        minutes.finish(&name, range, made);
        Ok((last, graphs))
    }

    /// What all traces tell of `minutes`.
    fn tell(&self, scope: &Scope, minutes: &RangeInclusive<i64>) -> Result<BTreeMap<i64, Tellings>, Error> {
        Ok(Tellings::of(self.within(scope, Span::from_minutes(minutes))?, minutes))
    }

    /// Has those of the traces of a minute that have changed tell anew.
    fn retell(
        &self,
        scope: &Scope,
        minute: i64,
        mut tellings: Tellings,
        changed: &BTreeSet<String>,
    ) -> Result<BTreeMap<i64, Tellings>, Error> {
        let (start, end) = Span::from_minutes(&(minute..=minute)).with_callers();
        let (reader, scope) = (self.0.reader(), scope.to_string());
        let mut statement = reader.prepare_cached(OF_TRACE)?;
        for trace in changed {
            let rows = statement.query_map(params![scope, trace, start, end], |row| row.get::<_, String>(1))?;
            let documents = rows.collect::<Result<Vec<_>, _>>()?;
            let segments: Vec<_> = documents.iter().filter_map(|document| Segment::parse(document).ok()).collect();
            tellings.tell(minute, trace, &segments);
        }
        Ok(BTreeMap::from([(minute, tellings)]))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use names::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, Telemetry, traces::Filter};

    /// A minute to which all begins are near.
    const NOON: i64 = 28_333_333;
    const TRACES: u32 = 6;

    /// A document of any of a few traces and services: called by another, or by one that is not there; finished or not;
    /// with a call to somebody who may be silent.
    #[derive(Clone, Debug)]
    struct Written {
        trace: u32,
        id: u8,
        parent: u8,
        second: u16,
        took: Option<u8>,
        is_step: bool,
        calls: Option<u8>,
        fault: bool,
    }

    impl Written {
        fn document(&self) -> String {
            let start = NOON * 60 + i64::from(self.second);
            let end =
                self.took.map_or(r#""in_progress":true"#.to_owned(), |took| format!(r#""end_time":{start}.{took:03}"#));
            let step = if self.is_step { r#""type":"subsegment","namespace":"remote","# } else { "" };
            let calls = self.calls.map_or(String::new(), |id| {
                format!(
                    r#","subsegments":[{{"name":"callee-{}","id":"{:016x}","start_time":{start}.0,"end_time":{start}.5,
                         "namespace":"remote"}}]"#,
                    id % 3,
                    id
                )
            });
            format!(
                r#"{{"name":"service-{}","id":"{:016x}","trace_id":"{}","parent_id":"{:016x}",{step}"start_time":{start}.0,
                     {end},"fault":{}{calls}}}"#,
                self.id % 4,
                self.id,
                trace(self.trace),
                self.parent,
                self.fault
            )
        }
    }

    fn trace(number: u32) -> String {
        format!("1-6553f100-{number:024x}")
    }

    fn written() -> impl Strategy<Value = Written> {
        let (ids, seconds) = (0..12_u8, 0..480_u16);
        let ends = (proptest::option::of(any::<u8>()), any::<bool>(), proptest::option::of(0..24_u8), any::<bool>());
        (0..TRACES, ids.clone(), ids, seconds, ends).prop_map(|(trace, id, parent, second, ends)| {
            let (took, is_step, calls, fault) = ends;
            Written { trace, id, parent, second, took, is_step, calls, fault }
        })
    }

    fn graph(telemetry: &Telemetry) -> Graph {
        let bound = |minute: i64| Timestamp::from_millis(minute * MINUTE_MILLIS);
        let span = Span { start: bound(NOON - 5), end: bound(NOON + 15) };
        telemetry.traces().graph(&Scope::default(), span, &Filter::parse("").unwrap()).unwrap()
    }

    fn forget_all(telemetry: &Telemetry) {
        telemetry.minutes().forget(&Scope::default().to_string(), &(NOON - 5..NOON + 15).collect());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn what_came_in_one_by_one_is_what_came_in_at_once(
            batches in prop::collection::vec((prop::collection::vec(written(), 1..6), any::<bool>()), 1..12),
            keeps in 4..100_u64,
        ) {
            let limits = Limits { segments_max: keeps, ..Limits::default() };
            let (mended, anew) = (Telemetry::in_memory(limits).unwrap(), Telemetry::in_memory(limits).unwrap());
            let now = Timestamp::from_millis(NOON * MINUTE_MILLIS);
            for (batch, trimmed) in batches {
                let documents: Vec<_> = batch.iter().map(Written::document).collect();
                for telemetry in [&mended, &anew] {
                    prop_assert!(telemetry.traces().put(&Scope::default(), &documents, now).unwrap().is_empty());
                    if trimmed {
                        telemetry.trim(now.plus(Duration::from_secs(1))).unwrap();
                    }
                }
                forget_all(&anew);
                prop_assert_eq!(graph(&mended), graph(&anew));
            }
        }
    }
}
