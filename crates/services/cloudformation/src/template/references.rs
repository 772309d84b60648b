//! What a template's parts name, and what follows from it: whether all that is named exists, what depends on what, and
//! which exports are imported.
//!
//! A resource whose condition does not hold does not exist, and a branch of `Fn::If` that is not taken depends on
//! nothing; so dependencies are asked for only once the conditions are settled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Error, Expression, Part, Problem, Pseudo, Surroundings, Template, conditions::conditions_in};

/// One mention of a resource or parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention<'a> {
    /// What is named.
    pub name: &'a str,
    /// The attribute asked for, `None` for `Ref`; an attribute that is itself computed is the empty string.
    pub attribute: Option<&'a str>,
}

/// Which branches of `Fn::If` count.
#[derive(Clone, Copy)]
pub enum Branches<'a> {
    /// Both.
    All,
    /// The one that the settled conditions take.
    Taken(&'a BTreeMap<String, bool>),
}

/// Everything that `expression` names, in order.
pub fn mentions<'a>(expression: &'a Expression, branches: Branches<'_>) -> Vec<Mention<'a>> {
    let mut found = Vec::new();
    collect(expression, branches, &mut found);
    found
}

fn collect<'a>(expression: &'a Expression, branches: Branches<'_>, found: &mut Vec<Mention<'a>>) {
    match expression {
        Expression::Ref(name) => found.push(Mention { name, attribute: None }),
        Expression::GetAtt(name, attribute) => {
            let attribute = match &**attribute {
                Expression::Scalar(Value::String(attribute)) => attribute.as_str(),
                _ => "",
            };
            found.push(Mention { name, attribute: Some(attribute) });
        }
        Expression::Sub(parts, variables) => {
            for part in parts {
                match part {
                    Part::Name(name) if variables.iter().all(|(variable, _)| variable != name) => {
                        found.push(Mention { name, attribute: None });
                    }
                    Part::Attribute(name, attribute) => found.push(Mention { name, attribute: Some(attribute) }),
                    Part::Name(_) | Part::Text(_) => {}
                }
            }
        }
        Expression::If(condition, yes, no) => {
            if let Branches::Taken(conditions) = branches {
                let taken = if conditions.get(condition).copied().unwrap_or_default() { yes } else { no };
                return collect(taken, branches, found);
            }
        }
        _ => {}
    }
    expression.children(&mut |child| collect(child, branches, found));
}

/// Refuses names that nothing has, in any branch. `attributes` tells whether a type has an attribute.
pub fn check(template: &Template, attributes: &dyn Fn(&str, &str) -> bool) -> Result<(), Error> {
    check_conditions(template)?;
    let mut unresolved = BTreeSet::new();
    for resource in template.resources.values() {
        for (_, property) in &resource.properties {
            check_mentions(template, property, attributes, &mut unresolved)?;
        }
        unresolved.extend(resource.depends_on.iter().filter(|name| !template.resources.contains_key(*name)).cloned());
    }
    refuse(unresolved, "Resources")?;
    let mut unresolved = BTreeSet::new();
    for output in template.outputs.values() {
        check_mentions(template, &output.value, attributes, &mut unresolved)?;
        output.export.iter().try_for_each(|name| check_mentions(template, name, attributes, &mut unresolved))?;
    }
    refuse(unresolved, "Outputs")?;
    check_exports(template)
}

fn refuse(unresolved: BTreeSet<String>, block: &'static str) -> Result<(), Error> {
    if unresolved.is_empty() {
        return Ok(());
    }
    Err(Error::Unresolved { names: unresolved.into_iter().collect(), block })
}

