//! What a rehearsal does to a healthy version, and what it finds out. This file is pure; `rehearsal/` makes it happen.
//!
//! One who never saw a canary fail does not know whether it would be caught. A rehearsal runs a canary of a version
//! that is fine against faults that a proxy makes: in answers, in time, in both versions at once. This says what the
//! proxy is to do to each version in each second, and what the end of the canary then means: a fault of both versions
//! must *not* take the new one back.

mod controller;
mod operations;
mod rows;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use controller::Rehearser;
pub(crate) use operations::operations;

use crate::plan::{Phase, Reason, State};

/// The status of an answer that a fault makes, which clients take as a failure.
const STATUS: u16 = 503;
/// A fault does not begin later than this, in seconds: a day.
const FROM_MAX: u64 = 24 * 3600;
/// Nothing is made to take longer than so many times its time.
const SCALE_MAX: f64 = 1000.0;
/// A process of a crash loop is up and down so long at most, in seconds.
const LOOP_MAX: u64 = 3600;

/// A fault, and when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// So many seconds after the first request to the new version.
    #[serde(default)]
    pub from_seconds: u64,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "PascalCase", deny_unknown_fields)]
pub enum Kind {
    /// The new version fails this part of its requests.
    Errors {
        /// In percent.
        percent: f64,
    },
    /// The new version takes so many times as long over everything.
    Latency {
        /// More than once.
        scale: f64,
    },
    /// The new version takes so many times as long over a few requests.
    Tail {
        /// How many, in percent.
        percent: f64,
        /// More than once.
        scale: f64,
    },
    /// The new version's process ends again and again.
    CrashLoop {
        /// How long it lives.
        up_seconds: u64,
        /// How long it is gone.
        down_seconds: u64,
    },
    /// Something fails that both versions depend on.
    Dependency {
        /// The part of requests it fails, in percent.
        percent: f64,
    },
}

/// A fault that cannot be made.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
#[error("a rehearsal's {name} is {value}: give {range}")]
pub struct Error {
    name: &'static str,
    value: f64,
    range: &'static str,
}

/// One of the two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The old one.
    Baseline,
    /// The new one.
    Canary,
}

/// What a proxy is to do to the requests of one version.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Injection {
    /// The part of requests that is answered by the proxy, as a probability.
    pub failed: f64,
    /// With this status.
    pub status: u16,
    /// The part of requests that is made to take longer, as a probability.
    pub stretched: f64,
    /// How many times as long they take.
    pub scale: f64,
    /// Whether the version has no process: connections are refused, and health checks fail.
    pub down: bool,
}

impl Injection {
    /// Nothing is done.
    pub const NONE: Self = Self { failed: 0.0, status: STATUS, stretched: 0.0, scale: 1.0, down: false };

    /// The status that requests are answered with, and how many, in percent. What is down is seen so too by callers
    /// whose own proxies stand between.
    pub fn abort(&self) -> Option<(u16, f64)> {
        let part = if self.down { 1.0 } else { self.failed };
        (part > 0.0).then_some((self.status, part * 100.0))
    }

    /// How much later requests come, in milliseconds, and how many, in percent; `median` is how long one takes, in
    /// microseconds. A proxy does not know how long a request is going to take: all get the same delay.
    pub fn delay(&self, median: u64) -> Option<(u64, f64)> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times of requests"
        )]
        let millis = (median as f64 * (self.scale - 1.0) / 1000.0).round().max(1.0) as u64;
        (self.stretched > 0.0).then_some((millis, self.stretched * 100.0))
    }
}

/// What a rehearsal has found out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Finding {
    /// It was caught, as it should.
    Caught {
        /// So many seconds after it began.
        after_seconds: u64,
        /// At the cost of so many failed requests.
        harm: u64,
    },
    /// The faulty version got everything.
    Missed {
        /// At the cost of so many failed requests until then.
        harm: u64,
    },
    /// Neither version was worse, and the new one was not taken back.
    Spared,
    /// Neither version was worse, and the new one was taken back all the same; or before the fault began.
    TakenBackWrongly(Reason),
    /// There was no verdict in time: too little traffic.
    Undecided,
}

