//! Services: made and looked at.

use std::collections::BTreeMap;

use api::servicediscovery as sd;
use names::Scope;
use store::Key;

use super::{Cx, count, filtered, id_of, invalid, namespace, namespace::ttl, page_size, tags};
use crate::{
    Error,
    rows::{Dns, Instance, Namespace, RecordType, Routing, Service},
};

/// Services in one scope.
const SERVICES_MAX: usize = 5000;

/// `CreateService`.
pub(super) async fn create_service(
    cx: Cx,
    request: sd::CreateServiceRequest,
) -> Result<sd::CreateServiceResponse, Error> {
    check_name(&request.name)?;
    let namespace_id = namespace_id(&request)?;
    let tags = tags(request.tags)?;
    if request.health_check_config.is_some() {
        return Err(invalid(
            "HealthCheckConfig is not supported by Serin: Route 53's health checkers can't reach this machine. \
             Use HealthCheckCustomConfig and report the health of instances.",
        ));
    }
    let id = format!("srv-{}", cx.ids.hex(16));
    let service = cx.store.write(|tx| {
        let (_, namespace) = namespace(tx, cx.scope(), &namespace_id)?;
        let dns = dns(&namespace, request.dns_config, request.r#type.as_deref())?;
        let there = tx.list::<Service>(cx.scope())?;
        let taken =
            there.iter().find(|(_, other)| other.namespace_id == namespace.id && other.is_called(&request.name));
        if let Some((_, other)) = taken {
            let repeated = request.creator_request_id.is_some()
                && other.creator_request_id == request.creator_request_id
                && (&other.dns, &other.description) == (&dns, &request.description);
            let exists = || Error::ServiceAlreadyExists { name: request.name.clone(), id: other.id.clone() };
            return if repeated { Ok(other.clone()) } else { Err(exists()) };
        }
        if there.len() >= SERVICES_MAX {
            return Err(Error::ResourceLimitExceeded(format!("There can be at most {SERVICES_MAX} services.")));
        }
        let service = Service {
            id: id.clone(),
            namespace_id: namespace.id,
            name: request.name,
            dns,
            custom_health: request.health_check_custom_config.is_some(),
            description: request.description,
            creator_request_id: request.creator_request_id,
            created: cx.clock.now(),
            attributes: BTreeMap::new(),
            tags,
            revision: 1,
        };
        tx.put(&Key::new(cx.scope(), &id), &service)?;
        Ok(service)
    })?;
    Ok(sd::CreateServiceResponse { service: Some(shown(cx.scope(), service, 0)) })
}

/// The namespace, which may be named in two places but must be named the same.
fn namespace_id(request: &sd::CreateServiceRequest) -> Result<String, Error> {
    let inner = request.dns_config.as_ref().and_then(|config| config.namespace_id.as_deref());
    let ids: Vec<_> =
        request.namespace_id.as_deref().into_iter().chain(inner).map(|id| id_of("namespace", id)).collect();
    match ids.as_slice() {
        [first, rest @ ..] if rest.iter().all(|id| id == first) => Ok(first.clone()),
        [] => Err(invalid("NamespaceId is missing")),
        _ => Err(invalid("NamespaceId and DnsConfig.NamespaceId differ")),
    }
}

/// The records that a service's instances get in `namespace`.
fn dns(namespace: &Namespace, config: Option<sd::DnsConfig>, kind: Option<&str>) -> Result<Option<Dns>, Error> {
    if let Some(other) = kind.filter(|kind| *kind != "HTTP") {
        return Err(invalid(format!("Type `{other}` is not HTTP, the only type that can be asked for")));
    }
    match (&namespace.dns, config, kind) {
        (None, Some(_), _) => Err(invalid("a service of an HTTP namespace can't have a DnsConfig")),
        (Some(_), Some(_), Some(_)) => Err(invalid("a service of Type HTTP can't have a DnsConfig")),
        (Some(_), None, None) => Err(invalid("a service of a DNS namespace needs a DnsConfig, or Type HTTP")),
        (_, None, _) => Ok(None),
        (Some(_), Some(config), None) => {
            let routing = match config.routing_policy.as_deref() {
                None | Some("MULTIVALUE") => Routing::Multivalue,
                Some("WEIGHTED") => Routing::Weighted,
                Some(other) => {
                    return Err(invalid(format!("RoutingPolicy `{other}` is neither MULTIVALUE nor WEIGHTED")));
                }
            };
            Ok(Some(Dns { routing, records: records(&config.dns_records)? }))
        }
    }
}

/// The records asked for, by type.
pub(super) fn records(list: &[sd::DnsRecord]) -> Result<BTreeMap<RecordType, u32>, Error> {
    let mut records = BTreeMap::new();
    for record in list {
        let kind = match record.r#type.as_str() {
            "A" => RecordType::A,
            "SRV" => RecordType::Srv,
            "AAAA" => {
                return Err(invalid("AAAA records are not supported by Serin: its VPCs have IPv4 addresses only"));
            }
            "CNAME" => return Err(invalid("CNAME records are not supported by Serin: instances have addresses here")),
            other => return Err(invalid(format!("`{other}` is not a type of record"))),
        };
        if records.insert(kind, ttl(record.ttl)?).is_some() {
            return Err(invalid(format!("DnsRecords has {} twice", record.r#type)));
        }
    }
    if records.is_empty() { Err(invalid("DnsRecords is empty")) } else { Ok(records) }
}

/// Labels of letters, digits, hyphens and underscores, not beginning or ending in a hyphen.
fn check_name(name: &str) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(is_part)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 127 && name.split('.').all(label) {
        return Ok(());
    }
    Err(invalid(format!("Name `{name}` is not made of labels of letters, digits, - and _")))
}

/// `GetService`.
pub(super) async fn get_service(cx: Cx, request: sd::GetServiceRequest) -> Result<sd::GetServiceResponse, Error> {
    let key = Key::new(cx.scope(), id_of("service", &request.id));
    let service = cx.store.get::<Service>(&key)?.ok_or(Error::ServiceNotFound(request.id))?;
    let instances = cx.store.list_under::<Instance>(cx.scope(), &Instance::prefix(&service.id))?.len();
    let instances = i32::try_from(instances).unwrap_or(i32::MAX);
    Ok(sd::GetServiceResponse { service: Some(shown(cx.scope(), service, instances)) })
}

/// `ListServices`.
pub(super) async fn list_services(cx: Cx, request: sd::ListServicesRequest) -> Result<sd::ListServicesResponse, Error> {
    let limit = page_size(request.max_results, 100)?;
    let services = cx.store.list::<Service>(cx.scope())?.into_iter().map(|(_, service)| service).collect();
    let mut filters = request.filters;
    for filter in filters.iter_mut().filter(|filter| filter.name == "NAMESPACE_ID") {
        filter.values = filter.values.iter().map(|id| id_of("namespace", id)).collect();
    }
    let kept = filtered(services, &filters, |service, filter| match filter {
        "NAMESPACE_ID" => Some(service.namespace_id.clone()),
        "RESOURCE_OWNER" => Some("SELF".to_owned()),
        _ => None,
    })?;
    let (page, next_token) = wire::page(kept, |service| service.id.clone(), limit, request.next_token.as_deref())?;
    let instances: Vec<_> = cx.store.list::<Instance>(cx.scope())?.into_iter().map(|(_, instance)| instance).collect();
    let counts = count(&instances, |instance| &instance.service_id);
    let services = page.into_iter().map(|service| {
        let instances = counts.get(&service.id).copied().unwrap_or(0);
        summary(shown(cx.scope(), service, instances))
    });
    Ok(sd::ListServicesResponse { services: services.collect(), next_token })
}

fn shown(scope: &Scope, service: Service, instances: i32) -> sd::Service {
    let account = scope.account.to_string();
    let kind = if service.dns.is_some() { "DNS_HTTP" } else { "HTTP" };
    sd::Service {
        arn: Some(service.arn(scope)),
        resource_owner: Some(account.clone()),
        dns_config: service.dns.map(|dns| shown_dns(&service.namespace_id, &dns)),
        id: Some(service.id),
        name: Some(service.name),
        namespace_id: Some(service.namespace_id),
        description: service.description,
        instance_count: Some(instances),
        r#type: Some(kind.to_owned()),
        health_check_config: None,
        health_check_custom_config: service
            .custom_health
            .then_some(sd::HealthCheckCustomConfig { failure_threshold: Some(1) }),
        create_date: Some(service.created),
        creator_request_id: service.creator_request_id,
        created_by_account: Some(account),
    }
}

fn shown_dns(namespace_id: &str, dns: &Dns) -> sd::DnsConfig {
    let kind = |kind: &RecordType| if *kind == RecordType::A { "A" } else { "SRV" };
    let records = dns.records.iter().map(|(k, ttl)| sd::DnsRecord { r#type: kind(k).to_owned(), ttl: (*ttl).into() });
    let routing = if dns.routing == Routing::Multivalue { "MULTIVALUE" } else { "WEIGHTED" };
    sd::DnsConfig {
        namespace_id: Some(namespace_id.to_owned()),
        routing_policy: Some(routing.to_owned()),
        dns_records: records.collect(),
    }
}

fn summary(service: sd::Service) -> sd::ServiceSummary {
    sd::ServiceSummary {
        id: service.id,
        arn: service.arn,
        resource_owner: service.resource_owner,
        name: service.name,
        r#type: service.r#type,
        description: service.description,
        instance_count: service.instance_count,
        dns_config: service.dns_config,
        health_check_config: service.health_check_config,
        health_check_custom_config: service.health_check_custom_config,
        create_date: service.create_date,
        created_by_account: service.created_by_account,
    }
}
