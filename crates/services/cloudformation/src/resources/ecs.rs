//! Clusters, task definitions and services.

use std::time::Duration;

use api::ecs;
use names::Timestamp;
use serde_json::{Map, Value, json};

use super::{Call, Failure, Kind, Made, Resource, Settled, canary, property};
use crate::rows::Canary;

/// ECS's answers to what is not there.
const MISSING: &[&str] = &["ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"];

async fn retag(call: &Call<'_>, arn: &str) -> Result<(), Failure> {
    let request = ecs::ListTagsForResourceRequest { resource_arn: arn.to_owned() };
    let present = call.send::<ecs::ListTagsForResource>(request).await?.tags;
    let present = present.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
    let (set, gone) = call.tag_changes(&present);
    if !set.is_empty() {
        let tags = set.into_iter().map(|(key, value)| ecs::Tag { key, value: Some(value) }).collect();
        call.send::<ecs::TagResource>(ecs::TagResourceRequest { resource_arn: arn.to_owned(), tags }).await?;
    }
    if !gone.is_empty() {
        let request = ecs::UntagResourceRequest { resource_arn: arn.to_owned(), tag_keys: gone };
        call.send::<ecs::UntagResource>(request).await?;
    }
    Ok(())
}

/// `AWS::ECS::Cluster`.
pub(super) struct Cluster;

impl Cluster {
    fn made(cluster: ecs::Cluster) -> Made {
        let name = cluster.cluster_name.unwrap_or_default();
        Made::new(&name, &[("Arn", &cluster.cluster_arn.unwrap_or_default())])
    }

    async fn described(call: &Call<'_>) -> Result<Option<ecs::Cluster>, Failure> {
        let request = ecs::DescribeClustersRequest {
            clusters: vec![call.name("ClusterName", 255)],
            include: vec!["TAGS".to_owned()],
        };
        let clusters = call.send::<ecs::DescribeClusters>(request).await?.clusters;
        Ok(clusters.into_iter().find(|cluster| cluster.status.as_deref() == Some("ACTIVE")))
    }
}