fn check_mentions(
    template: &Template,
    expression: &Expression,
    attributes: &dyn Fn(&str, &str) -> bool,
    unresolved: &mut BTreeSet<String>,
) -> Result<(), Error> {
    for Mention { name, attribute } in mentions(expression, Branches::All) {
        let resource = template.resources.get(name);
        match (attribute, resource) {
            (None, None) if !template.parameters.contains_key(name) && !Pseudo::knows(name) => {
                unresolved.insert(name.to_owned());
            }
            (Some(_), None) => return Err(Error::UndefinedResource(name.to_owned())),
            (Some(attribute), Some(resource)) if !attribute.is_empty() && !attributes(&resource.kind, attribute) => {
                let (resource, attribute) = (name.to_owned(), attribute.to_owned());
                return Err(Error::UnknownAttribute { resource, attribute });
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_conditions(template: &Template) -> Result<(), Error> {
    let known = |name: &str, block| {
        if template.conditions.contains_key(name) {
            Ok(())
        } else {
            Err(Error::UnresolvedCondition { name: name.to_owned(), block })
        }
    };
    let mut resources = BTreeSet::new();
    for condition in template.conditions.values() {
        for mention in mentions(condition, Branches::All) {
            let parameter = template.parameters.contains_key(mention.name) || Pseudo::knows(mention.name);
            if mention.attribute.is_some() || !parameter {
                resources.insert(mention.name.to_owned());
            }
        }
    }
    if !resources.is_empty() {
        return Err(Error::ResourceInCondition(resources.into_iter().collect()));
    }
    for resource in template.resources.values() {
        resource.condition.iter().try_for_each(|name| known(name, "Resources"))?;
        for (_, property) in &resource.properties {
            let mut named = Vec::new();
            conditions_in(property, &mut named);
            named.into_iter().try_for_each(|name| known(name, "Resources"))?;
        }
    }
    for output in template.outputs.values() {
        output.condition.iter().try_for_each(|name| known(name, "Outputs"))?;
        let mut named = Vec::new();
        conditions_in(&output.value, &mut named);
        named.into_iter().try_for_each(|name| known(name, "Outputs"))?;
    }
    Ok(())
}

/// An export's name must be known before anything is made.
fn check_exports(template: &Template) -> Result<(), Error> {
    for (name, output) in &template.outputs {
        let Some(export) = &output.export else { continue };
        let resource = mentions(export, Branches::All)
            .iter()
            .any(|mention| mention.attribute.is_some() || template.resources.contains_key(mention.name));
        if resource || early(export) {
            return Err(Error::Output {
                output: name.clone(),
                problem: " The Name field of Export must not depend on any resources, imported values, or Fn::GetAZs.",
            });
        }
    }
    Ok(())
}

fn early(expression: &Expression) -> bool {
    let mut found = matches!(expression, Expression::ImportValue(_) | Expression::GetAzs(_));
    expression.children(&mut |child| found |= early(child));
    found
}

/// What each resource that exists depends on: all it refers to and all it says it depends on, each once, in order.
pub type Dependencies = BTreeMap<String, Vec<String>>;

/// The resources whose conditions hold, in the template's order.
pub fn active<'a>(template: &'a Template, conditions: &BTreeMap<String, bool>) -> Vec<&'a str> {
    let active = template.resources.iter().filter(|(_, resource)| holds(resource.condition.as_ref(), conditions));
    active.map(|(name, _)| name.as_str()).collect()
}

/// Finds what depends on what among the resources that exist, and refuses circles and references to what does not.
pub fn dependencies(template: &Template, conditions: &BTreeMap<String, bool>) -> Result<Dependencies, Error> {
    let active = active(template, conditions);
    let mut dependencies = Dependencies::new();
    let mut missing = BTreeSet::new();
    for name in &active {
        let resource = &template.resources[*name];
        let mut wanted: Vec<String> = Vec::new();
        let said = resource.depends_on.iter().map(String::as_str).filter(|other| active.contains(other));
        let mut referred = Vec::new();
        for (_, property) in &resource.properties {
            for mention in mentions(property, Branches::Taken(conditions)) {
                if !template.resources.contains_key(mention.name) {
                    continue;
                }
                if active.contains(&mention.name) {
                    referred.push(mention.name);
                } else {
                    missing.insert(mention.name.to_owned());
                }
            }
        }
        for other in said.chain(referred) {
            if !wanted.iter().any(|known| known == other) {
                wanted.push(other.to_owned());
            }
        }
        dependencies.insert((*name).to_owned(), wanted);
    }
    refuse(missing, "Resources")?;
    refuse(missing_in_outputs(template, conditions, &active), "Outputs")?;
    refuse_cycles(&dependencies)?;
    Ok(dependencies)
}

/// The resources that do not exist and that outputs which do exist refer to.
fn missing_in_outputs(template: &Template, conditions: &BTreeMap<String, bool>, active: &[&str]) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for output in template.outputs.values().filter(|output| holds(output.condition.as_ref(), conditions)) {
        let named = mentions(&output.value, Branches::Taken(conditions)).into_iter().map(|mention| mention.name);
        let absent = named.filter(|name| template.resources.contains_key(*name) && !active.contains(name));
        missing.extend(absent.map(str::to_owned));
    }
    missing
}

/// Whether what stands under `condition` exists.
pub fn holds(condition: Option<&String>, conditions: &BTreeMap<String, bool>) -> bool {
    condition.is_none_or(|name| conditions.get(name).copied().unwrap_or_default())
}

/// Takes away, again and again, what depends on nothing that is left; what cannot be taken away is in a circle, or
/// depends on one.
fn refuse_cycles(dependencies: &Dependencies) -> Result<(), Error> {
    let mut left: BTreeMap<&str, Vec<&str>> =
        dependencies.iter().map(|(name, on)| (name.as_str(), on.iter().map(String::as_str).collect())).collect();
    let strip = |left: &mut BTreeMap<&str, Vec<&str>>, free: &dyn Fn(&str, &BTreeMap<&str, Vec<&str>>) -> bool| {
        loop {
            let gone: Vec<&str> = left.keys().copied().filter(|name| free(name, left)).collect();
            if gone.is_empty() {
                return;
            }
            for name in gone {
                left.remove(name);
            }
        }
    };
    strip(&mut left, &|name, left| left[name].iter().all(|on| !left.contains_key(on)));
    // What only depends on the circle is not part of it.
    strip(&mut left, &|name, left| left.values().all(|on| !on.contains(&name)));
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::Cycle(left.into_keys().map(str::to_owned).collect()))
}

