//! Who else is asked before the ramp goes on: the policy's webhooks.
//!
//! The plan says what is to be asked, whoever asks brings the answer back, and only a yes to this very question lets the
//! ramp go on. All the while the new version is judged as ever: no answer keeps a worse one from being taken back.

use serde::{Deserialize, Serialize};

use super::{
    machine::Machine,
    state::{Action, Notice, Reason},
};
use crate::policy::When;

/// What is asked: whether the ramp may go on to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The new version.
    pub revision: String,
    /// How often it was begun.
    pub attempt: u32,
    /// The step, from 0; the bake after the last, and the end after that.
    pub step: usize,
}

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    /// What is asked.
    pub consent: Consent,
    /// For how long it has been open, in milliseconds.
    pub waited: u64,
    /// Why it is not answered with yes, as was told last.
    pub reason: Option<String>,
    /// Whether somebody approved in the webhooks' place.
    pub approved: bool,
    /// Whether it was asked for as long as a step may last, and is asked no more.
    pub given_up: bool,
}

/// What webhooks answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// To what.
    pub consent: Consent,
    /// What they say together.
    pub says: Says,
}

/// What they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Says {
    /// Yes.
    GoOn,
    /// Not now, or nothing that can be understood; with the reason.
    Hold(String),
    /// The new version is to go; with the reason.
    TakeBack(String),
}

impl Machine<'_> {
    /// Whether the webhooks let the ramp go on to `step`; asks them if that is not known.
    pub(super) fn consents(&mut self, step: usize) -> bool {
        let when = if step == 0 { When::Before } else { When::During };
        if self.policy.webhooks(when).next().is_none() {
            return true;
        }
        let consent = Consent { revision: self.state.revision.clone(), attempt: self.state.attempt, step };
        let open = self.state.asking.take().filter(|asking| asking.consent == consent);
        let mut asking = open.unwrap_or(Asking { consent, waited: 0, reason: None, approved: false, given_up: false });
        if asking.approved {
            return true;
        }
        let answer = self.seen.answer.as_ref().filter(|answer| answer.consent == asking.consent);
        match answer.map(|answer| answer.says.clone()) {
            Some(Says::GoOn) => return true,
            Some(Says::TakeBack(why)) if !self.policy.dry_run => {
                self.tell(Notice::Webhook(why));
                self.refuse(Reason::Webhook);
                return false;
            }
            Some(Says::Hold(why) | Says::TakeBack(why)) => {
                if asking.reason.as_ref() != Some(&why) {
                    self.tell(Notice::Webhook(why.clone()));
                    asking.reason = Some(why);
                }
                if self.policy.dry_run {
                    return true;
                }
            }
            None => {}
        }
        self.ask(asking);
        false
    }

    /// Asks, for as long as a step may last; then it is up to people.
    fn ask(&mut self, mut asking: Asking) {
        if asking.waited <= self.policy.maximum_step_seconds.saturating_mul(1000) {
            self.actions.push(Action::Ask(asking.consent.clone()));
        } else if !asking.given_up {
            asking.given_up = true;
            self.tell(Notice::Unanswered);
        }
        self.state.asking = Some(asking);
    }

    /// Somebody says yes in the webhooks' place.
    pub(super) fn consent(&mut self) -> Result<(), &'static str> {
        let asking = self.state.asking.as_mut().ok_or("nothing waits for an approval")?;
        asking.approved = true;
        Ok(())
    }
}
