//! What is taken as a metric, and as a number reported of it.

use std::collections::BTreeMap;

use api::cloudwatch as model;
use names::Timestamp;
use telemetry::metrics::{MetricId, Point, Resolution, Set};

use crate::Error;

/// Dimensions of one metric.
const DIMENSIONS_MAX: usize = 30;
/// Different numbers in one report.
const VALUES_MAX: usize = 150;
/// The largest number there is to report, 2^360, as CloudWatch documents.
const LARGEST: f64 = 2.348_542_582_773_834e108;
/// How far back a report may lie.
const PAST_MAX_MILLIS: i64 = 14 * 24 * 3600 * 1000;
/// How far ahead a report may lie.
const FUTURE_MAX_MILLIS: i64 = 2 * 3600 * 1000;

/// The units there are.
const UNITS: &[&str] = &[
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidValue(message.into())
}

/// A metric's id, if that is what these are.
pub(crate) fn id(namespace: &str, name: &str, dimensions: &[model::Dimension]) -> Result<MetricId, Error> {
    if !(1..=255).contains(&namespace.chars().count()) || namespace.starts_with(':') {
        return Err(invalid(format!("The value {namespace} for parameter Namespace is invalid.")));
    }
    if !(1..=255).contains(&name.chars().count()) {
        return Err(invalid("The parameter MetricName must have 1 to 255 characters."));
    }
    if dimensions.len() > DIMENSIONS_MAX {
        return Err(invalid(format!("A metric can have at most {DIMENSIONS_MAX} Dimensions.")));
    }
    let mut found = BTreeMap::new();
    for dimension in dimensions {
        let long = |text: &str, max: usize| !(1..=max).contains(&text.chars().count());
        if long(&dimension.name, 255) || long(&dimension.value, 1024) {
            return Err(invalid("A dimension's Name has 1 to 255 characters, its Value 1 to 1,024."));
        }
        if found.insert(dimension.name.clone(), dimension.value.clone()).is_some() {
            return Err(invalid(format!("No Metrics matched: the dimension {} stands twice.", dimension.name)));
        }
    }
    Ok(MetricId { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: found })
}

/// The unit called `name`; `None` where there is none.
pub(crate) fn unit(name: Option<&str>) -> Result<&str, Error> {
    let name = name.unwrap_or("None");
    if UNITS.contains(&name) {
        Ok(name)
    } else {
        Err(invalid(format!("The value {name} for parameter Unit is invalid.")))
    }
}

/// What `datum` reports.
pub(crate) fn report(
    namespace: &str,
    datum: &model::MetricDatum,
    now: Timestamp,
) -> Result<(MetricId, Resolution, Point), Error> {
    let metric = id(namespace, &datum.metric_name, &datum.dimensions)?;
    let resolution = match datum.storage_resolution.unwrap_or(60) {
        1 => Resolution::Second,
        60 => Resolution::Minute,
        other => {
            return Err(invalid(format!("The value {other} for parameter StorageResolution is invalid: 1 or 60.")));
        }
    };
    let time = datum.timestamp.unwrap_or(now);
    let ahead = time.as_millis().saturating_sub(now.as_millis());
    if !(-PAST_MAX_MILLIS..=FUTURE_MAX_MILLIS).contains(&ahead) {
        let text = "must be at most two weeks in the past and two hours in the future";
        return Err(invalid(format!("The parameter Timestamp of {} {text}.", datum.metric_name)));
    }
    let point = Point { time, unit: unit(datum.unit.as_deref())?.to_owned(), set: set(datum)? };
    Ok((metric, resolution, point))
}

fn set(datum: &model::MetricDatum) -> Result<Set, Error> {
    let name = &datum.metric_name;
    match (datum.value, &datum.statistic_values, datum.values.as_slice()) {
        (Some(value), None, []) if datum.counts.is_empty() => Ok(Set::of(number(name, value)?, 1.0)),
        (None, Some(short), []) if datum.counts.is_empty() => in_short(name, short),
        (None, None, [_, ..]) => many(name, &datum.values, &datum.counts),
        (None, None, []) => {
            Err(Error::Missing(format!("At least one of Value, Values and StatisticValues must be given for {name}.")))
        }
        _ => Err(Error::InvalidCombination(format!(
            "Value, StatisticValues, and Values with Counts are mutually exclusive; {name} has several of them."
        ))),
    }
}

