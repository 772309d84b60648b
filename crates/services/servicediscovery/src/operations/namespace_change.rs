//! Namespaces: changed and taken away.

use api::servicediscovery as sd;

use super::{Cx, done, invalid, namespace, namespace::ttl, started};
use crate::{
    Error,
    rows::{Namespace, Service},
};

/// `UpdatePrivateDnsNamespace`.
pub(super) async fn update_private_dns_namespace(
    cx: Cx,
    request: sd::UpdatePrivateDnsNamespaceRequest,
) -> Result<sd::OperationStarted, Error> {
    let change = request.namespace;
    let soa_ttl = change.properties.map(|properties| ttl(properties.dns_properties.soa.ttl)).transpose()?;
    update(&cx, &request.id, |namespace| {
        let dns =
            namespace.dns.as_mut().ok_or_else(|| invalid(format!("{} is not a private DNS namespace", request.id)))?;
        dns.soa_ttl = soa_ttl.unwrap_or(dns.soa_ttl);
        namespace.description = change.description.clone().or(namespace.description.take());
        Ok(())
    })
}

/// `UpdateHttpNamespace`.
pub(super) async fn update_http_namespace(
    cx: Cx,
    request: sd::UpdateHttpNamespaceRequest,
) -> Result<sd::OperationStarted, Error> {
    update(&cx, &request.id, |namespace| {
        if namespace.dns.is_some() {
            return Err(invalid(format!("{} is not an HTTP namespace", request.id)));
        }
        namespace.description = Some(request.namespace.description.clone());
        Ok(())
    })
}

fn update(
    cx: &Cx,
    id: &str,
    change: impl FnOnce(&mut Namespace) -> Result<(), Error>,
) -> Result<sd::OperationStarted, Error> {
    cx.store.write(|tx| {
        let (key, mut row) = namespace(tx, cx.scope(), id)?;
        change(&mut row)?;
        tx.put(&key, &row)?;
        done(cx, tx, "UPDATE_NAMESPACE", &[("NAMESPACE", &row.id)]).map(started)
    })
}

/// `DeleteNamespace`.
pub(super) async fn delete_namespace(
    cx: Cx,
    request: sd::DeleteNamespaceRequest,
) -> Result<sd::OperationStarted, Error> {
    cx.store.write(|tx| {
        let (key, row) = namespace(tx, cx.scope(), &request.id)?;
        let services = tx.list::<Service>(cx.scope())?;
        if let Some((_, service)) = services.iter().find(|(_, service)| service.namespace_id == row.id) {
            let message = format!("Namespace has associated services: {} ({}).", service.name, service.id);
            return Err(Error::ResourceInUse(message));
        }
        tx.delete::<Namespace>(&key)?;
        done(&cx, tx, "DELETE_NAMESPACE", &[("NAMESPACE", &row.id)]).map(started)
    })
}
