//! Notes on services, for whoever finds them of use.

use api::servicediscovery as sd;
use store::Key;

use super::{Cx, id_of, invalid, service};
use crate::{Error, rows::Service};

/// Notes on one service.
const ATTRIBUTES_MAX: usize = 30;

/// `GetServiceAttributes`.
pub(super) async fn get_service_attributes(
    cx: Cx,
    request: sd::GetServiceAttributesRequest,
) -> Result<sd::GetServiceAttributesResponse, Error> {
    let key = Key::new(cx.scope(), id_of("service", &request.service_id));
    let service = cx.store.get::<Service>(&key)?.ok_or(Error::ServiceNotFound(request.service_id))?;
    Ok(sd::GetServiceAttributesResponse {
        service_attributes: Some(sd::ServiceAttributes {
            service_arn: Some(service.arn(cx.scope())),
            resource_owner: Some(cx.scope().account.to_string()),
            attributes: service.attributes,
        }),
    })
}

/// `UpdateServiceAttributes`.
pub(super) async fn update_service_attributes(
    cx: Cx,
    request: sd::UpdateServiceAttributesRequest,
) -> Result<sd::UpdateServiceAttributesResponse, Error> {
    let too_long = |(key, value): (&String, &String)| key.len() > 255 || value.len() > 1024;
    if request.attributes.iter().any(too_long) {
        return Err(invalid("the keys of Attributes have at most 255 characters, the values 1024"));
    }
    cx.store.write(|tx| {
        let (key, mut row) = service(tx, cx.scope(), &request.service_id)?;
        row.attributes.extend(request.attributes);
        if row.attributes.len() > ATTRIBUTES_MAX {
            return Err(Error::ServiceAttributesLimitExceeded(ATTRIBUTES_MAX));
        }
        tx.put(&key, &row)?;
        Ok(sd::UpdateServiceAttributesResponse {})
    })
}

/// `DeleteServiceAttributes`.
pub(super) async fn delete_service_attributes(
    cx: Cx,
    request: sd::DeleteServiceAttributesRequest,
) -> Result<sd::DeleteServiceAttributesResponse, Error> {
    cx.store.write(|tx| {
        let (key, mut row) = service(tx, cx.scope(), &request.service_id)?;
        row.attributes.retain(|name, _| !request.attributes.contains(name));
        tx.put(&key, &row)?;
        Ok(sd::DeleteServiceAttributesResponse {})
    })
}
