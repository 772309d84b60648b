//! Rules of listeners, and the default rule that stands for a listener's default actions.
//!
//! The default rule has no row: its ARN is made of its listener's id, twice, so that it needs none.

use api::elbv2 as shape;
use names::{Arn, Scope};
use store::{Key, Transaction};
use wire::{Context, page};

use super::{
    condition,
    listener::{self, check_actions, vpc_of},
    page_size, tags,
};
use crate::{
    LoadBalancing,
    error::Error,
    rows::{self, Listener, Rule, RuleObserved},
};

/// Rules on one listener.
const RULES_MAX: usize = 100;
/// The largest priority.
const PRIORITY_MAX: u32 = 50_000;

pub(crate) async fn create_rule(
    cx: Context<LoadBalancing>,
    request: shape::CreateRuleRequest,
) -> Result<shape::RulesResponse, Error> {
    let scope = cx.scope();
    check_priority(request.priority)?;
    let conditions = condition::checked(&request.conditions)?;
    let rule = cx.store.write(|tx| {
        let (key, listener) = listener::find(tx, scope, &request.listener_arn)?;
        check_actions(tx, scope, &vpc_of(tx, scope, &listener)?, &request.actions)?;
        let siblings = of_listener(tx, scope, &key)?;
        if siblings.iter().any(|(_, sibling)| sibling.priority == request.priority) {
            return Err(Error::PriorityInUse(request.priority));
        }
        if siblings.len() >= RULES_MAX {
            return Err(Error::TooManyRules(request.listener_arn.clone()));
        }
        let rule = Rule {
            listener: key.name.clone(),
            id: cx.ids.hex(16),
            priority: request.priority,
            conditions,
            actions: request.actions.clone(),
            tags: tags(&request.tags),
        };
        tx.put(&rule.key(scope), &rule)?;
        Ok(rule)
    })?;
    Ok(shape::RulesResponse { rules: vec![describe(scope, &rule)] })
}

pub(crate) async fn describe_rules(
    cx: Context<LoadBalancing>,
    request: shape::DescribeRulesRequest,
) -> Result<shape::DescribeRulesResponse, Error> {
    let scope = cx.scope();
    let rules = cx.store.write(|tx| match &request.listener_arn {
        Some(arn) => {
            let (key, listener) = listener::find(tx, scope, arn)?;
            let mut rules = of_listener(tx, scope, &key)?;
            rules.sort_by_key(|(_, rule)| rule.priority);
            let rules = rules.iter().map(|(_, rule)| describe(scope, rule));
            Ok(rules.chain([default_rule(scope, &listener)]).collect())
        }
        None if request.rule_arns.is_empty() => {
            Err(Error::Validation("You must specify either listener rule ARNs or a listener ARN".to_owned()))
        }
        None => request.rule_arns.iter().map(|arn| by_arn(tx, scope, arn)).collect::<Result<Vec<_>, _>>(),
    })?;
    let size = page_size(request.page_size)?;
    // In the order of their priorities, not of their ids.
    let places = |rule: &shape::Rule| rule.priority.parse().unwrap_or(u32::MAX);
    let key = |rule: &shape::Rule| format!("{:010}{}", places(rule), rule.rule_arn);
    let (rules, next_marker) = page(rules, key, size, request.marker.as_deref())?;
    Ok(shape::DescribeRulesResponse { rules, next_marker })
}

pub(crate) async fn describe_rule_states(
    cx: Context<LoadBalancing>,
    request: shape::RuleArnsRequest,
) -> Result<shape::RuleStatesResponse, Error> {
    let scope = cx.scope();
    let state = |tx: &Transaction<'_>, arn: &String| {
        let asked = by_arn(tx, scope, arn)?.actions;
        let told = tx.get::<RuleObserved>(&key_of(scope, arn)?)?;
        let in_force = told.is_some_and(|told| told.actions == asked);
        Ok(shape::RuleState { rule_arn: arn.clone(), in_force })
    };
    let states =
        cx.store.write(|tx| request.rule_arns.iter().map(|arn| state(tx, arn)).collect::<Result<Vec<_>, Error>>())?;
    Ok(shape::RuleStatesResponse { rule_states: states })
}

pub(crate) async fn modify_rule(
    cx: Context<LoadBalancing>,
    request: shape::ModifyRuleRequest,
) -> Result<shape::RulesResponse, Error> {
    let scope = cx.scope();
    let conditions = if request.conditions.is_empty() { None } else { Some(condition::checked(&request.conditions)?) };
    let rule = cx.store.write(|tx| {
        let (key, mut row) = find(tx, scope, &request.rule_arn)?;
        if !request.actions.is_empty() {
            let listener = tx.get::<Listener>(&Key::new(scope, row.listener.clone()))?;
            let listener = listener.ok_or_else(|| Error::RuleNotFound(request.rule_arn.clone()))?;
            check_actions(tx, scope, &vpc_of(tx, scope, &listener)?, &request.actions)?;
            row.actions.clone_from(&request.actions);
        }
        row.conditions = conditions.unwrap_or(row.conditions);
        tx.put(&key, &row)?;
        Ok::<_, Error>(row)
    })?;
    Ok(shape::RulesResponse { rules: vec![describe(scope, &rule)] })
}

