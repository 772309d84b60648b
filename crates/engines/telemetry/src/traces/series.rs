//! How the requests of services, or the calls of edges, went in one period after the other.

use std::{collections::BTreeMap, time::Duration};

use names::Timestamp;

use super::{
    Forest, Segment, Selector, Statistics,
    graph::{Took, observe},
};

/// How what was asked for went, by the begins of its periods; a period without requests is left out.
pub type Series = BTreeMap<Timestamp, Statistics>;

/// The series of what `selector` chooses among what `counts`.
pub(super) fn series(
    forest: &Forest<'_>,
    counts: impl Fn(&Segment) -> bool,
    selector: &Selector,
    period: Duration,
) -> Series {
    let mut series = Series::new();
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    observe(forest, counts, |seen| {
        let Some(told_by) = selector.told_by(&seen) else { return };
        let begun = told_by.begun_millis();
        let statistics = series.entry(Timestamp::from_millis(begun - begun.rem_euclid(period))).or_default();
        statistics.add(Took::of(told_by).as_ref());
    });
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_in_the_period_they_began_in() {
        let document = |id: u64, start: u64, parent: &str, rest: &str| {
            let document = format!(
                r#"{{"name":"{}","id":"{id:016x}","trace_id":"1-6553f100-0123456789abcdef01234567",{parent}
                     "start_time":{start}.0,"end_time":{start}.5{rest}}}"#,
                if parent.is_empty() { "gateway" } else { "api" }
            );
            Segment::parse(&document).unwrap()
        };
        let child = r#""parent_id":"0000000000000001","#;
        let segments =
            [document(1, 60, "", ""), document(2, 61, child, r#","fault":true"#), document(3, 121, child, "")];
        let forest = Forest::new(&segments);
        let of = |selector: &str| {
            let selector = Selector::parse(selector).unwrap();
            let series = series(&forest, |_| true, &selector, Duration::from_mins(1));
            series.into_iter().map(|(time, found)| (time.as_millis(), found.ok, found.fault)).collect::<Vec<_>>()
        };
        assert_eq!(of(r#"service("api")"#), [(60_000, 0, 1), (120_000, 1, 0)]);
        assert_eq!(of(r#"edge("gateway", "api")"#), [(60_000, 0, 1), (120_000, 1, 0)]);
        assert_eq!(of(""), [(60_000, 1, 1), (120_000, 1, 0)]);
        assert_eq!(of(r#"service("none")"#), []);
    }
}
