//! Looks, asks the judge, and does what the ramp says, ten times a second for each canary.
//!
//! What is seen is recorded before it is acted on; where the canary stands is a row. So whoever takes over after a crash
//! reads the row, makes the judge again from the record, and asks anew for whatever was asked for last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::ecs::SteeringOrder;
use names::Timestamp;
use reconcile::{Controller, Next};
use store::{Key, Row};

use crate::{
    Canaries, Error,
    approval::{self, Approval},
    audience,
    live::{self, Live},
    plan::{self, Action, Notice, Observation, Phase},
    policy::{Weight, When},
    rows::{Canary, CanaryObserved},
    show,
    subject::{self, Over, Standing, Subject},
    webhook::Asker,
};

/// How often to look.
const LOOK: Duration = Duration::from_millis(100);
/// How often what has not changed in kind, such as times and counts, is written down.
const WRITE: u64 = 1000;

/// Takes canaries through their ramps.
pub(crate) struct Watcher {
    service: Arc<Canaries>,
    live: Mutex<HashMap<Key, Live>>,
    asker: Asker,
}

/// One look at one canary.
struct Look<'a> {
    key: &'a Key,
    canary: &'a Canary,
    before: &'a CanaryObserved,
    now: Timestamp,
    standing: Standing,
}

impl Watcher {
    pub(crate) fn new(service: Arc<Canaries>) -> Self {
        let asker = Asker::new(service.clock.clone());
        Self { service, live: Mutex::default(), asker }
    }

    /// Lets go of what is kept of a canary that has ended.
    fn forget(&self, key: &Key) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.asker.forget(key);
    }
}

impl Controller for Watcher {
    type Error = Error;
    const NAME: &'static str = "canary/watcher";

    fn watches(&self) -> &'static [&'static str] {
        &[Canary::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.service.store.list_all::<Canary>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let store = &self.service.store;
        let Some(canary) = store.get::<Canary>(key)? else { return Ok(Next::Settled) };
        let now = self.service.clock.now();
        let seen = store.get::<CanaryObserved>(key)?.unwrap_or_else(|| CanaryObserved::begin(&canary, millis(now)));
        if seen.ended.is_some() {
            self.forget(key);
            return Ok(Next::Settled);
        }
        let standing = match subject::stand(&self.service, &key.scope, &canary, seen.route.as_ref()).await? {
            Ok(standing) => standing,
            Err(over) => return self.end(key, &canary, seen, now, over).await,
        };
        let look = Look { key, canary: &canary, before: &seen, now, standing };
        self.look(&look).await
    }
}

impl Watcher {
    /// The canary comes to its end because its subject has come to one, be it as the ramp wanted or not.
    async fn end(
        &self,
        key: &Key,
        canary: &Canary,
        seen: CanaryObserved,
        now: Timestamp,
        over: Over,
    ) -> Result<Next, Error> {
        let mut after = CanaryObserved { ended: Some(now), ..seen };
        audience::end(&self.service, &key.scope, canary, &mut after).await?;
        after.version += 1;
        match (subject::end_of(&after.state.phase, &over), over) {
            (Some(phase), _) => after.state.phase = phase,
            (None, Over::Lost(why)) => {
                after.tell(now, format!("The canary ends: {why}."));
                after.abandoned = Some(why);
            }
            (None, Over::Finished) => {}
        }
        self.forget(key);
        self.service.store.write(|tx| tx.put(key, &after))?;
        Ok(Next::Settled)
    }

    async fn look(&self, look: &Look<'_>) -> Result<Next, Error> {
        let Look { key, canary, before, standing, .. } = look;
        let now = look.now;
        let mut live = self.take(look)?;
        let readings = standing.read(&self.service, &key.scope, canary).await?;
        let told_apart = readings.iter().all(|reading| reading.baseline.users.is_some());
        let healthy = live.look(canary.subject.name(), readings, millis(self.service.clock.now()))?;
        let decision = live.decide(before.state.question(&canary.policy), now);
        let heard = canary.command.filter(|(number, _)| *number > before.heard);
        let observation = Observation {
            revision: canary.revision.clone(),
            verdict: decision.verdict,
            harm: decision.evidence.harm,
            known: live.knows_baseline(),
            healthy,
            applied: standing.applied(canary, before.route.as_ref()),
            command: heard.map(|(_, command)| command),
            answer: self.asker.answer(key),
        };
        let (state, actions) = plan::step(&before.state, &canary.policy, &observation, millis(now));
        live.note(&decision, &state.phase)?;
        let mut after = CanaryObserved {
            state,
            heard: heard.map_or(before.heard, |(number, _)| number),
            applied: observation.applied,
            proxies: standing.proxies(),
            healthy,
            decision: Some(decision),
            ..CanaryObserved::clone(before)
        };
        audience::warn(canary, &mut after, told_apart, now);
        audience::keep(&self.service, &key.scope, canary, &mut after, now).await?;
        for action in actions {
            self.act(look, action, &mut live, &mut after).await?;
        }
        self.conclude(look, live, after).await
    }

