//! Rows to zones. Pure: the same rows always give the same zones, in the same order.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use dns::{Data, RecordSet, Zone, Zones};

use crate::rows::{Dns, Instance, Namespace, PrivateDns, RecordType, Routing, Service};

/// Instances in one answer of a service with multivalue routing, as at AWS.
const MULTIVALUE_ANSWERS: usize = 8;

/// The zones of each VPC.
pub(crate) fn zones(namespaces: &[Namespace], services: &[Service], instances: &[Instance]) -> BTreeMap<String, Zones> {
    let by_namespace = group(services, |service| &service.namespace_id);
    let by_service = group(instances, |instance| &instance.service_id);
    let mut vpcs: BTreeMap<String, Zones> = BTreeMap::new();
    for namespace in namespaces {
        let Some(PrivateDns { vpc, soa_ttl, .. }) = &namespace.dns else { continue };
        let services = by_namespace.get(namespace.id.as_str()).into_iter().flatten();
        let records = services.flat_map(|service| {
            let instances = by_service.get(service.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            records(namespace, service, instances)
        });
        let zone = Zone { apex: namespace.name.clone(), negative_ttl: *soa_ttl, records: records.collect() };
        vpcs.entry(vpc.clone()).or_default().zones.push(zone);
    }
    vpcs
}

/// The record sets of one service: none for those it has no healthy instance for.
fn records(namespace: &Namespace, service: &Service, instances: &[&Instance]) -> Vec<RecordSet> {
    let Some(Dns { routing, records }) = &service.dns else { return Vec::new() };
    let name = format!("{}.{}", service.name, namespace.name);
    let answers_max = if *routing == Routing::Multivalue { MULTIVALUE_ANSWERS } else { 1 };
    let healthy: Vec<_> = instances.iter().filter(|instance| instance.is_healthy()).collect();
    let mut sets = Vec::new();
    if let Some(ttl) = records.get(&RecordType::A) {
        let addresses: BTreeSet<Ipv4Addr> = healthy.iter().filter_map(|instance| address(instance)).collect();
        let data = addresses.into_iter().map(Data::Address).collect();
        sets.push(RecordSet { name: name.clone(), ttl: *ttl, answers_max, data });
    }
    if let Some(ttl) = records.get(&RecordType::Srv) {
        let located = healthy.iter().filter_map(|instance| Some((address(instance)?, port(instance)?, *instance)));
        let mut data = Vec::new();
        for (address, port, instance) in located {
            // The host that the port is on gets a name of its own, since a record can't name an address.
            let target = format!("{}.{name}", label(&instance.id));
            let data_of_host = vec![Data::Address(address)];
            sets.push(RecordSet { name: target.clone(), ttl: *ttl, answers_max: 1, data: data_of_host });
            data.push(Data::Service { priority: 1, weight: 1, port, target });
        }
        sets.push(RecordSet { name, ttl: *ttl, answers_max, data });
    }
    sets.retain(|set| !set.data.is_empty());
    sets
}

fn address(instance: &Instance) -> Option<Ipv4Addr> {
    instance.attributes.get("AWS_INSTANCE_IPV4")?.parse().ok()
}

fn port(instance: &Instance) -> Option<u16> {
    instance.attributes.get("AWS_INSTANCE_PORT")?.parse().ok()
}

/// An instance's id as one label of a name.
fn label(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).take(63).collect()
}

fn group<'a, T>(items: &'a [T], key: impl Fn(&'a T) -> &'a str) -> BTreeMap<&'a str, Vec<&'a T>> {
    let mut groups: BTreeMap<&str, Vec<&T>> = BTreeMap::new();
    for item in items {
        groups.entry(key(item)).or_default().push(item);
    }
    groups
}

