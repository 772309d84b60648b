//! Stacks: the list, and one with its resources, its events as they happen, its outputs and its template.

use std::collections::BTreeMap;

use api::{
    Fault,
    cloudformation::{
        DescribeStackEvents, DescribeStackResources, DescribeStackResourcesRequest, DescribeStacks,
        DescribeStacksRequest, GetTemplate, GetTemplateRequest, Stack, StackEvent, StackPageRequest, StackResource,
    },
};
use maud::{Markup, html};

use crate::{
    ask::{Cx, all},
    pages::overview::empty,
    view::{Place, View},
    words::{date, state, tail, time},
};

/// Events that are shown, the latest of all.
const EVENTS_MAX: usize = 200;

/// The list.
pub(crate) async fn list(cx: Cx) -> Result<View, Fault> {
    let stacks = all!(cx, DescribeStacks, DescribeStacksRequest::default(), stacks);
    let table = html! {
        @if stacks.is_empty() { (empty("stack")) } @else {
            table {
                thead { tr { th { "Stack" } th { "State" } th { "Changed" } th.wide { "What it is" } } }
                tbody { @for stack in &stacks { tr {
                    td { a href=(cx.link(&["stacks", &stack.stack_name])) { (stack.stack_name) } }
                    td { (state(stack.stack_status.as_str())) @if let Some(reason) = &stack.stack_status_reason { div.why { (reason) } } }
                    td.number { (date(stack.last_updated_time.unwrap_or(stack.creation_time))) }
                    td { (stack.description.as_deref().unwrap_or_default()) }
                } } }
            }
        }
    };
    Ok(View::new(&cx, Place::Stacks, "Stacks")
        .part("stacks", table)
        .command("aws cloudformation describe-stacks")
        .command("aws cloudformation deploy --stack-name … --template-file … --capabilities CAPABILITY_IAM"))
}

/// One of them.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let name = cx.path("stack").to_owned();
    let request = DescribeStacksRequest { stack_name: Some(name.clone()), ..Default::default() };
    let stack = cx.call::<DescribeStacks>(request).await?.stacks.into_iter().next();
    let stack = stack.ok_or_else(|| Fault::new("NotFound", 404, format!("There is no stack {name}.")))?;
    let request = DescribeStackResourcesRequest { stack_name: Some(name.clone()), ..Default::default() };
    let resources = cx.call::<DescribeStackResources>(request).await?.stack_resources;
    let request = StackPageRequest { stack_name: name.clone(), next_token: None };
    let events = cx.call::<DescribeStackEvents>(request).await?.stack_events;
    let request = GetTemplateRequest { stack_name: Some(name.clone()), ..Default::default() };
    let template = cx.call::<GetTemplate>(request).await.map(|answer| answer.template_body).unwrap_or_default();
    Ok(View::new(&cx, Place::Stacks, stack.stack_name.clone())
        .below("Stacks", cx.link(&["stacks"]))
        .part("standing", standing(&stack))
        .part("outputs", outputs(&stack))
        .part("resources", shown_resources(&resources))
        .part("events", shown_events(&events))
        .part("template", shown_template(&stack, &template))
        .command(format!("aws cloudformation describe-stack-events --stack-name {name}"))
        .command(format!("aws cloudformation get-template --stack-name {name}"))
        .command(format!("aws cloudformation delete-stack --stack-name {name}")))
}

fn standing(stack: &Stack) -> Markup {
    html! {
        p.standing role="status" {
            (state(stack.stack_status.as_str()))
            @if let Some(reason) = &stack.stack_status_reason { " " (reason) }
        }
        @if let Some(description) = &stack.description { p { (description) } }
        p.quiet { "Created " (date(stack.creation_time)) @if let Some(at) = stack.last_updated_time { ", changed " (date(at)) } "." }
    }
}

fn outputs(stack: &Stack) -> Markup {
    html! {
        @if !stack.outputs.is_empty() {
            h2 { "Outputs" }
            table {
                thead { tr { th { "Name" } th.wide { "Value" } th { "What it is" } th { "Exported as" } } }
                tbody { @for output in &stack.outputs { tr {
                    td { (output.output_key) }
                    td { @if output.output_value.starts_with("http://") {
                        a href=(output.output_value) rel="noreferrer" { (output.output_value) }
                    } @else { (output.output_value) } }
                    td { (output.description.as_deref().unwrap_or_default()) }
                    td { (output.export_name.as_deref().unwrap_or_default()) }
                } } }
            }
        }
    }
}

fn shown_resources(resources: &[StackResource]) -> Markup {
    html! {
        h2 { "Resources " span.quiet { (resources.len()) } }
        @if resources.is_empty() { (empty("resource")) } @else {
            table {
                thead { tr { th { "Resource" } th { "Type" } th { "State" } th.wide { "Is" } } }
                tbody { @for resource in resources { tr {
                    td { (resource.logical_resource_id) }
                    td.quiet { (resource.resource_type) }
                    td {
                        (state(resource.resource_status.as_str()))
                        @if let Some(reason) = &resource.resource_status_reason { div.why { (reason) } }
                    }
                    td.mono { @if let Some(id) = &resource.physical_resource_id { span title=(id) { (short(id)) } } }
                } } }
            }
        }
    }
}

/// The end of an ARN, which tells most; other ids as they are.
fn short(id: &str) -> &str {
    if id.starts_with("arn:") { tail(id) } else { id }
}

fn shown_events(events: &[StackEvent]) -> Markup {
    html! {
        h2 { "Events" }
        @if events.is_empty() { (empty("event")) } @else {
            table {
                thead { tr { th { "When" } th { "Resource" } th { "Type" } th.wide { "State" } } }
                tbody { @for event in events.iter().take(EVENTS_MAX) { tr {
                    td.number { (time(event.timestamp)) }
                    td { (event.logical_resource_id) }
                    td.quiet { (event.resource_type) }
                    td {
                        (state(&event.resource_status))
                        @if let Some(reason) = &event.resource_status_reason { div.why { (reason) } }
                    }
                } } }
            }
            @if events.len() > EVENTS_MAX { p.quiet { "Older ones are left out." } }
        }
    }
}

fn shown_template(stack: &Stack, template: &str) -> Markup {
    let parameters: BTreeMap<_, _> = stack.parameters.iter().map(|p| (&p.parameter_key, &p.parameter_value)).collect();
    html! {
        @if !parameters.is_empty() {
            h2 { "Parameters" }
            table {
                thead { tr { th { "Name" } th.wide { "Value" } } }
                tbody { @for (key, value) in parameters { tr { td { (key) } td { (value.as_deref().unwrap_or_default()) } } } }
            }
        }
        @if !template.is_empty() {
            h2 { "Template" }
            details id="source" { summary { "Show " (template.lines().count()) " lines" } pre.template tabindex="0" { code { (template) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BAD, assert_harmless};

    #[test]
    fn templates_and_events_are_text_and_never_markup() {
        let event = StackEvent {
            logical_resource_id: BAD.to_owned(),
            resource_type: BAD.to_owned(),
            resource_status: BAD.to_owned(),
            resource_status_reason: Some(BAD.to_owned()),
            ..serde_json::from_value(serde_json::json!({
                "StackId": "", "EventId": "", "StackName": "", "LogicalResourceId": "", "ResourceType": "",
                "Timestamp": 0, "ResourceStatus": "",
            }))
            .unwrap()
        };
        assert_harmless(&shown_events(&[event]));
    }
}
