//! Values of fields, and how they are shown and compared.

use std::{cmp::Ordering, fmt};

use names::Timestamp;

/// A value. That there is none is told by `Option`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    Truth(bool),
    /// Milliseconds since 1970.
    Time(i64),
}

impl Value {
    /// As a number, if it is one or reads as one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "times fit")]
            Self::Time(time) => Some(*time as f64),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Truth(_) => None,
        }
    }

    /// Whether a filter keeps what has this.
    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Truth(truth) => *truth,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => text == "true" || text == "1",
            Self::Time(_) => true,
        }
    }

    /// As numbers where both are, else as texts.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.number(), other.number()) {
            (Some(own), Some(other)) => own.total_cmp(&other),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

/// Puts in order with what is not there at the end.
pub(super) fn order(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.compare(other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            // A sum of tenths is shown as people would write it.
            Self::Number(number) => write!(f, "{}", (number * 1e9).round() / 1e9),
            Self::Truth(truth) => f.write_str(if *truth { "1" } else { "0" }),
            Self::Time(time) => f.write_str(&moment(*time)),
        }
    }
}

/// `2026-10-01 12:00:00.000`, as Insights writes it.
fn moment(millis: i64) -> String {
    Timestamp::from_millis(millis).to_iso8601().replace('T', " ").trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_people_write_them() {
        for (value, shown) in [
            (Value::Number(3.0), "3"),
            (Value::Number(0.1 + 0.2), "0.3"),
            (Value::Number(1e12), "1000000000000"),
            (Value::Truth(true), "1"),
            (Value::Time(1_500), "1970-01-01 00:00:01.500"),
        ] {
            assert_eq!(value.to_string(), shown);
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_texts_as_texts() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(text("9").compare(&text("10")), Ordering::Less);
        assert_eq!(text("a9").compare(&text("a10")), Ordering::Greater);
        assert_eq!(Value::Number(2.0).compare(&text("2.0")), Ordering::Equal);
    }
}
