//! Canaries: those under way, and those that were.

use api::{
    Fault,
    canary::{CanaryDescription, ListCanaries, ListCanariesRequest},
};
use maud::{Markup, html};

use crate::{
    ask::Cx,
    pages::overview::empty,
    view::{Place, View},
    words::{bar, count, date, percent, span, state},
};

/// The list.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let canaries = cx.call::<ListCanaries>(ListCanariesRequest {}).await?.canaries;
    let (past, now): (Vec<_>, Vec<_>) = canaries.into_iter().partition(|canary| canary.ended);
    let list = html! {
        h2 { "Under way" }
        @if now.is_empty() { (empty("canary is under way")) } @else { (table(&cx, &now)) }
        h2 { "Past" }
        @if past.is_empty() { (empty("past canary")) } @else { (table(&cx, &past)) }
    };
    Ok(View::new(&cx, Place::Canaries, "Canaries")
        .part("canaries", list)
        .command("serin canary list")
        .command("serin canary start --mesh … --router … --route … --to … --watch"))
}

fn table(cx: &Cx, canaries: &[CanaryDescription]) -> Markup {
    html! {
        table {
            thead { tr {
                th { "Canary" } th { "From" } th { "To" } th { "State" } th { "Share" } th { "Requests" } th { "Harm" }
                th { "Began" } th { "Took" }
            } }
            tbody { @for canary in canaries { tr {
                td { a href=(cx.link(&["canaries", &canary.id])) { (canary.id) } }
                td { (canary.baseline) }
                td { (canary.canary) }
                td { (state(&canary.phase)) @if let Some(reason) = &canary.reason { div.why { (reason) } } }
                td.share { (bar(canary.percent / 100.0)) span.number { (percent(canary.percent, 100.0)) } }
                td.number { (count(canary.requests.0)) }
                td.number { (count(canary.harm)) }
                td.number { (date(canary.started_at)) }
                td.number { @if let Some(ended) = canary.ended_at { (span(ended.since(canary.started_at).as_secs_f64())) } }
            } } }
        }
    }
}
