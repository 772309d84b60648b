//! What an alarm's values make of it. Pure.
//!
//! *M* of the last *N* values must breach. Where values are missing, more periods are looked at than N, and the last N
//! values there are count; only where there are fewer does it matter what a missing value is taken for
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarms-and-missing-data>).

use std::fmt::Write as _;

use api::cloudwatch::PutMetricAlarmRequest;
use names::Timestamp;
use serde_json::json;

use crate::{
    rows::{Found, State},
    series::{Span, Values},
};

/// Periods looked at beside the N, for values that come late.
pub(crate) const PERIODS_BESIDE: i64 = 2;
/// Values named in a reason.
const NAMED_MAX: usize = 5;

/// How values are compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    AtLeast,
    Greater,
    Less,
    AtMost,
}

impl Comparison {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "GreaterThanOrEqualToThreshold" => Self::AtLeast,
            "GreaterThanThreshold" => Self::Greater,
            "LessThanThreshold" => Self::Less,
            "LessThanOrEqualToThreshold" => Self::AtMost,
            _ => return None,
        })
    }

    fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtLeast => value >= threshold,
            Self::Greater => value > threshold,
            Self::Less => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::AtLeast => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::AtMost => "less than or equal to",
        }
    }
}

/// What a missing value is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Unknown,
    Ignore,
    Breaching,
    NotBreaching,
}

impl Missing {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "missing" => Self::Unknown,
            "ignore" => Self::Ignore,
            "breaching" => Self::Breaching,
            "notBreaching" => Self::NotBreaching,
            _ => return None,
        })
    }
}

/// The rule of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) comparison: Comparison,
    pub(crate) threshold: f64,
    /// N.
    pub(crate) periods: usize,
    /// M.
    pub(crate) to_alarm: usize,
    pub(crate) missing: Missing,
}

/// The state that the values in `span` make, the latest being those that count; none where it stays as it is.
pub(crate) fn evaluate(rule: &Rule, values: &Values, span: Span, period: i64) -> Option<State> {
    let moments: Vec<i64> = span.moments(period).collect();
    let there: Vec<f64> = moments.iter().rev().filter_map(|moment| values.get(moment).copied()).collect();
    let latest = &there[..there.len().min(rule.periods)];
    let breaching = latest.iter().filter(|value| rule.comparison.breaches(**value, rule.threshold)).count();
    let absent = rule.periods - latest.len();
    let state = |alarm: bool| Some(if alarm { State::Alarm } else { State::Ok });
    match rule.missing {
        _ if absent == 0 => state(breaching >= rule.to_alarm),
        Missing::Breaching => state(breaching + absent >= rule.to_alarm),
        Missing::NotBreaching => state(breaching >= rule.to_alarm),
        Missing::Ignore if breaching >= rule.to_alarm => state(true),
        Missing::Ignore if breaching < latest.len() => state(false),
        Missing::Ignore => None,
        Missing::Unknown if latest.is_empty() => Some(State::InsufficientData),
        Missing::Unknown => state(breaching >= rule.to_alarm.min(latest.len())),
    }
}

/// `state` with its reason, in AWS's words.
pub(crate) fn explain(
    state: State,
    rule: &Rule,
    (values, span): (&Values, Span),
    asked: &PutMetricAlarmRequest,
    period: i64,
) -> Found {
    let latest: Vec<(i64, f64)> = {
        let there = span.moments(period).filter_map(|moment| Some((moment, *values.get(&moment)?)));
        let all: Vec<_> = there.collect();
        all[all.len().saturating_sub(rule.periods)..].to_vec()
    };
    let data = json!({
        "version": "1.0",
        "queryDate": span.end.to_iso8601(),
        "startDate": latest.first().map(|(moment, _)| Timestamp::from_millis(*moment).to_iso8601()),
        "statistic": asked.statistic.as_ref().or(asked.extended_statistic.as_ref()),
        "unit": asked.unit,
        "period": period / 1000,
        "recentDatapoints": latest.iter().map(|(_, value)| value).collect::<Vec<_>>(),
        "threshold": rule.threshold,
    });
    let reason = if state == State::InsufficientData {
        format!("Insufficient Data: {} datapoints were unknown.", rule.periods)
    } else {
        crossed(state, rule, &latest)
    };
    Found { state, reason, data: Some(data.to_string()) }
}

