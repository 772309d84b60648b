//! Counts: what `stats` makes of many records.

use std::collections::HashSet;

use super::{evaluate, expression::Expression, record::Record, value::Value};
use crate::metrics::Spread;

/// Up to so many numbers percentiles are exact; with more they are to a part in a hundred.
const EXACT_MAX: usize = 1000;
/// Different values that are told apart in one group.
const DISTINCT_MAX: usize = 100_000;

/// A count that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    kind: Kind,
    /// Of what; none where records themselves are counted.
    of: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Count,
    Distinct,
    Sum,
    Average,
    Deviation,
    Minimum,
    Maximum,
    /// What this many of a hundred do not exceed.
    Percentile(f64),
    /// That of the first event.
    Earliest,
    /// That of the last.
    Latest,
}

const NAMES: [(&str, Kind); 12] = [
    ("count", Kind::Count),
    ("count_distinct", Kind::Distinct),
    ("sum", Kind::Sum),
    ("avg", Kind::Average),
    ("stddev", Kind::Deviation),
    ("min", Kind::Minimum),
    ("max", Kind::Maximum),
    ("median", Kind::Percentile(50.0)),
    ("pct", Kind::Percentile(0.0)),
    ("percentile", Kind::Percentile(0.0)),
    ("earliest", Kind::Earliest),
    ("latest", Kind::Latest),
];

impl Aggregate {
    /// Whether `name`, in small letters, is one.
    pub(super) fn is_one(name: &str) -> bool {
        NAMES.iter().any(|(one, _)| *one == name)
    }

    /// The count called `name` of these arguments.
    pub(super) fn named(name: &str, mut arguments: Vec<Expression>) -> Result<Self, String> {
        let kind = NAMES.iter().find(|(one, _)| *one == name).map(|(_, kind)| *kind);
        let kind = kind.ok_or_else(|| format!("there is no function {name} here"))?;
        match (kind, arguments.as_slice()) {
            (Kind::Count, []) => Ok(Self { kind, of: None }),
            (Kind::Percentile(_), [_, Expression::Constant(percent)]) if name != "median" => {
                let percent = percent.number().filter(|percent| (0.0..=100.0).contains(percent));
                let percent = percent.ok_or_else(|| format!("{name} takes a percentage between 0 and 100"))?;
                Ok(Self { kind: Kind::Percentile(percent), of: Some(arguments.remove(0)) })
            }
            (Kind::Percentile(_), _) if name != "median" => Err(format!("{name} takes a field and a percentage")),
            (_, [_]) => Ok(Self { kind, of: Some(arguments.remove(0)) }),
            _ => Err(format!("{name} takes one argument")),
        }
    }

    /// What it is of.
    pub(super) fn of(&self) -> Option<&Expression> {
        self.of.as_ref()
    }

    /// A count of nothing yet.
    pub(super) fn begin(&self) -> State {
        match self.kind {
            Kind::Count => State::Count(0),
            Kind::Distinct => State::Distinct(HashSet::new()),
            Kind::Sum | Kind::Average | Kind::Deviation => {
                State::Moments { count: 0.0, mean: 0.0, squares: 0.0, sum: 0.0 }
            }
            Kind::Percentile(_) => State::Exact(Vec::new()),
            Kind::Minimum | Kind::Maximum | Kind::Earliest | Kind::Latest => State::One(None),
        }
    }

    /// Counts `record`; false if that takes more than there is room for.
    pub(super) fn add(&self, state: &mut State, record: &Record) -> bool {
        let found = self.of.as_ref().map(|of| evaluate::value(of, record, &[]));
        match (state, found) {
            (State::Count(count), None | Some(Some(_))) => *count += 1,
            (_, None | Some(None)) => {}
            (State::Distinct(seen), Some(Some(value))) => {
                seen.insert(value.to_string());
                return seen.len() <= DISTINCT_MAX;
            }
            (State::One(kept), Some(Some(value))) => self.keep(kept, value, record),
            (state, Some(Some(value))) => {
                if let Some(number) = value.number() {
                    state.number(number);
                }
            }
        }
        true
    }

    fn keep(&self, kept: &mut Option<(Value, i64)>, value: Value, record: &Record) {
        let time = record.time().map_or(0, names::Timestamp::as_millis);
        let better = kept.as_ref().is_none_or(|(best, at)| match self.kind {
            Kind::Minimum => value.compare(best).is_lt(),
            Kind::Maximum => value.compare(best).is_gt(),
            Kind::Earliest => time < *at,
            _ => time > *at,
        });
        if better {
            *kept = Some((value, time));
        }
    }

    /// What came of it.
    pub(super) fn end(&self, state: State) -> Option<Value> {
        #[expect(clippy::cast_precision_loss, reason = "counts fit")]
        let count = |count: usize| Some(Value::Number(count as f64));
        match (state, self.kind) {
            (State::Count(number), _) => count(number),
            (State::Distinct(seen), _) => count(seen.len()),
            (State::One(kept), _) => kept.map(|(value, _)| value),
            (State::Moments { count: 0.0, .. }, Kind::Average | Kind::Deviation) => None,
            (State::Moments { count, mean, squares, sum }, kind) => Some(Value::Number(match kind {
                Kind::Average => mean,
                Kind::Deviation => (squares / count).sqrt(),
                _ => sum,
            })),
            (State::Exact(numbers), Kind::Percentile(percent)) => nearest(numbers, percent).map(Value::Number),
            (State::Spread(spread), Kind::Percentile(percent)) => spread.quantile(percent / 100.0).map(Value::Number),
            (State::Exact(_) | State::Spread(_), _) => None,
        }
    }
}

/// A count under way.
pub(super) enum State {
    Count(usize),
    Distinct(HashSet<String>),
    /// Welford's running mean and sum of squared differences from it.
    Moments {
        count: f64,
        mean: f64,
        squares: f64,
        sum: f64,
    },
    Exact(Vec<f64>),
    Spread(Spread),
    /// The best so far, and when its event happened.
    One(Option<(Value, i64)>),
}

impl State {
    fn number(&mut self, number: f64) {
        match self {
            Self::Moments { count, mean, squares, sum } => {
                *count += 1.0;
                *sum += number;
                let difference = number - *mean;
                *mean += difference / *count;
                *squares += difference * (number - *mean);
            }
            Self::Exact(numbers) if numbers.len() < EXACT_MAX => numbers.push(number),
            Self::Exact(numbers) => {
                let mut spread = Spread::of(number, 1.0);
                for number in &*numbers {
                    spread.add(&Spread::of(*number, 1.0));
                }
                *self = Self::Spread(spread);
            }
            Self::Spread(spread) => spread.add(&Spread::of(number, 1.0)),
            Self::Count(_) | Self::Distinct(_) | Self::One(_) => {}
        }
    }
}

/// The number that so many of a hundred do not exceed.
fn nearest(mut numbers: Vec<f64>, percent: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let rank = (numbers.len() as f64 * percent / 100.0).ceil().max(1.0) as usize;
    numbers.get(rank - 1).copied()
}
