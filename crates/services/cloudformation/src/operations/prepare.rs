//! From what a request gives to a deployment that can be made: everything that can be refused is refused here, before
//! anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use api::cloudformation::{Capability, Change, Parameter, Tag};
use names::{Scope, Tags};
use serde_json::Value;
use store::{Key, Transaction};

use crate::{
    error::Error,
    predict,
    resources::Catalogue,
    rows::{Deployment, Export, Goal, Physical, Stack},
    target::{CANARY, Target, pseudo},
    template::{self, Expression, Template, parameter, references},
};

/// Tags that a stack may have.
const TAGS_MAX: usize = 50;

/// What create, update and change set requests have in common.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) template_body: Option<String>,
    pub(super) template_url: Option<String>,
    pub(super) use_previous_template: bool,
    pub(super) parameters: Vec<Parameter>,
    pub(super) capabilities: Vec<Capability>,
    pub(super) tags: Option<Vec<Tag>>,
    pub(super) role: Option<String>,
}

/// A deployment that could be made.
pub(super) struct Prepared {
    pub(super) deployment: Deployment,
    pub(super) target: Target,
    pub(super) changes: Vec<Change>,
}

/// The stack that a deployment is for.
pub(super) struct For<'a> {
    pub(super) scope: &'a Scope,
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    /// What stands.
    pub(super) previous: Option<&'a Deployment>,
    /// Its real things.
    pub(super) things: &'a [Physical],
}

/// Reads what is `asked` for the stack `stack`.
pub(super) fn prepare(
    tx: &Transaction<'_>,
    catalogue: &Catalogue,
    stack: &For<'_>,
    asked: &Asked,
) -> Result<Prepared, Error> {
    let body = body(asked, stack.previous)?;
    let template = read(catalogue, &body)?;
    let none = BTreeMap::new();
    let previous = stack.previous.map_or(&none, |deployment| &deployment.parameters);
    let parameters = parameter::bind(&template.parameters, &given(&asked.parameters)?, previous)?;
    check_capabilities(&template, &asked.capabilities)?;
    let hidden = template.parameters.iter().filter(|(_, declaration)| declaration.no_echo);
    let tags = match (&asked.tags, stack.previous) {
        (Some(tags), _) => read_tags(tags)?,
        (None, Some(previous)) => previous.tags.clone(),
        (None, None) => Tags::new(),
    };
    let deployment = Deployment {
        description: template.description.clone(),
        hidden: hidden.map(|(name, _)| name.clone()).collect(),
        template: body,
        parameters,
        tags,
        capabilities: asked.capabilities.clone(),
        role: asked.role.clone().or_else(|| stack.previous.and_then(|previous| previous.role.clone())),
        ..Deployment::default()
    };
    let pseudo = pseudo(stack.scope, stack.name, stack.id);
    let mut target = Target::settle(template, deployment, pseudo)?;
    let imports = target.imports()?;
    target.deployment.imports = import(tx, stack.scope, imports)?;
    refuse_changed_types(&target, stack.things)?;
    refuse_canaries(&target, catalogue)?;
    let changes = predict::changes(&target, stack.things, &|name| catalogue.kind(name))?;
    Ok(Prepared { deployment: target.deployment.clone(), target, changes })
}

fn body(asked: &Asked, previous: Option<&Deployment>) -> Result<String, Error> {
    match (&asked.template_body, asked.use_previous_template, previous) {
        (Some(body), false, _) => given_body(Some(body), asked.template_url.as_deref()),
        (None, false, _) => given_body(None, asked.template_url.as_deref()),
        (None, true, Some(previous)) => Ok(previous.template.clone()),
        (None, true, None) => Err(Error::Invalid("UsePreviousTemplate: there is no previous template".to_owned())),
        (Some(_), true, _) => Err(Error::Invalid(
            "You cannot specify both usePreviousTemplate and Template Body/Template URL.".to_owned(),
        )),
    }
}

/// The template that a request must give.
pub(super) fn given_body(body: Option<&String>, url: Option<&str>) -> Result<String, Error> {
    match (body, url) {
        (Some(body), None) => Ok(body.clone()),
        (Some(_), Some(_)) => Err(Error::Invalid("You cannot specify both Template Body and Template URL.".to_owned())),
        (None, Some(url)) => Err(Error::Invalid(format!(
            "TemplateURL {url} is not supported: there is no S3 to read it from. Pass the template as TemplateBody."
        ))),
        (None, None) => Err(Error::Invalid("Either Template URL or Template Body must be specified.".to_owned())),
    }
}

/// Reads a template whose types and references are all known.
pub(super) fn read(catalogue: &Catalogue, body: &str) -> Result<Template, Error> {
    let template = Template::read(body)?;
    let unknown: BTreeSet<String> = template
        .resources
        .values()
        .filter(|resource| catalogue.kind(&resource.kind).is_none())
        .map(|resource| resource.kind.clone())
        .collect();
    if !unknown.is_empty() {
        return Err(template::Error::UnknownTypes(unknown.into_iter().collect()).into());
    }
    let has =
        |kind: &str, attribute: &str| catalogue.kind(kind).is_some_and(|kind| kind.attributes.contains(&attribute));
    references::check(&template, &has)?;
    Ok(template)
}

