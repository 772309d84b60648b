//! Faults on purpose: Envoy's fault filter, switched on by a route.

use std::collections::HashMap;

use envoy_types::pb::{
    envoy::{
        config::core::v3::Metadata,
        extensions::filters::{
            common::fault::v3::{FaultDelay, fault_delay::FaultDelaySecifier},
            http::fault::v3::{FaultAbort, HttpFault, fault_abort::ErrorType},
            network::http_connection_manager::v3::{HttpFilter, http_filter},
        },
        r#type::v3::{FractionalPercent, fractional_percent::DenominatorType},
    },
    google::protobuf::{Any, value},
};
use prost::Message;

use super::{listeners::type_of, refuse, strict::nothing_else, time};
use crate::model::{Chance, Fault};

/// The filter's name and its message.
pub(super) const FILTER: &str = "envoy.filters.http.fault";
const MESSAGE: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";
/// Where our control plane says when a fault is over.
const METADATA: &str = "serin.fault";
const UNTIL: &str = "until";
/// Of a million.
const ALL: u32 = 1_000_000;

/// Refuses the filter on all requests: here a route switches it on.
pub(super) fn only_off(filter: &HttpFilter) -> Result<(), String> {
    refuse(filter.disabled, "the HTTP filter envoy.filters.http.fault that is not disabled")?;
    let Some(http_filter::ConfigType::TypedConfig(config)) = &filter.config_type else { return Ok(()) };
    nothing_else(&HttpFault::decode(config.value.as_slice()).map_err(|error| error.to_string())?)
}

/// The fault of a route by the configuration that it has for filters.
pub(super) fn fault(filters: &HashMap<String, Any>, metadata: Option<&Metadata>) -> Result<Option<Fault>, String> {
    let mut fault = None;
    for (name, config) in filters {
        refuse(name == FILTER && type_of(config) == MESSAGE, &format!("a route's configuration of the filter {name}"))?;
        let proto = HttpFault::decode(config.value.as_slice()).map_err(|error| format!("{FILTER}: {error}"))?;
        nothing_else(&HttpFault { delay: None, abort: None, ..proto.clone() })?;
        let abort = proto.abort.as_ref().map(abort).transpose()?;
        fault = Some(Fault { abort, delay: proto.delay.as_ref().map(delay).transpose()?, until: until(metadata) });
    }
    Ok(fault)
}

fn abort(proto: &FaultAbort) -> Result<(u16, Chance), String> {
    nothing_else(&FaultAbort { percentage: None, error_type: None, ..proto.clone() })?;
    let Some(ErrorType::HttpStatus(status)) = proto.error_type else {
        return Err("a fault's abort without http_status is not supported by this proxy".to_owned());
    };
    let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
    let status = status.ok_or("http_status of a fault's abort must be 200 to 599")?;
    Ok((status, chance(proto.percentage)?))
}

fn delay(proto: &FaultDelay) -> Result<(std::time::Duration, Chance), String> {
    match proto.fault_delay_secifier {
        Some(FaultDelaySecifier::FixedDelay(delay)) => Ok((time(delay), chance(proto.percentage)?)),
        _ => Err("a fault's delay without fixed_delay is not supported by this proxy".to_owned()),
    }
}

fn chance(proto: Option<FractionalPercent>) -> Result<Chance, String> {
    let Some(FractionalPercent { numerator, denominator }) = proto else { return Ok(Chance(0)) };
    let unit = match DenominatorType::try_from(denominator) {
        Ok(DenominatorType::Hundred) => 10_000,
        Ok(DenominatorType::TenThousand) => 100,
        Ok(DenominatorType::Million) => 1,
        Err(_) => return Err(format!("the denominator {denominator} of a percentage is not known")),
    };
    Ok(Chance(numerator.saturating_mul(unit).min(ALL)))
}

fn until(metadata: Option<&Metadata>) -> Option<i64> {
    let said = metadata?.filter_metadata.get(METADATA)?.fields.get(UNTIL)?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
    match said.kind {
        Some(value::Kind::NumberValue(until)) => Some(until as i64),
        _ => None,
    }
}
