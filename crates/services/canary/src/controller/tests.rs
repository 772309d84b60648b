//! The controller with a clock that is wound, an App Mesh that is played, and proxies that have counted what they are
//! told: killed wherever it may be, it goes on and comes to the same end.

use std::time::Duration;

use api::{
    Fault,
    appmesh::{
        DescribeRoute, DescribeRouteRequest, RouteResponse, RouteSpec, UpdateRoute, UpdateRouteRequest,
        status::{DescribeRouteStatus, DescribeRouteStatusRequest, DescribeRouteStatusResponse},
        trial::{
            PutTrial, PutTrialRequest, PutTrialResponse, RemoveTrial, RemoveTrialRequest, RemoveTrialResponse, Trial,
        },
    },
    canary as contract,
};
use futures::future::{BoxFuture, FutureExt};
use names::{Clock, Ids, ManualClock, Scope};
use serde_json::{Value, json};
use store::Store;
use wire::{Caller, Context, Definition, Protocol, Service, bind};

mod sticky;
mod stranger;
mod webhooks;

use super::*;
use crate::{
    judge::record,
    reading::{Clusters, Counts, Proxies, Reading},
    shift::{self, Move},
};

/// What App Mesh and the one proxy know.
struct World {
    route: RouteSpec,
    version: i64,
    updates: u32,
    /// The number of an update that is lost: before it is done, or after.
    lost: Option<(u32, bool)>,
    baseline: Counts,
    canary: Counts,
    /// Of a hundred requests to the new version, so many fail.
    fails: u64,
    /// What the route's trial was, and what the weights were then.
    trials: Vec<(Option<Trial>, RouteSpec)>,
}

type Shared = Arc<Mutex<World>>;

