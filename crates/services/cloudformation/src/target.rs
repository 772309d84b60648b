//! A deployment, read: the template with its values, conditions and dependencies settled.

use std::collections::BTreeMap;

use api::cloudformation::Output;
use names::Scope;
use serde_json::{Map, Value};

use crate::{
    rows::{Deployment, Physical},
    template::{
        Error, Expression, Place, Problem, Pseudo, Resources, Surroundings, Template, conditions, references, text_of,
    },
};

/// The metadata that makes an update a canary: the house's own, and nothing to AWS.
pub const CANARY: &str = "Serin::Canary";

/// What a deployment asks for, with everything settled that does not depend on what exists.
#[derive(Clone, Debug)]
pub struct Target {
    /// The template.
    pub template: Template,
    /// The deployment it was read from.
    pub deployment: Deployment,
    /// Which resources there are and what each depends on.
    pub dependencies: references::Dependencies,
    conditions: BTreeMap<String, bool>,
    pseudo: Pseudo,
}

/// The pseudo parameters of the stack `name` with the ARN `id` in `scope`.
pub fn pseudo(scope: &Scope, name: &str, id: &str) -> Pseudo {
    Pseudo {
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        stack_name: name.to_owned(),
        stack_id: id.to_owned(),
    }
}

impl Target {
    /// Reads `deployment`; its references must have been checked when it was asked for.
    pub fn read(deployment: &Deployment, pseudo: Pseudo) -> Result<Self, Error> {
        Self::settle(Template::read(&deployment.template)?, deployment.clone(), pseudo)
    }

    /// Settles a `template` that has been read already.
    pub fn settle(template: Template, deployment: Deployment, pseudo: Pseudo) -> Result<Self, Error> {
        let conditions = conditions::settle(&template, &deployment.parameters, &pseudo)?;
        let dependencies = references::dependencies(&template, &conditions)?;
        Ok(Self { template, deployment, dependencies, conditions, pseudo })
    }

    /// The resources there are, in the template's order.
    pub fn resources(&self) -> Vec<&str> {
        references::active(&self.template, &self.conditions)
    }

    /// The names of the exports it imports.
    pub fn imports(&self) -> Result<Vec<String>, Error> {
        Ok(references::imports(&self.around(&()))?.into_iter().collect())
    }

    fn around<'a>(&'a self, resources: &'a dyn Resources) -> Surroundings<'a> {
        Surroundings {
            template: &self.template,
            parameters: &self.deployment.parameters,
            pseudo: &self.pseudo,
            conditions: &self.conditions,
            imports: &self.deployment.imports,
            resources,
        }
    }

    /// One property of `resource`, by name, as far as `resources` are known; `None` is `AWS::NoValue`.
    pub fn property(&self, id: &str, name: &str, resources: &dyn Resources) -> Result<Option<Value>, Problem> {
        let resource = &self.template.resources[id];
        match resource.properties.iter().find(|(property, _)| property == name) {
            Some((_, expression)) => self.around(resources).evaluate(expression),
            None => Ok(None),
        }
    }

    /// Every property of the resource `id`.
    pub fn properties(&self, id: &str, resources: &dyn Resources) -> Result<Map<String, Value>, Problem> {
        let mut properties = Map::new();
        for (name, expression) in &self.template.resources[id].properties {
            if let Some(value) = self.around(resources).evaluate(expression)? {
                properties.insert(name.clone(), value);
            }
        }
        Ok(properties)
    }

    /// Every property of the resource `id` as events may show it: with asterisks for parameters that are not to be shown,
    /// and `None` where that makes them meaningless.
    pub fn shown_properties(&self, id: &str, resources: &dyn Resources) -> Option<Map<String, Value>> {
        let mut parameters = self.deployment.parameters.clone();
        for (name, text) in &mut parameters {
            if self.template.parameters.get(name).is_some_and(|declaration| declaration.no_echo) {
                "****".clone_into(text);
            }
        }
        let around = Surroundings { parameters: &parameters, ..self.around(resources) };
        let mut properties = Map::new();
        for (name, expression) in &self.template.resources[id].properties {
            if let Some(value) = around.evaluate(expression).ok()? {
                properties.insert(name.clone(), value);
            }
        }
        Some(properties)
    }

    /// The policy of the canary that an update of the resource `id` is to be, if its metadata asks for one.
    pub fn canary(&self, id: &str) -> Result<Option<Value>, Problem> {
        let metadata = self.template.resources[id].metadata.as_ref();
        let Some(policy) = metadata.and_then(|metadata| metadata.get(CANARY)) else { return Ok(None) };
        // It is wanted before anything is changed, so it can follow from parameters but not from resources.
        self.around(&()).evaluate(&Expression::read(policy, Place::Values)?)
    }

    /// Which parameters and resources the property `name` of `id` follows from.
    pub fn sources<'a>(&'a self, id: &str, name: &str) -> Vec<references::Mention<'a>> {
        let resource = &self.template.resources[id];
        let property = resource.properties.iter().find(|(property, _)| property == name);
        let branches = references::Branches::Taken(&self.conditions);
        property.map(|(_, expression)| references::mentions(expression, branches)).unwrap_or_default()
    }

    /// The outputs there are, in the template's order.
    pub fn outputs(&self, resources: &dyn Resources) -> Result<Vec<Output>, Problem> {
        let mut outputs = Vec::new();
        for (name, output) in &self.template.outputs {
            if !references::holds(output.condition.as_ref(), &self.conditions) {
                continue;
            }
            let around = self.around(resources);
            let value = around.evaluate(&output.value)?.as_ref().and_then(text_of);
            let malformed = || Error::Output {
                output: name.clone(),
                problem: " The Value field of every Outputs member must evaluate to a String.",
            };
            outputs.push(Output {
                output_key: name.clone(),
                output_value: value.ok_or_else(malformed)?,
                description: output.description.clone(),
                export_name: output.export.as_ref().map(|name| around.text(name)).transpose()?,
            });
        }
        Ok(outputs)
    }
}

/// The real things as a template sees them: what each resource presently is.
pub struct Standing<'a>(pub &'a [Physical]);

impl Standing<'_> {
    fn of(&self, id: &str) -> Option<&Physical> {
        self.0.iter().find(|physical| physical.chosen && physical.logical_id == id)
    }
}

impl Resources for Standing<'_> {
    fn reference(&self, id: &str) -> Option<Value> {
        self.of(id)?.physical_id.as_deref().map(Value::from)
    }

    fn attribute(&self, id: &str, attribute: &str) -> Option<Value> {
        self.of(id)?.attributes.get(attribute).cloned()
    }
}
