//! Faults on purpose, made by Envoy's fault filter beside the application that is to seem faulty.
//!
//! Made there, they are what real ones are to everybody else: callers see answers and times, try again, count and eject.
//! But an application may be behind several virtual nodes, and a fault may be about one route only. So callers mark the
//! requests that are to suffer with a header, and the proxy at the application has a route for each mark, on which the
//! filter is switched on. The filter itself is always there, switched off, which costs nothing: a listener that changed
//! would close its connections.

use api::appmesh::fault::{Abort, Delay};
use xds::{
    extension::{self, FAULT_FILTER},
    pb::{
        envoy::{
            config::{
                core::v3::{HeaderValue, HeaderValueOption, Metadata, header_value_option::HeaderAppendAction},
                route::v3::{HeaderMatcher, Route, header_matcher::HeaderMatchSpecifier},
            },
            extensions::filters::{
                common::fault::v3::{FaultDelay, fault_delay::FaultDelaySecifier},
                http::fault::v3::{FaultAbort, HttpFault, fault_abort},
                network::http_connection_manager::v3::{HttpFilter, http_filter},
            },
            r#type::{
                matcher::v3::string_matcher::MatchPattern,
                v3::{FractionalPercent, fractional_percent::DenominatorType},
            },
        },
        google::protobuf::{Struct, Value, value},
    },
};

use super::{
    names::Direction,
    proto::{matcher, millis},
};
use crate::{
    plan::{Mesh, RouteName},
    rows::Injection,
};

/// The header that marks requests; its value is the name of the virtual node.
const MARK: &str = "x-serin-fault";
/// Where a route says until when its fault lasts, for proxies that can tell the time by themselves.
const METADATA: &str = "serin.fault";
const UNTIL: &str = "until";
/// Of a million, one percent.
const PERCENT: f64 = 10_000.0;

/// What is added to requests for the virtual node `node` that come by `route`.
pub(super) fn marks(mesh: &Mesh, node: &str, route: Option<&RouteName>) -> Vec<HeaderValueOption> {
    let injection = mesh.injections.get(node);
    let concerned = injection.filter(|injection| injection.route.is_none() || injection.route.as_ref() == route);
    let mark = |_| HeaderValueOption {
        header: Some(HeaderValue { key: MARK.to_owned(), value: node.to_owned(), ..HeaderValue::default() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
        ..HeaderValueOption::default()
    };
    concerned.map(mark).into_iter().collect()
}

/// A route for each fault of the application behind the virtual node `node`, which does else what `usual` does.
///
/// Virtual nodes that are found in the same way have the same application.
pub(super) fn routes(mesh: &Mesh, node: &str, usual: &Route) -> Vec<Route> {
    let place = |node: &str| mesh.nodes.get(node).and_then(|spec| spec.service_discovery.as_ref());
    let here = |other: &str| other == node || (place(other).is_some() && place(other) == place(node));
    let concerned = mesh.injections.iter().filter(|(other, _)| here(other));
    concerned.map(|(node, injection)| route(node, injection, usual)).collect()
}

fn route(node: &str, injection: &Injection, usual: &Route) -> Route {
    let mut route = usual.clone();
    let marked = HeaderMatchSpecifier::StringMatch(matcher(MatchPattern::Exact(node.to_owned())));
    route.r#match.get_or_insert_default().headers.push(HeaderMatcher {
        name: MARK.to_owned(),
        header_match_specifier: Some(marked),
        ..HeaderMatcher::default()
    });
    // The application is not to know.
    route.request_headers_to_remove.push(MARK.to_owned());
    route.typed_per_filter_config.insert(FAULT_FILTER.to_owned(), extension::http_fault(&fault(injection)));
    #[expect(clippy::cast_precision_loss, reason = "exact for a quarter of a million years")]
    let until = Value { kind: Some(value::Kind::NumberValue(injection.ends_at.as_millis() as f64)) };
    let said = Struct { fields: [(UNTIL.to_owned(), until)].into() };
    route.metadata = Some(Metadata { filter_metadata: [(METADATA.to_owned(), said)].into(), ..Metadata::default() });
    route
}

fn fault(injection: &Injection) -> HttpFault {
    let abort = injection.abort.map(|Abort { status, percent }| FaultAbort {
        percentage: Some(fraction(percent)),
        error_type: Some(fault_abort::ErrorType::HttpStatus(status.into())),
        ..FaultAbort::default()
    });
    let delay = injection.delay.map(|Delay { milliseconds, percent }| FaultDelay {
        percentage: Some(fraction(percent)),
        fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(millis(milliseconds))),
    });
    HttpFault { abort, delay, ..HttpFault::default() }
}

fn fraction(percent: f64) -> FractionalPercent {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million: it was checked")]
    let numerator = (percent * PERCENT).round() as u32;
    FractionalPercent { numerator, denominator: DenominatorType::Million as i32 }
}

/// The filter as it is where nothing is to go wrong: switched off. Only what comes in can suffer.
pub(super) fn filter(direction: Direction) -> Option<HttpFilter> {
    let config = http_filter::ConfigType::TypedConfig(extension::http_fault(&HttpFault::default()));
    let off = || HttpFilter {
        name: FAULT_FILTER.to_owned(),
        config_type: Some(config),
        disabled: true,
        ..HttpFilter::default()
    };
    (direction == Direction::Ingress).then(off)
}
