//! Log streams.

use api::logs as model;
use names::Timestamp;
use telemetry::logs::{Stream, StreamOrder, StreamQuery};

use super::{Cx, page_size, work};
use crate::{
    Error,
    identifier::{check_stream, either, group_arn, invalid},
    token,
};

/// What old clients send back with the next events. It was once checked; any will do.
pub(super) const SEQUENCE_TOKEN: &str = "49590302497652440520020102030405060708090102030405060708";

/// `CreateLogStream`.
pub(super) async fn create_log_stream(
    cx: Cx,
    request: model::CreateLogStreamRequest,
) -> Result<model::CreateLogStreamResponse, Error> {
    check_stream(&request.log_stream_name)?;
    work(&cx, move |w| Ok(w.logs.create_stream(&w.scope, &request.log_group_name, &request.log_stream_name, w.now)?))
        .await?;
    Ok(model::CreateLogStreamResponse {})
}

/// `DeleteLogStream`.
pub(super) async fn delete_log_stream(
    cx: Cx,
    request: model::DeleteLogStreamRequest,
) -> Result<model::DeleteLogStreamResponse, Error> {
    work(&cx, move |w| Ok(w.logs.delete_stream(&w.scope, &request.log_group_name, &request.log_stream_name)?)).await?;
    Ok(model::DeleteLogStreamResponse {})
}

/// `DescribeLogStreams`.
pub(super) async fn describe_log_streams(
    cx: Cx,
    request: model::DescribeLogStreamsRequest,
) -> Result<model::DescribeLogStreamsResponse, Error> {
    let group = either(cx.scope(), request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let order = match request.order_by.as_deref() {
        None | Some("LogStreamName") => StreamOrder::Name,
        Some("LastEventTime") if request.log_stream_name_prefix.is_some() => {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        Some("LastEventTime") => StreamOrder::LastEvent,
        Some(other) => return Err(invalid(format!("orderBy `{other}` is neither LogStreamName nor LastEventTime"))),
    };
    let skip = match request.next_token.as_deref() {
        None => 0,
        Some(token) => token::read_plain(token)?.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
    };
    let query = StreamQuery {
        prefix: request.log_stream_name_prefix.unwrap_or_default(),
        order,
        descending: request.descending.unwrap_or(false),
        skip,
        limit: page_size(request.limit, 50)?,
    };
    let arn = group_arn(cx.scope(), &group);
    let (streams, more) = work(&cx, move |w| Ok(w.logs.streams(&w.scope, &group, &query)?)).await?;
    let next_token = more.then(|| token::write_plain(&(skip + streams.len()).to_string()));
    let log_streams = streams.into_iter().map(|stream| shown(&arn, stream)).collect();
    Ok(model::DescribeLogStreamsResponse { log_streams, next_token })
}

fn shown(group_arn: &str, stream: Stream) -> model::LogStream {
    model::LogStream {
        arn: Some(format!("{group_arn}:log-stream:{}", stream.name)),
        log_stream_name: Some(stream.name),
        creation_time: Some(stream.created.as_millis()),
        first_event_timestamp: stream.first_event.map(Timestamp::as_millis),
        last_event_timestamp: stream.last_event.map(Timestamp::as_millis),
        last_ingestion_time: stream.last_arrival.map(Timestamp::as_millis),
        upload_sequence_token: Some(SEQUENCE_TOKEN.to_owned()),
        stored_bytes: Some(0),
    }
}
