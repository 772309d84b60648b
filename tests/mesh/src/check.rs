//! Whether what came back is what a case expects.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::{
    Kind,
    case::{Expect, Patterns},
    client::Outcome,
};

/// How many standard deviations a share may be off where a data plane draws lots.
const DEVIATIONS_MAX: f64 = 4.5;

/// Milliseconds by which a wait may end early: Envoy counts from when its event loop last looked at the clock.
const EARLY: u64 = 20;

/// All that is wrong with `outcomes`, the answers to one case; `attempts` are the backends that saw them.
pub(crate) fn check(expect: &Expect, outcomes: &[Outcome], attempts: &[String], kind: Kind) -> Result<(), String> {
    let mut wrong = Vec::new();
    let shares = matches!(expect.status, Some(Value::Object(_)));
    for outcome in outcomes {
        one(&mut wrong, expect, outcome, shares);
    }
    if let Some(Value::Object(_)) = expect.status {
        let found = count(outcomes.iter().map(|outcome| outcome.status.unwrap_or(0).to_string()));
        counts(&mut wrong, "statuses", expect.status.as_ref(), &found, None);
    }
    if let Some(Value::Object(_)) = expect.from {
        let found = count(outcomes.iter().map(|outcome| outcome.from.clone().unwrap_or_default()));
        let lots = (kind == Kind::Envoy).then_some(outcomes.len());
        counts(&mut wrong, "answers", expect.from.as_ref(), &found, lots);
    }
    match &expect.attempts {
        Some(Value::Number(number)) if number.as_u64() != u64::try_from(attempts.len()).ok() => {
            wrong.push(format!("attempts at {attempts:?}, not {number}"));
        }
        Some(Value::Array(wanted))
            if wanted.iter().map(Value::as_str).ne(attempts.iter().map(|a| Some(a.as_str()))) =>
        {
            wrong.push(format!("attempts at {attempts:?}, not {wanted:?}"));
        }
        _ => {}
    }
    wrong.dedup();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn one(wrong: &mut Vec<String>, expect: &Expect, outcome: &Outcome, shares: bool) {
    let Outcome { status, headers, trailers, body, seen, shown, from, elapsed, error } = outcome;
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if expect.after.is_some_and(|after| millis + EARLY < after) || expect.within.is_some_and(|within| millis > within) {
        wrong.push(format!("after {millis} ms, not {:?} to {:?}", expect.after, expect.within));
    }
    if expect.closed {
        if error.is_none() || status.is_some() {
            wrong.push(format!("an answer ({status:?}) where the connection should end"));
        }
        return;
    }
    if expect.cut {
        if error.is_none() || status.is_none() {
            wrong.push(format!("{status:?}, {error:?}, where an answer should be cut short"));
        }
        return;
    }
    // Where answers are counted by who gave them, those of nobody may be among them.
    let nobody = matches!(&expect.from, Some(Value::Object(counts)) if counts.contains_key(""));
    let cut_short = (expect.status.is_none() || status.is_none()) && !nobody;
    if let Some(error) = error.as_ref().filter(|_| cut_short) {
        wrong.push(format!("no answer: {error}"));
        return;
    }
    let default = (!matches!(seen, Value::Null) || status.is_some()).then_some(200);
    let wanted = match &expect.status {
        Some(Value::Number(number)) => number.as_u64().and_then(|status| u16::try_from(status).ok()),
        _ => default,
    };
    if !shares && status.is_some() && *status != wanted {
        wrong.push(format!("status {status:?}, not {wanted:?} ({})", short(&String::from_utf8_lossy(body))));
    }
    if let Some(Value::String(wanted)) = &expect.from
        && from.as_ref() != Some(wanted)
    {
        wrong.push(format!("from {from:?}, not {wanted}"));
    }
    patterns(wrong, "answer", &expect.answer, |name| headers.get(name).cloned());
    patterns(wrong, "certificate", &expect.shown, |name| shown.get(name).cloned());
    patterns(wrong, "seen", &expect.seen, |name| seen_member(seen, name));
    if let Some(wanted) = &expect.grpc {
        let found = trailers.get("grpc-status").or_else(|| headers.get("grpc-status"));
        if found != Some(wanted) {
            wrong.push(format!("gRPC status {found:?}, not {wanted}"));
        }
    }
    if let Some(wanted) = &expect.body {
        let text = String::from_utf8_lossy(body);
        if !fits(wanted, text.trim_end()) {
            wrong.push(format!("body `{}`, not `{wanted}`", short(&text)));
        }
    }
}

fn seen_member(seen: &Value, name: &str) -> Option<String> {
    let found = if name == "attempt" || name == "port" {
        return seen[name].as_u64().map(|number| number.to_string());
    } else if matches!(name, "method" | "path" | "authority" | "protocol" | "body" | "from" | "tls") {
        &seen[name]
    } else {
        &seen["headers"][name]
    };
    found.as_str().map(str::to_owned)
}

fn patterns(wrong: &mut Vec<String>, what: &str, patterns: &Patterns, find: impl Fn(&str) -> Option<String>) {
    for (name, wanted) in patterns {
        let found = find(name);
        let right = match (&found, wanted) {
            (None, None) => true,
            (Some(found), Some(wanted)) => fits(wanted, found),
            _ => false,
        };
        if !right {
            wrong.push(format!("{what} {name}: {found:?}, not {wanted:?}"));
        }
    }
}

/// Whether `text` is `pattern`, or fits the expression behind its `~`.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_prefix('~') {
        Some(expression) => Regex::new(expression).expect("an expression of the table").is_match(text),
        None => pattern == text,
    }
}

