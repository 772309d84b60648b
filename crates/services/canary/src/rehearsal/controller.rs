//! Takes rehearsals from fault to fault, and puts everything back, whatever happens.
//!
//! The route's virtual node gets a twin: the same application by another name, which is a cluster of its own to every
//! proxy. A canary moves the route to the twin, as it would to a new version, and the twin's requests are made to suffer
//! in the meantime. Nobody meets code that he would not have met.
//!
//! What is made is asked for in small pieces of time and renewed, so that it ends by itself if nobody is left to end it.
//! Whoever started the rehearsal has to go on asking for it: one who was killed does not, and it stops.

use std::{sync::Arc, time::Duration};

use api::{
    Fault as Refusal,
    appmesh::{
        CreateVirtualNode, CreateVirtualNodeRequest, DeleteVirtualNode, DeleteVirtualNodeRequest, DescribeRoute,
        DescribeRouteRequest, DescribeVirtualNode, DescribeVirtualNodeRequest, InjectFault, RemoveFault, RouteSpec,
        UpdateRoute, UpdateRouteRequest,
        fault::{Abort, Delay, InjectFaultRequest, RemoveFaultRequest},
        status::{DescribeRouteStatus, DescribeRouteStatusRequest},
    },
    canary::{CommandCanary, CommandCanaryRequest, StartCanary, StartCanaryRequest},
    rehearsal::RehearsalResult,
};
use names::Timestamp;
use reconcile::{Controller, Next};
use store::{Key, Row};

use super::{
    Fault, Finding, Injection, Version,
    rows::{Rehearsal, RehearsalObserved, Stage},
};
use crate::{
    Canaries, Error,
    judge::{Histogram, Metric},
    plan::Phase,
    reading::Clusters,
    rows::{Canary, CanaryObserved},
    shift,
};

/// How often to look.
const LOOK: Duration = Duration::from_millis(200);
/// What is made is asked for so long, in seconds …
const MADE_SECONDS: u64 = 60;
/// … and asked for anew when half of that has passed.
const RENEW: Duration = Duration::from_secs(MADE_SECONDS / 2);
/// So long a fault of both versions is looked at, in seconds: it costs requests of everybody.
const COMMON_SECONDS: u64 = 30;
/// So long nobody need send a request, in seconds.
const SILENCE_SECONDS: u64 = 300;
/// The longest delay that can be asked for, in milliseconds.
const DELAY_MAX: u64 = 10_000;

/// Takes rehearsals to their ends.
pub(crate) struct Rehearser {
    service: Arc<Canaries>,
    /// Since when anybody could have asked: nobody can while the house is away.
    up: Timestamp,
}

impl Rehearser {
    pub(crate) fn new(service: Arc<Canaries>) -> Self {
        let up = service.clock.now();
        Self { service, up }
    }
}

impl Controller for Rehearser {
    type Error = Error;
    const NAME: &'static str = "canary/rehearser";

    fn watches(&self) -> &'static [&'static str] {
        &[Rehearsal::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.service.store.list_all::<Rehearsal>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let store = &self.service.store;
        let Some(rehearsal) = store.get::<Rehearsal>(key)? else { return Ok(Next::Settled) };
        let before = store.get::<RehearsalObserved>(key)?;
        let mut seen = before.clone().unwrap_or_else(RehearsalObserved::begin);
        if seen.ended.is_some() {
            return Ok(Next::Settled);
        }
        let now = self.service.clock.now();
        let outcome =
            Step { service: &self.service, key, rehearsal: &rehearsal, now, up: self.up }.run(&mut seen).await;
        // What was done is written down even if the next thing failed.
        if before.as_ref() != Some(&seen) {
            seen.version += 1;
            store.write(|tx| tx.put(key, &seen))?;
        }
        outcome?;
        Ok(if seen.ended.is_some() { Next::Settled } else { Next::After(LOOK) })
    }
}

