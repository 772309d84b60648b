//! The operators: how they are written, and what they stand for.

use std::{net::SocketAddr, time::Duration};

use names::Timestamp;

use super::{Facts, Lookup, secured::Secured, span::Span, time::TimeFormat};
use crate::grpc;

/// The format of times where none is given.
const TIME: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";
/// The format of local times where none is given.
const LOCAL_TIME: &str = "%Y-%m-%dT%H:%M:%S.%3f%z";

/// Where the kernel says what this machine, or task, is called.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// An operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operator {
    /// A field of the request, or else another.
    Request(String, Option<String>),
    Response(String, Option<String>),
    Trailer(String, Option<String>),
    StartTime(TimeFormat),
    EmitTime(TimeFormat),
    /// The path: with its query or not, and as it came, as it goes on, or either.
    Path {
        query: bool,
        original: bool,
        rewritten: bool,
    },
    QueryParameter(String),
    GrpcStatus(GrpcFormat),
    Address(End, AddressPart),
    Environment(Option<String>),
    Secured(Secured),
    Span(Span),
    /// Text or a number that is known as it is.
    Plain(Plain),
}

/// How the status of gRPC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GrpcFormat {
    Camel,
    Snake,
    Number,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    UpstreamRemote,
    UpstreamLocal,
    DownstreamRemote,
    DownstreamDirect,
    DownstreamLocal,
    DownstreamDirectLocal,
}

/// What of an address is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressPart {
    Both,
    Ip,
    Port,
}

/// An operator without an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    AccessLogType,
    BytesReceived,
    BytesSent,
    ChainName,
    ConnectionId,
    Details,
    Duration,
    Flags,
    FlagsLong,
    LocalBody,
    /// What never happens here: a connection's end of our making, virtual clusters, metadata of filters.
    Nothing,
    /// What TCP's kernel does, and nobody counts.
    None,
    Protocol,
    Query,
    RequestDuration,
    RequestTxDuration,
    ResponseDuration,
    ResponseTxDuration,
    RouteName,
    ServerName,
    SpanId,
    Status,
    StreamId,
    TraceId,
    UniqueId,
    UpstreamAttempts,
    UpstreamCluster,
    UpstreamFailure,
    UpstreamHost,
    UpstreamHostName,
    UpstreamHostNameWithoutPort,
    UpstreamProtocol,
}

const PLAIN: [(&str, Plain); 36] = [
    ("ACCESS_LOG_TYPE", Plain::AccessLogType),
    ("BYTES_RECEIVED", Plain::BytesReceived),
    ("BYTES_RETRANSMITTED", Plain::None),
    ("BYTES_SENT", Plain::BytesSent),
    ("CONNECTION_ID", Plain::ConnectionId),
    ("CONNECTION_TERMINATION_DETAILS", Plain::Nothing),
    ("DOWNSTREAM_TRANSPORT_FAILURE_REASON", Plain::Nothing),
    ("DURATION", Plain::Duration),
    ("FILTER_CHAIN_NAME", Plain::ChainName),
    ("LOCAL_REPLY_BODY", Plain::LocalBody),
    ("PACKETS_RETRANSMITTED", Plain::None),
    ("PROTOCOL", Plain::Protocol),
    ("QUERY_PARAMS", Plain::Query),
    ("REQUESTED_SERVER_NAME", Plain::ServerName),
    ("REQUEST_DURATION", Plain::RequestDuration),
    ("REQUEST_TX_DURATION", Plain::RequestTxDuration),
    ("RESPONSE_CODE", Plain::Status),
    ("RESPONSE_CODE_DETAILS", Plain::Details),
    ("RESPONSE_DURATION", Plain::ResponseDuration),
    ("RESPONSE_FLAGS", Plain::Flags),
    ("RESPONSE_FLAGS_LONG", Plain::FlagsLong),
    ("RESPONSE_TX_DURATION", Plain::ResponseTxDuration),
    ("ROUTE_NAME", Plain::RouteName),
    ("SPAN_ID", Plain::SpanId),
    ("STREAM_ID", Plain::StreamId),
    ("TRACE_ID", Plain::TraceId),
    ("UNIQUE_ID", Plain::UniqueId),
    ("UPSTREAM_CLUSTER", Plain::UpstreamCluster),
    ("UPSTREAM_CLUSTER_RAW", Plain::UpstreamCluster),
    ("UPSTREAM_HOST", Plain::UpstreamHost),
    ("UPSTREAM_HOST_NAME", Plain::UpstreamHostName),
    ("UPSTREAM_HOST_NAME_WITHOUT_PORT", Plain::UpstreamHostNameWithoutPort),
    ("UPSTREAM_PROTOCOL", Plain::UpstreamProtocol),
    ("UPSTREAM_REQUEST_ATTEMPT_COUNT", Plain::UpstreamAttempts),
    ("UPSTREAM_TRANSPORT_FAILURE_REASON", Plain::UpstreamFailure),
    ("VIRTUAL_CLUSTER_NAME", Plain::Nothing),
];

