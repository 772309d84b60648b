//! The whole service on paper: its operations and controllers, a recording machine, neighbours that keep books, and a
//! clock that runs with tokio's paused one.

mod alarms;
mod deployments;
mod judged;
mod neighbours;
mod operations;
mod releases;
mod tasks;

use std::{sync::Arc, time::Duration};

use api::{Fault, Operation, ecs};
use names::{Clock, Ids, ManualClock, Scope};
use reconcile::Pace;
use store::Store;
use tokio::task::JoinHandle;
use wire::{Call, Caller};

use self::neighbours::Neighbours;
use crate::{Machine, runtime::recording::Recording, samples};

/// How often the clock is moved.
const TICK: Duration = Duration::from_millis(20);
/// How long a test waits for what must come, in the paused clock's time.
const PATIENCE: Duration = Duration::from_mins(5);

/// The service and all around it.
pub(crate) struct House {
    caller: Caller,
    scope: Scope,
    store: Store,
    metrics: telemetry::Metrics,
    ids: Ids,
    clock: Clock,
    hand: ManualClock,
    machine: Arc<Recording>,
    neighbours: Arc<Neighbours>,
    running: Vec<JoinHandle<()>>,
}

impl House {
    /// A house with one cluster, `flask`.
    pub(crate) async fn new() -> Self {
        let hand = ManualClock::default();
        hand.advance(Duration::from_secs(1_000_000));
        let mut house = Self {
            caller: Caller::default(),
            scope: Scope::default(),
            store: Store::in_memory().unwrap(),
            metrics: telemetry::Telemetry::in_memory(telemetry::Limits::default()).unwrap().metrics(),
            ids: Ids::counting(),
            clock: Clock::Manual(hand.clone()),
            hand,
            machine: Arc::new(Recording::new()),
            neighbours: Arc::default(),
            running: Vec::new(),
        };
        house.start();
        let hand = house.hand.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                hand.advance(TICK);
            }
        });
        let request = ecs::CreateClusterRequest { cluster_name: Some("flask".to_owned()), ..Default::default() };
        house.call::<ecs::CreateCluster>(request).await.unwrap();
        house
    }

    /// The service's state.
    pub(crate) fn ecs(&self) -> crate::Ecs {
        crate::Ecs {
            store: self.store.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            caller: self.caller.clone(),
            metrics: self.metrics.clone(),
            machine: Machine { cpus: 2, memory_mib: 8192 },
            runtime: Arc::clone(&self.machine) as Arc<dyn crate::Runtime>,
            task_secret: "hush".to_owned(),
        }
    }

    /// Starts the control plane.
    fn start(&mut self) {
        self.caller = Caller::default();
        let system = crate::service(&Arc::new(self.ecs()));
        let mut services = neighbours::services(&self.neighbours);
        services.push(system.service);
        self.caller.fill(services);
        let drive = |controller: reconcile::Boxed| tokio::spawn(controller.run(self.store.clone(), Pace::default()));
        self.running = system.controllers.into_iter().map(drive).collect();
    }

    /// Kills the control plane, as SIGKILL would: no step ends in order.
    fn kill(&mut self) {
        self.running.drain(..).for_each(|controller| controller.abort());
    }

    pub(crate) async fn call<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Fault> {
        self.caller.call::<Op>(&self.scope, request).await
    }

    /// The same as a waiter's poll.
    async fn poll<Op: Operation>(&self, request: Op::Request) -> Op::Response {
        let call = Call { scope: self.scope.clone(), waiter: true, ..Call::default() };
        let members = serde_json::to_value(request).unwrap();
        let value = self.caller.service("ecs").unwrap().call(Op::NAME, call, members).await.unwrap();
        serde_json::from_value(value).unwrap()
    }

    /// Registers a family whose only container is made of `image`.
    pub(crate) async fn register(&self, family: &str, image: &str) -> String {
        let request = simple_definition(family, image);
        let response = self.call::<ecs::RegisterTaskDefinition>(request).await.unwrap();
        response.task_definition.unwrap().task_definition_arn.unwrap()
    }

    pub(crate) async fn create_service(&self, request: ecs::CreateServiceRequest) -> Result<ecs::Service, Fault> {
        Ok(self.call::<ecs::CreateService>(request).await?.service.unwrap())
    }

    async fn service(&self, name: &str) -> ecs::Service {
        let request = ecs::DescribeServicesRequest {
            cluster: Some("flask".to_owned()),
            services: vec![name.to_owned()],
            include: Vec::new(),
        };
        self.call::<ecs::DescribeServices>(request).await.unwrap().services.remove(0)
    }

    /// Waits, as the CLI does, until the service is stable; answers it.
    pub(crate) async fn stable(&self, name: &str) -> ecs::Service {
        self.until(name, |service| {
            let done = |d: &ecs::Deployment| d.rollout_state == Some(ecs::DeploymentRolloutState::Completed);
            service.deployments.len() == 1
                && service.running_count == service.desired_count
                && service.deployments.iter().all(done)
        })
        .await
    }

    /// Waits until the service is as `wanted`.
    async fn until(&self, name: &str, wanted: impl Fn(&ecs::Service) -> bool) -> ecs::Service {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let service = self.service(name).await;
            if wanted(&service) {
                return service;
            }
            assert!(tokio::time::Instant::now() < deadline, "it never came: {service:#?}");
            tokio::time::sleep(TICK).await;
        }
    }

    /// All tasks, stopped ones too.
    pub(crate) async fn tasks(&self) -> Vec<ecs::Task> {
        let mut arns = Vec::new();
        for status in [ecs::DesiredStatus::Running, ecs::DesiredStatus::Stopped] {
            let request = ecs::ListTasksRequest {
                cluster: Some("flask".to_owned()),
                desired_status: Some(status),
                ..Default::default()
            };
            arns.extend(self.call::<ecs::ListTasks>(request).await.unwrap().task_arns);
        }
        if arns.is_empty() {
            return Vec::new();
        }
        self.describe(arns).await
    }

    async fn describe(&self, arns: Vec<String>) -> Vec<ecs::Task> {
        let request = ecs::DescribeTasksRequest {
            cluster: Some("flask".to_owned()),
            tasks: arns,
            include: vec!["TAGS".to_owned()],
        };
        self.call::<ecs::DescribeTasks>(request).await.unwrap().tasks
    }

    /// Waits until the task is as `wanted`.
    pub(crate) async fn until_task(&self, arn: &str, wanted: impl Fn(&ecs::Task) -> bool) -> ecs::Task {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let task = self.describe(vec![arn.to_owned()]).await.remove(0);
            if wanted(&task) {
                return task;
            }
            assert!(tokio::time::Instant::now() < deadline, "it never came: {task:#?}");
            tokio::time::sleep(TICK).await;
        }
    }

    pub(crate) async fn run(&self, request: ecs::RunTaskRequest) -> ecs::RunTaskResponse {
        self.call::<ecs::RunTask>(request).await.unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A definition with one container and no check.
pub(crate) fn simple_definition(family: &str, image: &str) -> ecs::RegisterTaskDefinitionRequest {
    let mut definition = samples::gateway_definition();
    definition.family = family.to_owned();
    definition.proxy_configuration = None;
    definition.container_definitions.truncate(1);
    let app = &mut definition.container_definitions[0];
    app.depends_on.clear();
    app.image = Some(image.to_owned());
    definition
}

fn network() -> ecs::NetworkConfiguration {
    let awsvpc = ecs::AwsVpcConfiguration {
        subnets: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        assign_public_ip: Some(ecs::AssignPublicIp::Enabled),
    };
    ecs::NetworkConfiguration { awsvpc_configuration: Some(awsvpc) }
}

/// A service of `family` with so many tasks.
pub(crate) fn service_request(name: &str, family: &str, count: i32) -> ecs::CreateServiceRequest {
    ecs::CreateServiceRequest {
        cluster: Some("flask".to_owned()),
        service_name: name.to_owned(),
        task_definition: Some(family.to_owned()),
        desired_count: Some(count),
        launch_type: Some(ecs::LaunchType::Fargate),
        network_configuration: Some(network()),
        ..Default::default()
    }
}

pub(crate) fn run_request(family: &str) -> ecs::RunTaskRequest {
    ecs::RunTaskRequest {
        cluster: Some("flask".to_owned()),
        task_definition: family.to_owned(),
        launch_type: Some(ecs::LaunchType::Fargate),
        network_configuration: Some(network()),
        ..Default::default()
    }
}

/// Whether the service told so.
fn told(service: &ecs::Service, part: &str) -> bool {
    service.events.iter().any(|event| event.message.as_deref().is_some_and(|message| message.contains(part)))
}
