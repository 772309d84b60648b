//! Header fields that configuration adds and takes away.
//!
//! It does so at several places: for all routes, for a virtual host, for a route and for a cluster of it. They are gone
//! through in the order in which the configuration wants them, and within each the values of all fields are found before
//! any is changed.

use std::{rc::Rc, time::Duration};

use super::{
    passage::Passage,
    view::{RequestView, ResponseView},
};
use crate::{
    format::{Facts, Lookup},
    http::{Answer, Fields, Request},
    model::{Append, Edits, HeaderAdd, HeaderEdits},
    trace::Span,
};

/// The field that says how long the server took, in milliseconds.
const SERVICE_TIME: &str = "x-envoy-upstream-service-time";

/// The fields of a response that configuration does not change: the proxy writes them in any case.
const UNTOUCHED: [&str; 5] = ["server", "date", "connection", "content-length", "transfer-encoding"];

/// The edits that a route comes to, in order. None: nothing is done.
pub(crate) type Levels = Option<Rc<[Rc<HeaderEdits>]>>;

/// The edits of `levels`, which begin with the most specific, in the order they are made.
pub(super) fn in_order<'a>(levels: impl IntoIterator<Item = &'a Rc<HeaderEdits>>, specific_last: bool) -> Levels {
    let mut kept: Vec<Rc<HeaderEdits>> = levels.into_iter().filter(|edits| !edits.is_empty()).cloned().collect();
    if specific_last {
        kept.reverse();
    }
    (!kept.is_empty()).then(|| kept.into())
}

/// A message whose fields are edited.
pub(super) trait Editable {
    fn has(&self, name: &str) -> bool;
    fn remove(&mut self, name: &str);
    fn append(&mut self, name: &str, value: &[u8]);
}

impl Editable for Request {
    fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn remove(&mut self, name: &str) {
        Self::remove(self, name);
    }

    fn append(&mut self, name: &str, value: &[u8]) {
        if is_clean(value) {
            Self::append(self, name.to_owned(), value);
        }
    }
}

/// The fields that `edits` add, with their values.
pub(super) fn values<'a>(edits: &'a Edits, facts: &Facts<'_>) -> Vec<(&'a HeaderAdd, Vec<u8>)> {
    let value = |add: &'a HeaderAdd| {
        let mut value = Vec::new();
        add.value.write(facts, "", &mut value);
        (!value.is_empty() || add.keep_empty).then_some((add, value))
    };
    edits.add.iter().filter_map(value).collect()
}

/// Adds fields with their values.
pub(super) fn add(message: &mut impl Editable, values: Vec<(&HeaderAdd, Vec<u8>)>) {
    for (field, value) in values {
        let HeaderAdd { name, append, .. } = field;
        match (append, message.has(name)) {
            (Append::IfAbsent, true) | (Append::OverwriteIfPresent, false) => continue,
            (Append::Overwrite | Append::OverwriteIfPresent, true) => message.remove(name),
            _ => {}
        }
        message.append(name, &value);
    }
}

