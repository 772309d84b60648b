//! Canaries of deployments, with an ECS and a load balancer that are played: killed wherever it may be, a canary goes on
//! and comes to the same end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use api::{Fault, canary as contract, ecs, elbv2};
use names::{Clock, Ids, ManualClock, Scope};
use reconcile::Controller as _;
use serde_json::json;
use store::Store;
use wire::{Caller, Context, Definition, Protocol, Service, bind};

use crate::{
    Canaries, Error,
    controller::Watcher,
    plan::{Phase, Reason},
    reading::{Clusters, Proxies, Reading},
    rows::{Canary, CanaryObserved},
};

const ARN: &str = "arn:aws:ecs:us-east-1:000000000000:service-deployment/c/shop/1";

/// What ECS and the load balancer know.
#[derive(Default)]
struct World {
    weight: u16,
    finished: bool,
    over: Option<String>,
    old: (u64, u64),
    new: (u64, u64),
    /// Of a hundred requests to the new version, so many fail.
    fails: u64,
}

type Shared = Arc<Mutex<World>>;
type Cx = Context<Mutex<World>>;

async fn describe(cx: Cx, _: ecs::DescribeSteeringRequest) -> Result<ecs::DescribeSteeringResponse, Fault> {
    let world = cx.lock().unwrap();
    Ok(ecs::DescribeSteeringResponse {
        over: world.over.clone(),
        finished: world.finished,
        applied: Some(world.weight),
        serving: "blue".to_owned(),
        coming: "green".to_owned(),
    })
}

async fn steer(cx: Cx, request: ecs::SteerDeploymentRequest) -> Result<ecs::SteerDeploymentResponse, Fault> {
    let mut world = cx.lock().unwrap();
    match request.order {
        ecs::SteeringOrder::Shift(weight) => world.weight = weight,
        ecs::SteeringOrder::Finish => world.finished = true,
        ecs::SteeringOrder::TakeBack(why) => world.over = Some(why),
    }
    Ok(ecs::SteerDeploymentResponse {})
}

async fn counts(
    cx: Cx,
    _: elbv2::DescribeTargetGroupCountsRequest,
) -> Result<elbv2::DescribeTargetGroupCountsResponse, Fault> {
    let world = cx.lock().unwrap();
    let of = |group: &str, (requests, errors): (u64, u64)| elbv2::TargetGroupCounts {
        target_group_arn: group.to_owned(),
        all: elbv2::AnsweredRequests { requests, errors, latency: Vec::new() },
        half: elbv2::AnsweredRequests::default(),
        healthy: 1,
    };
    let target_group_counts = vec![of("blue", world.old), of("green", world.new)];
    Ok(elbv2::DescribeTargetGroupCountsResponse { target_group_counts })
}

/// A house without a mesh.
struct Nobody;

impl Proxies for Nobody {
    fn read<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
        _: &'a Clusters,
    ) -> futures::future::BoxFuture<'a, Result<Vec<Reading>, Error>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

struct House {
    world: Shared,
    clock: ManualClock,
    service: Arc<Canaries>,
    watcher: Watcher,
    key: store::Key,
    _folder: tempfile::TempDir,
}

fn request(policy: serde_json::Value) -> contract::StartServiceCanaryRequest {
    contract::StartServiceCanaryRequest {
        service_deployment_arn: ARN.to_owned(),
        cluster: "c".to_owned(),
        service: "shop".to_owned(),
        baseline: "shop:1".to_owned(),
        canary: "shop:2".to_owned(),
        policy,
        revision: "ecs-svc/1".to_owned(),
    }
}

fn policy() -> serde_json::Value {
    json!({"Steps": [2, 50], "BaselineSeconds": 2, "MinimumStepSeconds": 2, "BakeSeconds": 4, "Metrics": ["Errors"]})
}

