//! CloudFormation whole, over a store and a world of things, with a controller that can be killed at any moment.

use std::{sync::Arc, time::Duration};

use api::{
    Fault, Operation,
    cloudformation::{
        self as cf, CreateStackRequest, DescribeStackEvents, DescribeStacks, DescribeStacksRequest, Parameter, Stack,
        StackEvent, StackPageRequest, StackStatus, UpdateStackRequest,
    },
};
use cloudformation::{
    resources::{Catalogue, Entry},
    rows::{Physical, Progress},
    with_types,
};
use names::{Clock, Ids, Scope};
use reconcile::Pace;
use store::{Row, Store};
use tokio::{task::JoinHandle, time::timeout};
use wire::Caller;

use crate::things::{self, ThingType, World};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct House {
    pub store: Store,
    pub world: Arc<World>,
    pub scope: Scope,
    caller: Caller,
    ids: Ids,
    controller: JoinHandle<()>,
}

impl House {
    pub fn new() -> Self {
        let (store, world) = (Store::in_memory().unwrap(), Arc::new(World::default()));
        Self::over(store, world, Ids::counting())
    }

    fn over(store: Store, world: Arc<World>, ids: Ids) -> Self {
        let caller = Caller::default();
        let catalogue = Catalogue::new(vec![Entry::of::<ThingType>()]);
        let system = with_types(store.clone(), Clock::System, ids.clone(), caller.clone(), catalogue);
        caller.fill([system.service, things::service(&world), things::canaries(&world)]);
        let pace = Pace {
            resync: Duration::from_millis(50),
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_millis(50),
            ..Pace::default()
        };
        let rows = store.clone();
        let controller = tokio::spawn(async move {
            let runs = system.controllers.into_iter().map(|controller| controller.run(rows.clone(), pace));
            futures::future::join_all(runs).await;
        });
        Self { store, world, scope: Scope::default(), caller, ids, controller }
    }

    /// Kills the controller where it stands, and starts another over the same rows and the same world.
    pub async fn restart(self) -> Self {
        self.controller.abort();
        let _ = self.controller.await;
        self.world.lock().unheard = false;
        Self::over(self.store, self.world, self.ids)
    }

    pub async fn call<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Fault> {
        self.caller.call::<Op>(&self.scope, request).await
    }

    /// CloudFormation itself.
    pub fn service(&self) -> &wire::Service {
        self.caller.service("cloudformation").unwrap()
    }

    pub async fn create(&self, name: &str, template: &str) -> Result<(), Fault> {
        let request =
            CreateStackRequest { stack_name: name.into(), template_body: Some(template.into()), ..Default::default() };
        self.call::<cf::CreateStack>(request).await.map(|_| ())
    }

    pub async fn update(&self, name: &str, template: &str) -> Result<(), Fault> {
        let request =
            UpdateStackRequest { stack_name: name.into(), template_body: Some(template.into()), ..Default::default() };
        self.call::<cf::UpdateStack>(request).await.map(|_| ())
    }

    pub async fn delete(&self, name: &str) -> Result<(), Fault> {
        let request = cf::DeleteStackRequest { stack_name: name.into(), ..Default::default() };
        self.call::<cf::DeleteStack>(request).await.map(|_| ())
    }

    pub async fn stack(&self, name: &str) -> Result<Stack, Fault> {
        let request = DescribeStacksRequest { stack_name: Some(name.into()), ..Default::default() };
        Ok(self.call::<DescribeStacks>(request).await?.stacks.remove(0))
    }

    /// Waits until the stack `name` is at rest; one that is gone is `DELETE_COMPLETE`.
    pub async fn rest(&self, name: &str) -> StackStatus {
        let watch = self.store.watch(&[Progress::KIND]);
        let look = async {
            loop {
                match self.stack(name).await {
                    Ok(stack) if !stack.stack_status.is_in_progress() => return stack.stack_status,
                    Ok(_) => _ = watch.next().await,
                    Err(_) => return StackStatus::DeleteComplete,
                }
            }
        };
        timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{name} does not come to rest"))
    }

    /// Waits until the rows and the world are as `fits` says.
    pub async fn until(&self, what: &str, fits: impl Fn(&Self) -> bool) {
        let watch = self.store.watch(&[Progress::KIND, Physical::KIND]);
        let look = async {
            while !fits(self) {
                let news = self.world.calls.notified();
                tokio::select! {
                    _ = watch.next() => {}
                    () = news => {}
                }
            }
        };
        timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("never happened: {what}"));
    }

    /// Waits until the world has seen `call`.
    pub async fn called(&self, call: &str) {
        self.until(call, |house| house.world.lock().log.iter().any(|seen| seen == call)).await;
    }

    /// The stack's events as `logical id STATUS reason`, the first one first.
    pub async fn story(&self, name: &str) -> Vec<String> {
        let mut events: Vec<StackEvent> = Vec::new();
        let mut next_token = None;
        loop {
            let request = StackPageRequest { stack_name: name.into(), next_token };
            let page = self.call::<DescribeStackEvents>(request).await.unwrap();
            events.extend(page.stack_events);
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        events.reverse();
        let line = |event: StackEvent| {
            let reason = event.resource_status_reason.map(|reason| format!(" {reason}")).unwrap_or_default();
            format!("{} {}{reason}", event.logical_resource_id, event.resource_status)
        };
        events.into_iter().map(line).collect()
    }
}

/// A parameter with its value.
pub fn parameter(key: &str, value: &str) -> Parameter {
    Parameter { parameter_key: key.into(), parameter_value: Some(value.into()), use_previous_value: None }
}

impl House {
    /// Waits until the story of the stack has a line that begins with `beginning`.
    pub async fn until_event(&self, name: &str, beginning: &str) {
        let watch = self.store.watch(&[Progress::KIND]);
        let look = async {
            while !self.story(name).await.iter().any(|line| line.starts_with(beginning)) {
                watch.next().await;
            }
        };
        timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("never told: {beginning}"));
    }
}
