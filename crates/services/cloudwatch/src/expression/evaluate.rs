//! What an expression comes to.

use std::collections::BTreeMap;

use super::{Expression, Wrong};
use crate::series::{Grid, Series, Span, Values};

/// What an expression may read.
pub(crate) struct Inputs<'i> {
    /// Series by id.
    pub(crate) series: &'i BTreeMap<String, Series>,
    /// Ids of those that are of metrics, in the order they were asked for.
    pub(crate) metrics: Vec<&'i str>,
    /// The time it is about.
    pub(crate) span: Span,
    /// Where periods lie in it.
    pub(crate) grid: Grid,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64),
    Series(Series),
    List(Vec<Series>),
}

/// The series that `expression` comes to.
pub(crate) fn evaluate(expression: &Expression, inputs: &Inputs<'_>) -> Result<Series, Wrong> {
    match inputs.value(expression)? {
        Value::Series(mut series) => {
            series.values.retain(|_, value| value.is_finite());
            Ok(series)
        }
        Value::Number(_) => Err(Wrong("the expression comes to one number, a series is wanted".to_owned())),
        Value::List(_) => Err(Wrong("the expression comes to a list, a series is wanted; SUM makes one".to_owned())),
    }
}

impl Inputs<'_> {
    fn value(&self, expression: &Expression) -> Result<Value, Wrong> {
        Ok(match expression {
            Expression::Number(number) => Value::Number(*number),
            Expression::Word(word) => return Err(Wrong(format!("`{word}` has no value"))),
            Expression::Id(id) => Value::Series(self.series(id)?.clone()),
            Expression::List(items) => Value::List(self.list(items)?),
            Expression::Negative(inner) => each(self.value(inner)?, |value| -value),
            Expression::Operation(operator, left, right) => {
                combine(self.value(left)?, self.value(right)?, |left, right| operator.apply(left, right))?
            }
            Expression::Call(name, arguments) => self.call(name, arguments)?,
        })
    }

    fn series(&self, id: &str) -> Result<&Series, Wrong> {
        self.series.get(id).ok_or_else(|| Wrong(format!("there is no query `{id}`")))
    }

    fn list(&self, items: &[Expression]) -> Result<Vec<Series>, Wrong> {
        let mut list = Vec::new();
        for item in items {
            match self.value(item)? {
                Value::Series(series) => list.push(series),
                Value::List(series) => list.extend(series),
                Value::Number(_) => return Err(Wrong("a list holds series, no numbers".to_owned())),
            }
        }
        Ok(list)
    }

    fn call(&self, name: &str, arguments: &[Expression]) -> Result<Value, Wrong> {
        match (name, arguments) {
            ("METRICS", []) => {
                Ok(Value::List(self.metrics.iter().map(|id| self.series(id).cloned()).collect::<Result<_, _>>()?))
            }
            ("PERIOD", [Expression::Id(id)]) => Ok(Value::Number(seconds(self.series(id)?.period))),
            ("ABS", [one]) => Ok(each(self.value(one)?, f64::abs)),
            ("CEIL", [one]) => Ok(each(self.value(one)?, f64::ceil)),
            ("FLOOR", [one]) => Ok(each(self.value(one)?, f64::floor)),
            ("DIFF", [one]) => steps(self.value(one)?, |change, _| change),
            ("RATE", [one]) => steps(self.value(one)?, |change, seconds| change / seconds),
            ("SUM", [one]) => Ok(summed(self.value(one)?, |values| values.iter().sum())),
            ("AVG", [one]) => Ok(summed(self.value(one)?, mean)),
            ("MIN", [one]) => {
                Ok(summed(self.value(one)?, |values| values.iter().copied().fold(f64::INFINITY, f64::min)))
            }
            ("MAX", [one]) => {
                Ok(summed(self.value(one)?, |values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
            }
            ("FILL", [of, with]) => self.fill(self.value(of)?, with),
            ("IF", [condition, then]) => choose(self.value(condition)?, self.value(then)?, None),
            ("IF", [condition, then, other]) => {
                choose(self.value(condition)?, self.value(then)?, Some(self.value(other)?))
            }
            _ => Err(Wrong(format!("{name} does not take {} arguments of this kind", arguments.len()))),
        }
    }

    fn fill(&self, of: Value, with: &Expression) -> Result<Value, Wrong> {
        match of {
            Value::Number(_) => Err(Wrong("FILL takes a series".to_owned())),
            Value::Series(series) => Ok(Value::Series(self.filled(series, with)?)),
            Value::List(list) => {
                let filled = list.into_iter().map(|series| self.filled(series, with));
                Ok(Value::List(filled.collect::<Result<_, _>>()?))
            }
        }
    }

    fn filled(&self, series: Series, with: &Expression) -> Result<Series, Wrong> {
        let value = match with {
            Expression::Word(word) if word == "REPEAT" => Filling::Repeat,
            Expression::Word(word) if word == "LINEAR" => Filling::Linear,
            other => match self.value(other)? {
                Value::Number(number) => Filling::With(number),
                _ => return Err(Wrong("FILL fills with a number, REPEAT or LINEAR".to_owned())),
            },
        };
        let moments = self.span.on(self.grid, series.period).moments(series.period);
        let values = moments.filter_map(|moment| Some((moment, value.at(moment, &series.values)?))).collect();
        Ok(Series { values, ..series })
    }
}

enum Filling {
    With(f64),
    Repeat,
    Linear,
}

impl Filling {
    fn at(&self, moment: i64, values: &Values) -> Option<f64> {
        if let Some(value) = values.get(&moment) {
            return Some(*value);
        }
        let before = values.range(..moment).next_back();
        match self {
            Self::With(number) => Some(*number),
            Self::Repeat => before.map(|(_, value)| *value),
            Self::Linear => {
                let ((start, from), (end, to)) = (before?, values.range(moment..).next()?);
                Some(from + (to - from) * seconds(moment - start) / seconds(end - start))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "periods and spans are far shorter than 2^52 milliseconds")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "there are not 2^52 values")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn each(value: Value, change: impl Fn(f64) -> f64) -> Value {
    let changed = |mut series: Series| {
        series.values.values_mut().for_each(|value| *value = change(*value));
        series
    };
    match value {
        Value::Number(number) => Value::Number(change(number)),
        Value::Series(series) => Value::Series(changed(series)),
        Value::List(list) => Value::List(list.into_iter().map(changed).collect()),
    }
}

fn combine(left: Value, right: Value, apply: impl Fn(f64, f64) -> f64) -> Result<Value, Wrong> {
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(apply(left, right)),
        (Value::Number(left), right) => each(right, |right| apply(left, right)),
        (left, Value::Number(right)) => each(left, |left| apply(left, right)),
        (Value::Series(left), Value::Series(right)) => Value::Series(joined(&left, &right, &apply)),
        (Value::List(list), Value::Series(one)) => {
            Value::List(list.iter().map(|left| joined(left, &one, &apply)).collect())
        }
        (Value::Series(one), Value::List(list)) => {
            Value::List(list.iter().map(|right| joined(&one, right, &apply)).collect())
        }
        (Value::List(_), Value::List(_)) => return Err(Wrong("two lists do not go together".to_owned())),
    })
}

fn joined(left: &Series, right: &Series, apply: &impl Fn(f64, f64) -> f64) -> Series {
    let both =
        left.values.iter().filter_map(|(moment, value)| Some((*moment, apply(*value, *right.values.get(moment)?))));
    Series { period: left.period.max(right.period), values: both.collect() }
}

/// From each value to the next.
fn steps(value: Value, of: impl Fn(f64, f64) -> f64) -> Result<Value, Wrong> {
    let stepped = |series: Series| {
        let later = series.values.iter().skip(1);
        let pairs = series.values.iter().zip(later);
        let values = pairs.map(|((start, from), (end, to))| (*end, of(to - from, seconds(end - start))));
        Series { period: series.period, values: values.collect() }
    };
    match value {
        Value::Number(_) => Err(Wrong("only a series changes".to_owned())),
        Value::Series(series) => Ok(Value::Series(stepped(series))),
        Value::List(list) => Ok(Value::List(list.into_iter().map(stepped).collect())),
    }
}

/// One number of a series, or one series of a list: of what there is at each moment.
fn summed(value: Value, sum: impl Fn(&[f64]) -> f64) -> Value {
    match value {
        Value::Number(number) => Value::Number(sum(&[number])),
        Value::Series(series) => {
            let values: Vec<f64> = series.values.into_values().collect();
            Value::Number(if values.is_empty() { f64::NAN } else { sum(&values) })
        }
        Value::List(list) => {
            let period = list.iter().map(|series| series.period).max().unwrap_or(0);
            let mut moments: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (moment, value) in list.into_iter().flat_map(|series| series.values) {
                moments.entry(moment).or_default().push(value);
            }
            let values = moments.into_iter().map(|(moment, values)| (moment, sum(&values))).collect();
            Value::Series(Series { period, values })
        }
    }
}

/// `then` where `condition` is not zero, `other` where it is.
fn choose(condition: Value, then: Value, other: Option<Value>) -> Result<Value, Wrong> {
    let condition = match condition {
        Value::Series(series) => series,
        Value::Number(number) if number != 0.0 => return Ok(then),
        Value::Number(_) => return other.ok_or_else(|| Wrong("IF has no other value".to_owned())),
        Value::List(_) => return Err(Wrong("IF takes a series, not a list".to_owned())),
    };
    let at = |value: &Value, moment: i64| match value {
        Value::Number(number) => Some(*number),
        Value::Series(series) => series.values.get(&moment).copied(),
        Value::List(_) => None,
    };
    let chosen = condition.values.iter().filter_map(|(moment, holds)| {
        let value = if *holds == 0.0 { at(other.as_ref()?, *moment) } else { at(&then, *moment) };
        Some((*moment, value?))
    });
    Ok(Value::Series(Series { period: condition.period, values: chosen.collect() }))
}

#[cfg(test)]
mod tests {
    use names::Timestamp;

    use super::{super::parse, *};

    fn of(text: &str) -> Result<Vec<(i64, f64)>, Wrong> {
        let series = |values: &[(i64, f64)]| Series { period: 1000, values: values.iter().copied().collect() };
        let all = BTreeMap::from([
            ("m1".to_owned(), series(&[(0, 10.0), (1000, 20.0), (3000, 40.0)])),
            ("m2".to_owned(), series(&[(0, 1.0), (1000, 0.0), (2000, 3.0), (3000, 4.0)])),
        ]);
        let span = Span { start: Timestamp::from_millis(0), end: Timestamp::from_millis(5000) };
        let inputs = Inputs { series: &all, metrics: vec!["m1", "m2"], span, grid: Grid::Aligned };
        evaluate(&parse(text)?, &inputs).map(|series| series.values.into_iter().collect())
    }

    #[test]
    fn what_is_missing_or_impossible_is_left_out() {
        assert_eq!(of("100 * m2 / m1").unwrap(), [(0, 10.0), (1000, 0.0), (3000, 10.0)]);
        assert_eq!(of("m1 / m2").unwrap(), [(0, 10.0), (3000, 10.0)], "nothing is divided by zero");
    }

    #[test]
    fn lists_are_summed_by_what_there_is() {
        assert_eq!(of("SUM([m1, m2])").unwrap(), [(0, 11.0), (1000, 20.0), (2000, 3.0), (3000, 44.0)]);
        assert_eq!(of("MAX(METRICS())").unwrap(), of("MAX([m1,m2])").unwrap());
        assert_eq!(of("m2 - MIN(m2) + AVG(m1) * 0").unwrap(), of("m2").unwrap());
    }

    #[test]
    fn gaps_are_filled() {
        let gaps = |with: &str| of(&format!("FILL(m1, {with})")).unwrap()[2..].to_vec();
        assert_eq!(gaps("0"), [(2000, 0.0), (3000, 40.0), (4000, 0.0)]);
        assert_eq!(gaps("REPEAT"), [(2000, 20.0), (3000, 40.0), (4000, 40.0)]);
        assert_eq!(gaps("LINEAR"), [(2000, 30.0), (3000, 40.0)]);
    }

    #[test]
    fn conditions_choose() {
        assert_eq!(of("IF(m2 > 1 AND m2 < 4, m2, 7)").unwrap(), [(0, 7.0), (1000, 7.0), (2000, 3.0), (3000, 7.0)]);
        assert_eq!(of("IF(m2 == 0, m1)").unwrap(), [(1000, 20.0)]);
        assert_eq!(of("RATE(m1) + 0 * PERIOD(m1)").unwrap(), [(1000, 10.0), (3000, 10.0)]);
        assert_eq!(of("ABS(-DIFF(m1))").unwrap(), [(1000, 10.0), (3000, 20.0)]);
    }

    #[test]
    fn what_is_no_series_is_refused() {
        for text in
            ["1 + 2", "[m1, m2]", "m3", "SUM(m1)", "FILL(1, 2)", "IF([m1], 1)", "REPEAT", "[m1] + [m2]", "CEIL()"]
        {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
