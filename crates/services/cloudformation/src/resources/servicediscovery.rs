//! Private DNS namespaces and the services in them. Cloud Map gives the ids, and takes a request's own id so that asking
//! twice makes one thing.

use api::servicediscovery as map;
use names::Arn;

use super::{Call, Failure, Kind, Made, Resource, Settled, property};

/// Cloud Map's answers to what is not there.
const MISSING: &[&str] = &["NamespaceNotFound", "ServiceNotFound", "OperationNotFound"];

async fn retag(call: &Call<'_>, arn: &str) -> Result<(), Failure> {
    let request = map::ListTagsForResourceRequest { resource_arn: arn.to_owned() };
    let present = call.send::<map::ListTagsForResource>(request).await?.tags;
    let (set, gone) = call.tag_changes(&present.into_iter().map(|tag| (tag.key, tag.value)).collect());
    if !set.is_empty() {
        let tags = set.into_iter().map(|(key, value)| map::Tag { key, value }).collect();
        call.send::<map::TagResource>(map::TagResourceRequest { resource_arn: arn.to_owned(), tags }).await?;
    }
    if !gone.is_empty() {
        let request = map::UntagResourceRequest { resource_arn: arn.to_owned(), tag_keys: gone };
        call.send::<map::UntagResource>(request).await?;
    }
    Ok(())
}

/// `AWS::ServiceDiscovery::PrivateDnsNamespace`.
pub(super) struct PrivateDnsNamespace;

impl PrivateDnsNamespace {
    async fn made(call: &Call<'_>, id: &str) -> Result<Made, Failure> {
        let found = call.send::<map::GetNamespace>(map::GetNamespaceRequest { id: id.to_owned() }).await?.namespace;
        let namespace = found.ok_or_else(|| Failure::Wrong(format!("{id} is gone")))?;
        let zone = namespace.properties.and_then(|properties| properties.dns_properties?.hosted_zone_id);
        let arn = namespace.arn.unwrap_or_default();
        Ok(Made::new(id, &[("Id", id), ("Arn", &arn), ("HostedZoneId", &zone.unwrap_or_default())]))
    }