/// Whether a value can stand in a field: what comes of operators may be anything.
pub(super) fn is_clean(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

impl Passage {
    /// Keeps what logs will say of a response.
    pub(super) fn capture(&mut self, status: u16, fields: &dyn Lookup) {
        if self.manager.captured.is_empty() {
            return;
        }
        let view = ResponseView { status, fields, service_time: None, added: &self.added };
        let find = |name: &String| view.first(name).map(|value| (name.clone(), value));
        self.seen = self.manager.captured.iter().filter_map(find).collect();
    }

    /// Keeps what logs will say of an answer of the proxy's own.
    pub(super) fn capture_answer(&mut self, answer: &mut Answer) {
        let status = answer.status;
        let length = answer.body.len().to_string();
        self.added = vec![("content-length".to_owned(), length.into_bytes())];
        self.capture(status, &AnswerFields(answer));
        self.added.clear();
    }

    /// What is known of the request before it is answered.
    pub(super) fn facts<'a>(&'a self, request: &'a RequestView<'a>, response: Option<&'a dyn Lookup>) -> Facts<'a> {
        Facts {
            request: Some(request),
            response,
            start: self.started,
            protocol: Some(request.request.version.name()),
            cluster: self.cluster_name(),
            route_name: self.route().map(|(route, _)| route.name.as_str()),
            downstream: Some(self.standing.client),
            downstream_direct: Some(self.peer.address),
            downstream_local: Some(self.peer.destination),
            downstream_direct_local: Some(self.peer.local),
            connection: Some(self.peer.number),
            chain: Some(&self.manager.chain),
            session: self.peer.session.as_deref(),
            trace_id: self.span.as_ref().map(Span::trace_id),
            span_id: self.span.as_ref().map(Span::id),
            core: Some(&self.manager.core),
            attempts: self.attempts,
            ..Facts::default()
        }
    }

    /// Does to the request what configuration says.
    pub(super) fn edit_request(&mut self, request: &mut Request) {
        let Some(levels) = self.edits.clone() else { return };
        // What would be added of itself is there for operators, and may be changed, too.
        if let Some(id) = self.request_id.take() {
            request.append("x-request-id", &id);
        }
        for level in levels.iter().map(|level| &level.request).filter(|edits| !edits.is_empty()) {
            level.remove.iter().for_each(|name| request.remove(name));
            let values = values(level, &self.facts(&self.view(request), None));
            add(request, values);
        }
    }

    /// Does to a response what configuration says.
    pub(super) fn edit(
        &mut self,
        request: &Request,
        status: u16,
        service_time: Option<Duration>,
        fields: &mut dyn Fields,
    ) {
        let Some(levels) = self.edits.clone() else { return };
        let mut edited = Edited { fields, added: Vec::new(), service_time };
        for level in levels.iter().map(|level| &level.response).filter(|edits| !edits.is_empty()) {
            level.remove.iter().for_each(|name| edited.remove(name));
            let added = edited.added.clone();
            let view =
                ResponseView { status, fields: &*edited.fields, service_time: edited.service_time, added: &added };
            let request = self.view(request);
            let mut facts = self.facts(&request, Some(&view));
            // An answer of the proxy's own has no status yet when its fields are edited.
            facts.status = if service_time.is_some() { status } else { 0 };
            facts.upstream = self.upstream();
            let values = values(level, &facts);
            add(&mut edited, values);
        }
        let Edited { added, service_time: shown, .. } = edited;
        (self.added, self.hides_service_time) = (added, shown.is_none());
    }

    /// Does to an answer of the proxy's own what configuration says.
    pub(super) fn edit_answer(&mut self, request: &Request, answer: &mut Answer) {
        let status = answer.status;
        self.edit(request, status, None, &mut AnswerFields(answer));
        for (name, value) in std::mem::take(&mut self.added) {
            let value = String::from_utf8_lossy(&value).into_owned();
            if name == "content-type" {
                answer.content_type = value.into();
            } else {
                answer.fields.push((name.into(), value));
            }
        }
    }
}

/// A response that is being edited.
struct Edited<'a> {
    fields: &'a mut dyn Fields,
    added: Vec<(String, Vec<u8>)>,
    /// How long the server took, unless it is not to be said.
    service_time: Option<Duration>,
}

impl Editable for Edited<'_> {
    fn has(&self, name: &str) -> bool {
        (name == SERVICE_TIME && self.service_time.is_some())
            || self.fields.has(name)
            || self.added.iter().any(|(added, _)| added == name)
    }

    fn remove(&mut self, name: &str) {
        if name == SERVICE_TIME {
            self.service_time = None;
        }
        self.fields.remove(name);
        self.added.retain(|(added, _)| added != name);
    }

    fn append(&mut self, name: &str, value: &[u8]) {
        // A connection's own fields are the proxy's affair.
        if is_clean(value) && !UNTOUCHED.contains(&name) {
            self.added.push((name.to_owned(), value.to_vec()));
        }
    }
}

/// The fields of an answer of the proxy's own.
struct AnswerFields<'a>(&'a mut Answer);

impl Lookup for AnswerFields<'_> {
    fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
        if name == "content-type" && !self.0.body.is_empty() {
            look(self.0.content_type.as_bytes());
        }
        self.0.fields.iter().filter(|(found, _)| found == name).for_each(|(_, value)| look(value.as_bytes()));
    }
}

impl Fields for AnswerFields<'_> {
    fn remove(&mut self, name: &str) {
        self.0.fields.retain(|(found, _)| found != name);
    }
}
