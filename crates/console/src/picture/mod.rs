//! The whole house in one picture: what `serin status` prints, `serin demo` watches and the console's overview shows.

mod gather;

use api::{Fault, Operation};
use names::Scope;
use serde::Serialize;

pub use gather::gather;

/// Whoever operations can be asked of: the house itself, or a connection to it.
pub trait Api: Sync {
    /// Why there is no answer.
    type Error: Send;

    /// Calls `Op` on behalf of `scope`.
    fn ask<Op: Operation>(
        &self,
        scope: &Scope,
        request: Op::Request,
    ) -> impl Future<Output = Result<Op::Response, Self::Error>> + Send;
}

impl Api for wire::Caller {
    type Error = Fault;

    async fn ask<Op: Operation>(&self, scope: &Scope, request: Op::Request) -> Result<Op::Response, Fault> {
        self.call::<Op>(scope, request).await
    }
}

impl Api for wire::Client {
    type Error = wire::ClientError;

    async fn ask<Op: Operation>(&self, scope: &Scope, request: Op::Request) -> Result<Op::Response, wire::ClientError> {
        self.in_scope(scope.clone()).call::<Op>(request).await
    }
}

/// Everything there is in one account and region.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Picture {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Stacks.
    pub stacks: Vec<Stack>,
    /// Services of ECS.
    pub services: Vec<Service>,
    /// Tasks of ECS.
    pub tasks: Vec<Task>,
    /// Routes of all meshes.
    pub routes: Vec<Route>,
    /// Proxies that are connected.
    pub proxies: Vec<Proxy>,
    /// Proxies that ask in vain.
    pub turned_away: Vec<TurnedAway>,
    /// What the meshes ask for that no proxy could be given.
    pub faults: Vec<MeshFault>,
    /// Load balancers.
    pub load_balancers: Vec<LoadBalancer>,
}

impl Picture {
    /// Nothing was ever made here.
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty()
            && self.services.is_empty()
            && self.tasks.is_empty()
            && self.routes.is_empty()
            && self.proxies.is_empty()
            && self.turned_away.is_empty()
            && self.faults.is_empty()
            && self.load_balancers.is_empty()
    }
}

/// A stack of CloudFormation.
#[derive(Clone, Debug, Serialize)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its status, as CloudFormation spells it.
    pub status: String,
    /// Why it has that status.
    pub reason: Option<String>,
}

/// A service of ECS.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    /// The cluster's name.
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// The task definition's family and revision.
    pub task_definition: String,
    /// Tasks asked for.
    pub desired: i32,
    /// Tasks that run.
    pub running: i32,
    /// Tasks on their way.
    pub pending: i32,
    /// Deployments: more than one while it is updated.
    pub deployments: usize,
    /// The newest event.
    pub event: Option<String>,
}

/// A task of ECS.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// `service:<name>`, or a group of one's own.
    pub group: String,
    /// Its status, as ECS spells it.
    pub status: String,
    /// Its health, as ECS spells it.
    pub health: String,
    /// Its address in the VPC.
    pub address: Option<String>,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Clone, Debug, Serialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its status, as ECS spells it.
    pub status: String,
    /// Its health, where it is checked.
    pub health: Option<String>,
}

/// A route, with the weights that are asked for and those that every proxy has acknowledged.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// The mesh.
    pub mesh: String,
    /// The virtual router.
    pub router: String,
    /// Its name.
    pub name: String,
    /// Virtual nodes and their weights, as asked.
    pub asked: Vec<(String, i64)>,
    /// The same, as every proxy does it.
    pub applied: Vec<(String, i64)>,
    /// Whether the one is the other.
    pub is_applied: bool,
    /// Proxies that carry the route.
    pub proxies: u32,
    /// Those of them that do what is asked.
    pub acknowledged: u32,
    /// What proxies say against it.
    pub refusals: Vec<String>,
}

/// A connected proxy.
#[derive(Clone, Debug, Serialize)]
pub struct Proxy {
    /// The mesh.
    pub mesh: String,
    /// The virtual node or virtual gateway.
    pub stands_for: String,
    /// The id of its task, if it is one of this house.
    pub task: Option<String>,
    /// Whether it does what is asked.
    pub up_to_date: bool,
    /// What it says against it.
    pub refusal: Option<String>,
}

/// A proxy that asks for its configuration in vain.
#[derive(Clone, Debug, Serialize)]
pub struct TurnedAway {
    /// The node id it was given, if it could say so.
    pub node: Option<String>,
    /// The id of its task, if it is one of this house, or else the address it calls from.
    pub caller: String,
    /// Why it is not served, and what to do.
    pub reason: String,
    /// How often it asked of late.
    pub times: u64,
}

/// Something a mesh asks for that cannot be done.
#[derive(Clone, Debug, Serialize)]
pub struct MeshFault {
    /// The mesh.
    pub mesh: String,
    /// What, and why not.
    pub text: String,
}

/// A load balancer.
#[derive(Clone, Debug, Serialize)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// Its state, as Elastic Load Balancing spells it.
    pub state: String,
    /// Why it has that state.
    pub reason: Option<String>,
    /// Where it answers.
    pub urls: Vec<String>,
    /// Who answers.
    pub targets: Vec<Target>,
}

/// A target of a load balancer.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// The target group's name.
    pub group: String,
    /// Address and port.
    pub address: String,
    /// Its state, as Elastic Load Balancing spells it.
    pub state: String,
    /// Why it has that state.
    pub reason: Option<String>,
}
