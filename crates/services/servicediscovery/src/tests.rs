//! The service through the wire's in-process dispatch, beside an EC2 that knows one VPC.

use std::{collections::BTreeMap, future::Future, sync::Mutex, time::Duration};

use api::{Fault, Operation, ec2, servicediscovery as sd};
use names::Scope;
use reconcile::Pace;
use tokio::sync::mpsc;
use wire::{Context, bind};

use super::*;

/// Resolvers that show what they are told.
struct Told(mpsc::UnboundedSender<BTreeMap<String, dns::Zones>>);

impl Resolvers for Told {
    fn tell(&self, vpcs: BTreeMap<String, dns::Zones>) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(self.0.send(vpcs).map_err(|error| error.to_string()))
    }
}

struct House {
    caller: Caller,
    told: Mutex<mpsc::UnboundedReceiver<BTreeMap<String, dns::Zones>>>,
}

/// EC2 as far as Cloud Map asks it: `vpc-1` is there.
fn ec2() -> Service {
    async fn describe_vpcs(
        _: Context<()>,
        request: ec2::DescribeVpcsRequest,
    ) -> Result<ec2::DescribeVpcsResponse, Fault> {
        if request.vpc_ids != ["vpc-1"] {
            return Err(Fault::client("InvalidVpcID.NotFound", "The vpc ID does not exist"));
        }
        let vpc = ec2::Vpc { vpc_id: "vpc-1".to_owned(), ..ec2::Vpc::default() };
        Ok(ec2::DescribeVpcsResponse { vpcs: vec![vpc], ..ec2::DescribeVpcsResponse::default() })
    }
    let definition =
        Definition { signing_name: "ec2", protocol: Protocol::Ec2 { namespace: "" }, invalid: "InvalidParameter" };
    Service::new(definition, &Arc::new(()), vec![bind::<ec2::DescribeVpcs, _, _, _, _>(describe_vpcs)])
}

