//! One canary: how far it is, what speaks against it and for it, and what to do about it.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    Fault,
    canary::{CanaryDescription, CommandCanary, CommandCanaryRequest, DescribeCanary, DescribeCanaryRequest},
};
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use crate::{
    Console,
    ask::Cx,
    drawing::chart::{self, Chart},
    guard::{Posted, Visitor},
    record::{self, History},
    view::{Place, View, failed},
    words::{count, date, percent, proxies, real, span, state, time},
};

/// What can be asked of a canary: the command, its button, what it does, and whether it is a grave step.
const COMMANDS: [(&str, &str, &str, bool); 7] = [
    ("Pause", "Pause", "It stays at the present share. A worse version is still taken back.", false),
    ("Resume", "Resume", "It goes on from where it stopped.", false),
    ("Approve", "Approve", "The step that waits for approval begins.", false),
    ("Promote", "Promote", "The new version gets all of the traffic now, whatever the judge says.", true),
    ("Abort", "Abort", "The old version gets all of the traffic now.", true),
    ("Freeze", "Freeze", "Nothing changes until somebody decides, not even if the new version is worse.", true),
    ("Retry", "Try again", "It begins again with the same new version.", false),
];

/// The page.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let request = DescribeCanaryRequest { canary: cx.path("canary").to_owned(), ..Default::default() };
    let canary = cx.call::<DescribeCanary>(request).await?.canary;
    let history = record::history(&cx, &canary).await?;
    let id = canary.id.clone();
    Ok(View::new(&cx, Place::Canaries, format!("{} → {}", canary.baseline, canary.canary))
        .below("Canaries", cx.link(&["canaries"]))
        .below(&id, cx.link(&["canaries", &id]))
        .part("standing", standing(&cx, &canary))
        .part("actions", actions(&cx, &canary))
        .part("figures", figures(&canary, &history))
        .part("evidence", evidence(&canary, &history))
        .part("latency", latency(&canary, &history))
        .part("why", why(&canary, &history))
        .part("events", events(&canary))
        .command(format!("serin canary watch {id}"))
        .command(format!("serin canary explain {id}"))
        .command(format!("serin canary replay {id}")))
}

fn standing(cx: &Cx, canary: &CanaryDescription) -> Markup {
    let CanaryDescription { mesh_name, virtual_router_name: router, route_name, service, .. } = canary;
    html! {
        p.standing role="status" {
            (state(&canary.phase)) " " (canary.message)
            @if canary.paused { " It is paused." }
        }
        (split(canary))
        p.quiet {
            @if let Some(service) = service { "Service " (service) } @else {
                "Route "
                a href=(cx.link(&["mesh", mesh_name, router, route_name])) {
                    (mesh_name) " / " (router) " / " (route_name)
                }
            }
            ", since " (date(canary.started_at))
            @if let Some(ended) = canary.ended_at { ", for " (span(ended.since(canary.started_at).as_secs_f64())) }
            "."
        }
    }
}

/// The split as one bar: as acknowledged, with a mark at what is asked.
fn split(canary: &CanaryDescription) -> Markup {
    let applied = canary.applied_percent.unwrap_or(canary.percent).clamp(0.0, 100.0);
    let wanted = (100.0 - canary.percent).clamp(0.0, 100.0);
    html! {
        svg.split viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.old width=(100.0 - applied) height="10" {}
            rect.new x=(100.0 - applied) width=(applied) height="10" {}
            line.wanted x1=(wanted) x2=(wanted) y1="0" y2="10" {}
        }
        div.ends {
            span { (canary.baseline) " " strong.number { (percent(100.0 - canary.percent, 100.0)) } }
            span.quiet {
                @match canary.applied_percent {
                    Some(applied) if (applied - canary.percent).abs() < 0.05 => { "acknowledged by " (proxies(canary.proxies)) }
                    Some(applied) => { (percent(applied, 100.0)) " acknowledged by " (proxies(canary.proxies)) " so far" }
                    None => { (proxies(canary.proxies)) @if canary.proxies == 1 { " is" } @else { " are" } " taking it on" }
                }
            }
            span { strong.number { (percent(canary.percent, 100.0)) } " " (canary.canary) }
        }
    }
}

