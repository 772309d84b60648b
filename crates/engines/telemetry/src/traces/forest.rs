//! Segments put together: who called whom, over all traces at hand.

use std::collections::{HashMap, HashSet};

use super::Segment;

/// Steps from a subsegment up to its segment; more is a circle.
const STEPS_MAX: usize = 100;

/// Segments with their relations.
pub(super) struct Forest<'a> {
    documents: &'a [Segment],
    /// Every segment and step by trace and id, with the number of the document it is in.
    entries: HashMap<(&'a str, &'a str), (usize, &'a Segment)>,
    /// Those that called a service whose own segment is here.
    callers: HashSet<(&'a str, &'a str)>,
}

impl<'a> Forest<'a> {
    pub(super) fn new(documents: &'a [Segment]) -> Self {
        let mut forest = Self { documents, entries: HashMap::new(), callers: HashSet::new() };
        for (number, document) in documents.iter().enumerate() {
            for entry in document.each() {
                forest.entries.insert((&entry.trace_id, &entry.id), (number, entry));
            }
        }
        let calls = forest.services().filter_map(|service| {
            let caller = forest.caller(service)?;
            Some((caller.1.trace_id.as_str(), caller.1.id.as_str()))
        });
        let callers = calls.collect();
        Self { callers, ..forest }
    }

    /// What services said of requests: the documents that are not steps of another that is here.
    pub(super) fn services(&self) -> impl Iterator<Item = &'a Segment> {
        let is_service = |number: &usize| self.service_of(*number) == *number;
        let documents = self.documents;
        (0..documents.len()).filter(is_service).map(|number| &documents[number])
    }

    /// The service that called `service`, and the segment or step of it that did.
    pub(super) fn caller(&self, service: &Segment) -> Option<(&'a Segment, &'a Segment)> {
        let parent = service.parent_id.as_deref()?;
        let (number, entry) = self.entries.get(&(service.trace_id.as_str(), parent))?;
        Some((&self.documents[self.service_of(*number)], entry))
    }

    /// Calls to somebody whose own segment is not here: the document that tells of it, the caller, and its step.
    pub(super) fn open_calls(&self) -> impl Iterator<Item = (&'a Segment, &'a Segment, &'a Segment)> {
        self.documents.iter().enumerate().flat_map(move |(number, document)| {
            let service = &self.documents[self.service_of(number)];
            let open = |step: &&Segment| step.is_call() && !self.callers.contains(&(&step.trace_id, &step.id));
            document.each().filter(open).map(move |step| (document, service, step))
        })
    }

    /// The number of the document of the service that document `number` is part of: itself, unless it is a step that
    /// was sent on its own.
    fn service_of(&self, number: usize) -> usize {
        let mut at = number;
        for _ in 0..STEPS_MAX {
            let document = &self.documents[at];
            let parent = document.parent_id.as_deref().filter(|_| document.is_subsegment);
            let found = parent.and_then(|parent| self.entries.get(&(document.trace_id.as_str(), parent)));
            match found {
                Some((next, _)) if *next != at => at = *next,
                _ => return at,
            }
        }
        number
    }
}