/// One look at one rehearsal.
struct Step<'a> {
    service: &'a Canaries,
    key: &'a Key,
    rehearsal: &'a Rehearsal,
    now: Timestamp,
    up: Timestamp,
}

impl Step<'_> {
    async fn run(&self, seen: &mut RehearsalObserved) -> Result<(), Error> {
        if seen.cut_short.is_none() {
            seen.cut_short = self.cut_short(seen);
        }
        match seen.stage {
            Stage::Preparing => self.prepare(seen).await,
            Stage::Faulty(number) => {
                let Some(fault) = self.rehearsal.faults.get(number) else {
                    self.leave(seen, None);
                    return Ok(());
                };
                self.rehearse(seen, number, fault).await
            }
            Stage::Leaving(next) => self.put_back(seen, next).await,
            Stage::Clearing => self.clear(seen).await,
        }
    }

    /// Why it is to end before the last fault, if it is.
    fn cut_short(&self, seen: &RehearsalObserved) -> Option<String> {
        let Rehearsal { maximum_harm, lease_seconds, heard, stopped, .. } = self.rehearsal;
        let fault = match seen.stage {
            Stage::Faulty(number) => self.rehearsal.faults.get(number),
            _ => None,
        };
        let harm = seen.harm(fault);
        if *stopped {
            Some("somebody stopped it".to_owned())
        } else if self.now.since((*heard).max(self.up)) > Duration::from_secs(*lease_seconds) {
            Some(format!("nobody has asked for it for {lease_seconds} s"))
        } else if harm >= *maximum_harm {
            Some(format!("{harm} requests have failed by it, and {maximum_harm} may"))
        } else {
            None
        }
    }

    /// Makes the twin.
    async fn prepare(&self, seen: &mut RehearsalObserved) -> Result<(), Error> {
        if seen.cut_short.is_none() {
            let Rehearsal { mesh, node, twin, .. } = self.rehearsal;
            let asked = DescribeVirtualNodeRequest {
                mesh_name: mesh.clone(),
                mesh_owner: None,
                virtual_node_name: node.clone(),
            };
            let spec = match self.call::<DescribeVirtualNode>(asked).await {
                Ok(found) => found.virtual_node.spec,
                Err(refusal) if gone(&refusal) => {
                    seen.cut_short = Some(format!("the virtual node {node} is gone"));
                    self.leave(seen, None);
                    return Ok(());
                }
                Err(refusal) => return Err(refusal.into()),
            };
            let wanted = CreateVirtualNodeRequest {
                client_token: None,
                mesh_name: mesh.clone(),
                mesh_owner: None,
                spec,
                tags: Vec::new(),
                virtual_node_name: twin.clone(),
            };
            match self.call::<CreateVirtualNode>(wanted).await {
                // Made before, by one who did not live to write it down.
                Err(refusal) if refusal.code == "ConflictException" => {}
                made => drop(made?),
            }
        }
        self.leave(seen, Some(0));
        Ok(())
    }

    /// One look at the canary of a fault.
    async fn rehearse(&self, seen: &mut RehearsalObserved, number: usize, fault: &Fault) -> Result<(), Error> {
        let Some(id) = seen.canary.clone() else { return self.start(seen, number, fault).await };
        let key = Canary::key(&self.key.scope, &id);
        let Some(canary) = self.service.store.get::<CanaryObserved>(&key)? else { return Ok(()) };
        if let Some(why) = &canary.abandoned {
            seen.cut_short.get_or_insert_with(|| format!("its canary ended: {why}"));
        }
        seen.counted = counted(&canary);
        if seen.first.is_none() && seen.counted[0].0 > 0 {
            seen.first = Some(self.now);
        }
        let second = seen.first.map(|first| self.now.since(first).as_secs());
        if second.is_some_and(|second| second >= fault.from_seconds) && seen.onset.is_none() {
            seen.onset = Some(seen.counted);
        }
        if let Some(finding) = self.finding(seen, fault, &canary, second) {
            seen.results.push(result(seen, fault, finding, second));
            self.leave(seen, Some(number + 1));
            return Ok(());
        }
        seen.message = format!("{fault}: {} of the traffic.", percent(&canary, &self.rehearsal.policy));
        self.make(seen, fault, second).await
    }

    /// Starts the canary of a fault.
    async fn start(&self, seen: &mut RehearsalObserved, number: usize, fault: &Fault) -> Result<(), Error> {
        if seen.cut_short.is_some() {
            self.leave(seen, None);
            return Ok(());
        }
        let Rehearsal { mesh, router, route, policy, .. } = self.rehearsal;
        seen.median = self.median().await?;
        let request = StartCanaryRequest {
            mesh_name: mesh.clone(),
            virtual_router_name: router.clone(),
            route_name: route.clone(),
            spec: self.moved(),
            policy: serde_json::to_value(policy).ok(),
            revision: Some(format!("{}-{number}", self.key.name)),
        };
        match self.call::<StartCanary>(request).await {
            Ok(started) => {
                seen.canary = Some(started.canary.id);
                seen.began = Some(self.now);
                seen.message = format!("{fault}: the canary begins.");
                Ok(())
            }
            Err(refusal) if refusal.status < 500 => {
                seen.cut_short = Some(format!("its canary cannot begin: {}", refusal.message));
                self.leave(seen, None);
                Ok(())
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// The route with everything at the twin.
    fn moved(&self) -> RouteSpec {
        shift::renamed(&self.rehearsal.before, &self.rehearsal.node, &self.rehearsal.twin)
    }

    /// What it means that the canary stands as it does; none while it is to go on.
    fn finding(
        &self,
        seen: &RehearsalObserved,
        fault: &Fault,
        canary: &CanaryObserved,
        second: Option<u64>,
    ) -> Option<Finding> {
        let (own, harm) = (fault.is_its_own(), seen.failed(fault));
        let since = second.and_then(|second| second.checked_sub(fault.from_seconds));
        let longest = self.rehearsal.longest_seconds;
        match &canary.state.phase {
            Phase::TakingBack(_) | Phase::TakenBack(_) | Phase::Frozen { .. } | Phase::Finishing | Phase::Done => {
                Some(fault.finding(&canary.state, second.unwrap_or(0), harm))
            }
            _ if seen.cut_short.is_some() => Some(Finding::Undecided),
            _ if !own && since.is_some_and(|since| since >= COMMON_SECONDS) => Some(Finding::Spared),
            _ if since.is_some_and(|since| since >= longest) => Some(Finding::Undecided),
            _ => {
                let waited = seen.began.filter(|_| second.is_none()).map(|began| self.now.since(began).as_secs());
                waited.filter(|waited| *waited >= self.silence()).map(|_| Finding::Undecided)
            }
        }
    }

    /// How long nobody need send anything: the reading of the old version comes first.
    fn silence(&self) -> u64 {
        SILENCE_SECONDS + self.rehearsal.policy.baseline_seconds
    }

    /// Has made what the fault asks for in this second, of both versions.
    async fn make(&self, seen: &mut RehearsalObserved, fault: &Fault, second: Option<u64>) -> Result<(), Error> {
        for (arm, version) in [Version::Baseline, Version::Canary].into_iter().enumerate() {
            let wanted = second.map_or(Injection::NONE, |second| fault.injection(version, second));
            self.made(seen, arm, wanted).await?;
        }
        Ok(())
    }

    async fn made(&self, seen: &mut RehearsalObserved, arm: usize, wanted: Injection) -> Result<(), Error> {
        let current = seen.made[arm].filter(|(made, at)| *made == wanted && self.now.since(*at) < RENEW);
        if current.is_some() || (wanted == Injection::NONE && seen.made[arm].is_none()) {
            return Ok(());
        }
        let node = if arm == 0 { &self.rehearsal.node } else { &self.rehearsal.twin };
        let mesh_name = self.rehearsal.mesh.clone();
        if wanted == Injection::NONE {
            let request = RemoveFaultRequest { mesh_name, virtual_node_name: node.clone() };
            self.call::<RemoveFault>(request).await?;
            seen.made[arm] = None;
            return Ok(());
        }
        let request = InjectFaultRequest {
            mesh_name,
            virtual_node_name: node.clone(),
            virtual_router_name: Some(self.rehearsal.router.clone()),
            route_name: Some(self.rehearsal.route.clone()),
            abort: wanted.abort().map(|(status, percent)| Abort { status, percent }),
            delay: wanted
                .delay(seen.median)
                .map(|(milliseconds, percent)| Delay { milliseconds: milliseconds.min(DELAY_MAX), percent }),
            after_seconds: None,
            seconds: MADE_SECONDS,
        };
        self.call::<InjectFault>(request).await?;
        seen.made[arm] = Some((wanted, self.now));
        Ok(())
    }

    /// The fault is over; `next` comes after everything is put back, unless the rehearsal is cut short.
    fn leave(&self, seen: &mut RehearsalObserved, next: Option<usize>) {
        let next = next.filter(|next| *next < self.rehearsal.faults.len() && seen.cut_short.is_none());
        seen.stage = Stage::Leaving(next);
    }

    /// Ends what is made and the canary, and gives the route back what it had.
    async fn put_back(&self, seen: &mut RehearsalObserved, next: Option<usize>) -> Result<(), Error> {
        for arm in 0..2 {
            self.made(seen, arm, Injection::NONE).await?;
        }
        let mut stays = false;
        if let Some(id) = seen.canary.clone() {
            let key = Canary::key(&self.key.scope, &id);
            let canary = self.service.store.get::<CanaryObserved>(&key)?;
            let asked = self.service.store.get::<Canary>(&key)?.is_some();
            if asked && canary.as_ref().is_none_or(|canary| canary.ended.is_none()) {
                let abort = CommandCanaryRequest { canary: id, command: "Abort".to_owned() };
                match self.call::<CommandCanary>(abort).await {
                    Err(refusal) if refusal.status >= 500 => return Err(refusal.into()),
                    // Asked for again until it has ended, which takes a look or two.
                    _ => return Ok(()),
                }
            }
            stays = canary.is_some_and(|canary| canary.abandoned.is_some());
        }
        if !stays {
            self.restore().await?;
        }
        seen.turn_over();
        let next = next.filter(|_| seen.cut_short.is_none());
        seen.stage = next.map_or(Stage::Clearing, Stage::Faulty);
        Ok(())
    }

    /// Gives the route what it had, where the twin still has a part in it.
    async fn restore(&self) -> Result<(), Error> {
        let Rehearsal { mesh, router, route, before, twin, .. } = self.rehearsal;
        let asked = DescribeRouteRequest {
            mesh_name: mesh.clone(),
            mesh_owner: None,
            route_name: route.clone(),
            virtual_router_name: router.clone(),
        };
        let spec = match self.call::<DescribeRoute>(asked).await {
            Ok(found) => found.route.spec,
            Err(refusal) if gone(&refusal) => return Ok(()),
            Err(refusal) => return Err(refusal.into()),
        };
        if spec == *before || !shift::targets(&spec).iter().any(|target| target.virtual_node == *twin) {
            return Ok(());
        }
        let request = UpdateRouteRequest {
            client_token: None,
            mesh_name: mesh.clone(),
            mesh_owner: None,
            route_name: route.clone(),
            spec: before.clone(),
            virtual_router_name: router.clone(),
        };
        self.call::<UpdateRoute>(request).await?;
        Ok(())
    }

    /// Takes the twin away; then it is over.
    async fn clear(&self, seen: &mut RehearsalObserved) -> Result<(), Error> {
        let Rehearsal { mesh, router, route, twin, .. } = self.rehearsal;
        let asked = DescribeRouteStatusRequest {
            mesh_name: mesh.clone(),
            mesh_owner: None,
            virtual_router_name: router.clone(),
            route_name: route.clone(),
            wait_seconds: None,
        };
        match self.call::<DescribeRouteStatus>(asked).await {
            // A proxy that still sends to the twin would have nobody to send to.
            Ok(status) if status.proxies > 0 && !status.is_applied() => return Ok(()),
            Err(refusal) if !gone(&refusal) => return Err(refusal.into()),
            _ => {}
        }
        let request =
            DeleteVirtualNodeRequest { mesh_name: mesh.clone(), mesh_owner: None, virtual_node_name: twin.clone() };
        match self.call::<DeleteVirtualNode>(request).await {
            Err(refusal) if !gone(&refusal) => return Err(refusal.into()),
            _ => {}
        }
        seen.message = match &seen.cut_short {
            Some(why) => format!("It ended before its time: {why}. Everything is as it was."),
            None => "It is over, and everything is as it was.".to_owned(),
        };
        seen.ended = Some(self.now);
        Ok(())
    }

    /// How long half of the requests take at the virtual node at most, in microseconds; none are known to take any time
    /// where none came.
    async fn median(&self) -> Result<u64, Error> {
        let Rehearsal { mesh, router, route, node, .. } = self.rehearsal;
        let asked = DescribeRouteStatusRequest {
            mesh_name: mesh.clone(),
            mesh_owner: None,
            virtual_router_name: router.clone(),
            route_name: route.clone(),
            wait_seconds: None,
        };
        let status = self.call::<DescribeRouteStatus>(asked).await?;
        let baseline = status.clusters.get(node).cloned().unwrap_or_default();
        let clusters = Clusters { baseline, canary: Vec::new() };
        let mut usual = Histogram::default();
        for reading in self.service.proxies.read(&self.key.scope, mesh, &clusters).await? {
            reading.baseline.latency.iter().for_each(|(bucket, count)| usual.add(*bucket, *count));
        }
        Ok(usual.quantile(500).map_or(0, Histogram::end_of))
    }

    async fn call<O: api::Operation>(&self, request: O::Request) -> Result<O::Response, Refusal> {
        self.service.caller.call::<O>(&self.key.scope, request).await
    }
}

fn gone(refusal: &Refusal) -> bool {
    refusal.code == "NotFoundException"
}

/// Requests and failed ones: of the new version, and of the old.
fn counted(canary: &CanaryObserved) -> [(u64, u64); 2] {
    let compared = canary.decision.as_ref().map(|decision| decision.evidence.compared.as_slice()).unwrap_or_default();
    let errors = compared.iter().find(|compared| compared.metric == Metric::Errors);
    errors.map_or([(0, 0); 2], |errors| [errors.canary, errors.baseline])
}

fn percent(canary: &CanaryObserved, policy: &crate::policy::Policy) -> String {
    canary.state.weight(policy).or(canary.applied).map_or_else(|| "none".to_owned(), |weight| weight.to_string())
}

/// What is told of a fault that is over.
fn result(seen: &RehearsalObserved, fault: &Fault, finding: Finding, second: Option<u64>) -> RehearsalResult {
    let sound = matches!((finding, fault.is_its_own()), (Finding::Caught { .. }, true) | (Finding::Spared, false));
    let after_seconds = match finding {
        Finding::Caught { after_seconds, .. } => Some(after_seconds),
        _ => None,
    };
    RehearsalResult {
        fault: fault.to_string(),
        outcome: finding.name().to_owned(),
        sound,
        after_seconds,
        requests: seen.counted[0].0,
        failed: seen.failed(fault),
        slowed: seen.slowed(fault),
        message: finding.words(second, seen.cut_short.as_deref()),
    }
}
