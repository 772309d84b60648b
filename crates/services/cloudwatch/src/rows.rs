//! What is kept: alarms as they are asked for, and as they are seen.

use api::cloudwatch::PutMetricAlarmRequest;
use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// An alarm, as asked. Its key is its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alarm {
    /// What was put, without tags.
    pub(crate) asked: PutMetricAlarmRequest,
    pub(crate) tags: Tags,
    /// When it was first put: what was seen of an earlier alarm of its name is not its own.
    pub(crate) created: Timestamp,
    /// When it was last put.
    pub(crate) updated: Timestamp,
    /// The state that somebody set by hand.
    pub(crate) set: Option<SetByHand>,
}

impl Row for Alarm {
    const KIND: &'static str = "cloudwatch/alarm";
}

/// A state set by hand, which holds until the alarm is next evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SetByHand {
    /// Grows with each.
    pub(crate) number: u64,
    pub(crate) found: Found,
    pub(crate) at: Timestamp,
}

impl Alarm {
    pub(crate) fn key(scope: &Scope, name: &str) -> Key {
        Key::new(scope, name)
    }
}

/// The ARN of the alarm called `name`.
pub(crate) fn arn(scope: &Scope, name: &str) -> String {
    Arn::new("cloudwatch", scope, format!("alarm:{name}")).to_string()
}

/// An alarm's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Ok,
    Alarm,
    InsufficientData,
}

impl State {
    pub(crate) const ALL: [Self; 3] = [Self::Ok, Self::Alarm, Self::InsufficientData];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A state, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) reason: String,
    /// Why, as JSON.
    pub(crate) data: Option<String>,
}

/// An alarm, as seen, at the key of the asked one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlarmObserved {
    /// When the alarm was created that this was seen of.
    of: Timestamp,
    pub(crate) found: Found,
    /// When its state, or the reason, last became another.
    pub(crate) updated: Timestamp,
    /// When its state last became another.
    pub(crate) transitioned: Timestamp,
    /// The number of the last state set by hand that was heard.
    pub(crate) heard: u64,
}

impl Row for AlarmObserved {
    const KIND: &'static str = "cloudwatch/alarm.observed";
}

impl AlarmObserved {
    /// What was seen of `alarm`, with what was set by hand and not yet heard.
    pub(crate) fn of(alarm: &Alarm, seen: Option<Self>) -> Self {
        seen.filter(|seen| seen.of == alarm.created).unwrap_or_else(|| Self::begin(alarm)).hearing(alarm)
    }

    /// An alarm of which nothing was seen yet.
    fn begin(alarm: &Alarm) -> Self {
        let reason = "Unchecked: Initial alarm creation".to_owned();
        Self {
            of: alarm.created,
            found: Found { state: State::InsufficientData, reason, data: None },
            updated: alarm.updated,
            transitioned: alarm.updated,
            heard: 0,
        }
    }

    fn hearing(mut self, alarm: &Alarm) -> Self {
        if let Some(set) = alarm.set.as_ref().filter(|set| set.number > self.heard) {
            self.heard = set.number;
            self.becomes(set.found.clone(), set.at);
        }
        self
    }

    /// Takes `found` as it is now; says whether the state became another.
    pub(crate) fn becomes(&mut self, found: Found, now: Timestamp) -> bool {
        let changed = found.state != self.found.state;
        if changed {
            self.transitioned = now;
        }
        // What breaches stays the same while nothing new is said of it: no row is written for each look.
        if changed || found.reason != self.found.reason {
            self.updated = now;
            self.found = found;
        }
        changed
    }
}