impl Finding {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caught { .. } => "Caught",
            Self::Missed { .. } => "Missed",
            Self::Spared => "Spared",
            Self::TakenBackWrongly(_) => "TakenBackWrongly",
            Self::Undecided => "Undecided",
        }
    }

    /// What happened, `second`s after the first request to the new version; `why` it was cut short, if it was.
    pub(crate) fn words(self, second: Option<u64>, why: Option<&str>) -> String {
        match self {
            Self::Caught { after_seconds, harm } => {
                format!("caught after {after_seconds} s, at the cost of {harm} failed requests")
            }
            Self::Missed { harm } => format!("the faulty version got everything, and {harm} requests failed"),
            Self::Spared => "both versions suffer, and the new one is not blamed".to_owned(),
            Self::TakenBackWrongly(reason) => format!("taken back wrongly: {}", crate::show::reason(reason)),
            Self::Undecided => match (why, second) {
                (Some(why), _) => format!("not known: {why}"),
                (None, None) => "not known: no request came".to_owned(),
                (None, Some(second)) => format!("not caught within {second} s: that takes more traffic or more time"),
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Errors { percent } => write!(f, "{percent} % of the requests fail"),
            Kind::Latency { scale } => write!(f, "everything takes {scale} times as long"),
            Kind::Tail { percent, scale } => write!(f, "{percent} % of the requests take {scale} times as long"),
            Kind::CrashLoop { up_seconds, down_seconds } => {
                write!(f, "it crashes every {up_seconds} s and is gone for {down_seconds} s")
            }
            Kind::Dependency { percent } => write!(f, "{percent} % of the requests of both versions fail"),
        }?;
        if self.from_seconds > 0 { write!(f, ", after {} s", self.from_seconds) } else { Ok(()) }
    }
}

impl Fault {
    /// Those that a rehearsal runs where no others are asked for.
    pub fn usual() -> Vec<Self> {
        let at = |kind, from_seconds| Self { kind, from_seconds };
        vec![
            at(Kind::Errors { percent: 50.0 }, 0),
            at(Kind::Errors { percent: 5.0 }, 0),
            at(Kind::Errors { percent: 1.0 }, 0),
            at(Kind::Errors { percent: 5.0 }, 120),
            at(Kind::Latency { scale: 1.25 }, 0),
            at(Kind::Tail { percent: 2.0, scale: 5.0 }, 0),
            at(Kind::CrashLoop { up_seconds: 10, down_seconds: 70 }, 0),
            at(Kind::Dependency { percent: 5.0 }, 30),
        ]
    }

