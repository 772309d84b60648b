//! Services: changed and taken away.

use api::servicediscovery as sd;

use super::{Cx, done, invalid, service, service::records, started};
use crate::{
    Error,
    rows::{Instance, Service},
};

/// `UpdateService`.
pub(super) async fn update_service(cx: Cx, request: sd::UpdateServiceRequest) -> Result<sd::OperationStarted, Error> {
    let change = request.service;
    if change.health_check_config.is_some() {
        return Err(invalid("HealthCheckConfig is not supported by Serin; use HealthCheckCustomConfig when creating"));
    }
    let records = change.dns_config.map(|config| records(&config.dns_records)).transpose()?;
    cx.store.write(|tx| {
        let (key, mut row) = service(tx, cx.scope(), &request.id)?;
        if let Some(records) = records {
            let dns = row.dns.as_mut().ok_or_else(|| invalid(format!("the service {} has no DnsConfig", row.name)))?;
            if records.keys().any(|kind| !dns.records.contains_key(kind)) {
                return Err(invalid("DnsRecords can't get a type of record that the service was not created with"));
            }
            dns.records = records;
        }
        row.description = change.description.or(row.description);
        tx.put(&key, &row)?;
        done(&cx, tx, "UPDATE_SERVICE", &[("SERVICE", &row.id)]).map(started)
    })
}

/// `DeleteService`.
pub(super) async fn delete_service(
    cx: Cx,
    request: sd::DeleteServiceRequest,
) -> Result<sd::DeleteServiceResponse, Error> {
    cx.store.write(|tx| {
        let (key, row) = service(tx, cx.scope(), &request.id)?;
        let instances = tx.list_under::<Instance>(cx.scope(), &Instance::prefix(&row.id))?;
        if let Some((_, instance)) = instances.first() {
            let message = format!("Service contains registered instances; delete the instances: {}.", instance.id);
            return Err(Error::ResourceInUse(message));
        }
        tx.delete::<Service>(&key)?;
        Ok(sd::DeleteServiceResponse {})
    })
}