#[cfg(test)]
mod tests {
    use names::{Tags, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::rows::Health;

    fn namespace() -> Namespace {
        Namespace {
            id: "ns-1".to_owned(),
            name: "flask.sample".to_owned(),
            dns: Some(PrivateDns { vpc: "vpc-1".to_owned(), hosted_zone_id: "Z1".to_owned(), soa_ttl: 15 }),
            description: None,
            creator_request_id: None,
            operation_id: "op".to_owned(),
            created: Timestamp::default(),
            tags: Tags::new(),
        }
    }

    fn service(records: &[(RecordType, u32)], routing: Routing) -> Service {
        Service {
            id: "srv-1".to_owned(),
            namespace_id: "ns-1".to_owned(),
            name: "api".to_owned(),
            dns: Some(Dns { routing, records: records.iter().copied().collect() }),
            custom_health: true,
            description: None,
            creator_request_id: None,
            created: Timestamp::default(),
            attributes: BTreeMap::new(),
            tags: Tags::new(),
            revision: 0,
        }
    }

    fn instance(end: u8, health: Option<Health>) -> Instance {
        let attributes = [("AWS_INSTANCE_IPV4", format!("10.0.0.{end}")), ("AWS_INSTANCE_PORT", "3000".to_owned())];
        Instance {
            id: format!("task/{end}"),
            service_id: "srv-1".to_owned(),
            attributes: attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            creator_request_id: None,
            health,
        }
    }

    /// `name type ttl max: data`, one line a set.
    fn lines(service: Service, instances: &[Instance]) -> Vec<String> {
        let vpcs = zones(&[namespace()], &[service], instances);
        let [zone] = vpcs["vpc-1"].zones.as_slice() else { panic!("one zone") };
        assert_eq!((zone.apex.as_str(), zone.negative_ttl), ("flask.sample", 15));
        let data = |data: &Data| match data {
            Data::Address(address) => address.to_string(),
            Data::Service { port, target, .. } => format!("{port} {target}"),
        };
        let line = |set: &RecordSet| {
            let data: Vec<_> = set.data.iter().map(data).collect();
            format!("{} {} {}: {}", set.name, set.ttl, set.answers_max, data.join(", "))
        };
        zone.records.iter().map(line).collect()
    }

    #[test]
    fn the_article_finds_its_healthy_tasks() {
        let instances = [instance(1, Some(Health::Healthy)), instance(2, Some(Health::Unhealthy)), instance(3, None)];
        let service = service(&[(RecordType::A, 300)], Routing::Multivalue);
        assert_eq!(lines(service, &instances), ["api.flask.sample 300 8: 10.0.0.1, 10.0.0.3"]);
    }

    #[test]
    fn without_a_healthy_task_there_is_no_name() {
        let service = service(&[(RecordType::A, 300), (RecordType::Srv, 60)], Routing::Multivalue);
        assert!(lines(service, &[instance(1, Some(Health::Unhealthy))]).is_empty());
    }

    #[test]
    fn ports_get_hosts_with_names() {
        let service = service(&[(RecordType::Srv, 60)], Routing::Weighted);
        assert_eq!(
            lines(service, &[instance(1, None)]),
            ["task-1.api.flask.sample 60 1: 10.0.0.1", "api.flask.sample 60 1: 3000 task-1.api.flask.sample"]
        );
    }

    #[test]
    fn what_has_no_vpc_has_no_zone() {
        let http = Namespace { dns: None, ..namespace() };
        assert!(zones(&[http], &[service(&[(RecordType::A, 1)], Routing::Multivalue)], &[]).is_empty());
    }

    proptest! {
        /// An answer never names who is unhealthy, and every zone can be served.
        #[test]
        fn the_unhealthy_are_never_named(healths in prop::collection::vec(prop::option::of(any::<bool>()), 0..40)) {
            let health = |healthy| if healthy { Health::Healthy } else { Health::Unhealthy };
            let instances: Vec<_> = (0..).zip(&healths).map(|(end, h)| instance(end, h.map(health))).collect();
            let service = service(&[(RecordType::A, 300), (RecordType::Srv, 60)], Routing::Multivalue);
            let vpcs = zones(&[namespace()], &[service], &instances);
            prop_assert!(dns::Table::new(&vpcs["vpc-1"]).is_ok());
            let named: BTreeSet<_> = vpcs["vpc-1"].zones[0].records.iter().flat_map(|set| &set.data).filter_map(|data| match data {
                Data::Address(address) => Some(*address),
                Data::Service { .. } => None,
            }).collect();
            let well: BTreeSet<_> = instances.iter().filter(|i| i.is_healthy()).filter_map(address).collect();
            prop_assert_eq!(named, well);
        }
    }
}
