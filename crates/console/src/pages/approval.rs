//! What a link in a message opens: a step of a canary that waits for somebody. A look changes nothing, whoever takes it:
//! messengers open links by themselves. The button does.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    Fault,
    canary::{
        Approval, ApproveByLink, ApproveByLinkRequest, ApproveByLinkResponse, DescribeApproval, DescribeApprovalRequest,
    },
};
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use crate::{
    Console,
    ask::Cx,
    guard::{Posted, Visitor},
    shell,
    view::failed,
    words::percent,
};

type Labels = Path<BTreeMap<String, String>>;

/// Asks.
pub(crate) async fn page(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    Path(path): Labels,
) -> Response {
    let asked = async {
        let cx = Cx::new(console, visitor, path, BTreeMap::default())?;
        let request = DescribeApprovalRequest { token: cx.path("link").to_owned() };
        let approval = cx.call::<DescribeApproval>(request).await?.approval;
        Ok::<_, Fault>(shell::bare("Approve a canary", form(&cx, &approval)))
    };
    answer(asked.await)
}

/// Approves.
pub(crate) async fn approve(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    Path(path): Labels,
    _: Posted,
) -> Response {
    let approved = async {
        let cx = Cx::new(console, visitor, path, BTreeMap::default())?;
        let request = ApproveByLinkRequest { token: cx.path("link").to_owned() };
        let ApproveByLinkResponse { approval } = cx.call::<ApproveByLink>(request).await?;
        let visitor = cx.visitor.access_key.as_deref().unwrap_or("nobody who signed in");
        tracing::info!(canary = approval.canary, visitor, "A step was approved by its link.");
        Ok::<_, Fault>(shell::bare("Approved", thanks(&cx, &approval)))
    };
    answer(approved.await)
}

fn answer(page: Result<Markup, Fault>) -> Response {
    page.map_or_else(|fault| failed(None, &fault), IntoResponse::into_response)
}

fn form(cx: &Cx, approval: &Approval) -> Markup {
    let Approval { subject, baseline, new, percent: now, next_percent: next, explanation, .. } = approval;
    html! {
        h1 { "Approve the next step of " (subject) "?" }
        p { (new) " has " (percent(*now, 100.0)) " of the traffic, and " (baseline) " the rest. If you approve, " (new)
            " gets " strong.number { (percent(*next, 100.0)) } ", and is judged as before." }
        form method="post" {
            input type="hidden" name="token" value=(cx.token());
            button.primary { "Approve" }
        }
        @if !explanation.is_empty() { pre.explain { (explanation) } }
        p.quiet { "Nothing happens until you do. To end it instead: " code { "serin canary abort " (approval.canary) } }
    }
}

fn thanks(cx: &Cx, approval: &Approval) -> Markup {
    html! {
        h1 { "Approved" }
        p role="status" { (approval.new) " gets " (percent(approval.next_percent, 100.0)) " of the traffic of " (approval.subject) "." }
        p { a href=(cx.link(&["canaries", &approval.canary])) { "How it goes on" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BAD, assert_harmless, cx};

    #[test]
    fn what_is_approved_is_text_and_nothing_else() {
        let text = || BAD.to_owned();
        let approval = Approval {
            canary: text(),
            subject: text(),
            baseline: text(),
            new: text(),
            explanation: text(),
            ..Approval::default()
        };
        assert_harmless(&form(&cx(), &approval));
        assert_harmless(&thanks(&cx(), &approval));
    }
}