impl Resource for Cluster {
    const KIND: Kind = Kind::new("AWS::ECS::Cluster")
        .properties(&[
            property("ClusterName").replaces(),
            property("ClusterSettings"),
            property("CapacityProviders"),
            property("DefaultCapacityProviderStrategy"),
            property("Tags"),
        ])
        .attributes(&["Arn"])
        .identity(&["ClusterName"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = call.properties(&["CapacityProviders", "DefaultCapacityProviderStrategy"]);
        members.insert("ClusterName".to_owned(), call.name("ClusterName", 255).into());
        members.insert("Tags".to_owned(), call.tag_list());
        if let Some(settings) = call.property("ClusterSettings") {
            members.insert("Settings".to_owned(), settings.clone());
        }
        let cluster = call.send::<ecs::CreateCluster>(call.read(members)?).await?.cluster;
        Ok(Self::made(cluster.unwrap_or_default()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let cluster = Self::described(call).await?;
        let ours = |cluster: &ecs::Cluster| {
            let tags = cluster.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone().unwrap_or_default()));
            call.is_ours(&tags.collect())
        };
        Ok(cluster.filter(ours).map(Self::made))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let name = call.id()?.to_owned();
        let mut members = Map::new();
        members.insert("Cluster".to_owned(), name.clone().into());
        members.insert(
            "Settings".to_owned(),
            call.property("ClusterSettings").cloned().unwrap_or_else(|| Value::Array(Vec::new())),
        );
        call.send::<ecs::UpdateCluster>(call.read(members)?).await?;
        let mut members = call.properties(&["CapacityProviders", "DefaultCapacityProviderStrategy"]);
        for part in ["CapacityProviders", "DefaultCapacityProviderStrategy"] {
            members.entry(part).or_insert_with(|| Value::Array(Vec::new()));
        }
        members.insert("Cluster".to_owned(), name.into());
        let cluster = call.send::<ecs::PutClusterCapacityProviders>(call.read(members)?).await?.cluster;
        let made = Self::made(cluster.unwrap_or_default());
        if let Some(arn) = made.attributes.get("Arn").and_then(Value::as_str) {
            retag(call, arn).await?;
        }
        Ok(made)
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ecs::DeleteClusterRequest { cluster: call.id()?.to_owned() };
        match call.look::<ecs::DeleteCluster>(request, MISSING).await {
            // What is still there goes with its own resource: the cluster is tried again.
            Err(Failure::Fault(fault)) if fault.code.starts_with("ClusterContains") => {
                Err(Failure::Fault(api::Fault { code: "ResourceInUse".to_owned(), ..fault }))
            }
            other => other.map(|_| ()),
        }
    }
}

/// `AWS::ECS::TaskDefinition`: every change makes a new revision.
pub(super) struct TaskDefinition;

impl TaskDefinition {
    fn made(arn: &str) -> Made {
        Made::new(arn, &[("TaskDefinitionArn", arn)])
    }
}

impl Resource for TaskDefinition {
    const KIND: Kind = Kind::new("AWS::ECS::TaskDefinition")
        .properties(&[
            property("Family").replaces(),
            property("TaskRoleArn").replaces(),
            property("ExecutionRoleArn").replaces(),
            property("NetworkMode").replaces(),
            property("ContainerDefinitions").replaces(),
            property("Volumes").replaces(),
            property("PlacementConstraints").replaces(),
            property("RequiresCompatibilities").replaces(),
            property("Cpu").replaces(),
            property("Memory").replaces(),
            property("PidMode").replaces(),
            property("IpcMode").replaces(),
            property("ProxyConfiguration").replaces(),
            property("EphemeralStorage").replaces(),
            property("RuntimePlatform").replaces(),
            property("EnableFaultInjection").replaces(),
            property("Tags"),
        ])
        .attributes(&["TaskDefinitionArn"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let names: Vec<&str> = Self::KIND.properties.iter().map(|property| property.name).collect();
        let mut members = call.properties(&names);
        members.insert("Family".to_owned(), call.name("Family", 255).into());
        members.insert("Tags".to_owned(), call.tag_list());
        // Templates spell the properties of a proxy differently from its API.
        if let Some(Value::Object(proxy)) = members.get_mut("ProxyConfiguration")
            && let Some(properties) = proxy.shift_remove("ProxyConfigurationProperties")
        {
            proxy.insert("Properties".to_owned(), properties);
        }
        let definition = call.send::<ecs::RegisterTaskDefinition>(call.read(members)?).await?.task_definition;
        Ok(Self::made(&definition.and_then(|definition| definition.task_definition_arn).unwrap_or_default()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let request = ecs::DescribeTaskDefinitionRequest {
            task_definition: call.name("Family", 255),
            include: vec!["TAGS".to_owned()],
        };
        let missing = ["ClientException", "InvalidParameterException"];
        let Some(latest) = call.look::<ecs::DescribeTaskDefinition>(request, &missing).await? else { return Ok(None) };
        let tags = latest.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
        let arn = latest.task_definition.and_then(|definition| definition.task_definition_arn).unwrap_or_default();
        Ok((call.is_ours(&tags) && !call.siblings.contains(&arn)).then(|| Self::made(&arn)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        retag(call, call.id()?).await?;
        Ok(Self::made(call.id()?))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ecs::DeregisterTaskDefinitionRequest { task_definition: call.id()?.to_owned() };
        call.look::<ecs::DeregisterTaskDefinition>(request, &["ClientException"]).await.map(|_| ())
    }
}

/// `AWS::ECS::Service`.
pub(super) struct Service;

/// The attribute under which the deployment is kept that was asked for; no `Fn::GetAtt` can name it.
const DEPLOYMENT: &str = ".deployment";
/// Its member that says whether the last update asked for it.
const NEW: &str = "new";
/// A deployment of which nothing runs after so many failed tasks will not come up by itself. ECS waits ever longer
/// between them, so this takes two minutes.
const FAILED_TASKS_MAX: i32 = 8;

impl Service {
    /// What both creation and update take.
    const SHARED: &'static [&'static str] = &[
        "Cluster",
        "TaskDefinition",
        "DesiredCount",
        "DeploymentConfiguration",
        "NetworkConfiguration",
        "PlatformVersion",
        "HealthCheckGracePeriodSeconds",
        "LoadBalancers",
        "ServiceRegistries",
        "EnableECSManagedTags",
        "EnableExecuteCommand",
        "PropagateTags",
        "AvailabilityZoneRebalancing",
        "CapacityProviderStrategy",
        "PlacementConstraints",
    ];

    fn made(service: &ecs::Service) -> Made {
        let arn = service.service_arn.clone().unwrap_or_default();
        let name = service.service_name.clone().unwrap_or_default();
        Made::new(&arn, &[("Name", &name), ("ServiceArn", &arn)])
    }

    /// [`Self::made`], with the deployment that was just asked for.
    fn asked(service: &ecs::Service) -> Made {
        let mut made = Self::made(service);
        let deployment = Self::primary(service)
            .map(|primary| json!({"id": primary.id, "at": primary.created_at.map(Timestamp::as_millis)}));
        made.attributes.insert(DEPLOYMENT.to_owned(), deployment.into());
        made
    }

    /// What both creation and update take, as the API spells it.
    fn members(call: &Call<'_>) -> Map<String, Value> {
        let mut members = call.properties(Self::SHARED);
        if let Some(strategies) = call.property("PlacementStrategies") {
            members.insert("PlacementStrategy".to_owned(), strategies.clone());
        }
        // What a template does not say is as if it never was said, and not as it was.
        if let Some(Value::Object(configuration)) = members.get_mut("DeploymentConfiguration") {
            configuration.entry("Strategy").or_insert_with(|| "ROLLING".into());
            configuration.entry("LifecycleHooks").or_insert_with(|| Value::Array(Vec::new()));
            configuration.entry("Alarms").or_insert_with(Self::no_alarms);
        }
        members
    }

    /// Says who decides how users come to what the update deploys. What is taken back is not tried on anybody.
    async fn steer(call: &Call<'_>) -> Result<(), Failure> {
        let steering = match &call.thing.canary {
            Some(Canary { policy: Some(policy), .. }) => ecs::Steering::Judged(policy.clone()),
            Some(Canary { policy: None, .. }) => ecs::Steering::AtOnce,
            None => ecs::Steering::ByConfiguration,
        };
        let request =
            ecs::PutServiceSteeringRequest { cluster: call.text("Cluster"), service: call.id()?.to_owned(), steering };
        call.send::<ecs::PutServiceSteering>(request).await.map(drop)
    }

    /// How the canary goes that the update is; none if there is none, or not yet, or all users have come.
    async fn judged(call: &Call<'_>) -> Result<Option<Settled>, Failure> {
        let Some(asked) = call.thing.canary.as_ref().filter(|canary| canary.policy.is_some()) else { return Ok(None) };
        let deployment = call.thing.attributes.get(DEPLOYMENT);
        // An update that deploys nothing is no canary, be the deployment before it one or not.
        let deployment = deployment.filter(|asked| asked.get(NEW).and_then(Value::as_bool) == Some(true));
        let Some(revision) = deployment.and_then(|asked| asked.get("id")).and_then(Value::as_str) else {
            return Ok(None);
        };
        // ECS begins it, and calls it as the deployment is called.
        let asked = Canary { revision: revision.to_owned(), ..asked.clone() };
        Ok(canary::settle(call, &asked).await?.filter(|settled| matches!(settled, Settled::Judged(_))))
    }

    /// Alarms that are not watched.
    fn no_alarms() -> Value {
        json!({"AlarmNames": [], "Enable": false, "Rollback": false})
    }

    fn primary(service: &ecs::Service) -> Option<&ecs::Deployment> {
        service.deployments.iter().find(|deployment| deployment.status.as_deref() == Some("PRIMARY"))
    }

    /// What a property that the template no longer has goes back to.
    fn defaults() -> Value {
        let breaker = json!({"Enable": false, "Rollback": false});
        json!({
            "DeploymentConfiguration": {
                "MaximumPercent": 200, "MinimumHealthyPercent": 100, "DeploymentCircuitBreaker": breaker,
                "Strategy": "ROLLING", "LifecycleHooks": [], "Alarms": Self::no_alarms(),
            },
            "AvailabilityZoneRebalancing": "DISABLED",
            "EnableECSManagedTags": false,
            "EnableExecuteCommand": false,
            "HealthCheckGracePeriodSeconds": 0,
            "LoadBalancers": [],
            "PlatformVersion": "LATEST",
            "PropagateTags": "NONE",
            "ServiceRegistries": [],
        })
    }

    /// Why the deployment that was asked for will not come up, if it will not.
    async fn failure(call: &Call<'_>, service: &ecs::Service) -> Result<Option<String>, Failure> {
        let asked = call.thing.attributes.get(DEPLOYMENT);
        let asked_at = asked.and_then(|asked| asked.get("at")).and_then(Value::as_i64).map(Timestamp::from_millis);
        let asked = asked.and_then(|asked| asked.get("id")).and_then(Value::as_str);
        let given_up = service.deployments.iter().any(|deployment| {
            let is_asked = deployment.id.as_deref() == asked;
            is_asked && deployment.rollout_state == Some(ecs::DeploymentRolloutState::Failed)
        });
        let Some(primary) = Self::primary(service) else { return Ok(None) };
        // A deployment that somebody else asked for since is younger; one that is gone back to is older.
        let rolled_back = primary.id.as_deref() != asked && primary.created_at < asked_at;
        let why = if given_up || rolled_back {
            match Self::told(call, service, asked).await? {
                Some(reason) if !reason.contains("circuit breaker") => {
                    format!("Error occurred during operation 'ECS Deployment: {reason}'.")
                }
                _ => "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.".to_owned(),
            }
        } else if primary.running_count == 0 && primary.failed_tasks >= FAILED_TASKS_MAX {
            format!("{} tasks failed and none runs.", primary.failed_tasks)
        } else {
            return Ok(None);
        };
        Ok(Some(format!("{why} {}", Self::last_words(call, service).await?)))
    }

    /// What the service deployment that was asked for says of itself.
    async fn told(call: &Call<'_>, service: &ecs::Service, asked: Option<&str>) -> Result<Option<String>, Failure> {
        let request = ecs::ListServiceDeploymentsRequest {
            service: service.service_name.clone().unwrap_or_default(),
            cluster: call.text("Cluster"),
            ..Default::default()
        };
        let digits = asked.and_then(|asked| asked.rsplit('/').next()).unwrap_or_default().to_owned();
        let listed = call.send::<ecs::ListServiceDeployments>(request).await?.service_deployments;
        let ours = listed
            .into_iter()
            .find(|one| one.service_deployment_arn.as_deref().is_some_and(|arn| arn.ends_with(&format!("/{digits}"))));
        Ok(ours.and_then(|ours| ours.status_reason))
    }

    /// Why the task stopped that stopped last.
    async fn last_words(call: &Call<'_>, service: &ecs::Service) -> Result<String, Failure> {
        let request = ecs::ListTasksRequest {
            cluster: call.text("Cluster"),
            service_name: service.service_name.clone(),
            desired_status: Some(ecs::DesiredStatus::Stopped),
            ..Default::default()
        };
        let tasks = call.send::<ecs::ListTasks>(request).await?.task_arns;
        if tasks.is_empty() {
            return Ok(String::new());
        }
        let request = ecs::DescribeTasksRequest { cluster: call.text("Cluster"), tasks, include: Vec::new() };
        let tasks = call.send::<ecs::DescribeTasks>(request).await?.tasks;
        let last = tasks.into_iter().max_by_key(|task| task.stopped_at).and_then(|task| task.stopped_reason);
        Ok(last.map(|reason| format!("The last task stopped: {reason}")).unwrap_or_default())
    }

    async fn described(call: &Call<'_>, service: String) -> Result<Option<ecs::Service>, Failure> {
        let request = ecs::DescribeServicesRequest {
            cluster: call.text("Cluster"),
            services: vec![service],
            include: vec!["TAGS".to_owned()],
        };
        let found = call.look::<ecs::DescribeServices>(request, MISSING).await?;
        Ok(found.and_then(|found| found.services.into_iter().next()))
    }

    fn latest_event(service: &ecs::Service) -> String {
        service.events.first().and_then(|event| event.message.clone()).unwrap_or_default()
    }
}

impl Resource for Service {
    const KIND: Kind = Kind::new("AWS::ECS::Service")
        .properties(&[
            property("Cluster").replaces(),
            property("ServiceName").replaces(),
            property("TaskDefinition"),
            property("DesiredCount"),
            property("LaunchType").replaces(),
            property("PlatformVersion"),
            property("SchedulingStrategy").replaces(),
            property("DeploymentController").replaces(),
            property("DeploymentConfiguration"),
            property("NetworkConfiguration"),
            property("LoadBalancers"),
            property("ServiceRegistries"),
            property("HealthCheckGracePeriodSeconds"),
            property("EnableECSManagedTags"),
            property("EnableExecuteCommand"),
            property("PropagateTags"),
            property("AvailabilityZoneRebalancing"),
            property("CapacityProviderStrategy"),
            property("PlacementConstraints"),
            property("PlacementStrategies"),
            property("Role").replaces(),
            property("Tags"),
        ])
        .attributes(&["Name", "ServiceArn"])
        .identity(&["ServiceName", "Cluster"])
        .patience(Duration::from_mins(30))
        .canaried();

    /// A deployment that shifts traffic or bakes takes the time that it is told to take; AWS waits as long.
    fn patience(properties: &Map<String, Value>) -> Duration {
        const SHIFTING: Duration = Duration::from_hours(36);
        let configuration = properties.get("DeploymentConfiguration");
        let said = |member: &str| configuration.and_then(|configuration| configuration.get(member));
        match said("Strategy").and_then(Value::as_str) {
            Some("BLUE_GREEN" | "LINEAR" | "CANARY") => SHIFTING,
            _ if said("BakeTimeInMinutes").is_some() => SHIFTING,
            _ => Self::KIND.patience,
        }
    }

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = Self::members(call);
        members.extend(call.properties(&["LaunchType", "SchedulingStrategy", "DeploymentController", "Role"]));
        members.insert("ServiceName".to_owned(), call.name("ServiceName", 255).into());
        members.insert("ClientToken".to_owned(), call.thing.token.clone().into());
        members.insert("Tags".to_owned(), call.tag_list());
        let service = call.send::<ecs::CreateService>(call.read(members)?).await?.service;
        Ok(Self::asked(&service.unwrap_or_default()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let service = Self::described(call, call.name("ServiceName", 255)).await?;
        let ours = |service: &ecs::Service| {
            let tags = service.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone().unwrap_or_default()));
            service.status.as_deref() == Some("ACTIVE") && call.is_ours(&tags.collect())
        };
        Ok(service.filter(ours).map(|service| Self::asked(&service)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        Self::steer(call).await?;
        let mut members = Self::members(call);
        if let Value::Object(defaults) = Self::defaults() {
            members.extend(defaults.into_iter().filter(|(name, _)| call.lost(name)));
        }
        members.insert("Service".to_owned(), call.id()?.into());
        let service = call.send::<ecs::UpdateService>(call.read(members)?).await?.service;
        retag(call, call.id()?).await?;
        let mut made = Self::asked(&service.unwrap_or_default());
        let id =
            |attributes: &Map<String, Value>| attributes.get(DEPLOYMENT).and_then(|asked| asked.get("id")).cloned();
        let deploys = id(&made.attributes) != id(&call.thing.attributes);
        if let Some(Value::Object(deployment)) = made.attributes.get_mut(DEPLOYMENT) {
            deployment.insert(NEW.to_owned(), deploys.into());
        }
        Ok(made)
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ecs::DeleteServiceRequest {
            cluster: call.text("Cluster"),
            service: call.id()?.to_owned(),
            force: Some(true),
        };
        call.look::<ecs::DeleteService>(request, MISSING).await.map(|_| ())
    }

    async fn settle(call: &Call<'_>) -> Result<Settled, Failure> {
        if let Some(judged) = Self::judged(call).await? {
            return Ok(judged);
        }
        let service = Self::described(call, call.id()?.to_owned()).await?;
        let service = service.ok_or_else(|| Failure::Wrong("the service is gone".to_owned()))?;
        if let Some(reason) = Self::failure(call, &service).await? {
            let reason = reason.trim_end();
            return Err(Failure::Wrong(format!("Resource handler returned message: \"{reason}\"")));
        }
        let complete = Self::primary(&service).is_some_and(|primary| {
            primary.rollout_state.is_none_or(|state| state == ecs::DeploymentRolloutState::Completed)
        });
        if complete && service.deployments.len() == 1 && service.running_count == service.desired_count {
            return Ok(Settled::Ready(Self::made(&service)));
        }
        let (running, desired) = (service.running_count, service.desired_count);
        Ok(Settled::NotYet(format!("{running} of {desired} tasks run; {}", Self::latest_event(&service))))
    }

    async fn remains(call: &Call<'_>) -> Result<Option<String>, Failure> {
        let service = Self::described(call, call.id()?.to_owned()).await?;
        let draining = service.filter(|service| service.status.as_deref() == Some("DRAINING"));
        Ok(draining.map(|service| format!("{} tasks still run", service.running_count)))
    }
}