/// The names of the exports that the resources and outputs that exist import.
pub fn imports(surroundings: &Surroundings<'_>) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    let template = surroundings.template;
    for name in active(template, surroundings.conditions) {
        for (_, property) in &template.resources[name].properties {
            imports_in(property, surroundings, &mut names)?;
        }
    }
    let conditions = surroundings.conditions;
    for output in template.outputs.values().filter(|output| holds(output.condition.as_ref(), conditions)) {
        imports_in(&output.value, surroundings, &mut names)?;
    }
    Ok(names)
}

fn imports_in(
    expression: &Expression,
    surroundings: &Surroundings<'_>,
    names: &mut BTreeSet<String>,
) -> Result<(), Error> {
    match expression {
        Expression::ImportValue(name) => match surroundings.text(name) {
            Ok(name) => {
                names.insert(name);
                Ok(())
            }
            Err(Problem::Wrong(error)) => Err(error),
            Err(Problem::Pending { .. }) => {
                Err(Error::function("the name given to Fn::ImportValue must not depend on a resource"))
            }
        },
        Expression::If(condition, yes, no) => {
            let taken = if surroundings.conditions.get(condition).copied().unwrap_or_default() { yes } else { no };
            imports_in(taken, surroundings, names)
        }
        _ => {
            let mut outcome = Ok(());
            expression.children(&mut |child| {
                if outcome.is_ok() {
                    outcome = imports_in(child, surroundings, names);
                }
            });
            outcome
        }
    }
}