    /// Does what the ramp says. The versions of a route are the user's to retire: they are services and virtual nodes of
    /// their own. Those of a deployment are tasks that ECS retires.
    async fn act(
        &self,
        look: &Look<'_>,
        action: Action,
        live: &mut Live,
        after: &mut CanaryObserved,
    ) -> Result<(), Error> {
        match action {
            Action::Shift(weight) => self.shift(look, weight, after).await?,
            Action::Judge(revision) => {
                after.judgement += 1;
                let path = live::path(&self.service.records, &look.key.name, after.judgement);
                *live = Live::begin(path, &revision, &look.canary.policy, millis(look.now))?;
            }
            Action::Tell(notice) => {
                after.tell(look.now, show::notice(&notice, &look.canary.policy));
                if let (Notice::Approval(_), Phase::Gated { step }) = (&notice, &after.state.phase) {
                    self.offer_link(look, *step, after)?;
                }
            }
            Action::Ask(consent) => {
                let when = if consent.step == 0 { When::Before } else { When::During };
                let webhooks = look.canary.policy.webhooks(when).cloned().collect();
                let body = show::question(&look.key.name, look.canary, after, consent.step);
                self.asker.ask(look.key, &consent, webhooks, body);
            }
            Action::RetireCanary(_) => {
                if let (Subject::Service(service), Phase::TakenBack(why)) = (&look.canary.subject, &after.state.phase) {
                    let order = SteeringOrder::TakeBack(show::reason(*why).to_owned());
                    service.steer(&self.service, &look.key.scope, order).await?;
                }
            }
            Action::RetireBaseline => {
                if let Subject::Service(service) = &look.canary.subject {
                    service.steer(&self.service, &look.key.scope, SteeringOrder::Finish).await?;
                }
            }
        }
        Ok(())
    }

    /// Makes a link to approve by, for the message that asks for it.
    fn offer_link(&self, look: &Look<'_>, step: usize, after: &CanaryObserved) -> Result<(), Error> {
        if look.canary.policy.messages.is_empty() {
            return Ok(());
        }
        let token = self.service.ids.hex(approval::TOKEN_DIGITS);
        let event = after.told.saturating_sub(1);
        let approval = Approval { token, step, attempt: after.state.attempt, event, used: false };
        self.service.store.write(|tx| Ok(tx.put(look.key, &approval)?))
    }

    async fn shift(&self, look: &Look<'_>, weight: Weight, after: &mut CanaryObserved) -> Result<(), Error> {
        let scope = &look.key.scope;
        let (route, standing) = match (&look.canary.subject, &look.standing) {
            (Subject::Service(service), _) => {
                let order = SteeringOrder::Shift(weight.in_tenths());
                return Ok(service.steer(&self.service, scope, order).await?);
            }
            (Subject::Route(route), Standing::Route(standing)) => (route, standing),
            (Subject::Route(_), Standing::Service(_)) => return Ok(()),
        };
        let back = matches!(after.state.phase, Phase::TakingBack(_) | Phase::TakenBack(_));
        let spec = route.with(look.canary, weight, back);
        if spec == standing.spec {
            after.route = Some(spec);
            return Ok(());
        }
        // Written down first: what is found after a crash in between is known as ours, or as what was before.
        self.service.store.write(|tx| {
            tx.put(look.key, &CanaryObserved { route: None, version: look.before.version + 1, ..look.before.clone() })
        })?;
        route.set(&self.service, scope, spec.clone()).await?;
        after.route = Some(spec);
        Ok(())
    }

    /// Writes down what has become of the canary, and looks again soon unless it has ended.
    async fn conclude(&self, look: &Look<'_>, live: Live, mut after: CanaryObserved) -> Result<Next, Error> {
        let ended = after.state.ended();
        if ended && after.state.phase == look.before.state.phase {
            // One more look has passed, in which nothing wanted to begin again.
            after.ended = Some(look.now);
            audience::end(&self.service, &look.key.scope, look.canary, &mut after).await?;
        }
        let counted = millis(look.now) / WRITE != look.before.state.seen_at / WRITE;
        if counted || changed(look.before, &after) {
            after.version = self.service.store.get::<CanaryObserved>(look.key)?.map_or(0, |seen| seen.version) + 1;
            self.service.store.write(|tx| tx.put(look.key, &after))?;
        }
        if after.ended.is_none() {
            self.live.lock().unwrap_or_else(PoisonError::into_inner).insert(look.key.clone(), live);
            Ok(Next::After(LOOK))
        } else {
            Ok(Next::Settled)
        }
    }

    /// The judgement that goes on: at hand, from its record, or a new one.
    fn take(&self, look: &Look<'_>) -> Result<Live, Error> {
        let at_hand = self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(look.key);
        if let Some(live) = at_hand {
            return Ok(live);
        }
        let path = live::path(&self.service.records, &look.key.name, look.before.judgement);
        if let Some(live) = Live::restore(path.clone(), millis(look.now))? {
            return Ok(live);
        }
        Live::begin(path, &look.canary.revision, &look.canary.policy, millis(look.now))
    }
}

/// Whether something changed that is not just time passing.
fn changed(before: &CanaryObserved, after: &CanaryObserved) -> bool {
    let kind = |seen: &CanaryObserved| {
        let verdict = seen.decision.as_ref().map(|decision| std::mem::discriminant(&decision.verdict));
        (
            seen.state.phase.clone(),
            seen.state.paused,
            seen.applied,
            seen.healthy,
            seen.heard,
            verdict,
            seen.route.clone(),
            seen.trial.clone(),
            seen.state.asking.as_ref().map(|asking| (asking.consent.clone(), asking.approved, asking.given_up)),
        )
    };
    before.events.len() != after.events.len()
        || before.ended != after.ended
        || before.judgement != after.judgement
        || kind(before) != kind(after)
}

fn millis(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
