//! The sample on a house, with the calls that canaries need.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::{
    appmesh::{
        DescribeRoute, DescribeRouteRequest, InjectFault, RemoveFault, RouteSpec,
        fault::{Abort, InjectFaultRequest, RemoveFaultRequest},
    },
    canary::{
        CanaryDescription, CommandCanary, CommandCanaryRequest, DescribeCanary, DescribeCanaryRequest, StartCanary,
        StartCanaryRequest,
    },
};
use e2e::{House, Machine, Sample};
use names::{Region, Scope};
use serde_json::Value;
use wire::{Client, ClientError};

const MESH: &str = "todo";
const ROUTE: &str = "api";
/// A fault outlasts the rollout it is for.
const FAULT_SECONDS: u64 = 3600;
/// How long one question for news is held, in seconds.
const HOLD_SECONDS: u32 = 5;
/// How long a house may be away.
const AWAY_MAX: Duration = Duration::from_mins(1);
/// The longest rollout.
const ROLLOUT_MAX: Duration = Duration::from_mins(20);

/// A house with the sample.
pub(crate) struct Stage {
    machine: Machine,
    house: Option<House>,
    sample: Sample,
    client: Client,
    pub(crate) url: String,
}

impl Stage {
    /// Starts the house and deploys the sample.
    pub(crate) fn set(machine: Machine) -> Self {
        let house = House::start(&machine);
        let sample = Sample::push(&house);
        let url = sample.deploy();
        let scope = Scope { region: Region::new("ap-southeast-2"), ..Scope::default() };
        let client = Client::new("http://127.0.0.1:4566", scope, None);
        Self { machine, house: Some(house), sample, client, url }
    }

    /// SIGKILL for the control plane, and another one.
    pub(crate) fn kill(&mut self) {
        if let Some(house) = self.house.take() {
            house.kill();
        }
        self.house = Some(House::start(&self.machine));
    }

    /// Another number of copies of one of the services.
    pub(crate) fn scale(&self, service: &str, copies: u32) {
        if let Some(house) = &self.house {
            house
                .aws()
                .json(&format!("ecs update-service --cluster todo --service {service} --desired-count {copies}"));
        }
    }

    /// Takes everything down.
    pub(crate) fn clear(self) {
        self.sample.delete();
        if let Some(house) = self.house {
            house.stop();
        }
    }

    /// Starts a canary to the virtual node `to`.
    pub(crate) async fn start(&self, to: &str, policy: &Value, revision: Option<String>) -> Result<CanaryDescription> {
        let asked = DescribeRouteRequest {
            mesh_name: MESH.to_owned(),
            mesh_owner: None,
            route_name: ROUTE.to_owned(),
            virtual_router_name: ROUTE.to_owned(),
        };
        let mut spec = self.client.call::<DescribeRoute>(asked).await?.route.spec;
        give_all(&mut spec, to)?;
        let request = StartCanaryRequest {
            mesh_name: MESH.to_owned(),
            virtual_router_name: ROUTE.to_owned(),
            route_name: ROUTE.to_owned(),
            spec,
            policy: Some(policy.clone()),
            revision,
        };
        Ok(self.client.call::<StartCanary>(request).await?.canary)
    }

    pub(crate) async fn command(&self, canary: &str, command: &str) -> Result<()> {
        let request = CommandCanaryRequest { canary: canary.to_owned(), command: command.to_owned() };
        match self.client.call::<CommandCanary>(request).await {
            // It was quicker.
            Err(ClientError::Fault(fault)) if fault.message.contains("has ended") => Ok(()),
            outcome => Ok(outcome.map(|_| ())?),
        }
    }

    /// Follows a canary until `reached`, also while the house is away for a moment.
    pub(crate) async fn until(
        &self,
        canary: &str,
        reached: impl Fn(&CanaryDescription) -> bool,
    ) -> Result<CanaryDescription> {
        let follow = async {
            let mut after_version = None;
            loop {
                let request = DescribeCanaryRequest {
                    canary: canary.to_owned(),
                    after_version,
                    wait_seconds: Some(HOLD_SECONDS),
                };
                match self.client.call::<DescribeCanary>(request).await {
                    Ok(answer) if reached(&answer.canary) || answer.canary.ended => return Ok(answer.canary),
                    Ok(answer) => after_version = Some(answer.canary.version),
                    Err(ClientError::Unreachable { .. }) => tokio::time::sleep(AWAY_MAX / 100).await,
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(tokio::time::timeout(ROLLOUT_MAX, follow).await.context("a rollout does not end")??)
    }

    /// Lets so many percent of the requests to a virtual node fail.
    pub(crate) async fn fault(&self, node: &str, percent: f64) -> Result<()> {
        let request = InjectFaultRequest {
            mesh_name: MESH.to_owned(),
            virtual_node_name: node.to_owned(),
            virtual_router_name: None,
            route_name: None,
            abort: Some(Abort { status: 503, percent }),
            delay: None,
            after_seconds: None,
            seconds: FAULT_SECONDS,
        };
        self.client.call::<InjectFault>(request).await?;
        Ok(())
    }

    pub(crate) async fn sound(&self, node: &str) -> Result<()> {
        let request = RemoveFaultRequest { mesh_name: MESH.to_owned(), virtual_node_name: node.to_owned() };
        self.client.call::<RemoveFault>(request).await?;
        Ok(())
    }
}

fn give_all(spec: &mut RouteSpec, to: &str) -> Result<()> {
    let Some(route) = &mut spec.http_route else { bail!("the sample's route is no HTTP route any more") };
    for target in &mut route.action.weighted_targets {
        target.weight = u32::from(target.virtual_node == to);
    }
    Ok(())
}
