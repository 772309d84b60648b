//! Instances: registered, looked at, reported on.

use std::{collections::BTreeMap, net::Ipv4Addr};

use api::servicediscovery as sd;
use store::{Key, Transaction};

use super::{Cx, done, id_of, invalid, page_size, service, started};
use crate::{
    Error,
    rows::{Health, Instance, RecordType, Service},
};

/// Instances of one service, as at AWS.
const INSTANCES_MAX: usize = 1000;
/// Attributes of one instance, as at AWS.
const ATTRIBUTES_MAX: usize = 30;
/// Characters in all attributes of one instance, as at AWS.
const ATTRIBUTES_LENGTH_MAX: usize = 5000;
/// Attributes that ask for what is not here, and why.
const UNSUPPORTED: [(&str, &str); 3] = [
    ("AWS_ALIAS_DNS_NAME", "records point at addresses here; register the address"),
    ("AWS_INSTANCE_CNAME", "records point at addresses here; register the address"),
    ("AWS_EC2_INSTANCE_ID", "there are no EC2 instances here; register the address"),
];

/// `RegisterInstance`.
pub(super) async fn register_instance(
    cx: Cx,
    request: sd::RegisterInstanceRequest,
) -> Result<sd::OperationStarted, Error> {
    check_id(&request.instance_id)?;
    check_attributes(&request.attributes)?;
    cx.store.write(|tx| {
        let (_, owner) = service(tx, cx.scope(), &request.service_id)?;
        check_records(&owner, &request.attributes)?;
        let health = initial_health(&owner, &request.attributes)?;
        let key = Instance::key(cx.scope(), &owner.id, &request.instance_id);
        let there = tx.get::<Instance>(&key)?;
        let others = tx.list_under::<Instance>(cx.scope(), &Instance::prefix(&owner.id))?.len();
        if there.is_none() && others >= INSTANCES_MAX {
            let message = format!("The service {} has {INSTANCES_MAX} instances already.", owner.id);
            return Err(Error::ResourceLimitExceeded(message));
        }
        let instance = Instance {
            id: request.instance_id,
            service_id: owner.id.clone(),
            attributes: request.attributes,
            creator_request_id: request.creator_request_id,
            health,
        };
        tx.put(&key, &instance)?;
        if there.as_ref() != Some(&instance) {
            changed(tx, cx.scope(), owner)?;
        }
        let targets = [("INSTANCE", instance.id.as_str()), ("SERVICE", instance.service_id.as_str())];
        done(&cx, tx, "REGISTER_INSTANCE", &targets).map(started)
    })
}

/// `DeregisterInstance`.
pub(super) async fn deregister_instance(
    cx: Cx,
    request: sd::DeregisterInstanceRequest,
) -> Result<sd::OperationStarted, Error> {
    cx.store.write(|tx| {
        let (_, owner) = service(tx, cx.scope(), &request.service_id)?;
        let service_id = owner.id.clone();
        if !tx.delete::<Instance>(&Instance::key(cx.scope(), &service_id, &request.instance_id))? {
            return Err(Error::InstanceNotFound(request.instance_id));
        }
        changed(tx, cx.scope(), owner)?;
        let targets = [("INSTANCE", request.instance_id.as_str()), ("SERVICE", service_id.as_str())];
        done(&cx, tx, "DEREGISTER_INSTANCE", &targets).map(started)
    })
}

/// `UpdateInstanceCustomHealthStatus`.
pub(super) async fn update_instance_custom_health_status(
    cx: Cx,
    request: sd::UpdateInstanceCustomHealthStatusRequest,
) -> Result<sd::UpdateInstanceCustomHealthStatusResponse, Error> {
    let health = Health::parse(&request.status);
    let health =
        health.ok_or_else(|| invalid(format!("Status `{}` is neither HEALTHY nor UNHEALTHY", request.status)))?;
    cx.store.write(|tx| {
        let (_, owner) = service(tx, cx.scope(), &request.service_id)?;
        let key = Instance::key(cx.scope(), &owner.id, &request.instance_id);
        let mut instance = tx.get::<Instance>(&key)?.ok_or(Error::InstanceNotFound(request.instance_id))?;
        if !owner.custom_health {
            return Err(Error::CustomHealthNotFound(owner.id));
        }
        if instance.health != Some(health) {
            instance.health = Some(health);
            tx.put(&key, &instance)?;
            changed(tx, cx.scope(), owner)?;
        }
        Ok(sd::UpdateInstanceCustomHealthStatusResponse {})
    })
}

/// Notes that the instances of a service changed.
fn changed(tx: &mut Transaction<'_>, scope: &names::Scope, mut owner: Service) -> Result<(), Error> {
    owner.revision += 1;
    Ok(tx.put(&Key::new(scope, &owner.id), &owner)?)
}

/// `GetInstance`.
pub(super) async fn get_instance(cx: Cx, request: sd::GetInstanceRequest) -> Result<sd::GetInstanceResponse, Error> {
    let owner = owner(&cx, &request.service_id)?;
    let key = Instance::key(cx.scope(), &owner.id, &request.instance_id);
    let instance = cx.store.get::<Instance>(&key)?.ok_or(Error::InstanceNotFound(request.instance_id))?;
    let account = Some(cx.scope().account.to_string());
    Ok(sd::GetInstanceResponse {
        resource_owner: account.clone(),
        instance: Some(sd::Instance {
            id: Some(instance.id),
            creator_request_id: instance.creator_request_id,
            attributes: instance.attributes,
            created_by_account: account,
        }),
    })
}

