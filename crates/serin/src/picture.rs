//! The whole house in one picture: what `serin status` prints and `serin demo` watches.

mod gather;
mod text;

use serde::Serialize;

pub(crate) use gather::gather;
pub(crate) use text::{render, split};

/// Everything there is in one account and region.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Picture {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) stacks: Vec<Stack>,
    pub(crate) services: Vec<Service>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) routes: Vec<Route>,
    pub(crate) proxies: Vec<Proxy>,
    /// What the meshes ask for that no proxy could be given.
    pub(crate) faults: Vec<Fault>,
    pub(crate) load_balancers: Vec<LoadBalancer>,
}

impl Picture {
    /// Nothing was ever made here.
    pub(crate) fn is_empty(&self) -> bool {
        self.stacks.is_empty()
            && self.services.is_empty()
            && self.tasks.is_empty()
            && self.routes.is_empty()
            && self.proxies.is_empty()
            && self.faults.is_empty()
            && self.load_balancers.is_empty()
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Service {
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) task_definition: String,
    pub(crate) desired: i32,
    pub(crate) running: i32,
    pub(crate) pending: i32,
    pub(crate) deployments: usize,
    /// The newest event.
    pub(crate) event: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) status: String,
    pub(crate) health: String,
    pub(crate) address: Option<String>,
    pub(crate) containers: Vec<Container>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) health: Option<String>,
}

/// A route, with the weights that are asked for and those that every proxy has acknowledged.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Route {
    pub(crate) mesh: String,
    pub(crate) router: String,
    pub(crate) name: String,
    pub(crate) asked: Vec<(String, i64)>,
    pub(crate) applied: Vec<(String, i64)>,
    pub(crate) is_applied: bool,
    pub(crate) proxies: u32,
    pub(crate) acknowledged: u32,
    pub(crate) refusals: Vec<String>,
}

/// A connected proxy.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Proxy {
    pub(crate) mesh: String,
    /// The virtual node or virtual gateway.
    pub(crate) stands_for: String,
    pub(crate) task: Option<String>,
    pub(crate) up_to_date: bool,
    pub(crate) refusal: Option<String>,
}

/// Something a mesh asks for that cannot be done.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) mesh: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadBalancer {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) urls: Vec<String>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) address: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
}
