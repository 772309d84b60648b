//! What clients are told when no server answers, in Envoy's words.

use std::borrow::Cow;

use super::{
    passage::{Decision, Passage},
    rewrite,
    routes::Target,
};
use crate::{
    grpc,
    http::{Answer, Failure, Request},
};

/// gRPC's status of a request whose time is up.
const DEADLINE_EXCEEDED: u16 = 4;

impl Passage {
    /// The answer to `request`, of which `failure` came.
    pub(super) fn answer_for(&mut self, request: &Request, failure: &Failure) -> Answer {
        let mut answer = self.plain_answer(request, failure);
        if self.edits.is_some() {
            self.edit_answer(request, &mut answer);
        }
        self.capture_answer(&mut answer);
        if let Some(id) = &self.returned_id {
            answer.fields.push(("x-request-id".into(), String::from_utf8_lossy(id).into_owned()));
        }
        if self.attempts > 0 && self.route().is_some_and(|(_, host)| host.tells_client_attempts) {
            answer.fields.push(("x-envoy-attempt-count".into(), self.attempts.to_string()));
        }
        self.answered = Some(answer.status);
        let status = if matches!(failure, Failure::WholeTimeout) { Some(DEADLINE_EXCEEDED) } else { None };
        if self.is_grpc { as_grpc(answer, status) } else { answer }
    }

    fn plain_answer(&self, request: &Request, failure: &Failure) -> Answer {
        match failure {
            Failure::Own => self.own_answer(request),
            Failure::NoUpstream => Answer::text(503, "no healthy upstream"),
            Failure::Overflow => {
                let mut answer = Answer::text(503, self.reset("overflow"));
                answer.fields.push(("x-envoy-overloaded".into(), "true".to_owned()));
                answer
            }
            // Why it was is for the logs: it says more of the server than clients need to know.
            Failure::Connect(_) => Answer::text(503, self.reset("remote connection failure")),
            Failure::ConnectTimeout => Answer::text(503, self.reset("connection timeout")),
            Failure::Reset => Answer::text(503, self.reset("connection termination")),
            Failure::Refused => Answer::text(503, self.reset("remote refused stream reset")),
            Failure::Protocol(malformed) => {
                tracing::warn!(error = %malformed, "a server's response is refused");
                Answer::text(502, self.reset("protocol error"))
            }
            Failure::Timeout | Failure::AttemptTimeout => Answer::text(504, "upstream request timeout"),
            Failure::WholeTimeout => Answer::text(504, "downstream duration timeout"),
            Failure::Idle => Answer::text(504, "stream timeout"),
            Failure::ClientIdle => Answer::text(408, "stream timeout"),
            Failure::BadBody(malformed) => Answer::text(malformed.status(), malformed.to_string()),
            Failure::Status(status, _) => Answer::text(*status, ""),
            Failure::Injected(status) => Answer::text(*status, "fault filter abort"),
            // Nobody will read it.
            Failure::ClientGone => Answer::text(499, ""),
        }
    }

    fn reset(&self, reason: &str) -> String {
        let kind = if self.attempts > 1 { "retried and the latest reset reason" } else { "reset reason" };
        format!("upstream connect error or disconnect/reset before headers. {kind}: {reason}")
    }

    fn own_answer(&self, request: &Request) -> Answer {
        let Decision::Route(route, _) = &self.decision else {
            let status = match self.decision {
                Decision::NoRoute => 404,
                Decision::BadPath => 400,
                _ => 403,
            };
            return Answer::text(status, "");
        };
        match &route.target {
            Target::Respond(respond) => Answer::text(respond.status, respond.body.clone()),
            Target::Redirect(redirect) => {
                let view = self.view(request);
                let location =
                    rewrite::location(redirect, &route.matches, view.scheme(), request.authority(), request.target());
                let mut answer = Answer::text(redirect.status, "");
                answer.fields.push(("location".into(), String::from_utf8_lossy(&location).into_owned()));
                answer
            }
            // The cluster is not there.
            Target::Forward(_) => Answer::text(503, ""),
        }
    }
}

/// The same answer in gRPC's terms: the status is in a field, and so is what there is to say.
fn as_grpc(answer: Answer, own: Option<u16>) -> Answer {
    let Answer { status, body, mut fields, .. } = answer;
    fields.push(("content-type".into(), "application/grpc".to_owned()));
    fields.push(("grpc-status".into(), own.unwrap_or_else(|| grpc::status_of(status)).to_string()));
    if !body.is_empty() {
        fields.push(("grpc-message".into(), grpc::message(&body)));
    }
    Answer { status: 200, content_type: Cow::Borrowed(""), body: Cow::Borrowed(&[]), fields }
}
