//! The service graph.

use api::xray as model;

use super::{Cx, group, invalid, span, work};
use crate::{Error, show};

/// Traces that one graph can be asked of.
const TRACES_MAX: usize = 100;

/// `GetServiceGraph`.
pub(super) async fn get_service_graph(
    cx: Cx,
    request: model::GetServiceGraphRequest,
) -> Result<model::GetServiceGraphResponse, Error> {
    let span = span(request.start_time, request.end_time)?;
    let filter = group::filter_of(&cx, request.group_name, request.group_arn)?;
    no_more_pages(request.next_token.as_ref())?;
    let graph = work(&cx, move |traces, scope| traces.graph(scope, span, &filter)).await?;
    Ok(model::GetServiceGraphResponse {
        start_time: Some(span.start),
        end_time: Some(span.end),
        services: show::graph(graph, &cx.scope().account),
        contains_old_group_versions: Some(false),
        next_token: None,
    })
}

/// `GetTraceGraph`.
pub(super) async fn get_trace_graph(
    cx: Cx,
    request: model::GetTraceGraphRequest,
) -> Result<model::GetTraceGraphResponse, Error> {
    if request.trace_ids.len() > TRACES_MAX {
        return Err(invalid(format!("TraceIds can have at most {TRACES_MAX} ids")));
    }
    no_more_pages(request.next_token.as_ref())?;
    let graph = work(&cx, move |traces, scope| traces.graph_of(scope, &request.trace_ids)).await?;
    Ok(model::GetTraceGraphResponse { services: show::graph(graph, &cx.scope().account), next_token: None })
}

fn no_more_pages(token: Option<&String>) -> Result<(), Error> {
    match token {
        Some(_) => Err(invalid("NextToken is none that was given: a graph comes in one page")),
        None => Ok(()),
    }
}
