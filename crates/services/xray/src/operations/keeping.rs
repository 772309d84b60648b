//! How and where traces are kept: in a file of this house, as they are.

use api::xray as model;

use super::{Cx, invalid};
use crate::Error;

const NONE: &str = "NONE";
const HERE: &str = "XRay";
const ACTIVE: &str = "ACTIVE";

/// `GetEncryptionConfig`.
pub(super) async fn get_encryption_config(
    _: Cx,
    _: model::GetEncryptionConfigRequest,
) -> Result<model::GetEncryptionConfigResponse, Error> {
    Ok(model::GetEncryptionConfigResponse { encryption_config: Some(plain()) })
}

/// `PutEncryptionConfig`.
pub(super) async fn put_encryption_config(
    _: Cx,
    request: model::PutEncryptionConfigRequest,
) -> Result<model::PutEncryptionConfigResponse, Error> {
    if request.r#type != NONE {
        return Err(invalid(format!(
            "Type `{}` is not here: there is no KMS, so traces are kept with NONE",
            request.r#type
        )));
    }
    if request.key_id.is_some() {
        return Err(invalid("KeyId has no meaning with Type NONE"));
    }
    Ok(model::PutEncryptionConfigResponse { encryption_config: Some(plain()) })
}

fn plain() -> model::EncryptionConfig {
    model::EncryptionConfig { key_id: None, status: Some(ACTIVE.to_owned()), r#type: Some(NONE.to_owned()) }
}

/// `GetTraceSegmentDestination`.
pub(super) async fn get_trace_segment_destination(
    _: Cx,
    _: model::GetTraceSegmentDestinationRequest,
) -> Result<model::GetTraceSegmentDestinationResponse, Error> {
    let (destination, status) = (Some(HERE.to_owned()), Some(ACTIVE.to_owned()));
    Ok(model::GetTraceSegmentDestinationResponse { destination, status })
}

/// `UpdateTraceSegmentDestination`.
pub(super) async fn update_trace_segment_destination(
    _: Cx,
    request: model::UpdateTraceSegmentDestinationRequest,
) -> Result<model::UpdateTraceSegmentDestinationResponse, Error> {
    match request.destination.as_deref() {
        None | Some(HERE) => {
            let (destination, status) = (Some(HERE.to_owned()), Some(ACTIVE.to_owned()));
            Ok(model::UpdateTraceSegmentDestinationResponse { destination, status })
        }
        Some(other) => Err(invalid(format!("Destination `{other}` is not here: segments are kept as {HERE}'s"))),
    }
}