const ENDS: [(&str, End); 6] = [
    ("UPSTREAM_REMOTE", End::UpstreamRemote),
    ("UPSTREAM_LOCAL", End::UpstreamLocal),
    ("DOWNSTREAM_REMOTE", End::DownstreamRemote),
    ("DOWNSTREAM_DIRECT_REMOTE", End::DownstreamDirect),
    ("DOWNSTREAM_LOCAL", End::DownstreamLocal),
    ("DOWNSTREAM_DIRECT_LOCAL", End::DownstreamDirectLocal),
];

/// The flags' long names.
const FLAGS: [(&str, &str); 19] = [
    ("UH", "NoHealthyUpstream"),
    ("UF", "UpstreamConnectionFailure"),
    ("UO", "UpstreamOverflow"),
    ("NR", "NoRouteFound"),
    ("URX", "UpstreamRetryLimitExceeded"),
    ("NC", "NoClusterFound"),
    ("DT", "DurationTimeout"),
    ("DC", "DownstreamConnectionTermination"),
    ("UT", "UpstreamRequestTimeout"),
    ("LR", "LocalReset"),
    ("UR", "UpstreamRemoteReset"),
    ("UC", "UpstreamConnectionTermination"),
    ("DI", "DelayInjected"),
    ("FI", "FaultInjected"),
    ("SI", "StreamIdleTimeout"),
    ("DPE", "DownstreamProtocolError"),
    ("UPE", "UpstreamProtocolError"),
    ("UMSDR", "UpstreamMaxStreamDurationReached"),
    ("DR", "DownstreamRemoteReset"),
];

/// What an operator stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Nothing,
    Text(Vec<u8>),
    Number(i64),
}

impl Operator {
    /// The operator called `name`. Only some take an argument, and some need one.
    pub(super) fn parse(name: &str, argument: Option<&str>) -> Result<Self, String> {
        if let Some(secured) = Secured::parse(name, argument)? {
            return Ok(Self::Secured(secured));
        }
        let needed = || argument.filter(|argument| !argument.is_empty()).ok_or(format!("%{name}% needs an argument"));
        let time = |default: &str| TimeFormat::parse(argument.filter(|text| !text.is_empty()).unwrap_or(default));
        let fields = || {
            let names = needed()?.to_ascii_lowercase();
            let (first, second) = names.split_once('?').map_or((&*names, None), |(one, other)| (one, Some(other)));
            Ok::<_, String>((first.to_owned(), second.map(str::to_owned)))
        };
        Ok(match name {
            "REQ" => fields().map(|(first, second)| Self::Request(first, second))?,
            "RESP" => fields().map(|(first, second)| Self::Response(first, second))?,
            "TRAILER" => fields().map(|(first, second)| Self::Trailer(first, second))?,
            "START_TIME" => Self::StartTime(time(TIME)?),
            "START_TIME_LOCAL" => Self::StartTime(time(LOCAL_TIME)?),
            "EMIT_TIME_LOCAL" => Self::EmitTime(time(LOCAL_TIME)?),
            "EMIT_TIME" => Self::EmitTime(time(TIME)?),
            "PATH" => path(argument.unwrap_or_default())?,
            "QUERY_PARAM" => Self::QueryParameter(needed()?.to_owned()),
            "GRPC_STATUS" => Self::GrpcStatus(grpc_format(argument)?),
            "GRPC_STATUS_NUMBER" => Self::GrpcStatus(GrpcFormat::Number),
            "HOSTNAME" if argument.is_none() => {
                let name = std::fs::read_to_string(HOSTNAME).unwrap_or_default();
                Self::Environment(Some(name.trim().to_owned()))
            }
            "ENVIRONMENT" => Self::Environment(std::env::var(needed()?).ok()),
            "COMMON_DURATION" => Self::Span(Span::parse(needed()?)?),
            // Nothing here makes any: in Envoy, too, it is empty where no filter fills it.
            "DYNAMIC_METADATA" => needed().map(|_| Self::Plain(Plain::Nothing))?,
            _ if argument.is_some() => {
                return Err(format!(
                    "the operator %{name}({})% is not supported by this proxy",
                    argument.unwrap_or_default()
                ));
            }
            _ => plain(name)
                .or_else(|| address(name))
                .ok_or_else(|| format!("the operator %{name}% is not supported by this proxy"))?,
        })
    }

