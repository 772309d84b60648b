//! Sampling rules: how much is traced of which requests.

use api::xray as model;
use names::{Arn, Scope};
use store::Transaction;

use super::{Cx, invalid, tag};
use crate::{
    Error,
    rows::{DEFAULT, Matching, Rule, RulesChanged},
};

/// Rules beside the default one, as at AWS.
const RULES_MAX: usize = 25;
/// Rules on a page.
const PAGE: usize = 100;
/// The longest name of a rule, in characters.
const NAME_MAX: usize = 32;
/// Attributes that a rule may match.
const ATTRIBUTES_MAX: usize = 5;
/// The one version of rules.
const VERSION: i32 = 1;

/// `GetSamplingRules`.
pub(super) async fn get_sampling_rules(
    cx: Cx,
    request: model::GetSamplingRulesRequest,
) -> Result<model::GetSamplingRulesResponse, Error> {
    let rules = all(&cx)?;
    let in_turn = |rule: &Rule| (rule.priority, rule.name.clone());
    let (page, next_token) = wire::page(rules, in_turn, PAGE, request.next_token.as_deref())?;
    let sampling_rule_records = page.into_iter().map(|rule| record(rule, cx.scope())).collect();
    Ok(model::GetSamplingRulesResponse { sampling_rule_records, next_token })
}

/// All rules, the default one included, in the order in which they are tried.
pub(super) fn all(cx: &Cx) -> Result<Vec<Rule>, Error> {
    let mut rules: Vec<_> = cx.store.list::<Rule>(cx.scope())?.into_iter().map(|(_, rule)| rule).collect();
    if rules.iter().all(|rule| rule.name != DEFAULT) {
        rules.push(Rule::default_rule());
    }
    rules.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    Ok(rules)
}

/// `CreateSamplingRule`.
pub(super) async fn create_sampling_rule(
    cx: Cx,
    request: model::CreateSamplingRuleRequest,
) -> Result<model::CreateSamplingRuleResponse, Error> {
    let now = cx.clock.now();
    let asked = request.sampling_rule;
    if asked.version != VERSION {
        return Err(invalid(format!("SamplingRule.Version must be {VERSION}")));
    }
    if asked.rule_arn.is_some() {
        return Err(invalid("SamplingRule.RuleARN is given by X-Ray; name a new rule by RuleName"));
    }
    let name = asked.rule_name.filter(|name| (1..=NAME_MAX).contains(&name.chars().count()));
    let rule = Rule {
        name: name.ok_or_else(|| invalid(format!("SamplingRule.RuleName must have 1 to {NAME_MAX} characters")))?,
        priority: asked.priority,
        rate: asked.fixed_rate,
        reservoir: asked.reservoir_size,
        matching: Matching {
            resource: asked.resource_arn,
            service: asked.service_name,
            service_type: asked.service_type,
            host: asked.host,
            method: asked.http_method,
            path: asked.url_path,
            attributes: asked.attributes,
        },
        tags: tag::checked(request.tags)?,
        created: now,
        modified: now,
    };
    check(&rule)?;
    cx.store.write(|tx| {
        let rules = tx.list::<Rule>(cx.scope())?;
        if rule.name == DEFAULT || rules.iter().any(|(_, other)| other.name == rule.name) {
            return Err(invalid(format!("there is a sampling rule {} already", rule.name)));
        }
        if rules.iter().filter(|(_, other)| other.name != DEFAULT).count() >= RULES_MAX {
            return Err(Error::RuleLimit(RULES_MAX));
        }
        put(tx, cx.scope(), &rule)
    })?;
    Ok(model::CreateSamplingRuleResponse { sampling_rule_record: Some(record(rule, cx.scope())) })
}

/// `UpdateSamplingRule`.
pub(super) async fn update_sampling_rule(
    cx: Cx,
    request: model::UpdateSamplingRuleRequest,
) -> Result<model::UpdateSamplingRuleResponse, Error> {
    let mut update = request.sampling_rule_update;
    let name = named(&cx, update.rule_name.take(), update.rule_arn.take())?;
    let now = cx.clock.now();
    let rule = cx.store.write(|tx| {
        let mut rule = find(tx, cx.scope(), &name)?;
        let matching = rule.matching.clone();
        let priority = rule.priority;
        apply(&mut rule, update);
        if name == DEFAULT && (rule.matching != matching || rule.priority != priority) {
            return Err(invalid(format!("of the rule {DEFAULT} only FixedRate and ReservoirSize can be changed")));
        }
        check(&rule)?;
        rule.modified = now;
        put(tx, cx.scope(), &rule)?;
        Ok(rule)
    })?;
    Ok(model::UpdateSamplingRuleResponse { sampling_rule_record: Some(record(rule, cx.scope())) })
}