impl House {
    /// A house whose controller runs.
    fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (store, caller) = (Store::in_memory().unwrap(), Caller::default());
        let System { service, controllers } =
            service(store.clone(), Clock::System, Ids::counting(), caller.clone(), Told(sender));
        caller.fill([service, ec2()]);
        for controller in controllers {
            tokio::spawn(controller.run(store.clone(), Pace::default()));
        }
        Self { caller, told: Mutex::new(receiver) }
    }

    async fn call<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Fault> {
        self.caller.call::<Op>(&Scope::default(), request).await
    }

    /// The code of the failure of a call that must fail.
    async fn refusal<Op: Operation>(&self, request: Op::Request) -> String {
        match self.call::<Op>(request).await {
            Ok(_) => panic!("{} was not refused", Op::NAME),
            Err(fault) => fault.code,
        }
    }

    async fn target(&self, started: sd::OperationStarted, kind: &str) -> String {
        let operation_id = started.operation_id.unwrap();
        let request = sd::GetOperationRequest { operation_id, owner_account: None };
        let operation = self.call::<sd::GetOperation>(request).await.unwrap().operation.unwrap();
        assert_eq!(operation.status.as_deref(), Some("SUCCESS"));
        operation.targets[kind].clone()
    }

    async fn namespace(&self) -> String {
        let started = self.call::<sd::CreatePrivateDnsNamespace>(private()).await.unwrap();
        self.target(started, "NAMESPACE").await
    }

    async fn service(&self, namespace_id: &str) -> String {
        let created = self.call::<sd::CreateService>(api(namespace_id)).await.unwrap();
        created.service.unwrap().id.unwrap()
    }

    /// Waits until the resolvers know these addresses of `api.flask.sample`, and no others.
    #[expect(clippy::await_holding_lock, reason = "one test, one thread")]
    async fn resolves_to(&self, addresses: &[&str]) {
        let wanted: Vec<dns::Data> = addresses.iter().map(|text| dns::Data::Address(text.parse().unwrap())).collect();
        let mut told = self.told.lock().unwrap();
        let wait = async {
            while let Some(vpcs) = told.recv().await {
                let sets = vpcs.get("vpc-1").into_iter().flat_map(|zones| &zones.zones).flat_map(|zone| &zone.records);
                let mut sets = sets.filter(|set| set.name == "api.flask.sample");
                match sets.next() {
                    Some(set) if set.data == wanted => return assert_eq!((set.ttl, set.answers_max), (300, 8)),
                    None if wanted.is_empty() => return,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the resolvers are told");
    }
}

fn private() -> sd::CreatePrivateDnsNamespaceRequest {
    sd::CreatePrivateDnsNamespaceRequest {
        name: "flask.sample".to_owned(),
        vpc: "vpc-1".to_owned(),
        ..sd::CreatePrivateDnsNamespaceRequest::default()
    }
}

fn api(namespace_id: &str) -> sd::CreateServiceRequest {
    sd::CreateServiceRequest {
        name: "api".to_owned(),
        dns_config: Some(sd::DnsConfig {
            namespace_id: Some(namespace_id.to_owned()),
            routing_policy: None,
            dns_records: vec![sd::DnsRecord { r#type: "A".to_owned(), ttl: 300 }],
        }),
        health_check_custom_config: Some(sd::HealthCheckCustomConfig { failure_threshold: Some(1) }),
        ..sd::CreateServiceRequest::default()
    }
}

fn task(service_id: &str, id: &str, address: &str) -> sd::RegisterInstanceRequest {
    sd::RegisterInstanceRequest {
        service_id: service_id.to_owned(),
        instance_id: id.to_owned(),
        creator_request_id: None,
        attributes: BTreeMap::from([("AWS_INSTANCE_IPV4".to_owned(), address.to_owned())]),
    }
}

fn health(service_id: &str, id: &str, status: &str) -> sd::UpdateInstanceCustomHealthStatusRequest {
    sd::UpdateInstanceCustomHealthStatusRequest {
        service_id: service_id.to_owned(),
        instance_id: id.to_owned(),
        status: status.to_owned(),
    }
}

#[tokio::test]
async fn a_name_leads_to_the_tasks_that_are_there_and_well() {
    let house = House::new();
    let service = house.service(&house.namespace().await).await;
    for (id, address) in [("t1", "10.0.0.1"), ("t2", "10.0.0.2")] {
        house.call::<sd::RegisterInstance>(task(&service, id, address)).await.unwrap();
    }
    house.resolves_to(&["10.0.0.1", "10.0.0.2"]).await;
    house.call::<sd::UpdateInstanceCustomHealthStatus>(health(&service, "t1", "UNHEALTHY")).await.unwrap();
    house.resolves_to(&["10.0.0.2"]).await;
    let gone = sd::DeregisterInstanceRequest { service_id: service.clone(), instance_id: "t2".to_owned() };
    house.call::<sd::DeregisterInstance>(gone).await.unwrap();
    house.resolves_to(&[]).await;
}

#[tokio::test]
async fn discovery_by_api_sees_health_and_attributes() {
    let house = House::new();
    let service = house.service(&house.namespace().await).await;
    for (id, address) in [("t1", "10.0.0.1"), ("t2", "10.0.0.2")] {
        house.call::<sd::RegisterInstance>(task(&service, id, address)).await.unwrap();
    }
    house.call::<sd::UpdateInstanceCustomHealthStatus>(health(&service, "t1", "UNHEALTHY")).await.unwrap();
    let discover = |health: Option<&str>, address: Option<&str>| {
        let query = address.map(|address| ("AWS_INSTANCE_IPV4".to_owned(), address.to_owned()));
        let request = sd::DiscoverInstancesRequest {
            namespace_name: "flask.sample".to_owned(),
            service_name: "api".to_owned(),
            query_parameters: query.into_iter().collect(),
            health_status: health.map(str::to_owned),
            ..sd::DiscoverInstancesRequest::default()
        };
        async {
            let found = house.call::<sd::DiscoverInstances>(request).await.unwrap();
            let mut ids: Vec<_> = found.instances.into_iter().filter_map(|instance| instance.instance_id).collect();
            ids.sort();
            (ids.join(","), found.instances_revision)
        }
    };
    assert_eq!(discover(None, None).await, ("t2".to_owned(), Some(4)));
    assert_eq!(discover(Some("ALL"), None).await.0, "t1,t2");
    assert_eq!(discover(Some("UNHEALTHY"), None).await.0, "t1");
    assert_eq!(discover(Some("HEALTHY"), Some("10.0.0.1")).await.0, "");
    assert_eq!(discover(None, Some("10.0.0.1")).await.0, "t1", "or else all");
    let status = sd::GetInstancesHealthStatusRequest { service_id: service, ..Default::default() };
    let status = house.call::<sd::GetInstancesHealthStatus>(status).await.unwrap().status;
    assert_eq!((status["t1"].as_str(), status["t2"].as_str()), ("UNHEALTHY", "HEALTHY"));
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let house = House::new();
    let namespace = house.namespace().await;
    let service = house.service(&namespace).await;
    house.call::<sd::RegisterInstance>(task(&service, "t1", "10.0.0.1")).await.unwrap();
    let delete_namespace = || sd::DeleteNamespaceRequest { id: namespace.clone() };
    let delete_service = || sd::DeleteServiceRequest { id: service.clone() };
    assert_eq!(house.refusal::<sd::DeleteNamespace>(delete_namespace()).await, "ResourceInUse");
    assert_eq!(house.refusal::<sd::DeleteService>(delete_service()).await, "ResourceInUse");
    let gone = sd::DeregisterInstanceRequest { service_id: service.clone(), instance_id: "t1".to_owned() };
    house.call::<sd::DeregisterInstance>(gone).await.unwrap();
    house.call::<sd::DeleteService>(delete_service()).await.unwrap();
    house.call::<sd::DeleteNamespace>(delete_namespace()).await.unwrap();
    assert_eq!(house.refusal::<sd::DeleteNamespace>(delete_namespace()).await, "NamespaceNotFound");
    assert_eq!(house.refusal::<sd::DeleteService>(delete_service()).await, "ServiceNotFound");
}

#[tokio::test]
async fn a_name_stands_once_where_it_counts() {
    let house = House::new();
    let namespace = house.namespace().await;
    assert_eq!(house.refusal::<sd::CreatePrivateDnsNamespace>(private()).await, "NamespaceAlreadyExists");
    let http = sd::CreateHttpNamespaceRequest { name: "flask.sample".to_owned(), ..Default::default() };
    house.call::<sd::CreateHttpNamespace>(http).await.unwrap();
    house.service(&namespace).await;
    assert_eq!(house.refusal::<sd::CreateService>(api(&namespace)).await, "ServiceAlreadyExists");
    let elsewhere = sd::CreatePrivateDnsNamespaceRequest { vpc: "vpc-2".to_owned(), ..private() };
    assert_eq!(house.refusal::<sd::CreatePrivateDnsNamespace>(elsewhere).await, "InvalidInput");
}

#[tokio::test]
async fn whoever_asks_twice_is_answered_once() {
    let house = House::new();
    let request = || sd::CreatePrivateDnsNamespaceRequest { creator_request_id: Some("r1".to_owned()), ..private() };
    let first = house.call::<sd::CreatePrivateDnsNamespace>(request()).await.unwrap();
    assert_eq!(house.call::<sd::CreatePrivateDnsNamespace>(request()).await.unwrap(), first);
    let other = sd::CreatePrivateDnsNamespaceRequest { name: "other.sample".to_owned(), ..request() };
    assert_eq!(house.refusal::<sd::CreatePrivateDnsNamespace>(other).await, "DuplicateRequest");
}

#[tokio::test]
async fn what_cannot_be_honoured_is_refused_by_name() {
    let house = House::new();
    let namespace = house.namespace().await;
    let record = |kind: &str| sd::CreateServiceRequest {
        dns_config: Some(sd::DnsConfig {
            namespace_id: Some(namespace.clone()),
            routing_policy: None,
            dns_records: vec![sd::DnsRecord { r#type: kind.to_owned(), ttl: 1 }],
        }),
        ..api(&namespace)
    };
    for kind in ["AAAA", "CNAME", "TXT"] {
        let fault = house.call::<sd::CreateService>(record(kind)).await.unwrap_err();
        assert!(fault.code == "InvalidInput" && fault.message.contains(kind), "{fault}");
    }
    let checked = sd::CreateServiceRequest {
        health_check_config: Some(sd::HealthCheckConfig { r#type: "HTTP".to_owned(), ..Default::default() }),
        ..api(&namespace)
    };
    assert!(house.call::<sd::CreateService>(checked).await.unwrap_err().message.contains("HealthCheckConfig"));
    let service = house.service(&namespace).await;
    for (attribute, value) in [("AWS_ALIAS_DNS_NAME", "x"), ("AWS_INSTANCE_IPV4", "10.0.0.256")] {
        let mut request = task(&service, "t1", "10.0.0.1");
        request.attributes.insert(attribute.to_owned(), value.to_owned());
        assert!(house.call::<sd::RegisterInstance>(request).await.unwrap_err().message.contains(attribute));
    }
    let bare = sd::RegisterInstanceRequest { attributes: BTreeMap::new(), ..task(&service, "t1", "") };
    assert!(house.call::<sd::RegisterInstance>(bare).await.unwrap_err().message.contains("AWS_INSTANCE_IPV4"));
}

#[tokio::test]
async fn arns_serve_as_ids_and_tags_hang_on_them() {
    let house = House::new();
    let id = house.namespace().await;
    let get = |id: String| house.call::<sd::GetNamespace>(sd::GetNamespaceRequest { id });
    let arn = get(id.clone()).await.unwrap().namespace.unwrap().arn.unwrap();
    assert_eq!(get(arn.clone()).await.unwrap().namespace.unwrap().id, Some(id));
    let tags = vec![sd::Tag { key: "team".to_owned(), value: "todo".to_owned() }];
    let request = sd::TagResourceRequest { resource_arn: arn.clone(), tags: tags.clone() };
    house.call::<sd::TagResource>(request).await.unwrap();
    let list = |resource_arn: String| sd::ListTagsForResourceRequest { resource_arn };
    assert_eq!(house.call::<sd::ListTagsForResource>(list(arn.clone())).await.unwrap().tags, tags);
    let untag = sd::UntagResourceRequest { resource_arn: arn.clone(), tag_keys: vec!["team".to_owned()] };
    house.call::<sd::UntagResource>(untag).await.unwrap();
    assert!(house.call::<sd::ListTagsForResource>(list(arn.clone())).await.unwrap().tags.is_empty());
    let absent = list(arn.replace("ns-", "ns-x"));
    assert_eq!(house.refusal::<sd::ListTagsForResource>(absent).await, "ResourceNotFoundException");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let house = House::new();
    let namespace = house.namespace().await;
    for name in ["a", "b", "c"] {
        let request = sd::CreateServiceRequest { name: name.to_owned(), ..api(&namespace) };
        house.call::<sd::CreateService>(request).await.unwrap();
    }
    let filter =
        |value: &str| sd::Filter { name: "NAMESPACE_ID".to_owned(), values: vec![value.to_owned()], condition: None };
    let list = |value: &str, next_token| sd::ListServicesRequest {
        filters: vec![filter(value)],
        max_results: Some(2),
        next_token,
    };
    let first = house.call::<sd::ListServices>(list(&namespace, None)).await.unwrap();
    let rest = house.call::<sd::ListServices>(list(&namespace, first.next_token.clone())).await.unwrap();
    assert_eq!((first.services.len(), rest.services.len(), rest.next_token), (2, 1, None));
    assert!(house.call::<sd::ListServices>(list("ns-other", None)).await.unwrap().services.is_empty());
    let wrong = list("", Some("nonsense".to_owned()));
    assert_eq!(house.refusal::<sd::ListServices>(wrong).await, "InvalidInput");
}

#[tokio::test]
async fn a_service_keeps_its_records_but_for_their_time() {
    let house = House::new();
    let namespace = house.namespace().await;
    let service = house.service(&namespace).await;
    let update = |kind: &str, ttl| sd::UpdateServiceRequest {
        id: service.clone(),
        service: sd::ServiceChange {
            dns_config: Some(sd::DnsConfigChange { dns_records: vec![sd::DnsRecord { r#type: kind.to_owned(), ttl }] }),
            ..sd::ServiceChange::default()
        },
    };
    house.call::<sd::UpdateService>(update("A", 60)).await.unwrap();
    let got = house.call::<sd::GetService>(sd::GetServiceRequest { id: service.clone() }).await.unwrap();
    assert_eq!(got.service.unwrap().dns_config.unwrap().dns_records[0].ttl, 60);
    assert_eq!(house.refusal::<sd::UpdateService>(update("SRV", 60)).await, "InvalidInput");
}