    /// The names of response fields that it is about.
    pub(super) fn response_fields(&self) -> [Option<&str>; 2] {
        match self {
            Self::Response(first, second) => [Some(first), second.as_deref()],
            Self::GrpcStatus(_) => [Some("grpc-status"), None],
            _ => [None, None],
        }
    }

    pub(super) fn value(&self, facts: &Facts<'_>) -> Value {
        match self {
            Self::Request(first, second) => field(facts.request, first, second.as_deref()),
            Self::Response(first, second) => field(facts.response, first, second.as_deref()),
            Self::Trailer(first, second) => field(facts.trailers, first, second.as_deref()),
            Self::StartTime(format) => Value::text(format.write(facts.start)),
            Self::EmitTime(format) => {
                let passed = facts.duration.and_then(|passed| i64::try_from(passed.as_millis()).ok()).unwrap_or(0);
                Value::text(format.write(Timestamp::from_millis(facts.start.as_millis() + passed)))
            }
            Self::Path { query, original, rewritten } => requested_path(facts, *query, *original, *rewritten),
            Self::QueryParameter(name) => query_parameter(facts, name),
            Self::GrpcStatus(format) => grpc_status(facts, *format),
            Self::Address(end, part) => part_of(end_of(facts, *end), *part),
            Self::Secured(secured) => secured.value(facts),
            Self::Span(span) => span.value(facts),
            Self::Environment(value) => Value::some(value.as_deref()),
            Self::Plain(plain) => plain.value(facts),
        }
    }
}

fn plain(name: &str) -> Option<Operator> {
    PLAIN.iter().find(|(known, _)| *known == name).map(|(_, plain)| Operator::Plain(*plain))
}

/// `DOWNSTREAM_REMOTE_ADDRESS`, `…_ADDRESS_WITHOUT_PORT`, `…_PORT` and the like.
fn address(name: &str) -> Option<Operator> {
    ENDS.iter().find_map(|(end, which)| {
        let part = match name.strip_prefix(end)? {
            "_ADDRESS" => AddressPart::Both,
            "_ADDRESS_WITHOUT_PORT" => AddressPart::Ip,
            "_PORT" => AddressPart::Port,
            _ => return None,
        };
        Some(Operator::Address(*which, part))
    })
}

fn path(argument: &str) -> Result<Operator, String> {
    let (query, which) = argument.split_once(':').unwrap_or((argument, ""));
    let query = match query {
        "" | "WQ" => true,
        "NQ" => false,
        other => return Err(format!("%PATH({other})% is not known: WQ and NQ are")),
    };
    let (original, rewritten) = match which {
        "" | "ORIG_OR_PATH" => (true, true),
        "ORIG" => (true, false),
        "PATH" => (false, true),
        other => return Err(format!("%PATH(…:{other})% is not known: ORIG, PATH and ORIG_OR_PATH are")),
    };
    Ok(Operator::Path { query, original, rewritten })
}