fn crossed(state: State, rule: &Rule, latest: &[(i64, f64)]) -> String {
    let alarm = state == State::Alarm;
    let is_told = |value: f64| rule.comparison.breaches(value, rule.threshold) == alarm;
    let told: Vec<_> = latest.iter().rev().filter(|(_, value)| is_told(*value)).collect();
    let absent = rule.periods - latest.len();
    if told.is_empty() {
        let taken = if alarm { "Breaching" } else { "NonBreaching" };
        return format!(
            "Threshold Crossed: no datapoints were received for {absent} periods and {absent} missing datapoints were treated as [{taken}]."
        );
    }
    let mut named = String::new();
    for (moment, value) in told.iter().take(NAMED_MAX) {
        let comma = if named.is_empty() { "" } else { ", " };
        let _ = write!(named, "{comma}{value:?} ({})", Timestamp::from_millis(*moment).to_iso8601());
    }
    let (verb, not) = (if told.len() == 1 { "was" } else { "were" }, if alarm { "" } else { "not " });
    let (minimum, way) =
        if alarm { (rule.to_alarm, "OK -> ALARM") } else { (rule.periods - rule.to_alarm + 1, "ALARM -> OK") };
    let plural = if minimum == 1 { "" } else { "s" };
    format!(
        "Threshold Crossed: {} out of the last {} datapoints [{named}] {verb} {not}{} the threshold ({:?}) (minimum \
         {minimum} datapoint{plural} for {way} transition).",
        told.len(),
        rule.periods,
        rule.comparison.words(),
        rule.threshold
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Missing; 4] = [Missing::Unknown, Missing::Ignore, Missing::Breaching, Missing::NotBreaching];

    fn span() -> Span {
        Span { start: Timestamp::from_millis(0), end: Timestamp::from_millis(5) }
    }

    /// `0` is fine, `X` breaches, `-` is missing; the latest stands last.
    fn values(text: &str) -> Values {
        let value = |(moment, sign): (i64, &str)| match sign {
            "0" => Some((moment, 0.0)),
            "X" => Some((moment, 9.0)),
            _ => None,
        };
        (0..).zip(text.split(' ')).filter_map(value).collect()
    }

    fn rule(to_alarm: usize, missing: Missing) -> Rule {
        Rule { comparison: Comparison::Greater, threshold: 1.0, periods: 3, to_alarm, missing }
    }

    /// The examples of AWS's own documentation, with five periods looked at for three.
    #[test]
    fn missing_values_count_as_aws_documents() {
        let (ok, alarm, unknown, stays) = (Some(State::Ok), Some(State::Alarm), Some(State::InsufficientData), None);
        for (text, to_alarm, wanted) in [
            ("0 - X - X", 3, [ok; 4]),
            ("- - - - 0", 3, [ok; 4]),
            ("- - - - -", 3, [unknown, stays, alarm, ok]),
            ("0 X X - X", 3, [alarm; 4]),
            ("- - X - -", 3, [alarm, stays, alarm, ok]),
            ("0 - X - X", 2, [alarm; 4]),
            ("0 0 X 0 X", 2, [alarm; 4]),
            ("0 - X - -", 2, [ok, ok, alarm, ok]),
            ("- - - - 0", 2, [ok, ok, alarm, ok]),
            ("- - - X -", 2, [alarm, stays, alarm, ok]),
        ] {
            let found = ALL.map(|missing| evaluate(&rule(to_alarm, missing), &values(text), span(), 1));
            assert_eq!(found, wanted, "{to_alarm} of 3 in {text}");
        }
    }

    #[test]
    fn reasons_name_the_values() {
        let asked = PutMetricAlarmRequest::default();
        let found =
            |state, text: &str| explain(state, &rule(2, Missing::Unknown), (&values(text), span()), &asked, 1).reason;
        assert_eq!(
            found(State::Alarm, "0 0 X 0 X"),
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0 (1970-01-01T00:00:00.004Z), 9.0 \
             (1970-01-01T00:00:00.002Z)] were greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM \
             transition)."
        );
        assert!(found(State::Ok, "0 X 0 0 0").contains("3 out of the last 3 datapoints [0.0"));
        assert!(found(State::Ok, "- - - - 0").contains("was not greater than the threshold (1.0)"));
        assert!(found(State::Alarm, "- - - - -").contains("treated as [Breaching]"));
        assert_eq!(found(State::InsufficientData, "- - - - -"), "Insufficient Data: 3 datapoints were unknown.");
    }
}
