//! The house: its real services, store and controllers, on a machine that exists on paper.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use api::{Operation, ecs as model};
use axum::Router;
use names::{Clock, Ids, Scope};
use reconcile::Pace;
use serde_json::{Value, json};
use store::Store;
use telemetry::{Limits, Telemetry};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use wire::Caller;

use crate::{neighbours, paper::Paper};

/// The cluster and its one service.
pub(crate) const CLUSTER: &str = "bench";
pub(crate) const SERVICE: &str = "api";
/// How long the tasks may take to run.
const RUNNING_MAX: Duration = Duration::from_mins(2);
/// How often it is looked whether they do.
const LOOK: Duration = Duration::from_millis(200);

/// A house that runs.
pub(crate) struct House {
    pub(crate) console: Router,
    caller: Caller,
    _controllers: JoinSet<()>,
}

impl House {
    /// Opens one in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let (store, caller) = (Store::open(&folder.join("serin.db"))?, Caller::default());
        let telemetry = Telemetry::open(&folder.join("telemetry.db"), Limits::default())?;
        let (clock, ids) = (Clock::System, Ids::new(rand::random::<u64>));
        let tasks = Arc::new(ecs::Ecs {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            caller: caller.clone(),
            metrics: telemetry.metrics(),
            machine: ecs::Machine { cpus: 1000, memory_mib: 1 << 30 },
            runtime: Arc::new(Paper::default()),
            task_secret: "on paper".to_owned(),
        });
        let mesh = appmesh::State {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            caller: caller.clone(),
            cache: xds::Cache::new(appmesh::identify),
            agents: std::collections::BTreeSet::new(),
        };
        let canaries = canary::Canaries {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            caller: caller.clone(),
            proxies: Arc::new(canary::reading::TaskProxies::new(caller.clone())),
            records: folder.join("canaries"),
        };
        let systems = [
            ecs::service(&tasks),
            appmesh::service(mesh),
            canary::service(canaries),
            cloudformation::service(store.clone(), clock.clone(), ids.clone(), caller.clone()),
            logs::service(telemetry, clock.clone(), ids),
        ];
        let (mut controllers, mut services) = (JoinSet::new(), neighbours::services());
        for system in systems {
            services.push(system.service);
            for controller in system.controllers {
                controllers.spawn(controller.run(store.clone(), Pace::default()));
            }
        }
        caller.fill(services);
        let settings = console::Settings {
            proxies: Arc::new(canary::reading::TaskProxies::new(caller.clone())),
            caller: caller.clone(),
            clock,
            keys: std::collections::BTreeMap::new(),
            is_loopback: true,
            stop: CancellationToken::new(),
        };
        Ok(Self { console: console::before(Router::new(), settings), caller, _controllers: controllers })
    }

    /// Has one service of so many tasks, and waits until all of them run.
    pub(crate) async fn run(&self, tasks: u32) -> Result<()> {
        self.call::<model::CreateCluster>(json!({ "clusterName": CLUSTER })).await?;
        self.call::<model::RegisterTaskDefinition>(definition()).await?;
        let request = json!({
            "cluster": CLUSTER, "serviceName": SERVICE, "taskDefinition": SERVICE, "desiredCount": tasks,
            "launchType": "FARGATE", "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        });
        self.call::<model::CreateService>(request).await?;
        let begun = Instant::now();
        loop {
            let request = json!({ "cluster": CLUSTER, "services": [SERVICE] });
            let service = self.call::<model::DescribeServices>(request).await?.services.into_iter().next();
            let service = service.context("the service is not there")?;
            let rolled = service.deployments.len() == 1
                && service.deployments[0].rollout_state == Some(model::DeploymentRolloutState::Completed);
            if rolled && u32::try_from(service.running_count) == Ok(tasks) {
                return Ok(());
            }
            if begun.elapsed() > RUNNING_MAX {
                bail!("{} of {tasks} tasks run: {}", service.running_count, self.example().await?);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What one of the tasks has come to.
    async fn example(&self) -> Result<String> {
        let tasks = self.call::<model::ListTasks>(json!({ "cluster": CLUSTER, "maxResults": 1 })).await?.task_arns;
        let tasks = self.call::<model::DescribeTasks>(json!({ "cluster": CLUSTER, "tasks": tasks })).await?.tasks;
        Ok(format!("{:?}", tasks.first().map(|task| (&task.last_status, &task.stopped_reason))))
    }

    async fn call<Op: Operation>(&self, request: Value) -> Result<Op::Response> {
        let request = serde_json::from_value(request).with_context(|| format!("no request of {}", Op::NAME))?;
        let answer = self.caller.call::<Op>(&Scope::default(), request).await;
        answer.map_err(|fault| anyhow::anyhow!("{}: {} {}", Op::NAME, fault.code, fault.message))
    }
}

/// An app behind its proxy, and a tracing daemon, as in the article.
fn definition() -> Value {
    let check = json!({ "command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 3 });
    json!({
        "family": SERVICE, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [
            { "name": "app", "image": "app", "essential": true, "healthCheck": check },
            { "name": "envoy", "image": "envoy", "essential": true, "healthCheck": check },
            { "name": "xray-daemon", "image": "amazon/aws-xray-daemon", "essential": true },
        ],
    })
}
