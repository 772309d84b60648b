//! Series: values by period.

use std::collections::BTreeMap;

use names::Timestamp;
use telemetry::metrics::{Point, Set};

use crate::statistic::Statistic;

/// Values by the moment their period begins, in milliseconds since 1970.
pub(crate) type Values = BTreeMap<i64, f64>;

/// A series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    /// Milliseconds from one value to the next.
    pub(crate) period: i64,
    pub(crate) values: Values,
}

/// From when, until when (not included).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Span {
    /// This span, begun at a multiple of `period` milliseconds.
    pub(crate) fn aligned(self, period: i64) -> Self {
        Self { start: Timestamp::from_millis(self.start.as_millis().div_euclid(period) * period), ..self }
    }

    /// As periods of `period` milliseconds lie in it.
    pub(crate) fn on(self, grid: Grid, period: i64) -> Self {
        match grid {
            Grid::Aligned => self.aligned(period),
            Grid::FromStart => self,
        }
    }

    /// The moments at which the periods of this span begin, from its start on.
    pub(crate) fn moments(self, period: i64) -> impl Iterator<Item = i64> {
        let (start, end) = (self.start.as_millis(), self.end.as_millis());
        (0_i64..).map_while(move |number| Some(start + number * period).filter(|moment| *moment < end))
    }
}

/// Where periods begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grid {
    /// At multiples of their length.
    Aligned,
    /// At the span's start.
    FromStart,
}

/// What was reported in each period of `period` milliseconds from `start` on.
pub(crate) fn folded<'p>(points: impl Iterator<Item = &'p Point>, start: Timestamp, period: i64) -> BTreeMap<i64, Set> {
    let mut sets: BTreeMap<i64, Set> = BTreeMap::new();
    let start = start.as_millis();
    for point in points {
        let moment = start + (point.time.as_millis() - start).div_euclid(period) * period;
        sets.entry(moment).and_modify(|set| set.add(&point.set)).or_insert_with(|| point.set.clone());
    }
    sets
}

/// A statistic of what was reported in each period.
pub(crate) fn series(points: &[Point], start: Timestamp, period: i64, statistic: Statistic) -> Series {
    let sets = folded(points.iter(), start, period);
    let values = sets.into_iter().filter_map(|(moment, set)| Some((moment, statistic.of(&set)?)));
    Series { period, values: values.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_folded_by_periods_from_the_start_on() {
        let point = |seconds: i64| Point {
            time: Timestamp::from_millis(seconds * 1000),
            unit: "None".to_owned(),
            set: Set::of(1.0, 1.0),
        };
        let points = [point(30), point(89), point(90)];
        let found = series(&points, Timestamp::from_millis(30_000), 60_000, Statistic::Sum);
        assert_eq!(found.values, Values::from([(30_000, 2.0), (90_000, 1.0)]));
        let span = Span { start: Timestamp::from_millis(70_000), end: Timestamp::from_millis(180_001) }.aligned(60_000);
        assert_eq!(span.moments(60_000).collect::<Vec<_>>(), [60_000, 120_000, 180_000]);
    }
}