fn given(parameters: &[Parameter]) -> Result<BTreeMap<String, parameter::Given>, Error> {
    let mut given = BTreeMap::new();
    for Parameter { parameter_key: name, parameter_value: value, use_previous_value: previous } in parameters {
        let value = match (value, previous.unwrap_or_default()) {
            (Some(_), true) => {
                return Err(Error::Invalid(format!(
                    "Invalid input for parameter key {name}. Both usePreviousValue and non-empty value for a parameter \
                     key are not allowed"
                )));
            }
            (Some(value), false) => parameter::Given::Value(value.clone()),
            (None, true) => parameter::Given::Previous,
            (None, false) => return Err(template::Error::MissingParameters(vec![name.clone()]).into()),
        };
        given.insert(name.clone(), value);
    }
    Ok(given)
}

fn read_tags(tags: &[Tag]) -> Result<Tags, Error> {
    if let Some(tag) = tags.iter().find(|tag| tag.key.starts_with("aws:")) {
        return Err(Error::Invalid(format!(
            "Tag key {} is not valid: aws: prefixed tag key names are reserved",
            tag.key
        )));
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::Invalid(format!("a stack can have {TAGS_MAX} tags, not {}", tags.len())));
    }
    Ok(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect())
}

/// What the deployer of `template` must have understood, with the types that are why.
pub(super) fn capabilities(template: &Template) -> Option<(Capability, Vec<String>)> {
    let iam = |kind: &str| kind.starts_with("AWS::IAM::");
    let of_iam = template.resources.values().filter(|resource| iam(&resource.kind));
    let kinds: BTreeSet<String> = of_iam.clone().map(|resource| resource.kind.clone()).collect();
    let no_value = Expression::Ref("AWS::NoValue".to_owned());
    let named = of_iam
        .clone()
        .any(|resource| resource.properties.iter().any(|(name, value)| name == "RoleName" && *value != no_value));
    let capability = if named { Capability::NamedIam } else { Capability::Iam };
    (!kinds.is_empty()).then(|| (capability, kinds.into_iter().collect()))
}

fn check_capabilities(template: &Template, given: &[Capability]) -> Result<(), Error> {
    let understood = |needed: Capability| match needed {
        Capability::Iam => given.contains(&Capability::Iam) || given.contains(&Capability::NamedIam),
        other => given.contains(&other),
    };
    match capabilities(template) {
        Some((needed, _)) if !understood(needed) => Err(Error::Capabilities(needed.as_str())),
        _ => Ok(()),
    }
}

/// What the exports `names` are worth. One whose stack is about to be deleted is not there any more.
pub(super) fn import(
    tx: &Transaction<'_>,
    scope: &Scope,
    names: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut imports = BTreeMap::new();
    for name in names {
        let export = tx.get::<Export>(&Key::new(scope, &name))?;
        let leaving = |export: &Export| -> Result<bool, Error> {
            let stacks = tx.list_under::<Stack>(scope, &format!("{}/", export.stack_name))?;
            let owner = stacks.into_iter().find(|(_, stack)| stack.id == export.stack_id);
            Ok(owner.is_none_or(|(_, stack)| matches!(stack.goal, Goal::Delete { .. })))
        };
        match export {
            Some(export) if !leaving(&export)? => {
                imports.insert(name, export.value);
            }
            _ => return Err(template::Error::NoExport(name).into()),
        }
    }
    Ok(imports)
}

/// A resource keeps its type for life.
fn refuse_changed_types(target: &Target, things: &[Physical]) -> Result<(), Error> {
    let changed = things.iter().filter(|thing| thing.chosen).filter(|thing| {
        let resource = target.template.resources.get(&thing.logical_id);
        resource.is_some_and(|resource| resource.kind != thing.kind)
    });
    let changed: Vec<&str> = changed.map(|thing| thing.logical_id.as_str()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "Update of resource type is not permitted. The new template modifies resource type of the following resources: \
         [{}]",
        changed.join(", ")
    )))
}

/// Only the update of some types can be a canary.
fn refuse_canaries(target: &Target, catalogue: &Catalogue) -> Result<(), Error> {
    let resources = &target.template.resources;
    let asks = |id: &&str| resources[*id].metadata.as_ref().is_some_and(|metadata| metadata.get(CANARY).is_some());
    let cannot = |id: &&str| catalogue.kind(&resources[*id].kind).is_none_or(|kind| !kind.canaried);
    let Some(id) = target.resources().into_iter().filter(asks).find(cannot) else { return Ok(()) };
    let can: Vec<_> = catalogue.iter().filter(|entry| entry.kind.canaried).map(|entry| entry.kind.name).collect();
    Err(Error::Canary {
        resource: id.to_owned(),
        problem: format!("an update of {} can be no canary; one of {} can", resources[id].kind, can.join(", ")),
    })
}

/// A template's metadata as an answer has it.
pub(super) fn metadata(template: &Template) -> Option<String> {
    template.metadata.as_ref().map(Value::to_string)
}