pub(crate) async fn delete_rule(
    cx: Context<LoadBalancing>,
    request: shape::DeleteRuleRequest,
) -> Result<shape::Empty, Error> {
    cx.store.write(|tx| {
        let (key, _) = find(tx, cx.scope(), &request.rule_arn)?;
        tx.delete::<Rule>(&key)?;
        Ok(shape::Empty {})
    })
}

pub(crate) async fn set_rule_priorities(
    cx: Context<LoadBalancing>,
    request: shape::SetRulePrioritiesRequest,
) -> Result<shape::RulesResponse, Error> {
    let scope = cx.scope();
    let moved = cx.store.write(|tx| {
        let mut moved = Vec::new();
        for pair in &request.rule_priorities {
            check_priority(pair.priority)?;
            let (key, row) = find(tx, scope, &pair.rule_arn)?;
            let row = Rule { priority: pair.priority, ..row };
            tx.put(&key, &row)?;
            moved.push(row);
        }
        // All have moved: only now can two stand at one place.
        for rule in &moved {
            let siblings = of_listener(tx, scope, &Key::new(scope, rule.listener.clone()))?;
            if siblings.iter().filter(|(_, sibling)| sibling.priority == rule.priority).count() > 1 {
                return Err(Error::PriorityInUse(rule.priority));
            }
        }
        Ok(moved)
    })?;
    Ok(shape::RulesResponse { rules: moved.iter().map(|rule| describe(scope, rule)).collect() })
}

/// Removes all rules of the listener at `listener`.
pub(super) fn forget(tx: &mut Transaction<'_>, scope: &Scope, listener: &Key) -> Result<(), Error> {
    for (key, _) in of_listener(tx, scope, listener)? {
        tx.delete::<Rule>(&key)?;
    }
    Ok(())
}

fn of_listener(tx: &Transaction<'_>, scope: &Scope, listener: &Key) -> Result<Vec<(Key, Rule)>, Error> {
    Ok(tx.list_under::<Rule>(scope, &format!("{}/", listener.name))?)
}

/// The rule that `arn` names and that can be changed.
fn find(tx: &Transaction<'_>, scope: &Scope, arn: &str) -> Result<(Key, Rule), Error> {
    let key = key_of(scope, arn)?;
    match tx.get::<Rule>(&key)? {
        Some(row) => Ok((key, row)),
        None if default_of(tx, scope, &key)?.is_some() => Err(Error::DefaultRule(arn.to_owned())),
        None => Err(Error::RuleNotFound(arn.to_owned())),
    }
}

/// The rule that `arn` names, the default one of a listener among them.
fn by_arn(tx: &Transaction<'_>, scope: &Scope, arn: &str) -> Result<shape::Rule, Error> {
    let key = key_of(scope, arn)?;
    if let Some(row) = tx.get::<Rule>(&key)? {
        return Ok(describe(scope, &row));
    }
    let listener = default_of(tx, scope, &key)?;
    listener.map(|listener| default_rule(scope, &listener)).ok_or_else(|| Error::RuleNotFound(arn.to_owned()))
}

fn key_of(scope: &Scope, arn: &str) -> Result<Key, Error> {
    let key = rows::key_of(arn, rows::RULE, scope);
    key.ok_or_else(|| Error::Validation(format!("'{arn}' is not a valid listener rule ARN")))
}

/// The listener whose default rule has the key `rule`, if it is one's.
fn default_of(tx: &Transaction<'_>, scope: &Scope, rule: &Key) -> Result<Option<Listener>, Error> {
    let Some((listener, id)) = rule.name.rsplit_once('/') else { return Ok(None) };
    let listener = tx.get::<Listener>(&Key::new(scope, listener))?;
    Ok(listener.filter(|listener| listener.id == id))
}

fn check_priority(priority: u32) -> Result<(), Error> {
    if (1..=PRIORITY_MAX).contains(&priority) {
        return Ok(());
    }
    Err(Error::Validation(format!("Rule priority '{priority}' must be 1 to {PRIORITY_MAX}")))
}

fn describe(scope: &Scope, row: &Rule) -> shape::Rule {
    shape::Rule {
        rule_arn: row.arn(scope),
        priority: row.priority.to_string(),
        conditions: row.conditions.clone(),
        actions: row.actions.clone(),
        is_default: false,
    }
}

fn default_rule(scope: &Scope, row: &Listener) -> shape::Rule {
    let name = format!("{}{}/{}/{}", rows::RULE, row.load_balancer, row.id, row.id);
    shape::Rule {
        rule_arn: Arn::new(rows::SERVICE, scope, name).to_string(),
        priority: "default".to_owned(),
        conditions: Vec::new(),
        actions: row.actions.clone(),
        is_default: true,
    }
}