/// `ListInstances`.
pub(super) async fn list_instances(
    cx: Cx,
    request: sd::ListInstancesRequest,
) -> Result<sd::ListInstancesResponse, Error> {
    let limit = page_size(request.max_results, 100)?;
    let owner = owner(&cx, &request.service_id)?;
    let instances = instances(&cx, &owner)?;
    let token = request.next_token.as_deref();
    let (page, next_token) = wire::page(instances, |instance| instance.id.clone(), limit, token)?;
    let account = Some(cx.scope().account.to_string());
    let shown = page.into_iter().map(|instance| sd::InstanceSummary {
        id: Some(instance.id),
        attributes: instance.attributes,
        created_by_account: account.clone(),
    });
    Ok(sd::ListInstancesResponse { instances: shown.collect(), resource_owner: account.clone(), next_token })
}

/// `GetInstancesHealthStatus`.
pub(super) async fn get_instances_health_status(
    cx: Cx,
    request: sd::GetInstancesHealthStatusRequest,
) -> Result<sd::GetInstancesHealthStatusResponse, Error> {
    let limit = page_size(request.max_results, 100)?;
    let owner = owner(&cx, &request.service_id)?;
    let mut instances = instances(&cx, &owner)?;
    if let Some(absent) = request.instances.iter().find(|id| instances.iter().all(|instance| instance.id != **id)) {
        return Err(Error::InstanceNotFound(absent.clone()));
    }
    instances.retain(|instance| request.instances.is_empty() || request.instances.contains(&instance.id));
    let token = request.next_token.as_deref();
    let (page, next_token) = wire::page(instances, |instance| instance.id.clone(), limit, token)?;
    let status = page.into_iter().map(|instance| {
        let health = instance.health.map_or("UNKNOWN", Health::spelled);
        (instance.id, health.to_owned())
    });
    Ok(sd::GetInstancesHealthStatusResponse { status: status.collect(), next_token })
}

fn owner(cx: &Cx, id: &str) -> Result<Service, Error> {
    let key = Key::new(cx.scope(), id_of("service", id));
    cx.store.get(&key)?.ok_or_else(|| Error::ServiceNotFound(id.to_owned()))
}

/// The instances of `owner`, by id.
pub(super) fn instances(cx: &Cx, owner: &Service) -> Result<Vec<Instance>, Error> {
    let rows = cx.store.list_under::<Instance>(cx.scope(), &Instance::prefix(&owner.id))?;
    Ok(rows.into_iter().map(|(_, instance)| instance).collect())
}

fn check_id(id: &str) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | ':' | '.' | '@' | '-');
    if (1..=64).contains(&id.len()) && id.chars().all(is_part) {
        return Ok(());
    }
    Err(invalid(format!("InstanceId `{id}` is not 1 to 64 letters, digits or any of _/:.@-")))
}

fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, reason) in UNSUPPORTED {
        if attributes.contains_key(name) {
            return Err(invalid(format!("The attribute {name} is not supported by Serin: {reason}.")));
        }
    }
    let length: usize = attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
    let too_long = |(key, value): (&String, &String)| key.is_empty() || key.len() > 255 || value.len() > 1024;
    if attributes.len() > ATTRIBUTES_MAX || length > ATTRIBUTES_LENGTH_MAX || attributes.iter().any(too_long) {
        return Err(invalid(format!(
            "Attributes can be {ATTRIBUTES_MAX} with {ATTRIBUTES_LENGTH_MAX} characters together, keys with 255 and \
             values with 1024"
        )));
    }
    let wrong = |name: &str, value: &str| Err(invalid(format!("The attribute {name} can't be `{value}`")));
    match (attributes.get("AWS_INSTANCE_IPV4"), attributes.get("AWS_INSTANCE_PORT")) {
        (Some(address), _) if address.parse::<Ipv4Addr>().is_err() => wrong("AWS_INSTANCE_IPV4", address),
        (_, Some(port)) if port.parse::<u16>().is_err() => wrong("AWS_INSTANCE_PORT", port),
        _ => Ok(()),
    }
}

/// Whether an instance with `attributes` can get the records that `owner` gives.
fn check_records(owner: &Service, attributes: &BTreeMap<String, String>) -> Result<(), Error> {
    let records = owner.dns.as_ref().map(|dns| &dns.records);
    let has = |kind| records.is_some_and(|records| records.contains_key(&kind));
    let needed = [
        ("AWS_INSTANCE_IPV4", has(RecordType::A) || has(RecordType::Srv)),
        ("AWS_INSTANCE_PORT", has(RecordType::Srv)),
    ];
    match needed.into_iter().find(|(name, needed)| *needed && !attributes.contains_key(*name)) {
        Some((name, _)) => Err(invalid(format!("The service's records need the attribute {name}"))),
        None => Ok(()),
    }
}

/// How an instance begins: as it is said, or healthy, if anybody reports it at all.
fn initial_health(owner: &Service, attributes: &BTreeMap<String, String>) -> Result<Option<Health>, Error> {
    let said = attributes.get("AWS_INIT_HEALTH_STATUS");
    if !owner.custom_health {
        return match said {
            Some(_) => Err(invalid("AWS_INIT_HEALTH_STATUS needs a service with HealthCheckCustomConfig")),
            None => Ok(None),
        };
    }
    let health = said.map_or(Some(Health::Healthy), |said| Health::parse(said));
    health.map(Some).ok_or_else(|| invalid("AWS_INIT_HEALTH_STATUS is neither HEALTHY nor UNHEALTHY"))
}