impl House {
    async fn new(fails: u64) -> Self {
        let world = Arc::new(Mutex::new(World { fails, ..World::default() }));
        let (caller, clock) = (Caller::default(), ManualClock::default());
        let folder = tempfile::tempdir().unwrap();
        let service = Arc::new(Canaries {
            store: Store::in_memory().unwrap(),
            clock: Clock::Manual(clock.clone()),
            ids: Ids::counting(),
            caller: caller.clone(),
            proxies: Arc::new(Nobody),
            records: folder.path().to_owned(),
        });
        let rest = |signing_name| Definition { signing_name, protocol: Protocol::RestJson, invalid: "BadRequest" };
        let steering =
            vec![bind::<ecs::DescribeSteering, _, _, _, _>(describe), bind::<ecs::SteerDeployment, _, _, _, _>(steer)];
        let counting = vec![bind::<elbv2::DescribeTargetGroupCounts, _, _, _, _>(counts)];
        caller.fill([
            Service::new(rest("ecs"), &world, steering),
            Service::new(rest("elasticloadbalancing"), &world, counting),
            Service::new(rest("canary"), &service, crate::operations::operations()),
        ]);
        let scope = Scope::default();
        let start = || caller.call::<contract::StartServiceCanary>(&scope, request(policy()));
        let (id, again) = (start().await.unwrap().canary.id, start().await.unwrap().canary.id);
        assert_eq!(id, again, "asked twice, it is one");
        let key = Canary::key(&Scope::default(), &id);
        let watcher = Watcher::new(Arc::clone(&service));
        Self { world, clock, service, watcher, key, _folder: folder }
    }

    fn seen(&self) -> Option<CanaryObserved> {
        self.service.store.get::<CanaryObserved>(&self.key).unwrap()
    }

    /// A tenth of a second with a hundred requests, then a look.
    async fn look(&mut self) {
        self.clock.advance(Duration::from_millis(100));
        {
            let mut world = self.world.lock().unwrap();
            let new = u64::from(world.weight / 10);
            world.new.0 += new;
            world.new.1 += (new * world.fails).div_ceil(100);
            world.old.0 += 100 - new;
        }
        self.watcher.reconcile(&self.key).await.unwrap();
    }

    /// Looks until it has ended, with a crash wherever something changed if so said.
    async fn run(&mut self, kills: bool) -> CanaryObserved {
        let mut last = None;
        for _ in 0..2000 {
            self.look().await;
            let seen = self.seen();
            if seen.as_ref().is_some_and(|seen| seen.ended.is_some()) {
                return seen.unwrap();
            }
            let now = seen.map(|seen| (seen.state.phase, seen.applied));
            if kills && now != last {
                self.watcher = Watcher::new(Arc::clone(&self.service));
            }
            last = now;
        }
        panic!("it never ends: {:?}", self.seen().map(|seen| seen.state));
    }
}

#[tokio::test]
async fn a_good_deployment_is_told_to_go_on_wherever_it_was_killed() {
    for kills in [false, true] {
        let mut house = House::new(0).await;
        let seen = house.run(kills).await;
        assert_eq!((seen.state.phase, seen.abandoned), (Phase::Done, None));
        let world = house.world.lock().unwrap();
        assert!(world.finished && world.weight == 1000 && world.over.is_none());
    }
}

#[tokio::test]
async fn a_worse_one_is_taken_back_with_the_reason_after_its_users() {
    let mut house = House::new(50).await;
    let seen = house.run(true).await;
    assert_eq!(seen.state.phase, Phase::TakenBack(Reason::Worse));
    let world = house.world.lock().unwrap();
    assert_eq!((world.weight, world.over.as_deref()), (0, Some("the new version is worse than the old one")));
    assert!(world.new.1 < 5, "{} harmed", world.new.1);
}

#[tokio::test]
async fn a_deployment_that_something_else_ends_ends_its_canary() {
    let mut house = House::new(0).await;
    for _ in 0..30 {
        house.look().await;
    }
    house.world.lock().unwrap().over = Some("the deployment was given up (an alarm)".to_owned());
    let seen = house.run(false).await;
    assert_eq!(seen.abandoned.as_deref(), Some("the deployment was given up (an alarm)"));
    let retry = contract::CommandCanaryRequest { canary: "shop".to_owned(), command: "Retry".to_owned() };
    house.service.caller.call::<contract::CommandCanary>(&Scope::default(), retry).await.unwrap_err();
}

#[tokio::test]
async fn what_is_over_is_not_begun_again_and_a_policy_that_asks_for_it_is_refused() {
    let house = House::new(0).await;
    let again =
        contract::StartServiceCanaryRequest { revision: "ecs-svc/2".to_owned(), ..request(json!({"Retries": 1})) };
    let refused = house.service.caller.call::<contract::StartServiceCanary>(&Scope::default(), again).await;
    assert!(refused.unwrap_err().message.contains("Retries"));
    let scope = Scope::default();
    let shown = house.service.caller.call::<contract::ListCanaries>(&scope, contract::ListCanariesRequest {}).await;
    let shown = shown.unwrap().canaries.remove(0);
    assert_eq!((shown.service.as_deref(), shown.mesh_name.as_str()), (Some("c/shop"), ""));
}