fn grpc_format(argument: Option<&str>) -> Result<GrpcFormat, String> {
    match argument.unwrap_or("CAMEL_STRING") {
        "" | "CAMEL_STRING" => Ok(GrpcFormat::Camel),
        "SNAKE_STRING" => Ok(GrpcFormat::Snake),
        "NUMBER" => Ok(GrpcFormat::Number),
        other => Err(format!("%GRPC_STATUS({other})% is not known: CAMEL_STRING, SNAKE_STRING and NUMBER are")),
    }
}

fn field(fields: Option<&dyn Lookup>, first: &str, second: Option<&str>) -> Value {
    let Some(fields) = fields else { return Value::Nothing };
    let found = fields.first(first).or_else(|| fields.first(second?));
    found.map_or(Value::Nothing, Value::Text)
}

fn requested_path(facts: &Facts<'_>, query: bool, original: bool, rewritten: bool) -> Value {
    let Some(request) = facts.request else { return Value::Nothing };
    let first = if original { request.first("x-envoy-original-path") } else { None };
    let Some(mut path) = first.or_else(|| rewritten.then(|| request.first(":path")).flatten()) else {
        return Value::Nothing;
    };
    if !query && let Some(end) = path.iter().position(|byte| *byte == b'?') {
        path.truncate(end);
    }
    Value::Text(path)
}

fn query(facts: &Facts<'_>) -> Option<Vec<u8>> {
    let request = facts.request?;
    let path = request.first("x-envoy-original-path").or_else(|| request.first(":path"))?;
    let start = path.iter().position(|byte| *byte == b'?')?;
    Some(path[start + 1..].to_vec())
}

fn query_parameter(facts: &Facts<'_>, name: &str) -> Value {
    let Some(query) = query(facts) else { return Value::Nothing };
    let mut parameters = query.split(|byte| *byte == b'&');
    let found = parameters.find_map(|parameter| parameter.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    found.map_or(Value::Nothing, |value| Value::Text(value.to_vec()))
}

fn grpc_status(facts: &Facts<'_>, format: GrpcFormat) -> Value {
    let is_grpc =
        facts.request.and_then(|request| request.first("content-type")).is_some_and(|kind| grpc::is_grpc(&kind));
    if !is_grpc {
        return Value::Nothing;
    }
    let said = [facts.trailers, facts.response].into_iter().flatten().find_map(|fields| fields.first("grpc-status"));
    let said = said.and_then(|text| std::str::from_utf8(&text).ok()?.parse::<u16>().ok());
    let Some(status) = said.or_else(|| (facts.status != 0).then(|| grpc::status_of(facts.status))) else {
        return Value::Nothing;
    };
    let names = |of: fn(&grpc::Name) -> &'static str| {
        grpc::NAMES.get(usize::from(status)).map_or_else(|| status.to_string(), |name| of(name).to_owned())
    };
    match format {
        GrpcFormat::Number => Value::Number(i64::from(status)),
        GrpcFormat::Camel => Value::text(names(|name| name.camel)),
        GrpcFormat::Snake => Value::text(names(|name| name.snake)),
    }
}

fn end_of(facts: &Facts<'_>, end: End) -> Option<SocketAddr> {
    match end {
        // Where there is no connection there is no other end.
        End::UpstreamRemote => facts.upstream.filter(|_| facts.upstream_failure.is_none()),
        End::UpstreamLocal => facts.upstream_local,
        End::DownstreamRemote => facts.downstream,
        End::DownstreamDirect => facts.downstream_direct,
        End::DownstreamLocal => facts.downstream_local,
        End::DownstreamDirectLocal => facts.downstream_direct_local,
    }
}

fn part_of(address: Option<SocketAddr>, part: AddressPart) -> Value {
    match (address, part) {
        (None, _) => Value::Nothing,
        (Some(address), AddressPart::Both) => Value::text(address.to_string()),
        (Some(address), AddressPart::Ip) => Value::text(address.ip().to_string()),
        (Some(address), AddressPart::Port) => Value::Number(i64::from(address.port())),
    }
}

