//! The health of a target, found out by asking it, in the words of Elastic Load Balancing.

use std::{
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    group::{Group, Member},
    table::Table,
};
use crate::{
    Connect,
    probe::{self, Dial, Question, Silence},
};

/// How often a target is asked that has not been found well yet: it should not wait for its first request longer than
/// it must. Bad answers count no faster for it.
const NEWCOMER_PAUSE: Duration = Duration::from_millis(250);
/// What a health check calls itself.
const USER_AGENT: &str = "ELB-HealthChecker/2.0";

/// What is known of a target's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    state: State,
    /// Answers in a row that speak against the state.
    against: u32,
    /// What was wrong the last time.
    trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Initial,
    Healthy,
    Unhealthy,
}

/// What is wrong with a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    TimedOut,
    Unreachable,
    Status(u16),
}

impl Health {
    pub(crate) fn initial() -> Self {
        Self { state: State::Initial, against: 0, trouble: None }
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.state == State::Healthy
    }

    /// Takes an answer in. A newcomer is healthy with its first good one.
    pub(crate) fn learn(&mut self, answer: Result<(), Trouble>, healthy_threshold: u32, unhealthy_threshold: u32) {
        let (good, bound) = match self.state {
            State::Initial if answer.is_ok() => (State::Healthy, 1),
            State::Initial => (State::Unhealthy, unhealthy_threshold),
            State::Unhealthy => (State::Healthy, healthy_threshold),
            State::Healthy => (State::Unhealthy, unhealthy_threshold),
        };
        let against = answer.is_ok() == (good == State::Healthy);
        self.trouble = answer.err();
        self.against = if against { self.against + 1 } else { 0 };
        if self.against >= bound {
            (self.state, self.against) = (good, 0);
        }
    }

    /// State, reason and description.
    pub(crate) fn words(&self, draining: bool) -> (&'static str, Option<&'static str>, Option<String>) {
        if draining {
            let description = "Target deregistration is in progress".to_owned();
            return ("draining", Some("Target.DeregistrationInProgress"), Some(description));
        }
        match (self.state, &self.trouble) {
            (State::Healthy, _) => ("healthy", None, None),
            (State::Initial, None) => {
                ("initial", Some("Elb.RegistrationInProgress"), Some("Target registration is in progress".to_owned()))
            }
            (State::Initial, Some(_)) => {
                ("initial", Some("Elb.InitialHealthChecking"), Some("Initial health checks in progress".to_owned()))
            }
            (State::Unhealthy, Some(Trouble::TimedOut)) => {
                ("unhealthy", Some("Target.Timeout"), Some("Request timed out".to_owned()))
            }
            (State::Unhealthy, Some(Trouble::Status(status))) => {
                let description = format!("Health checks failed with these codes: [{status}]");
                ("unhealthy", Some("Target.ResponseCodeMismatch"), Some(description))
            }
            (State::Unhealthy, _) => {
                ("unhealthy", Some("Target.FailedHealthChecks"), Some("Health checks failed".to_owned()))
            }
        }
    }
}

/// Asks `member` again and again, until its task is ended.
pub(crate) async fn watch(member: Rc<Member>, group: Weak<Group>, table: Weak<Table>, connect: Arc<dyn Connect>) {
    let check = member.check().clone();
    let interval = Duration::from_secs(u64::from(check.interval_seconds));
    let mut counted: Option<Instant> = None;
    loop {
        let asked = Instant::now();
        let Some(route) = group.upgrade().map(|group| group.route(member.address, check.port.unwrap_or(member.port)))
        else {
            return;
        };
        let host = route.target.to_string();
        let question = Question { path: &check.path, host: &host, user_agent: USER_AGENT };
        let within = Duration::from_secs(u64::from(check.timeout_seconds));
        let dial = Dial { connect: &*connect, security: None, route: &route };
        let answer = judge(probe::http(dial, question, within).await, &check.matcher);
        // Bad answers of one interval are one bad answer.
        let counts = answer.is_ok() || counted.is_none_or(|last| asked - last >= interval);
        if counts {
            counted = Some(asked);
            let before = member.health.borrow().clone();
            member.health.borrow_mut().learn(answer, check.healthy_threshold, check.unhealthy_threshold);
            let (Some(group), Some(table)) = (group.upgrade(), table.upgrade()) else { return };
            let after = member.health.borrow().clone();
            if before.state != after.state {
                group.choose();
            }
            if before.words(false) != after.words(false) {
                table.tell();
            }
        }
        let newcomer = member.health.borrow().state == State::Initial;
        sleep(if newcomer { NEWCOMER_PAUSE } else { interval }.saturating_sub(asked.elapsed())).await;
    }
}

fn judge(answer: Result<u16, Silence>, matcher: &str) -> Result<(), Trouble> {
    match answer {
        Ok(status) if matches(matcher, status) => Ok(()),
        Ok(status) => Err(Trouble::Status(status)),
        Err(Silence::TimedOut) => Err(Trouble::TimedOut),
        Err(_) => Err(Trouble::Unreachable),
    }
}

/// Whether `200`, `200,202` or `200-299` holds `status`.
fn matches(matcher: &str, status: u16) -> bool {
    let code = |text: &str| text.trim().parse::<u16>().ok();
    matcher.split(',').any(|part| match part.split_once('-') {
        Some((low, high)) => code(low).zip(code(high)).is_some_and(|(low, high)| (low..=high).contains(&status)),
        None => code(part) == Some(status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_codes_lists_and_ranges() {
        assert!(matches("200", 200) && matches("200,202", 202) && matches("200-299,404", 404));
        assert!(!matches("200", 201) && !matches("200-299", 300) && !matches("", 200));
    }

    #[test]
    fn a_newcomer_is_healthy_at_once_and_others_by_their_thresholds() {
        let mut health = Health::initial();
        health.learn(Err(Trouble::Unreachable), 2, 2);
        assert_eq!(health.words(false).0, "initial");
        health.learn(Ok(()), 2, 2);
        assert!(health.is_healthy());
        health.learn(Err(Trouble::Status(500)), 2, 2);
        assert!(health.is_healthy());
        health.learn(Err(Trouble::Status(500)), 2, 2);
        assert_eq!(
            health.words(false),
            (
                "unhealthy",
                Some("Target.ResponseCodeMismatch"),
                Some("Health checks failed with these codes: [500]".to_owned())
            )
        );
        health.learn(Ok(()), 2, 2);
        health.learn(Err(Trouble::TimedOut), 2, 2);
        health.learn(Ok(()), 2, 2);
        assert!(!health.is_healthy(), "two good ones in a row are asked for");
        health.learn(Ok(()), 2, 2);
        assert!(health.is_healthy());
    }

    #[test]
    fn a_newcomer_that_never_answers_becomes_unhealthy() {
        let mut health = Health::initial();
        health.learn(Err(Trouble::TimedOut), 5, 2);
        health.learn(Err(Trouble::TimedOut), 5, 2);
        assert_eq!(health.words(false).1, Some("Target.Timeout"));
        assert_eq!(health.words(true).0, "draining");
    }
}
