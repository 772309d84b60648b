//! Log events: written, read in order, searched.

use api::logs as model;
use names::Timestamp;
use telemetry::logs::{
    self, Appended, Direction, EVENT_OVERHEAD, Event, NewEvent, PAGE_EVENTS_MAX, Pattern, Place, Range, Search,
};

use super::{Cx, page_size, stream::SEQUENCE_TOKEN, work};
use crate::{
    Error,
    identifier::{either, invalid},
    token,
};

/// Bytes of one batch, as CloudWatch counts them.
const BATCH_BYTES_MAX: usize = 1_048_576;
/// Events of one batch.
const BATCH_EVENTS_MAX: usize = 10_000;
/// From the first to the last event of a batch, in milliseconds.
const BATCH_SPAN_MAX: i64 = 24 * 3600 * 1000;
/// Streams that can be named in a search.
const STREAMS_MAX: usize = 100;

/// `PutLogEvents`.
pub(super) async fn put_log_events(
    cx: Cx,
    request: model::PutLogEventsRequest,
) -> Result<model::PutLogEventsResponse, Error> {
    check_batch(&request.log_events, cx.clock.now().as_millis())?;
    let events: Vec<_> = request
        .log_events
        .into_iter()
        .map(|event| NewEvent { time: Timestamp::from_millis(event.timestamp), message: event.message })
        .collect();
    let appended = work(&cx, move |w| {
        Ok(w.logs.append(&w.scope, &request.log_group_name, &request.log_stream_name, &events, w.now)?)
    })
    .await?;
    let index = |index: Option<usize>| index.and_then(|index| i32::try_from(index).ok());
    let rejected = (appended != Appended::default()).then(|| model::RejectedLogEventsInfo {
        too_new_log_event_start_index: index(appended.too_new_from),
        too_old_log_event_end_index: index(appended.too_old_until),
        expired_log_event_end_index: index(appended.expired_until),
    });
    Ok(model::PutLogEventsResponse {
        next_sequence_token: Some(SEQUENCE_TOKEN.to_owned()),
        rejected_log_events_info: rejected,
    })
}

fn check_batch(events: &[model::InputLogEvent], now: i64) -> Result<(), Error> {
    if events.is_empty() || events.len() > BATCH_EVENTS_MAX {
        return Err(invalid(format!("logEvents must have 1 to {BATCH_EVENTS_MAX} events")));
    }
    if events.iter().any(|event| event.message.is_empty() || event.timestamp < 0) {
        return Err(invalid("Each event must have a message that is not empty and a timestamp that is not negative."));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    // Events too far off to be kept don't count: they are named in the answer.
    let mut kept = events.iter().map(|event| event.timestamp).filter(|time| logs::is_kept(*time, now));
    let first = kept.next();
    let span = kept.next_back().zip(first).map_or(0, |(last, first)| last - first);
    if span > BATCH_SPAN_MAX {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}")));
    }
    Ok(())
}

/// `GetLogEvents`.
pub(super) async fn get_log_events(
    cx: Cx,
    request: model::GetLogEventsRequest,
) -> Result<model::GetLogEventsResponse, Error> {
    let group = either(cx.scope(), request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let limit = page_size(request.limit, PAGE_EVENTS_MAX)?;
    let range = Range { start: request.start_time.unwrap_or(0), end: request.end_time.unwrap_or(i64::MAX) };
    let (direction, from) = match request.next_token.as_deref() {
        Some(token) => token::read(token)?,
        None if request.start_from_head == Some(true) => (Direction::Forward, Place::at(range.start)),
        None => (Direction::Backward, Place::at(i64::MAX)),
    };
    let stream = request.log_stream_name;
    let page =
        work(&cx, move |w| Ok(w.logs.read(&w.scope, (&group, &stream), range, (from, direction), limit, w.now)?))
            .await?;
    // At either end the token that was sent comes back, which is how clients know. A stream without events ends where
    // it begins, so that whoever follows it from there misses nothing.
    let nothing = if request.next_token.is_some() { from } else { Place::at(range.start) };
    let first = page.events.first().map_or(nothing, Place::before);
    let last = page.events.last().map_or(nothing, Place::after);
    Ok(model::GetLogEventsResponse {
        events: page.events.into_iter().map(shown).collect(),
        next_forward_token: Some(token::write(Direction::Forward, last)),
        next_backward_token: Some(token::write(Direction::Backward, first)),
    })
}

fn shown(event: Event) -> model::OutputLogEvent {
    model::OutputLogEvent {
        timestamp: Some(event.time.as_millis()),
        message: Some(event.message),
        ingestion_time: Some(event.arrival.as_millis()),
    }
}

/// `FilterLogEvents`.
pub(super) async fn filter_log_events(
    cx: Cx,
    request: model::FilterLogEventsRequest,
) -> Result<model::FilterLogEventsResponse, Error> {
    let group = either(cx.scope(), request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    if !request.log_stream_names.is_empty() && request.log_stream_name_prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters."));
    }
    if request.log_stream_names.len() > STREAMS_MAX {
        return Err(invalid(format!("logStreamNames can have at most {STREAMS_MAX} names")));
    }
    let pattern = Pattern::parse(request.filter_pattern.as_deref().unwrap_or_default());
    let (direction, from) = match request.next_token.as_deref() {
        Some(token) => token::read(token)?,
        None if request.start_from_head == Some(false) => (Direction::Backward, Place::at(i64::MAX)),
        None => (Direction::Forward, Place::at(0)),
    };
    let search = Search {
        streams: request.log_stream_names,
        stream_prefix: request.log_stream_name_prefix.unwrap_or_default(),
        // Unlike in GetLogEvents, the end is part of the range.
        range: Range {
            start: request.start_time.unwrap_or(0),
            end: request.end_time.unwrap_or(i64::MAX).saturating_add(1),
        },
        pattern: pattern.map_err(|error| invalid(error.to_string()))?,
        from,
        direction,
        limit: page_size(request.limit, PAGE_EVENTS_MAX)?,
    };
    let found = work(&cx, move |w| Ok(w.logs.search(&w.scope, &group, &search, w.now)?)).await?;
    Ok(model::FilterLogEventsResponse {
        events: found.events.into_iter().map(|(stream, event)| found_event(stream, event)).collect(),
        searched_log_streams: Vec::new(),
        next_token: found.next.map(|place| token::write(direction, place)),
    })
}

fn found_event(stream: String, event: Event) -> model::FilteredLogEvent {
    model::FilteredLogEvent {
        log_stream_name: Some(stream),
        timestamp: Some(event.time.as_millis()),
        event_id: Some(format!("{:020}{:036}", event.time.as_millis(), event.id)),
        message: Some(event.message),
        ingestion_time: Some(event.arrival.as_millis()),
    }
}