fn count(all: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

/// Compares counts; where lots were drawn `of` so many times, within what chance allows.
fn counts(
    wrong: &mut Vec<String>,
    what: &str,
    wanted: Option<&Value>,
    found: &BTreeMap<String, usize>,
    of: Option<usize>,
) {
    let Some(Value::Object(wanted)) = wanted else { return };
    let right = |(name, wanted): (&String, &Value)| {
        let found = found.get(name).copied().unwrap_or(0);
        let wanted = wanted.as_u64().and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(0);
        match of {
            Some(of) if wanted > 0 && wanted < of => near(found, wanted, of),
            _ => found == wanted,
        }
    };
    let known = found.keys().all(|name| wanted.contains_key(name));
    if !known || !wanted.iter().all(right) {
        wrong.push(format!("{what} {found:?}, not {wanted:?}"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn near(found: usize, wanted: usize, of: usize) -> bool {
    let (found, wanted, of) = (found as f64, wanted as f64, of as f64);
    let deviation = (wanted * (1.0 - wanted / of)).sqrt();
    (found - wanted).abs() <= DEVIATIONS_MAX * deviation
}

fn short(text: &str) -> String {
    text.trim_end().chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(status: u16, from: &str) -> Outcome {
        Outcome { status: Some(status), from: Some(from.to_owned()), ..Outcome::default() }
    }

    fn expect(value: Value) -> Expect {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn shares_are_exact_unless_lots_are_drawn() {
        let outcomes: Vec<Outcome> = (0..30).map(|n| outcome(200, if n < 19 { "a" } else { "b" })).collect();
        let shares = expect(json!({ "from": { "a": 20, "b": 10 } }));
        assert!(check(&shares, &outcomes, &[], Kind::Serin).is_err());
        assert!(check(&shares, &outcomes, &[], Kind::Envoy).is_ok());
        let never = expect(json!({ "from": { "a": 30 } }));
        assert!(check(&never, &outcomes, &[], Kind::Envoy).is_err());
    }

    #[test]
    fn patterns_tell_texts_expressions_and_absence() {
        assert!(fits("one", "one") && !fits("one", "ones") && fits("~^on", "one"));
        let mut answer = outcome(404, "a");
        answer.headers.insert("server".to_owned(), "envoy".to_owned());
        let right = expect(json!({ "status": 404, "answer": { "server": "envoy", "age": null } }));
        assert_eq!(check(&right, std::slice::from_ref(&answer), &[], Kind::Envoy), Ok(()));
        let wrong = expect(json!({ "status": 404, "answer": { "server": null } }));
        assert!(check(&wrong, &[answer], &[], Kind::Envoy).is_err());
    }

    #[test]
    fn a_closed_connection_is_no_answer() {
        let closed = expect(json!({ "closed": true }));
        let none = Outcome { error: Some("reset".to_owned()), ..Outcome::default() };
        assert!(check(&closed, std::slice::from_ref(&none), &[], Kind::Envoy).is_ok());
        assert!(check(&closed, &[outcome(200, "a")], &[], Kind::Envoy).is_err());
        let late = expect(json!({ "closed": true, "after": 1000 }));
        assert!(check(&late, &[none], &[], Kind::Envoy).is_err());
    }
}