/// Whether a command makes sense now.
fn is_possible(canary: &CanaryDescription, command: &str) -> bool {
    match command {
        "Retry" => canary.ended && canary.phase == "TakenBack",
        _ if canary.ended => false,
        "Pause" => !canary.paused && canary.phase != "Frozen",
        "Resume" => canary.paused || canary.phase == "Frozen",
        "Approve" => canary.phase == "Gated" || canary.message.contains("waits for webhooks"),
        "Freeze" => canary.phase != "Frozen",
        _ => true,
    }
}

fn actions(cx: &Cx, canary: &CanaryDescription) -> Markup {
    let possible: Vec<_> = COMMANDS.iter().filter(|(command, ..)| is_possible(canary, command)).collect();
    html! {
        @if !possible.is_empty() {
            div.actions {
                @for (command, button, does, is_grave) in possible {
                    details.confirm.danger[*is_grave] id=(format!("ask-{command}")) name="ask" {
                        summary { (button) "…" }
                        form method="post" {
                            input type="hidden" name="token" value=(cx.token());
                            input type="hidden" name="command" value=(command);
                            p { (does) }
                            button.primary[!is_grave].danger[*is_grave] { (button) " this canary" }
                        }
                    }
                }
            }
        }
    }
}

fn figures(canary: &CanaryDescription, history: &History) -> Markup {
    let failed = |(requests, failed): (u64, u64)| {
        html! {
            (count(requests)) " " small { (count(failed)) " failed, " (percent(real(failed), real(requests))) }
        }
    };
    let took = |[median, slowest]: [Option<f64>; 2]| {
        html! {
            (median.map_or("–".to_owned(), span)) " " small { "p99 " (slowest.map_or("–".to_owned(), span)) }
        }
    };
    html! {
        dl.figures {
            div { dt { "Requests to " (canary.canary) } dd { (failed(canary.requests)) } }
            div { dt { "Requests to " (canary.baseline) } dd { (failed(canary.baseline_requests)) } }
            div { dt { "Median of " (canary.canary) } dd { (took(history.latency.1)) } }
            div { dt { "Median of " (canary.baseline) } dd { (took(history.latency.0)) } }
            div { dt { "Against it" } dd { (fortune(canary.e_value)) " " small { "of " (fortune(canary.limit)) } } }
            div { dt { "For this step" } dd { (fortune(canary.certificate)) " " small { "of " (fortune(canary.certificate_limit)) } } }
            div { dt { "Harm so far" } dd { (count(canary.harm)) " " small { "failed too many" } } }
            div { dt { "Healthy copies" } dd { (canary.healthy) } }
        }
    }
}