impl Plain {
    fn value(self, facts: &Facts<'_>) -> Value {
        let number = |number: u64| Value::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let milliseconds = |time: Option<Duration>| {
            time.map_or(Value::Nothing, |time| number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
        };
        let host = || facts.upstream.map(|address| address.to_string());
        match self {
            Self::AccessLogType => {
                Value::some(Some(if facts.request.is_some() { "DownstreamEnd" } else { "TcpConnectionEnd" }))
            }
            Self::BytesReceived => number(facts.received),
            Self::BytesSent => number(facts.sent),
            Self::ChainName => Value::some(facts.chain),
            Self::ConnectionId => facts.connection.map_or(Value::Nothing, number),
            Self::Details => Value::some(facts.details),
            Self::Duration => milliseconds(facts.duration),
            Self::Flags => Value::text(flags(facts, |flag| flag)),
            Self::FlagsLong => Value::text(flags(facts, long)),
            Self::LocalBody => Value::Text(facts.local_body.unwrap_or_default().to_vec()),
            Self::Nothing => Value::Nothing,
            Self::None => number(0),
            Self::Protocol => Value::some(facts.protocol),
            Self::Query => query(facts).map_or(Value::Nothing, Value::Text),
            Self::RequestDuration => milliseconds(facts.request_duration),
            Self::RequestTxDuration => milliseconds(facts.request_tx_duration),
            Self::ResponseDuration => milliseconds(facts.response_duration),
            Self::ResponseTxDuration => milliseconds(facts.response_tx_duration),
            Self::RouteName => Value::some(facts.route_name),
            Self::ServerName => Value::some(facts.server_name),
            Self::SpanId => Value::some(facts.span_id),
            Self::Status => number(u64::from(facts.status)),
            Self::StreamId => field(facts.request, "x-request-id", None),
            Self::TraceId => Value::some(facts.trace_id),
            Self::UniqueId => facts.core.map_or(Value::Nothing, |core| Value::Text(core.uuid().to_vec())),
            Self::UpstreamAttempts => number(u64::from(facts.attempts)),
            Self::UpstreamCluster => Value::some(facts.cluster),
            Self::UpstreamFailure => Value::some(facts.upstream_failure),
            Self::UpstreamHost => host().map_or(Value::Nothing, Value::text),
            Self::UpstreamHostName => {
                facts.upstream_name.map(str::to_owned).or_else(host).map_or(Value::Nothing, Value::text)
            }
            Self::UpstreamHostNameWithoutPort => {
                let ip = || facts.upstream.map(|address| address.ip().to_string());
                facts.upstream_name.map(str::to_owned).or_else(ip).map_or(Value::Nothing, Value::text)
            }
            Self::UpstreamProtocol => Value::some(facts.upstream_protocol),
        }
    }
}

fn flags(facts: &Facts<'_>, name: fn(&'static str) -> &'static str) -> String {
    if facts.flags.is_empty() {
        return "-".to_owned();
    }
    let names: Vec<&str> = facts.flags.iter().map(|flag| name(flag)).collect();
    names.join(",")
}

fn long(flag: &'static str) -> &'static str {
    FLAGS.iter().find(|(short, _)| *short == flag).map_or(flag, |(_, long)| long)
}

impl Value {
    pub(super) fn text(text: String) -> Self {
        Self::Text(text.into_bytes())
    }

    pub(super) fn some(text: Option<&str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Nothing, |text| Self::Text(text.as_bytes().to_vec()))
    }

    /// No more than so many bytes of it.
    pub(super) fn limited(self, limit: Option<usize>) -> Self {
        match (self, limit) {
            (Self::Text(mut text), Some(limit)) => {
                text.truncate(limit);
                Self::Text(text)
            }
            (value, _) => value,
        }
    }

    pub(super) fn write(&self, missing: &str, out: &mut Vec<u8>) {
        match self {
            Self::Nothing => out.extend_from_slice(missing.as_bytes()),
            Self::Text(text) => out.extend_from_slice(text),
            Self::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        }
    }
}