fn number(name: &str, value: f64) -> Result<f64, Error> {
    if value.is_finite() && value.abs() <= LARGEST {
        return Ok(value);
    }
    Err(invalid(format!("The value {value} of {name} is invalid: it must be a number between -2^360 and 2^360.")))
}

fn in_short(name: &str, short: &model::StatisticSet) -> Result<Set, Error> {
    let [samples, sum, minimum, maximum] =
        [short.sample_count, short.sum, short.minimum, short.maximum].map(|value| number(name, value));
    let (samples, sum, minimum, maximum) = (samples?, sum?, minimum?, maximum?);
    if samples <= 0.0 || minimum > maximum {
        let text = "SampleCount must be more than 0, and Minimum not more than Maximum";
        return Err(Error::InvalidCombination(format!("The StatisticValues of {name} are invalid: {text}.")));
    }
    Ok(Set::in_short(samples, sum, minimum, maximum))
}

fn many(name: &str, values: &[f64], counts: &[f64]) -> Result<Set, Error> {
    if values.len() > VALUES_MAX {
        return Err(invalid(format!("The collection Values of {name} must not have more than {VALUES_MAX} members.")));
    }
    if !counts.is_empty() && counts.len() != values.len() {
        return Err(Error::InvalidCombination(format!("Values and Counts of {name} must be equally many.")));
    }
    let times = counts.iter().copied().chain(std::iter::repeat(1.0));
    let mut whole: Option<Set> = None;
    for (value, times) in values.iter().zip(times) {
        if !(times.is_finite() && times > 0.0) {
            return Err(invalid(format!("The Counts of {name} must be more than 0.")));
        }
        let set = Set::of(number(name, *value)?, times);
        match &mut whole {
            Some(whole) => whole.add(&set),
            None => whole = Some(set),
        }
    }
    whole.ok_or_else(|| invalid(format!("The Values of {name} are empty.")))
}

/// The period, if AWS knows such a one, in milliseconds.
pub(crate) fn period(seconds: i32, allowed: &[i32]) -> Result<i64, Error> {
    if allowed.contains(&seconds) || (seconds >= 60 && seconds % 60 == 0) {
        return Ok(i64::from(seconds) * 1000);
    }
    let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    Err(invalid(format!(
        "The value {seconds} for parameter Period is invalid: {}, or a multiple of 60.",
        allowed.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn datum() -> model::MetricDatum {
        model::MetricDatum { metric_name: "orders".to_owned(), ..model::MetricDatum::default() }
    }

    fn refusal(datum: &model::MetricDatum) -> String {
        report("shop", datum, NOW).unwrap_err().to_string()
    }

    #[test]
    fn a_report_is_one_number_many_or_a_set() {
        let one = model::MetricDatum { value: Some(2.0), ..datum() };
        assert_eq!(report("shop", &one, NOW).unwrap().2.set, Set::of(2.0, 1.0));
        let many = model::MetricDatum { values: vec![1.0, 3.0], counts: vec![2.0, 1.0], ..datum() };
        let set = report("shop", &many, NOW).unwrap().2.set;
        assert_eq!((set.samples, set.sum, set.minimum, set.maximum), (3.0, 5.0, 1.0, 3.0));
        assert!(refusal(&datum()).contains("At least one of"));
        assert!(refusal(&model::MetricDatum { values: vec![1.0], ..one }).contains("mutually exclusive"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let one = || model::MetricDatum { value: Some(2.0), ..datum() };
        let old = Timestamp::from_millis(NOW.as_millis() - PAST_MAX_MILLIS - 1);
        assert!(refusal(&model::MetricDatum { timestamp: Some(old), ..one() }).contains("two weeks"));
        assert!(refusal(&model::MetricDatum { unit: Some("Apples".to_owned()), ..one() }).contains("Apples"));
        assert!(refusal(&model::MetricDatum { value: Some(1e200), ..one() }).contains("2^360"));
        assert!(refusal(&model::MetricDatum { storage_resolution: Some(5), ..one() }).contains("1 or 60"));
        assert!(
            refusal(&model::MetricDatum { values: vec![1.0], counts: vec![1.0, 2.0], ..datum() }).contains("equally")
        );
        let dimension = model::Dimension { name: "a".to_owned(), value: "b".to_owned() };
        let twice = model::MetricDatum { dimensions: vec![dimension.clone(), dimension], ..one() };
        assert!(refusal(&twice).contains("twice"));
        assert!(report(":shop", &one(), NOW).is_err());
    }
}
