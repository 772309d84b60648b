//! The traffic controller: tells load balancers the weights that releases ask for, and notes that they were told.
//!
//! A rule is told whole each time, so telling it twice is telling it once. It counts as told when requests go by it: then
//! stages go on, waits begin, and what nobody comes to any more is drained.

use std::{sync::Arc, time::Duration};

use api::{Fault, elbv2};
use names::Scope;
use reconcile::{Controller, Next};
use store::{Key, Row};

use super::{Error, is_final};
use crate::{
    Ecs,
    plan::release::{Lane, Release, WHOLE},
    release::weights,
    rows::{ServiceObserved, ServiceTraffic},
};

/// How soon to look again whether requests go by a rule that was told.
const ACKNOWLEDGEMENT_POLL: Duration = Duration::from_millis(50);

/// Makes the weights of releases true.
pub(super) struct Traffic {
    ecs: Arc<Ecs>,
}

impl Traffic {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs }
    }
}

impl Controller for Traffic {
    type Error = Error;
    const NAME: &'static str = "ecs/traffic";

    fn watches(&self) -> &'static [&'static str] {
        &[ServiceObserved::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.ecs.store.list_all::<ServiceObserved>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let observed = self.ecs.store.get::<ServiceObserved>(key)?.unwrap_or_default();
        let (Some(release), Some(latest)) = (&observed.release, observed.deployments.first()) else {
            return Ok(Next::Settled);
        };
        let deployment = &latest.revision.deployment;
        let told = self.ecs.store.get::<ServiceTraffic>(key)?;
        if release.lanes.is_empty() || told.is_some_and(|told| told.is_of(deployment, release)) {
            return Ok(Next::Settled);
        }
        let trouble = match self.tell(&key.scope, release).await {
            Err(Error::Neighbour(fault)) if is_final(&fault) => Some(fault.message),
            Ok(true) => None,
            Ok(false) => return Ok(Next::After(ACKNOWLEDGEMENT_POLL)),
            Err(error) => return Err(error),
        };
        if let Some(reason) = &trouble {
            tracing::warn!(service = %key, reason, "Traffic can't be shifted.");
        }
        let row =
            ServiceTraffic { deployment: deployment.clone(), weight: release.weight, test: release.test, trouble };
        self.ecs.store.write(|tx| tx.put(key, &row).map_err(Error::from))?;
        Ok(Next::Settled)
    }
}

impl Traffic {
    /// Tells all rules; answers whether requests go by them already.
    async fn tell(&self, scope: &Scope, release: &Release) -> Result<bool, Error> {
        let mut rule_arns = Vec::new();
        for lane in &release.lanes {
            self.set(scope, &lane.production, lane, release.weight).await?;
            rule_arns.push(lane.production.clone());
            if let Some(rule) = lane.test.as_ref().filter(|rule| **rule != lane.production) {
                self.set(scope, rule, lane, if release.test { WHOLE } else { 0 }).await?;
                rule_arns.push(rule.clone());
            }
        }
        let request = elbv2::RuleArnsRequest { rule_arns };
        let told = self.ecs.caller.call::<elbv2::DescribeRuleStates>(scope, request).await?;
        Ok(told.rule_states.iter().all(|state| state.in_force))
    }

    /// Lets so many thousandths of what comes by the rule `arn` come to the new tasks.
    async fn set(&self, scope: &Scope, arn: &str, lane: &Lane, coming: u16) -> Result<(), Error> {
        let request = elbv2::DescribeRulesRequest { rule_arns: vec![arn.to_owned()], ..Default::default() };
        let found = self.ecs.caller.call::<elbv2::DescribeRules>(scope, request).await?;
        let rule = found.rules.into_iter().next();
        let rule = rule.ok_or_else(|| Fault::client("RuleNotFound", format!("The rule {arn} is not there.")))?;
        let actions = forwarding(&rule.actions, lane, coming);
        if actions == rule.actions {
            return Ok(());
        }
        if rule.is_default {
            let listener_arn = listener_of(arn).ok_or_else(|| Error::Answer(arn.to_owned()))?;
            let request = elbv2::ModifyListenerRequest { listener_arn, default_actions: actions, ..Default::default() };
            self.ecs.caller.call::<elbv2::ModifyListener>(scope, request).await?;
        } else {
            let request = elbv2::ModifyRuleRequest { rule_arn: arn.to_owned(), actions, ..Default::default() };
            self.ecs.caller.call::<elbv2::ModifyRule>(scope, request).await?;
        }
        Ok(())
    }
}

/// The actions of a rule with the two groups of `lane` in the place of whatever it forwarded to.
fn forwarding(actions: &[elbv2::Action], lane: &Lane, coming: u16) -> Vec<elbv2::Action> {
    let (serving_weight, coming_weight) = weights(coming);
    let tuple =
        |group: &String, weight| elbv2::TargetGroupTuple { target_group_arn: group.clone(), weight: Some(weight) };
    let last = actions.last();
    let before = last.and_then(|action| action.forward_config.clone()).unwrap_or_default();
    let forward = elbv2::ForwardActionConfig {
        target_groups: vec![tuple(&lane.serving, serving_weight), tuple(&lane.coming, coming_weight)],
        ..before
    };
    let action = elbv2::Action {
        kind: "forward".to_owned(),
        order: last.and_then(|action| action.order),
        forward_config: Some(forward),
        ..elbv2::Action::default()
    };
    let kept = actions.len().saturating_sub(1);
    actions[..kept].iter().cloned().chain([action]).collect()
}

/// The listener whose default rule has this ARN: the rule's own id comes last.
fn listener_of(rule: &str) -> Option<String> {
    let (listener, _) = rule.rsplit_once('/')?;
    Some(listener.replacen(":listener-rule/", ":listener/", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_the_lane_take_the_place_of_what_was_forwarded_to() {
        let lane = Lane { serving: "blue".into(), coming: "green".into(), production: "rule".into(), test: None };
        let old = elbv2::Action {
            kind: "forward".into(),
            target_group_arn: Some("blue".into()),
            order: Some(1),
            ..elbv2::Action::default()
        };
        let new = forwarding(&[old], &lane, 100);
        let groups = &new[0].forward_config.as_ref().unwrap().target_groups;
        let shown: Vec<_> = groups.iter().map(|g| (g.target_group_arn.as_str(), g.weight.unwrap())).collect();
        assert_eq!((shown, new[0].order), (vec![("blue", 90), ("green", 10)], Some(1)));
        assert_eq!(forwarding(&new, &lane, 100), new);
    }

    #[test]
    fn a_default_rule_tells_its_listener() {
        let rule = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/b/1/2/2";
        let listener = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/b/1/2";
        assert_eq!(listener_of(rule).as_deref(), Some(listener));
    }
}