/// A fortune of bets, as people write it.
fn fortune(value: f64) -> String {
    if value >= 1e6 {
        "> 1 000 000".to_owned()
    } else if value >= 100.0 {
        // Positive, and below a million.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        count(value.round() as u64)
    } else if value >= 0.005 || value == 0.0 {
        let text = format!("{value:.2}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        "< 0.01".to_owned()
    }
}

fn evidence(canary: &CanaryDescription, history: &History) -> Markup {
    let threshold = (canary.limit > 0.0).then(|| (canary.limit, format!("{}: taken back", fortune(canary.limit))));
    let drawn = Chart {
        title: "Evidence against the new version over time; the figures above say where it is now",
        lines: vec![("", history.e_value.clone())],
        threshold,
        is_logarithmic: true,
        write: fortune,
    };
    html! {
        h2 { "Evidence against the new version" }
        p.quiet { "The fortune of bets that nobody can win while both versions are equally good. At the dashed line it is taken back." }
        @if history.e_value.is_empty() { (crate::words::nothing("Nothing was seen yet.")) } @else { (chart::draw(&drawn)) }
        @if history.is_cut { p.quiet { "The record is longer than what is drawn here." } }
    }
}

fn latency(canary: &CanaryDescription, history: &History) -> Markup {
    let drawn = Chart {
        title: "Latency of both versions over time; the figures above say it for all of the canary",
        lines: vec![
            ("old", history.median.0.clone()),
            ("new", history.median.1.clone()),
            ("old faint", history.slowest.0.clone()),
            ("new faint", history.slowest.1.clone()),
        ],
        threshold: None,
        is_logarithmic: false,
        write: span,
    };
    html! {
        @if !history.median.0.is_empty() || !history.median.1.is_empty() {
            h2 { "Latency" }
            p.key {
                span.old { (canary.baseline) " median" } span.new { (canary.canary) " median" }
                span.old.faint { (canary.baseline) " p99" } span.new.faint { (canary.canary) " p99" }
            }
            (chart::draw(&drawn))
        }
    }
}

fn why(canary: &CanaryDescription, history: &History) -> Markup {
    html! {
        @if !canary.explanation.is_empty() {
            h2 { "Why" }
            pre.explain { (canary.explanation) }
        }
        @if history.ticks > 0 && !history.is_cut {
            p.quiet {
                "The record judged anew: " (count(history.ticks as u64)) " looks, " (count(history.decisions as u64)) @if history.decisions == 1 { " decision. " } @else { " decisions. " }
                @match history.differences {
                    Some(0) => "Each comes out the same, bit for bit.",
                    Some(differences) => strong { (differences) " come out otherwise." },
                    None => "It can't be replayed by this release.",
                }
            }
        }
    }
}

fn events(canary: &CanaryDescription) -> Markup {
    html! {
        h2 { "What happened" }
        table {
            thead { tr { th { "When" } th { "What" } } }
            tbody { @for event in canary.events.iter().rev() { tr {
                td.number { (time(event.at)) }
                td { (event.message) }
            } } }
        }
        @if !canary.undelivered.is_empty() {
            h2 { "Whom nobody could tell" }
            table {
                thead { tr { th { "When" } th { "What" } } }
                tbody { @for failure in canary.undelivered.iter().rev() { tr {
                    td.number { (time(failure.at)) }
                    td { (failure.message) }
                } } }
            }
        }
        details id="policy" {
            summary { "Its policy" }
            pre tabindex="0" { code { (serde_json::to_string_pretty(&canary.policy).unwrap_or_default()) } }
        }
    }
}

/// Asks something of a canary.
pub(crate) async fn command(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    Path(path): Path<BTreeMap<String, String>>,
    posted: Posted,
) -> Response {
    let cx = match Cx::new(console, visitor, path, BTreeMap::default()) {
        Ok(cx) => cx,
        Err(fault) => return failed(None, &fault),
    };
    let (canary, command) = (cx.path("canary").to_owned(), posted.get("command").to_owned());
    let request = CommandCanaryRequest { canary: canary.clone(), command: command.clone() };
    match cx.call::<CommandCanary>(request).await {
        Ok(_) => {
            tracing::info!(canary, command, access_key = cx.visitor.access_key, "A canary was steered in the console.");
            Redirect::to(&cx.link(&["canaries", &canary])).into_response()
        }
        Err(fault) => failed(Some(&cx), &fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(phase: &str, ended: bool, paused: bool) -> CanaryDescription {
        CanaryDescription { phase: phase.into(), ended, paused, ..CanaryDescription::default() }
    }

    fn possible(canary: &CanaryDescription) -> Vec<&'static str> {
        COMMANDS.iter().map(|(command, ..)| *command).filter(|command| is_possible(canary, command)).collect()
    }

    #[test]
    fn only_what_can_be_done_is_offered() {
        assert_eq!(possible(&canary("Watching", false, false)), ["Pause", "Promote", "Abort", "Freeze"]);
        assert_eq!(possible(&canary("Watching", false, true)), ["Resume", "Promote", "Abort", "Freeze"]);
        assert_eq!(possible(&canary("Frozen", false, false)), ["Resume", "Promote", "Abort"]);
        assert_eq!(possible(&canary("TakenBack", true, false)), ["Retry"]);
        assert_eq!(possible(&canary("Done", true, false)), [""; 0]);
    }

    #[test]
    fn fortunes_read_well() {
        assert_eq!([fortune(1.0), fortune(0.25), fortune(123.4), fortune(1e9)], ["1", "0.25", "123", "> 1 000 000"]);
    }
}
