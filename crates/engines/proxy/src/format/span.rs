//! `%COMMON_DURATION(from:to:precision)%`: the time between two moments of a request.

use std::time::Duration;

use super::{Facts, operator::Value};

/// The time between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    from: Moment,
    to: Moment,
    precision: Precision,
}

/// A moment that is taken down. Envoy has others, which are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The request begins to come.
    Begun,
    /// All of it has come.
    Received,
    /// All of it has been sent on.
    SentOn,
    /// The response begins to come.
    Answered,
    /// All of it has been given to the client.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Span {
    pub(super) fn parse(argument: &str) -> Result<Self, String> {
        let refused = |what: &str, known: &str| {
            format!("%COMMON_DURATION({argument})%: {what} is not supported by this proxy: {known} are")
        };
        let moment = |name: &str| match name {
            "DS_RX_BEG" => Ok(Moment::Begun),
            "DS_RX_END" => Ok(Moment::Received),
            "US_TX_END" => Ok(Moment::SentOn),
            "US_RX_BEG" => Ok(Moment::Answered),
            "DS_TX_END" => Ok(Moment::Ended),
            other => Err(refused(other, "DS_RX_BEG, DS_RX_END, US_TX_END, US_RX_BEG and DS_TX_END")),
        };
        let parts: Vec<&str> = argument.split(':').collect();
        let [from, to, precision] = parts[..] else {
            return Err(format!("%COMMON_DURATION({argument})% needs two moments and a precision"));
        };
        let precision = match precision {
            "ms" => Precision::Milliseconds,
            "us" => Precision::Microseconds,
            "ns" => Precision::Nanoseconds,
            other => return Err(refused(other, "ms, us and ns")),
        };
        Ok(Self { from: moment(from)?, to: moment(to)?, precision })
    }

    pub(super) fn value(self, facts: &Facts<'_>) -> Value {
        let since_begin = |moment| match moment {
            Moment::Begun => Some(Duration::ZERO),
            Moment::Received => facts.request_duration,
            Moment::SentOn => facts.request_tx_duration,
            Moment::Answered => facts.response_duration,
            Moment::Ended => facts.duration,
        };
        let (Some(from), Some(to)) = (since_begin(self.from), since_begin(self.to)) else { return Value::Nothing };
        let Some(passed) = to.checked_sub(from) else { return Value::Nothing };
        let number = match self.precision {
            Precision::Milliseconds => passed.as_millis(),
            Precision::Microseconds => passed.as_micros(),
            Precision::Nanoseconds => passed.as_nanos(),
        };
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
