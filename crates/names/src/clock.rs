//! Time as AWS tells it, from a clock that is passed in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Protocols spell moments differently (seconds in JSON, ISO 8601 in XML), and a value in between has no
/// protocol yet. So a moment is serialised as a marker, `{"$timestamp": <milliseconds>}`, which `wire` turns
/// into what the protocol wants; when read it may be the marker, seconds or ISO 8601.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The key of the marker.
const MARKER: &str = "$timestamp";

impl Timestamp {
    /// The moment `milliseconds` after the epoch.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, with a fraction, as the JSON protocols carry it.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era need 41 bits, a double holds 53")]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// `2026-11-23T08:39:08.123Z`, as the XML protocols carry it.
    pub fn to_iso8601(self) -> String {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, clock) = (moment.date(), moment.time());
        format!("{date}T{:02}:{:02}:{:02}.{:03}Z", clock.hour(), clock.minute(), clock.second(), clock.millisecond())
    }

    /// The time from `earlier` to this; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// This moment and `wait` more.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(MARKER, &self.0)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimestampVisitor)
    }
}

struct TimestampVisitor;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a float saturates on its way to an integer"
)]
impl<'de> de::Visitor<'de> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("seconds since 1970 or an ISO 8601 time")
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Timestamp, E> {
        Ok(Timestamp((seconds * 1000.0).round() as i64))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Timestamp, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Timestamp, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        if let Ok(seconds) = text.parse::<f64>() {
            return self.visit_f64(seconds);
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| E::custom(format!("`{text}` is not a time")))?;
        Ok(Timestamp((moment.unix_timestamp_nanos() / 1_000_000) as i64))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Timestamp, A::Error> {
        match map.next_entry::<String, i64>()? {
            Some((key, milliseconds)) if key == MARKER => Ok(Timestamp(milliseconds)),
            _ => Err(de::Error::custom("this map is not a time")),
        }
    }
}

/// Where "now" comes from.
#[derive(Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that a test winds.
    Manual(ManualClock),
}

impl Clock {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(clock) => Timestamp(clock.0.load(Ordering::SeqCst)),
        }
    }
}

/// A clock that stands still until it is wound.
#[derive(Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Lets `wait` pass.
    pub fn advance(&self, wait: Duration) {
        self.0.fetch_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_moment() {
        let moment = Timestamp::from_millis(1_700_000_000_123);
        for spelling in ["1700000000.123", "\"2023-11-14T22:13:20.123Z\"", "{\"$timestamp\":1700000000123}"] {
            assert_eq!(serde_json::from_str::<Timestamp>(spelling).unwrap(), moment, "{spelling}");
        }
        assert_eq!(moment.to_iso8601(), "2023-11-14T22:13:20.123Z");
        assert_eq!(serde_json::to_string(&moment).unwrap(), "{\"$timestamp\":1700000000123}");
    }

    #[test]
    fn a_manual_clock_moves_only_when_wound() {
        let hand = ManualClock::default();
        let clock = Clock::Manual(hand.clone());
        assert_eq!(clock.now(), clock.now());
        hand.advance(Duration::from_secs(2));
        assert_eq!(clock.now().as_millis(), 2000);
    }
}