fn route(weights: &[(&str, u32)]) -> RouteSpec {
    let targets: Vec<_> = weights.iter().map(|(node, weight)| json!({"virtualNode": node, "weight": weight})).collect();
    let spec = json!({"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}});
    serde_json::from_value(spec).unwrap()
}

fn data(world: &World) -> RouteResponse {
    let metadata = json!({
        "arn": "arn:aws:appmesh:us-east-1:000000000000:mesh/m/virtualRouter/r/route/todos", "createdAt": 0,
        "lastUpdatedAt": 0, "meshOwner": "000000000000", "resourceOwner": "000000000000",
        "uid": "00000000-0000-0000-0000-000000000000", "version": world.version,
    });
    let route = json!({
        "meshName": "m", "metadata": metadata, "routeName": "todos", "spec": world.route,
        "status": {"status": "ACTIVE"}, "virtualRouterName": "r",
    });
    serde_json::from_value(json!({ "route": route })).unwrap()
}

async fn describe(cx: Context<Mutex<World>>, _: DescribeRouteRequest) -> Result<RouteResponse, Fault> {
    Ok(data(&cx.lock().unwrap()))
}

async fn update(cx: Context<Mutex<World>>, request: UpdateRouteRequest) -> Result<RouteResponse, Fault> {
    let mut world = cx.lock().unwrap();
    world.updates += 1;
    let lost = world.lost.filter(|(number, _)| *number == world.updates);
    if !lost.is_some_and(|(_, before)| before) {
        world.route = request.spec;
        world.version += 1;
    }
    if lost.is_some() { Err(Fault::new("ServiceUnavailable", 503, "lost".to_owned())) } else { Ok(data(&world)) }
}

async fn status(
    cx: Context<Mutex<World>>,
    _: DescribeRouteStatusRequest,
) -> Result<DescribeRouteStatusResponse, Fault> {
    let world = cx.lock().unwrap();
    let weights = shift::targets(&world.route).to_vec();
    let clusters = [("v1", "one"), ("v2", "two")].map(|(node, cluster)| (node.to_owned(), vec![cluster.to_owned()]));
    Ok(DescribeRouteStatusResponse {
        asked_version: world.version,
        asked: weights.clone(),
        applied_version: Some(world.version),
        applied: weights,
        clusters: clusters.into(),
        proxies: 1,
        acknowledged: 1,
        refusals: Vec::new(),
        faults: Vec::new(),
    })
}

async fn put_trial(cx: Context<Mutex<World>>, request: PutTrialRequest) -> Result<PutTrialResponse, Fault> {
    let mut world = cx.lock().unwrap();
    let route = world.route.clone();
    world.trials.push((Some(request.trial), route));
    Ok(PutTrialResponse {})
}

async fn remove_trial(cx: Context<Mutex<World>>, _: RemoveTrialRequest) -> Result<RemoveTrialResponse, Fault> {
    let mut world = cx.lock().unwrap();
    let route = world.route.clone();
    world.trials.push((None, route));
    Ok(RemoveTrialResponse {})
}

struct Told(Shared);

impl Proxies for Told {
    fn read<'a>(&'a self, _: &'a Scope, _: &'a str, _: &'a Clusters) -> BoxFuture<'a, Result<Vec<Reading>, Error>> {
        let world = self.0.lock().unwrap();
        let (baseline, canary) = (world.baseline.clone(), world.canary.clone());
        std::future::ready(Ok(vec![Reading { proxy: "gateway".to_owned(), baseline, canary }])).boxed()
    }
}

struct House {
    world: Shared,
    clock: ManualClock,
    service: Arc<Canaries>,
    watcher: Watcher,
    key: Key,
    _folder: tempfile::TempDir,
}

/// Steps of two and fifty percent, of a few seconds each.
const POLICY: &str =
    r#"{"Steps":[2,50],"BaselineSeconds":2,"MinimumStepSeconds":2,"BakeSeconds":4,"Metrics":["Errors"]}"#;

impl House {
    async fn new(fails: u64) -> Self {
        Self::with(fails, serde_json::from_str(POLICY).unwrap()).await
    }

    async fn with(fails: u64, policy: Value) -> Self {
        let counts = || Counts { healthy: 1, ..Counts::default() };
        let world = World {
            route: route(&[("v1", 1)]),
            version: 1,
            updates: 0,
            lost: None,
            baseline: counts(),
            canary: counts(),
            fails,
            trials: Vec::new(),
        };
        let (world, caller, clock) = (Arc::new(Mutex::new(world)), Caller::default(), ManualClock::default());
        let folder = tempfile::tempdir().unwrap();
        let canaries = Canaries {
            store: Store::in_memory().unwrap(),
            clock: Clock::Manual(clock.clone()),
            ids: Ids::counting(),
            caller: caller.clone(),
            proxies: Arc::new(Told(Arc::clone(&world))),
            records: folder.path().to_owned(),
        };
        let service = Arc::new(canaries);
        let rest = |signing_name| Definition { signing_name, protocol: Protocol::RestJson, invalid: "BadRequest" };
        let operations = vec![
            bind::<DescribeRoute, _, _, _, _>(describe),
            bind::<UpdateRoute, _, _, _, _>(update),
            bind::<DescribeRouteStatus, _, _, _, _>(status),
            bind::<PutTrial, _, _, _, _>(put_trial),
            bind::<RemoveTrial, _, _, _, _>(remove_trial),
        ];
        let mesh = Service::new(rest("appmesh"), &world, operations);
        let own = crate::operations::operations().into_iter().chain(crate::approval::operations()).collect();
        caller.fill([mesh, Service::new(rest("canary"), &service, own)]);
        let request = contract::StartCanaryRequest {
            mesh_name: "m".to_owned(),
            virtual_router_name: "r".to_owned(),
            route_name: "todos".to_owned(),
            spec: route(&[("v2", 1)]),
            policy: Some(policy),
            revision: None,
        };
        let started = caller.call::<contract::StartCanary>(&Scope::default(), request).await.unwrap();
        let key = Canary::key(&Scope::default(), &started.canary.id);
        let watcher = Watcher::new(Arc::clone(&service));
        Self { world, clock, service, watcher, key, _folder: folder }
    }

    /// The process dies, and another takes over.
    fn kill(&mut self) {
        self.watcher = Watcher::new(Arc::clone(&self.service));
    }

    /// A tenth of a second with a hundred requests, then a look; what an error does to the process is up to the test.
    async fn look(&mut self) -> Result<(), Error> {
        self.clock.advance(LOOK);
        {
            let mut world = self.world.lock().unwrap();
            let part = shift::part(shift::targets(&world.route), &between()).map_or(0, |part| part.in_tenths() / 10);
            let (new, fails) = (u64::from(part), world.fails);
            world.canary.requests += new;
            world.canary.errors += (new * fails).div_ceil(100);
            world.baseline.requests += 100 - new;
        }
        self.watcher.reconcile(&self.key).await.map(|_| ())
    }

    fn seen(&self) -> Option<CanaryObserved> {
        self.service.store.get::<CanaryObserved>(&self.key).unwrap()
    }

    fn ended(&self) -> bool {
        self.seen().is_some_and(|seen| seen.ended.is_some())
    }

    async fn describe(&self) -> contract::CanaryDescription {
        let request = contract::DescribeCanaryRequest { canary: self.key.name.clone(), ..Default::default() };
        self.service.caller.call::<contract::DescribeCanary>(&Scope::default(), request).await.unwrap().canary
    }

    async fn ask(&self, command: &str) -> Result<(), Fault> {
        let request = contract::CommandCanaryRequest { canary: self.key.name.clone(), command: command.to_owned() };
        self.service.caller.call::<contract::CommandCanary>(&Scope::default(), request).await.map(|_| ())
    }

    /// Looks until it has ended; after each look, `kills` says whether the process dies.
    async fn run(&mut self, mut kills: impl FnMut(&CanaryObserved) -> bool) -> CanaryObserved {
        for _ in 0..2000 {
            let failed = self.look().await.is_err();
            if failed || self.seen().is_some_and(|seen| kills(&seen)) {
                self.kill();
            }
            if self.ended() {
                return self.seen().unwrap();
            }
        }
        panic!("it never ends: {:?}", self.seen().map(|seen| seen.state));
    }

    /// That the last record replays to the same decisions; how many there are.
    fn replayed(&self) -> usize {
        let judgement = self.seen().unwrap().judgement;
        let text = std::fs::read_to_string(live::path(&self.service.records, &self.key.name, judgement)).unwrap();
        let replay = record::replay(text.lines()).unwrap();
        assert_eq!(replay.differences, []);
        replay.decisions.len()
    }
}

fn between() -> Move {
    Move { baseline: "v1".to_owned(), canary: "v2".to_owned() }
}

fn told(seen: &CanaryObserved) -> Vec<String> {
    seen.events.iter().map(|event| event.message.clone()).collect()
}

#[tokio::test]
async fn a_good_version_is_promoted_and_its_record_replays() {
    let mut house = House::new(0).await;
    let seen = house.run(|_| false).await;
    assert_eq!(seen.state.phase, Phase::Done, "{:?}", told(&seen));
    assert_eq!(house.world.lock().unwrap().route, route(&[("v2", 1)]));
    assert!(house.replayed() > 3);
}

#[tokio::test]
async fn killed_in_any_state_it_goes_on_from_the_record_and_comes_to_the_same_end() {
    for fails in [0, 50] {
        let mut quiet = House::new(fails).await;
        let undisturbed = quiet.run(|_| false).await;
        let mut house = House::new(fails).await;
        let (mut phases, mut last) = (0, None);
        let seen = house
            .run(|seen| {
                let now = (seen.state.phase.clone(), seen.applied, seen.judgement);
                let changed = last.as_ref() != Some(&now);
                last = Some(now);
                phases += usize::from(changed);
                changed
            })
            .await;
        assert!(phases > 4, "{phases}");
        assert_eq!((&seen.state.phase, told(&seen)), (&undisturbed.state.phase, told(&undisturbed)));
        assert_eq!(house.world.lock().unwrap().route, quiet.world.lock().unwrap().route);
        house.replayed();
    }
}

#[tokio::test]
async fn an_update_that_is_lost_on_either_way_is_asked_for_again() {
    for number in 1..=5 {
        for before in [true, false] {
            let mut house = House::new(0).await;
            house.world.lock().unwrap().lost = Some((number, before));
            let seen = house.run(|_| false).await;
            assert_eq!((&seen.state.phase, &seen.abandoned), (&Phase::Done, &None), "{number} {:?}", told(&seen));
            assert_eq!(house.world.lock().unwrap().route, route(&[("v2", 1)]));
            house.replayed();
        }
    }
}

#[tokio::test]
async fn a_version_that_fails_half_its_requests_harms_fewer_than_five_users() {
    let mut house = House::new(50).await;
    let seen = house.run(|_| false).await;
    assert_eq!(seen.state.phase, Phase::TakenBack(plan::Reason::Worse), "{:?}", told(&seen));
    assert!(house.world.lock().unwrap().canary.errors < 5, "{}", house.world.lock().unwrap().canary.errors);
    assert_eq!(house.world.lock().unwrap().route, route(&[("v1", 1)]));
    let explained = show::describe("c", &house.service.store.get::<Canary>(&house.key).unwrap().unwrap(), &seen);
    assert!(explained.explanation.contains("failed at the new version"), "{}", explained.explanation);
}

#[tokio::test]
async fn what_was_promoted_is_undone_and_what_was_undone_is_tried_again() {
    let mut house = House::new(0).await;
    house.run(|_| false).await;
    house.ask("Undo").await.unwrap();
    let seen = house.run(|_| false).await;
    assert_eq!(seen.state.phase, Phase::TakenBack(plan::Reason::Asked), "{:?}", told(&seen));
    assert_eq!(house.world.lock().unwrap().route, route(&[("v1", 1)]));
    house.ask("Pause").await.unwrap_err();
    house.ask("Retry").await.unwrap();
    let seen = house.run(|_| false).await;
    assert_eq!((&seen.state.phase, seen.state.attempt, seen.judgement), (&Phase::Done, 2, 2));
    house.replayed();
}

#[tokio::test]
async fn who_changes_the_route_ends_the_canary_and_keeps_his_route() {
    let mut house = House::new(0).await;
    for _ in 0..30 {
        house.look().await.unwrap();
    }
    house.world.lock().unwrap().route = route(&[("v1", 3), ("v2", 1)]);
    let seen = house.run(|_| false).await;
    assert!(seen.abandoned.is_some_and(|why| why.contains("somebody else changed the route")));
    assert_eq!(house.world.lock().unwrap().route, route(&[("v1", 3), ("v2", 1)]));
}

#[tokio::test]
async fn a_clock_that_jumps_neither_promotes_nor_takes_back() {
    let mut house = House::new(0).await;
    for _ in 0..30 {
        house.look().await.unwrap();
    }
    house.clock.advance(Duration::from_hours(1000));
    house.look().await.unwrap();
    assert!(matches!(house.seen().unwrap().state.phase, Phase::Watching { .. }), "{:?}", house.seen());
}