    /// The namespace that was asked for with our token.
    async fn ours(call: &Call<'_>) -> Result<Option<String>, Failure> {
        let named = map::Filter { name: "NAME".to_owned(), values: vec![call.needed("Name")?], condition: None };
        let request = map::ListNamespacesRequest { filters: vec![named], ..Default::default() };
        for namespace in call.send::<map::ListNamespaces>(request).await?.namespaces {
            let Some(id) = namespace.id else { continue };
            let found = call.look::<map::GetNamespace>(map::GetNamespaceRequest { id: id.clone() }, MISSING).await?;
            let token = found.and_then(|found| found.namespace?.creator_request_id);
            if token.as_deref() == Some(call.thing.token.as_str()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

impl Resource for PrivateDnsNamespace {
    const KIND: Kind = Kind::new("AWS::ServiceDiscovery::PrivateDnsNamespace")
        .properties(&[
            property("Name").required().replaces(),
            property("Vpc").required().replaces(),
            property("Description"),
            property("Properties"),
            property("Tags"),
        ])
        .attributes(&["Id", "Arn", "HostedZoneId"])
        .identity(&["Name", "Vpc"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = call.properties(&["Name", "Vpc", "Description", "Properties"]);
        members.insert("CreatorRequestId".to_owned(), call.thing.token.clone().into());
        members.insert("Tags".to_owned(), call.tag_list());
        call.send::<map::CreatePrivateDnsNamespace>(call.read(members)?).await?;
        // Its id comes when the operation is done.
        match Self::ours(call).await? {
            Some(id) => Self::made(call, &id).await,
            None => Ok(Made::default()),
        }
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        match Self::ours(call).await? {
            Some(id) => Ok(Some(Self::made(call, &id).await?)),
            None => Ok(None),
        }
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let id = call.id()?.to_owned();
        let mut members = serde_json::Map::new();
        members.insert("Id".to_owned(), id.clone().into());
        members.insert("Namespace".to_owned(), call.properties(&["Description", "Properties"]).into());
        call.send::<map::UpdatePrivateDnsNamespace>(call.read(members)?).await?;
        let arn = Arn::new("servicediscovery", call.scope, format!("namespace/{id}")).to_string();
        retag(call, &arn).await?;
        Self::made(call, &id).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = map::DeleteNamespaceRequest { id: call.id()?.to_owned() };
        call.look::<map::DeleteNamespace>(request, MISSING).await.map(|_| ())
    }

    async fn settle(call: &Call<'_>) -> Result<Settled, Failure> {
        match Self::ours(call).await? {
            Some(id) => Ok(Settled::Ready(Self::made(call, &id).await?)),
            None => Ok(Settled::NotYet("the namespace is being made".to_owned())),
        }
    }

    async fn remains(call: &Call<'_>) -> Result<Option<String>, Failure> {
        let request = map::GetNamespaceRequest { id: call.id()?.to_owned() };
        let found = call.look::<map::GetNamespace>(request, MISSING).await?;
        Ok(found.map(|_| "the namespace is being deleted".to_owned()))
    }
}

/// `AWS::ServiceDiscovery::Service`.
pub(super) struct Service;

impl Service {
    fn made(service: &map::Service) -> Made {
        let id = service.id.clone().unwrap_or_default();
        let (arn, name) = (service.arn.clone().unwrap_or_default(), service.name.clone().unwrap_or_default());
        Made::new(&id, &[("Id", &id), ("Arn", &arn), ("Name", &name)])
    }

    async fn described(call: &Call<'_>, id: String) -> Result<Option<map::Service>, Failure> {
        let found = call.look::<map::GetService>(map::GetServiceRequest { id }, MISSING).await?;
        Ok(found.and_then(|found| found.service))
    }
}

impl Resource for Service {
    const KIND: Kind = Kind::new("AWS::ServiceDiscovery::Service")
        .properties(&[
            property("Name").replaces(),
            property("NamespaceId").replaces(),
            property("Type").replaces(),
            property("HealthCheckCustomConfig").replaces(),
            property("HealthCheckConfig"),
            property("DnsConfig").replaces_inside(&["NamespaceId", "RoutingPolicy"]),
            property("Description"),
            property("Tags"),
        ])
        .attributes(&["Id", "Arn", "Name"])
        .identity(&["Name", "NamespaceId", "DnsConfig"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let taken = ["NamespaceId", "Type", "HealthCheckCustomConfig", "HealthCheckConfig", "DnsConfig", "Description"];
        let mut members = call.properties(&taken);
        members.insert("Name".to_owned(), call.name("Name", 127).into());
        members.insert("CreatorRequestId".to_owned(), call.thing.token.clone().into());
        members.insert("Tags".to_owned(), call.tag_list());
        let service = call.send::<map::CreateService>(call.read(members)?).await?.service;
        Ok(Self::made(&service.unwrap_or_default()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let services = call.send::<map::ListServices>(map::ListServicesRequest::default()).await?.services;
        let name = call.name("Name", 127);
        for id in services.into_iter().filter(|s| s.name.as_ref() == Some(&name)).filter_map(|s| s.id) {
            let service = Self::described(call, id).await?;
            let ours = |s: &map::Service| s.creator_request_id.as_deref() == Some(call.thing.token.as_str());
            if let Some(service) = service.filter(ours) {
                return Ok(Some(Self::made(&service)));
            }
        }
        Ok(None)
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let id = call.id()?.to_owned();
        let mut change = call.properties(&["Description", "HealthCheckConfig"]);
        // Of its DNS settings only the records can be changed in place.
        if let Some(records) = call.property("DnsConfig").and_then(|config| config.get("DnsRecords")) {
            change.insert("DnsConfig".to_owned(), serde_json::json!({ "DnsRecords": records }));
        }
        let mut members = serde_json::Map::new();
        members.insert("Id".to_owned(), id.clone().into());
        members.insert("Service".to_owned(), change.into());
        call.send::<map::UpdateService>(call.read(members)?).await?;
        let service = Self::described(call, id).await?;
        let service = service.ok_or_else(|| Failure::Wrong("the service is gone".to_owned()))?;
        retag(call, service.arn.as_deref().unwrap_or_default()).await?;
        Ok(Self::made(&service))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = map::DeleteServiceRequest { id: call.id()?.to_owned() };
        call.look::<map::DeleteService>(request, MISSING).await.map(|_| ())
    }
}
