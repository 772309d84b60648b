//! Namespaces: made and looked at.

use api::{ec2, servicediscovery as sd};
use names::{Scope, Tags};
use store::Key;

use super::{Cx, count, done, filtered, id_of, invalid, page_size, started, tags};
use crate::{
    Error,
    rows::{Namespace, PrivateDns, Service},
};

/// Seconds for which "no such name" may be remembered, unless something else is asked. Short, so that a name that
/// comes a moment after it was asked for is soon seen.
const SOA_TTL: u32 = 15;
/// Namespaces in one scope.
const NAMESPACES_MAX: usize = 1000;

/// `CreatePrivateDnsNamespace`.
pub(super) async fn create_private_dns_namespace(
    cx: Cx,
    request: sd::CreatePrivateDnsNamespaceRequest,
) -> Result<sd::OperationStarted, Error> {
    check_domain(&request.name)?;
    check_vpc(&cx, &request.vpc).await?;
    let soa_ttl = request.properties.map_or(Ok(SOA_TTL), |properties| ttl(properties.dns_properties.soa.ttl))?;
    let hosted_zone_id = format!("Z{}", cx.ids.suffix(20));
    let new = New {
        name: request.name,
        dns: Some(PrivateDns { vpc: request.vpc, hosted_zone_id, soa_ttl }),
        description: request.description,
        creator_request_id: request.creator_request_id,
        tags: tags(request.tags)?,
    };
    create(&cx, new)
}

/// `CreateHttpNamespace`.
pub(super) async fn create_http_namespace(
    cx: Cx,
    request: sd::CreateHttpNamespaceRequest,
) -> Result<sd::OperationStarted, Error> {
    let printable = request.name.bytes().all(|byte| byte.is_ascii_graphic());
    if request.name.is_empty() || request.name.len() > 1024 || !printable || request.name.starts_with("arn:") {
        return Err(invalid("Name must have 1 to 1024 printable characters and no blanks"));
    }
    let new = New {
        name: request.name,
        dns: None,
        description: request.description,
        creator_request_id: request.creator_request_id,
        tags: tags(request.tags)?,
    };
    create(&cx, new)
}

struct New {
    name: String,
    dns: Option<PrivateDns>,
    description: Option<String>,
    creator_request_id: Option<String>,
    tags: Tags,
}

impl New {
    /// Whether both would answer to one name in one place: one VPC, or the API.
    fn meets(&self, other: &Namespace) -> bool {
        let place = |dns: &Option<PrivateDns>| dns.as_ref().map(|dns| dns.vpc.clone());
        other.is_called(&self.name) && place(&other.dns) == place(&self.dns)
    }
}

fn create(cx: &Cx, new: New) -> Result<sd::OperationStarted, Error> {
    let id = format!("ns-{}", cx.ids.hex(16));
    cx.store.write(|tx| {
        let there = tx.list::<Namespace>(cx.scope())?;
        let repeated = there
            .iter()
            .find(|(_, other)| new.creator_request_id.is_some() && other.creator_request_id == new.creator_request_id);
        if let Some((_, other)) = repeated {
            let same = new.meets(other) && new.description == other.description;
            let used = new.creator_request_id.unwrap_or_default();
            return if same { Ok(started(other.operation_id.clone())) } else { Err(Error::DuplicateRequest(used)) };
        }
        if let Some((_, other)) = there.iter().find(|(_, other)| new.meets(other)) {
            return Err(Error::NamespaceAlreadyExists { name: new.name, id: other.id.clone() });
        }
        if there.len() >= NAMESPACES_MAX {
            return Err(Error::ResourceLimitExceeded(format!("There can be at most {NAMESPACES_MAX} namespaces.")));
        }
        let operation_id = done(cx, tx, "CREATE_NAMESPACE", &[("NAMESPACE", &id)])?;
        let namespace = Namespace {
            id: id.clone(),
            name: new.name,
            dns: new.dns,
            description: new.description,
            creator_request_id: new.creator_request_id,
            operation_id: operation_id.clone(),
            created: cx.clock.now(),
            tags: new.tags,
        };
        tx.put(&Key::new(cx.scope(), &id), &namespace)?;
        Ok(started(operation_id))
    })
}

