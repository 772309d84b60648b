//! Telling what templates say.

use std::collections::BTreeMap;

use api::cloudformation::{
    GetTemplateRequest, GetTemplateResponse, GetTemplateSummaryRequest, GetTemplateSummaryResponse,
    ParameterConstraints, ParameterDeclaration, TemplateParameter, ValidateTemplateRequest, ValidateTemplateResponse,
};
use wire::Context;

use super::{change_set, lookup::find, prepare};
use crate::{
    Cloudformation,
    error::Error,
    template::{Template, references},
};

type Cx = Context<Cloudformation>;

/// Gives a template back as it was given.
pub(super) async fn get_template(cx: Cx, request: GetTemplateRequest) -> Result<GetTemplateResponse, Error> {
    if let Some(stage) = request.template_stage.filter(|stage| stage != "Original" && stage != "Processed") {
        return Err(Error::Invalid(format!("TemplateStage {stage} is neither Original nor Processed")));
    }
    let template_body = match (&request.change_set_name, &request.stack_name) {
        (Some(change_set), stack) => {
            let (_, _, row) = change_set::find(&cx, stack.as_deref(), change_set)?;
            row.deployment.template
        }
        (None, Some(stack)) => of_stack(&cx, stack)?,
        (None, None) => return Err(Error::Invalid("StackName or ChangeSetName must be given".to_owned())),
    };
    Ok(GetTemplateResponse { template_body, stages_available: vec!["Original".to_owned(), "Processed".to_owned()] })
}

fn of_stack(cx: &Cx, name: &str) -> Result<String, Error> {
    let no_stack = || Error::NoStackWithId(name.to_owned());
    let found = find(&cx.store, cx.scope(), name)?.ok_or_else(no_stack)?;
    Ok(found.shown().ok_or_else(no_stack)?.template.clone())
}

/// Says what a template needs.
pub(super) async fn get_template_summary(
    cx: Cx,
    request: GetTemplateSummaryRequest,
) -> Result<GetTemplateSummaryResponse, Error> {
    let body = match &request.stack_name {
        Some(name) if request.template_body.is_none() && request.template_url.is_none() => of_stack(&cx, name)?,
        Some(_) => return Err(Error::Invalid("You can specify only one of template and stack name".to_owned())),
        None => prepare::given_body(request.template_body.as_ref(), request.template_url.as_deref())?,
    };
    let template = prepare::read(&cx.catalogue, &body)?;
    let (capabilities, capabilities_reason) = capabilities(&template);
    let declaration = |(name, declaration): (&String, &crate::template::parameter::Declaration)| ParameterDeclaration {
        parameter_key: name.clone(),
        default_value: declaration.default.clone(),
        parameter_type: declaration.spelling.clone(),
        no_echo: declaration.no_echo,
        description: declaration.description.clone(),
        parameter_constraints: ParameterConstraints { allowed_values: declaration.allowed_values.clone() },
    };
    let mut resource_types: Vec<String> = template.resources.values().map(|resource| resource.kind.clone()).collect();
    resource_types.sort();
    resource_types.dedup();
    Ok(GetTemplateSummaryResponse {
        parameters: template.parameters.iter().map(declaration).collect(),
        description: template.description.clone(),
        capabilities,
        capabilities_reason,
        resource_types,
        version: template.version.clone(),
        metadata: prepare::metadata(&template),
    })
}

/// Says whether a template could be right.
pub(super) async fn validate_template(
    cx: Cx,
    request: ValidateTemplateRequest,
) -> Result<ValidateTemplateResponse, Error> {
    let body = prepare::given_body(request.template_body.as_ref(), request.template_url.as_deref())?;
    let template = prepare::read(&cx.catalogue, &body)?;
    if template.conditions.is_empty() {
        // With conditions, which resources there are is known only with the parameters.
        references::dependencies(&template, &BTreeMap::new())?;
    }
    let (capabilities, capabilities_reason) = capabilities(&template);
    let parameter = |(name, declaration): (&String, &crate::template::parameter::Declaration)| TemplateParameter {
        parameter_key: name.clone(),
        default_value: declaration.default.clone(),
        no_echo: declaration.no_echo,
        description: declaration.description.clone(),
    };
    Ok(ValidateTemplateResponse {
        parameters: template.parameters.iter().map(parameter).collect(),
        description: template.description.clone(),
        capabilities,
        capabilities_reason,
    })
}

fn capabilities(template: &Template) -> (Vec<api::cloudformation::Capability>, Option<String>) {
    match prepare::capabilities(template) {
        Some((capability, kinds)) => {
            let reason = format!("The following resource(s) require capabilities: [{}]", kinds.join(", "));
            (vec![capability], Some(reason))
        }
        None => (Vec::new(), None),
    }
}