fn apply(rule: &mut Rule, update: model::SamplingRuleUpdate) {
    fn set<T>(value: &mut T, new: Option<T>) {
        if let Some(new) = new {
            *value = new;
        }
    }
    set(&mut rule.priority, update.priority);
    set(&mut rule.rate, update.fixed_rate);
    set(&mut rule.reservoir, update.reservoir_size);
    let matching = &mut rule.matching;
    set(&mut matching.resource, update.resource_arn);
    set(&mut matching.service, update.service_name);
    set(&mut matching.service_type, update.service_type);
    set(&mut matching.host, update.host);
    set(&mut matching.method, update.http_method);
    set(&mut matching.path, update.url_path);
    set(&mut matching.attributes, update.attributes);
}

/// `DeleteSamplingRule`.
pub(super) async fn delete_sampling_rule(
    cx: Cx,
    request: model::DeleteSamplingRuleRequest,
) -> Result<model::DeleteSamplingRuleResponse, Error> {
    let name = named(&cx, request.rule_name, request.rule_arn)?;
    if name == DEFAULT {
        return Err(invalid(format!("the sampling rule {DEFAULT} is always there; change it instead")));
    }
    let now = cx.clock.now();
    let rule = cx.store.write(|tx| {
        let rule = find(tx, cx.scope(), &name)?;
        tx.delete::<Rule>(&Rule::key(cx.scope(), &name))?;
        tx.put(&RulesChanged::key(cx.scope()), &RulesChanged { at: now })?;
        Ok::<_, Error>(rule)
    })?;
    super::target::reservoirs(&cx).remove(&(cx.scope().clone(), name));
    Ok(model::DeleteSamplingRuleResponse { sampling_rule_record: Some(record(rule, cx.scope())) })
}

/// The rule called `name`.
pub(super) fn find(tx: &Transaction<'_>, scope: &Scope, name: &str) -> Result<Rule, Error> {
    let kept = tx.get(&Rule::key(scope, name))?;
    let rule = kept.or_else(|| (name == DEFAULT).then(Rule::default_rule));
    rule.ok_or_else(|| invalid(format!("there is no sampling rule {name}")))
}

fn put(tx: &mut Transaction<'_>, scope: &Scope, rule: &Rule) -> Result<(), Error> {
    tx.put(&Rule::key(scope, &rule.name), rule)?;
    Ok(tx.put(&RulesChanged::key(scope), &RulesChanged { at: rule.modified })?)
}

/// The rule's name, given by it or by its ARN.
fn named(cx: &Cx, name: Option<String>, arn: Option<String>) -> Result<String, Error> {
    match (name, arn) {
        (Some(name), None) => Ok(name),
        (None, Some(arn)) => {
            let parsed = arn.parse::<Arn>().ok().filter(|arn| arn.scope().as_ref() == Some(cx.scope()));
            let name = parsed.as_ref().and_then(|arn| arn.name_of("sampling-rule")).map(str::to_owned);
            name.ok_or_else(|| invalid(format!("{arn} is not the ARN of a sampling rule here")))
        }
        _ => Err(invalid("give RuleName or RuleARN, one of the two")),
    }
}

/// Refuses what a rule can't be.
fn check(rule: &Rule) -> Result<(), Error> {
    if rule.name != DEFAULT && !(1..=9999).contains(&rule.priority) {
        return Err(invalid("Priority must be 1 to 9999"));
    }
    if !(0.0..=1.0).contains(&rule.rate) {
        return Err(invalid("FixedRate must be 0 to 1"));
    }
    if rule.reservoir < 0 {
        return Err(invalid("ReservoirSize must not be negative"));
    }
    let Matching { resource, service, service_type, host, method, path, attributes } = &rule.matching;
    for (name, text, most) in [
        ("ResourceARN", resource, 500),
        ("ServiceName", service, 64),
        ("ServiceType", service_type, 64),
        ("Host", host, 64),
        ("HTTPMethod", method, 10),
        ("URLPath", path, 128),
    ] {
        if text.is_empty() || text.chars().count() > most {
            return Err(invalid(format!("{name} must have 1 to {most} characters; `*` matches all")));
        }
    }
    let fits = |text: &str| (1..=32).contains(&text.chars().count());
    if attributes.len() > ATTRIBUTES_MAX || !attributes.iter().all(|(key, value)| fits(key) && fits(value)) {
        return Err(invalid(format!(
            "Attributes are at most {ATTRIBUTES_MAX}, their keys and values have 1 to 32 characters"
        )));
    }
    Ok(())
}

fn record(rule: Rule, scope: &Scope) -> model::SamplingRuleRecord {
    let rule_arn = Some(rule.arn(scope));
    let Matching { resource, service, service_type, host, method, path, attributes } = rule.matching;
    let shown = model::SamplingRule {
        rule_name: Some(rule.name),
        rule_arn,
        resource_arn: resource,
        priority: rule.priority,
        fixed_rate: rule.rate,
        reservoir_size: rule.reservoir,
        service_name: service,
        service_type,
        host,
        http_method: method,
        url_path: path,
        version: VERSION,
        attributes,
    };
    model::SamplingRuleRecord {
        sampling_rule: Some(shown),
        created_at: Some(rule.created),
        modified_at: Some(rule.modified),
    }
}
