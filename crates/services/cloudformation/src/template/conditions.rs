//! Which conditions hold: settled once, from parameters and mappings alone, before any resource is looked at.

use std::collections::BTreeMap;

use super::{Error, Expression, Problem, Pseudo, Surroundings, Template};

/// Settles every condition of `template`.
pub fn settle(
    template: &Template,
    parameters: &BTreeMap<String, String>,
    pseudo: &Pseudo,
) -> Result<BTreeMap<String, bool>, Error> {
    let mut settled = BTreeMap::new();
    for name in order(template)? {
        let surroundings = Surroundings {
            template,
            parameters,
            pseudo,
            conditions: &settled,
            imports: &BTreeMap::new(),
            resources: &(),
        };
        let holds = surroundings.holds(&template.conditions[name]).map_err(|problem| match problem {
            Problem::Wrong(error) => error,
            Problem::Pending { resource, .. } => Error::ResourceInCondition(vec![resource]),
        })?;
        settled.insert(name.to_owned(), holds);
    }
    Ok(settled)
}

/// The conditions, each after those it names.
fn order(template: &Template) -> Result<Vec<&str>, Error> {
    let mut order: Vec<&str> = Vec::new();
    for name in template.conditions.keys() {
        visit(template, name, &mut Vec::new(), &mut order)?;
    }
    Ok(order)
}

fn visit<'a>(
    template: &'a Template,
    name: &'a str,
    path: &mut Vec<&'a str>,
    order: &mut Vec<&'a str>,
) -> Result<(), Error> {
    if order.contains(&name) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|above| *above == name) {
        return Err(Error::ConditionCycle(path[start..].iter().map(|name| (*name).to_owned()).collect()));
    }
    let unresolved = || Error::UnresolvedCondition { name: name.to_owned(), block: "Conditions" };
    let expression = template.conditions.get(name).ok_or_else(unresolved)?;
    path.push(name);
    let mut named = Vec::new();
    conditions_in(expression, &mut named);
    for inner in named {
        visit(template, inner, path, order)?;
    }
    path.pop();
    order.push(name);
    Ok(())
}

/// The conditions that `expression` names, in order.
pub(super) fn conditions_in<'a>(expression: &'a Expression, named: &mut Vec<&'a str>) {
    if let Expression::Condition(name) | Expression::If(name, ..) = expression {
        named.push(name);
    }
    expression.children(&mut |child| conditions_in(child, named));
}