/// `GetNamespace`.
pub(super) async fn get_namespace(cx: Cx, request: sd::GetNamespaceRequest) -> Result<sd::GetNamespaceResponse, Error> {
    let key = Key::new(cx.scope(), id_of("namespace", &request.id));
    let namespace = cx.store.get::<Namespace>(&key)?.ok_or(Error::NamespaceNotFound(request.id))?;
    let services = cx.store.list::<Service>(cx.scope())?;
    let service_count = services.iter().filter(|(_, service)| service.namespace_id == namespace.id).count();
    let creator_request_id = namespace.creator_request_id.clone();
    let summary = summary(cx.scope(), namespace, i32::try_from(service_count).unwrap_or(i32::MAX));
    let sd::NamespaceSummary { id, arn, resource_owner, name, r#type, description, properties, create_date, .. } =
        summary;
    let service_count = summary.service_count;
    Ok(sd::GetNamespaceResponse {
        namespace: Some(sd::Namespace {
            id,
            arn,
            resource_owner,
            name,
            r#type,
            description,
            service_count,
            properties,
            create_date,
            creator_request_id,
        }),
    })
}

/// `ListNamespaces`.
pub(super) async fn list_namespaces(
    cx: Cx,
    request: sd::ListNamespacesRequest,
) -> Result<sd::ListNamespacesResponse, Error> {
    let limit = page_size(request.max_results, 100)?;
    let services: Vec<_> = cx.store.list::<Service>(cx.scope())?.into_iter().map(|(_, service)| service).collect();
    let counts = count(&services, |service| &service.namespace_id);
    let namespaces = cx.store.list::<Namespace>(cx.scope())?.into_iter().map(|(_, namespace)| namespace).collect();
    let kept = filtered(namespaces, &request.filters, |namespace, filter| match filter {
        "TYPE" => Some(kind(namespace).to_owned()),
        "NAME" | "HTTP_NAME" => Some(namespace.name.clone()),
        "RESOURCE_OWNER" => Some("SELF".to_owned()),
        _ => None,
    })?;
    let (page, next_token) = wire::page(kept, |namespace| namespace.id.clone(), limit, request.next_token.as_deref())?;
    let summaries = page.into_iter().map(|namespace| {
        let service_count = counts.get(&namespace.id).copied().unwrap_or(0);
        summary(cx.scope(), namespace, service_count)
    });
    Ok(sd::ListNamespacesResponse { namespaces: summaries.collect(), next_token })
}

fn kind(namespace: &Namespace) -> &'static str {
    if namespace.dns.is_some() { "DNS_PRIVATE" } else { "HTTP" }
}

fn summary(scope: &Scope, namespace: Namespace, service_count: i32) -> sd::NamespaceSummary {
    let dns_properties = namespace.dns.as_ref().map(|dns| sd::DnsProperties {
        hosted_zone_id: Some(dns.hosted_zone_id.clone()),
        soa: Some(sd::Soa { ttl: dns.soa_ttl.into() }),
    });
    let http_properties = Some(sd::HttpProperties { http_name: Some(namespace.name.clone()) });
    sd::NamespaceSummary {
        arn: Some(namespace.arn(scope)),
        r#type: Some(kind(&namespace).to_owned()),
        id: Some(namespace.id),
        resource_owner: Some(scope.account.to_string()),
        name: Some(namespace.name),
        description: namespace.description,
        service_count: Some(service_count),
        properties: Some(sd::NamespaceProperties { dns_properties, http_properties }),
        create_date: Some(namespace.created),
    }
}

/// A time to live within DNS's bounds.
pub(super) fn ttl(seconds: i64) -> Result<u32, Error> {
    let ttl = u32::try_from(seconds).ok().filter(|ttl| i32::try_from(*ttl).is_ok());
    ttl.ok_or_else(|| invalid(format!("the TTL {seconds} is not between 0 and 2147483647")))
}

/// Whether `name` can be a zone: labels of letters, digits, hyphens and underscores.
fn check_domain(name: &str) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_part);
    if name.len() <= 253 && name.split('.').all(label) {
        return Ok(());
    }
    Err(invalid(format!("Name `{name}` is not a domain name")))
}

async fn check_vpc(cx: &Cx, vpc: &str) -> Result<(), Error> {
    let request = ec2::DescribeVpcsRequest { vpc_ids: vec![vpc.to_owned()], ..ec2::DescribeVpcsRequest::default() };
    match cx.caller.call::<ec2::DescribeVpcs>(cx.scope(), request).await {
        Ok(found) if found.vpcs.iter().any(|found| found.vpc_id == vpc) => Ok(()),
        Err(fault) if fault.status >= 500 => Err(Error::Neighbour(fault)),
        _ => Err(invalid(format!("The VPC {vpc} in region {} doesn't exist.", cx.scope().region))),
    }
}