    /// Fails where the fault cannot be made.
    pub fn check(&self) -> Result<(), Error> {
        let within = |name, value: f64, low: f64, high: f64, range| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(Error { name, value, range }) }
        };
        let part = |value| within("Percent", value, 0.01, 100.0, "0.01 to 100");
        let times = |value| within("Scale", value, 1.01, SCALE_MAX, "1.01 to 1000");
        #[expect(clippy::cast_precision_loss, reason = "compared with a day")]
        let seconds = |name, value: u64, low, high: u64, range| within(name, value as f64, low, high as f64, range);
        seconds("FromSeconds", self.from_seconds, 0.0, FROM_MAX, "0 to 86400")?;
        match self.kind {
            Kind::Errors { percent } | Kind::Dependency { percent } => part(percent),
            Kind::Latency { scale } => times(scale),
            Kind::Tail { percent, scale } => part(percent).and_then(|()| times(scale)),
            Kind::CrashLoop { up_seconds, down_seconds } => {
                seconds("UpSeconds", up_seconds, 1.0, LOOP_MAX, "1 to 3600")?;
                seconds("DownSeconds", down_seconds, 1.0, LOOP_MAX, "1 to 3600")
            }
        }
    }

    /// How many of so many requests to the new version it makes take longer.
    pub(crate) fn slows(&self, requests: u64) -> u64 {
        match self.kind {
            Kind::Latency { .. } => requests,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a part of a count"
            )]
            Kind::Tail { percent, .. } => (requests as f64 * percent / 100.0).round() as u64,
            _ => 0,
        }
    }

    /// Whether the new version is to be taken back for it.
    pub fn is_its_own(&self) -> bool {
        !matches!(self.kind, Kind::Dependency { .. })
    }

    /// What is done to the requests of `version`, so many seconds after the first to the new one.
    pub fn injection(&self, version: Version, second: u64) -> Injection {
        let concerned = version == Version::Canary || !self.is_its_own();
        let Some(since) = second.checked_sub(self.from_seconds).filter(|_| concerned) else { return Injection::NONE };
        match self.kind {
            Kind::Errors { percent } | Kind::Dependency { percent } => {
                Injection { failed: percent / 100.0, ..Injection::NONE }
            }
            Kind::Latency { scale } => Injection { stretched: 1.0, scale, ..Injection::NONE },
            Kind::Tail { percent, scale } => Injection { stretched: percent / 100.0, scale, ..Injection::NONE },
            Kind::CrashLoop { up_seconds, down_seconds } => {
                let within = since % up_seconds.saturating_add(down_seconds).max(1);
                Injection { down: within >= up_seconds, ..Injection::NONE }
            }
        }
    }

    /// What it means that the canary stands at `state`, so many seconds after the first request to the new version,
    /// having cost `harm` failed requests.
    pub fn finding(&self, state: &State, second: u64, harm: u64) -> Finding {
        let after = second.checked_sub(self.from_seconds);
        match (&state.phase, after) {
            (Phase::TakingBack(reason) | Phase::TakenBack(reason) | Phase::Frozen { reason, .. }, after) => {
                let caught = after.filter(|_| self.is_its_own() && self.is_a_reason(*reason));
                let wrongly = Finding::TakenBackWrongly(*reason);
                caught.map_or(wrongly, |after_seconds| Finding::Caught { after_seconds, harm })
            }
            (_, _) if !self.is_its_own() => Finding::Spared,
            (Phase::Finishing | Phase::Done, _) => Finding::Missed { harm },
            _ => Finding::Undecided,
        }
    }

    /// Whether a canary with this fault is rightly taken back for `reason`.
    fn is_a_reason(&self, reason: Reason) -> bool {
        match reason {
            Reason::Worse | Reason::HarmBudget => true,
            Reason::NeverHealthy | Reason::Unhealthy => matches!(self.kind, Kind::CrashLoop { .. }),
            Reason::Inconclusive | Reason::Asked | Reason::Webhook => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(phase: Phase) -> State {
        State { phase, ..State::begin("v2", 0) }
    }

    #[test]
    fn the_usual_faults_can_be_made_and_are_read_as_written() {
        for fault in Fault::usual() {
            assert_eq!(fault.check(), Ok(()));
            let text = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault, "{text}");
        }
        let written = r#"{"Kind":{"Tail":{"Percent":2,"Scale":5}},"FromSeconds":60}"#;
        let read: Fault = serde_json::from_str(written).unwrap();
        assert_eq!(read, Fault { kind: Kind::Tail { percent: 2.0, scale: 5.0 }, from_seconds: 60 });
    }

    #[test]
    fn what_cannot_be_made_is_refused_by_name() {
        for (kind, name) in [
            (Kind::Errors { percent: 0.0 }, "Percent is 0"),
            (Kind::Dependency { percent: f64::NAN }, "Percent is NaN"),
            (Kind::Latency { scale: 0.5 }, "Scale is 0.5"),
            (Kind::CrashLoop { up_seconds: 0, down_seconds: 1 }, "UpSeconds is 0"),
        ] {
            let refusal = Fault { kind, from_seconds: 0 }.check().unwrap_err().to_string();
            assert!(refusal.contains(name), "{refusal}");
        }
    }

    #[test]
    fn only_the_new_version_suffers_from_a_fault_of_its_own_and_only_once_it_begins() {
        let own = Fault { kind: Kind::Errors { percent: 5.0 }, from_seconds: 60 };
        assert_eq!(own.injection(Version::Canary, 59), Injection::NONE);
        assert_eq!(own.injection(Version::Baseline, 60), Injection::NONE);
        assert!((own.injection(Version::Canary, 60).failed - 0.05).abs() < 1e-12);
        let common = Fault { kind: Kind::Dependency { percent: 5.0 }, from_seconds: 60 };
        assert_eq!(common.injection(Version::Canary, 60), common.injection(Version::Baseline, 60));
    }

    #[test]
    fn a_crash_loop_goes_up_and_down() {
        let fault = Fault { kind: Kind::CrashLoop { up_seconds: 2, down_seconds: 3 }, from_seconds: 10 };
        let down: Vec<_> = (8..20).map(|second| fault.injection(Version::Canary, second).down).collect();
        assert_eq!(down, [false, false, false, false, true, true, true, false, false, true, true, true]);
    }

    #[test]
    fn the_end_is_read_by_whose_fault_it_was() {
        let own = Fault { kind: Kind::Errors { percent: 5.0 }, from_seconds: 10 };
        let common = Fault { kind: Kind::Dependency { percent: 5.0 }, from_seconds: 10 };
        let worse = at(Phase::TakenBack(Reason::Worse));
        assert_eq!(own.finding(&worse, 25, 4), Finding::Caught { after_seconds: 15, harm: 4 });
        assert_eq!(own.finding(&worse, 5, 4), Finding::TakenBackWrongly(Reason::Worse), "before it began");
        assert_eq!(own.finding(&at(Phase::Done), 700, 90), Finding::Missed { harm: 90 });
        assert_eq!(own.finding(&at(Phase::Baking), 700, 90), Finding::Undecided);
        assert_eq!(common.finding(&worse, 25, 4), Finding::TakenBackWrongly(Reason::Worse));
        assert_eq!(common.finding(&at(Phase::Done), 700, 0), Finding::Spared);
    }
}
