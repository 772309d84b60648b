//! What stands around every page: the menu, the way back, and how a terminal does the same.

use http::StatusCode;
use maud::{DOCTYPE, Markup, html};
use names::Scope;

use crate::{
    ask::Cx,
    links,
    view::{Place, View},
};

/// The menu: where each entry leads in a scope.
const MENU: [(Place, &str, &str); 9] = [
    (Place::Overview, "Overview", ""),
    (Place::Mesh, "Mesh", "mesh"),
    (Place::Canaries, "Canaries", "canaries"),
    (Place::Stacks, "Stacks", "stacks"),
    (Place::Services, "Services", "services"),
    (Place::Map, "Service map", "map"),
    (Place::Traces, "Traces", "traces"),
    (Place::Logs, "Logs", "logs"),
    (Place::Alarms, "Alarms", "alarms"),
];

/// A whole page.
pub(crate) fn page(cx: &Cx, view: &View) -> Markup {
    let content = html! {
        header.top {
            @if !view.trail.is_empty() {
                nav.trail aria-label="Above this page" {
                    @for (title, link) in &view.trail {
                        a href=(link) { (title) } span aria-hidden="true" { " / " }
                    }
                }
            }
            h1 { (view.title) }
            @if !view.is_still { p #live.live role="status" { "not live" } }
        }
        @for part in &view.parts {
            div id=(part.id) .part { (part.html) }
        }
        @if !view.commands.is_empty() {
            aside.terminal aria-label="From a terminal" {
                h2 { "From a terminal" }
                @for command in &view.commands {
                    pre tabindex="0" { code { (command) } }
                }
            }
        }
    };
    framed(Some((cx, view.place, &view.scope)), &view.title, content)
}

/// A page that says why there is none.
pub(crate) fn failure(cx: Option<&Cx>, status: StatusCode, why: &str) -> Markup {
    let content = html! {
        header.top { h1 { (status.canonical_reason().unwrap_or("That did not work")) } }
        p.alert role="alert" { (why) }
        p { a href="/console/" { "To the overview" } }
    };
    framed(cx.map(|cx| (cx, Place::Overview, &cx.scope)), "Not possible", content)
}

/// A refusal, to who may be no guest at all.
pub(crate) fn notice(status: StatusCode, why: &str) -> Markup {
    bare(
        "Not possible",
        html! {
            h1 { (status.canonical_reason().unwrap_or("Not possible")) }
            p.alert role="alert" { (why) }
        },
    )
}

/// A page without a menu.
pub(crate) fn bare(title: &str, content: Markup) -> Markup {
    document(title, None, html! { main.bare id="main" { p.sign { (sign()) "Serin" } (content) } })
}

fn framed(at: Option<(&Cx, Place, &Scope)>, title: &str, content: Markup) -> Markup {
    let body = html! {
        a.skip href="#main" { "To the content" }
        @if let Some((cx, place, scope)) = at {
            nav.menu aria-label="Pages" {
                a.sign href="/console/" { (sign()) "Serin" }
                ul {
                    @for (entry, name, path) in MENU {
                        li {
                            a href=(target(scope, path)) aria-current=[(entry == place).then_some("page")] { (name) }
                        }
                    }
                }
                div.who {
                    span title="Region and account" { (scope.region) br; (scope.account) }
                    @if let Some(access_key) = &cx.visitor.access_key {
                        form method="post" action="/console/sign-out" {
                            input type="hidden" name="token" value=(cx.token());
                            button title=(format!("Signed in with {access_key}")) { "Sign out" }
                        }
                    }
                }
            }
        }
        main id="main" { (content) }
    };
    document(title, at.map(|(cx, ..)| cx.console.instance.as_str()), body)
}

fn target(scope: &Scope, path: &str) -> String {
    if path.is_empty() { "/console/".to_owned() } else { links::to(scope, &[path]) }
}

fn document(title: &str, instance: Option<&str>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-instance=[instance] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Serin" }
                link rel="icon" href="/console/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/console/console.css";
                script src="/console/console.js" defer {}
            }
            body { (body) }
        }
    }
}

/// The bird.
fn sign() -> Markup {
    html! { img src="/console/icon.svg" alt="" width="22" height="22"; }
}
