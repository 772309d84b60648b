//! Configuration by xDS: Envoy's resources, as a control plane streams them (ADS, state of the world, version 3).
//!
//! - [`client`] keeps the stream, one connection after the other, and acknowledges what the data plane does;
//! - [`credentials`] are what it shows to a control plane on another machine;
//! - [`clusters`], [`listeners`], [`routes`] and [`tls`] translate resources into [`crate::model`], and refuse by name what can't
//!   be honoured: the control plane is told, and traffic goes on as before.
//!
//! The order is Envoy's: clusters first, acknowledged once their endpoints are known and checked, then listeners, then the
//! routes they name. So a route that has come can always be followed.

mod access_logs;
pub(crate) mod client;
mod clusters;
pub(crate) mod credentials;
mod edge;
mod faults;
mod header_edits;
pub(crate) mod keepers;
mod listeners;
mod matching;
mod outlier;
mod protocol;
pub(crate) mod received;
mod retry;
mod routes;
mod sticky;
mod strict;
#[cfg(test)]
mod tests;
mod tls;

#[cfg(test)]
pub(crate) use routes::table as route_table;

use std::{collections::BTreeMap, time::Duration};

use envoy_types::pb::google::protobuf::{self, Any};
use prost::Message;

/// Why a resource is refused; the control plane reads it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name}: {reason}")]
pub(crate) struct Refusal {
    kind: &'static str,
    name: String,
    reason: String,
}

/// Reads every resource of a response as an `M`.
fn decode<M: Message + Default>(kind: &'static str, resources: &[Any]) -> Result<Vec<M>, Refusal> {
    let decode = |any: &Any| {
        M::decode(any.value.as_slice()).map_err(|error| Refusal {
            kind,
            name: any.type_url.clone(),
            reason: format!("cannot be decoded: {error}"),
        })
    };
    resources.iter().map(decode).collect()
}

/// Translates resources one by one, each under its name.
fn translated<M, T>(
    kind: &'static str,
    resources: Vec<M>,
    name_of: impl Fn(&M) -> &str,
    translate: impl Fn(&M) -> Result<T, String>,
) -> Result<BTreeMap<String, T>, Refusal> {
    let one = |message: &M| {
        let name = name_of(message).to_owned();
        translate(message).map(|model| (name.clone(), model)).map_err(|reason| Refusal { kind, name, reason })
    };
    resources.iter().map(one).collect()
}

/// Translates a resource of the `kind`th type, for fuzzers; what can't be is refused.
#[cfg(feature = "fuzzing")]
pub(crate) fn try_all(kind: u8, resource: &Any) {
    let resources = std::slice::from_ref(resource);
    let _ = match kind % 5 {
        0 => listeners::listeners(resources).map(drop),
        1 => routes::tables(resources).map(drop),
        2 => clusters::clusters(resources).map(drop),
        3 => clusters::endpoints(resources).map(drop),
        _ => tls::secrets(resources).map(drop),
    };
}

/// A length of time; negative ones are none.
fn time(duration: protobuf::Duration) -> Duration {
    let seconds = u64::try_from(duration.seconds).unwrap_or(0);
    Duration::new(seconds, u32::try_from(duration.nanos).unwrap_or(0))
}

/// A length of time of which nothing means no limit.
fn limit(duration: protobuf::Duration) -> Option<Duration> {
    Some(time(duration)).filter(|duration| !duration.is_zero())
}

/// Refuses what is set and can't be honoured.
fn refuse(unless: bool, what: &str) -> Result<(), String> {
    if unless { Ok(()) } else { Err(format!("{what} is not supported by this proxy")) }
}
