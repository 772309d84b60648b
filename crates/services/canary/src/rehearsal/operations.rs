//! What is asked of rehearsals, and what is told.

use std::time::Duration;

use api::{
    appmesh::{DescribeRoute, DescribeRouteRequest},
    rehearsal::{
        DescribeRehearsal, DescribeRehearsalRequest, DescribeRehearsalResponse, RehearsalDescription, StartRehearsal,
        StartRehearsalRequest, StartRehearsalResponse, StopRehearsal, StopRehearsalRequest, StopRehearsalResponse,
    },
};
use names::Scope;
use store::{Row, Transaction};
use tokio::time::Instant;
use wire::{Bound, Context, bind};

use super::{
    Fault,
    rows::{Rehearsal, RehearsalObserved, Stage},
};
use crate::{
    Canaries, Error,
    policy::Policy,
    rows::{Canary, CanaryObserved},
    shift,
};

/// Faults of one rehearsal.
const FAULTS_MAX: usize = 50;
/// Rehearsals kept in an account and region; the oldest that has ended goes first.
const KEPT_MAX: usize = 20;
/// The longest an answer is held, in seconds: less than the shortest lease is worth.
const WAIT_SECONDS_MAX: u32 = 10;
/// Failed requests after which it stops, where nothing is said.
const HARM: u64 = 500;
/// How long a fault may take to be caught, in seconds, where nothing is said, and at most.
const LONGEST: (u64, u64) = (900, 86_400);
/// How long nobody need ask, in seconds, where nothing is said, and at most.
const LEASE: (u64, u64) = (30, 3600);

type Cx = Context<Canaries>;

pub(crate) fn operations() -> Vec<Bound<Canaries>> {
    vec![
        bind::<StartRehearsal, _, _, _, _>(start),
        bind::<DescribeRehearsal, _, _, _, _>(describe),
        bind::<StopRehearsal, _, _, _, _>(stop),
    ]
}

async fn start(cx: Cx, request: StartRehearsalRequest) -> Result<StartRehearsalResponse, Error> {
    let policy = request.policy.clone().map_or_else(|| Ok(Policy::default()), Policy::from_value)?;
    shift::check(&policy)?;
    // A rehearsal is nobody else's business: nothing is released.
    let policy = Policy { webhooks: Vec::new(), messages: Vec::new(), ..policy };
    let faults = faults(&request)?;
    let longest_seconds = within("longestSeconds", request.longest_seconds, LONGEST)?;
    let lease_seconds = within("leaseSeconds", request.lease_seconds, LEASE)?;
    let StartRehearsalRequest { mesh_name: mesh, virtual_router_name: router, route_name: route, .. } = request;
    let asked = DescribeRouteRequest {
        mesh_name: mesh.clone(),
        mesh_owner: None,
        route_name: route.clone(),
        virtual_router_name: router.clone(),
    };
    let before = cx.caller.call::<DescribeRoute>(cx.scope(), asked).await?.route.spec;
    let node = match shift::targets(&before).iter().filter(|target| target.weight > 0).collect::<Vec<_>>()[..] {
        [target] if before.tcp_route.is_none() => target.virtual_node.clone(),
        [_] => return Err(Error::Invalid("a tcp route has no canary, and so no rehearsal of one".to_owned())),
        _ => {
            return Err(Error::Invalid(format!(
                "a rehearsal needs one virtual node to have all of the traffic of {route}, and there are several"
            )));
        }
    };
    let (fresh, now) = (cx.ids.hex(6), cx.clock.now());
    let id = format!("{route}-rehearsal-{fresh}");
    let rehearsal = Rehearsal {
        twin: format!("{node}-rehearsal-{fresh}"),
        mesh,
        router,
        route,
        node,
        before,
        faults,
        policy,
        maximum_harm: request.maximum_harm.unwrap_or(HARM),
        longest_seconds,
        lease_seconds,
        started: now,
        heard: now,
        stopped: false,
    };
    cx.store.write(|tx| {
        demand_free(tx, cx.scope(), &rehearsal)?;
        make_room(tx, cx.scope())?;
        Ok::<_, Error>(tx.put(&Rehearsal::key(cx.scope(), &id), &rehearsal)?)
    })?;
    Ok(StartRehearsalResponse { rehearsal: described(&cx, &id)? })
}

fn faults(request: &StartRehearsalRequest) -> Result<Vec<Fault>, Error> {
    if request.faults.len() > FAULTS_MAX {
        return Err(Error::Invalid(format!("{} faults: give at most {FAULTS_MAX}", request.faults.len())));
    }
    let read = |value: &serde_json::Value| {
        let fault: Fault = serde_json::from_value(value.clone())
            .map_err(|error| Error::Invalid(format!("{value} is no fault: {error}")))?;
        fault.check().map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(fault)
    };
    let faults: Vec<Fault> = request.faults.iter().map(read).collect::<Result<_, Error>>()?;
    Ok(if faults.is_empty() { Fault::usual() } else { faults })
}

fn within(name: &str, asked: Option<u64>, (usual, max): (u64, u64)) -> Result<u64, Error> {
    let value = asked.unwrap_or(usual);
    if (1..=max).contains(&value) {
        Ok(value)
    } else {
        Err(Error::Invalid(format!("{name} is {value}: give 1 to {max}")))
    }
}

/// Refuses a route that has a canary or a rehearsal under way.
fn demand_free(tx: &mut Transaction<'_>, scope: &Scope, wanted: &Rehearsal) -> Result<(), Error> {
    let (mesh, router, route) = (&wanted.mesh, &wanted.router, &wanted.route);
    for (key, row) in tx.list::<Rehearsal>(scope)? {
        let over = || tx.get::<RehearsalObserved>(&key).map(|seen| seen.is_some_and(|seen| seen.ended.is_some()));
        if row.is_of(mesh, router, route) && !over()? {
            return Err(Error::Conflict(key.name));
        }
    }
    for (key, row) in tx.list::<Canary>(scope)? {
        let over = || tx.get::<CanaryObserved>(&key).map(|seen| seen.is_some_and(|seen| seen.ended.is_some()));
        if row.is_of(mesh, router, route) && !over()? {
            return Err(Error::Conflict(key.name));
        }
    }
    Ok(())
}

/// Forgets the oldest that has ended, if there are too many.
fn make_room(tx: &mut Transaction<'_>, scope: &Scope) -> Result<(), Error> {
    let mut all = tx.list::<RehearsalObserved>(scope)?;
    if all.len() < KEPT_MAX {
        return Ok(());
    }
    all.sort_by_key(|(_, seen)| seen.ended);
    match all.into_iter().find(|(_, seen)| seen.ended.is_some()) {
        Some((key, _)) => {
            tx.delete::<Rehearsal>(&key)?;
            tx.delete::<RehearsalObserved>(&key)?;
            Ok(())
        }
        None => Err(Error::Invalid(format!("{KEPT_MAX} rehearsals are under way; stop some of them first"))),
    }
}

async fn describe(cx: Cx, request: DescribeRehearsalRequest) -> Result<DescribeRehearsalResponse, Error> {
    let wait = request.wait_seconds.unwrap_or(0);
    if wait > WAIT_SECONDS_MAX {
        return Err(Error::Invalid(format!("waitSeconds is {wait}: give at most {WAIT_SECONDS_MAX}")));
    }
    let id = request.rehearsal;
    change(&cx, &id, |rehearsal| rehearsal.heard = cx.clock.now())?;
    let news = cx.store.watch(&[RehearsalObserved::KIND]);
    let deadline = Instant::now() + Duration::from_secs(wait.into());
    loop {
        let rehearsal = described(&cx, &id)?;
        if request.after_version.is_none_or(|after| rehearsal.version > after) {
            return Ok(DescribeRehearsalResponse { rehearsal });
        }
        tokio::select! {
            _ = news.next() => {}
            () = tokio::time::sleep_until(deadline) => return Ok(DescribeRehearsalResponse { rehearsal }),
        }
    }
}

async fn stop(cx: Cx, request: StopRehearsalRequest) -> Result<StopRehearsalResponse, Error> {
    change(&cx, &request.rehearsal, |rehearsal| rehearsal.stopped = true)?;
    Ok(StopRehearsalResponse { rehearsal: described(&cx, &request.rehearsal)? })
}

fn change(cx: &Cx, id: &str, change: impl FnOnce(&mut Rehearsal)) -> Result<(), Error> {
    let key = Rehearsal::key(cx.scope(), id);
    cx.store.write(|tx| {
        let mut rehearsal = tx.get::<Rehearsal>(&key)?.ok_or_else(|| Error::NoRehearsal(id.to_owned()))?;
        change(&mut rehearsal);
        Ok(tx.put(&key, &rehearsal)?)
    })
}

fn described(cx: &Cx, id: &str) -> Result<RehearsalDescription, Error> {
    let key = Rehearsal::key(cx.scope(), id);
    let rehearsal = cx.store.get::<Rehearsal>(&key)?.ok_or_else(|| Error::NoRehearsal(id.to_owned()))?;
    let seen = cx.store.get::<RehearsalObserved>(&key)?.unwrap_or_else(RehearsalObserved::begin);
    let running = match seen.stage {
        Stage::Faulty(number) => rehearsal.faults.get(number),
        _ => None,
    };
    Ok(RehearsalDescription {
        id: id.to_owned(),
        mesh_name: rehearsal.mesh,
        virtual_router_name: rehearsal.router,
        route_name: rehearsal.route,
        virtual_node_name: rehearsal.node,
        faults: rehearsal.faults.len() as u64,
        running: running.map(ToString::to_string),
        failed: seen.harm(running),
        slowed: seen.results.iter().map(|result| result.slowed).sum::<u64>()
            + running.map_or(0, |fault| seen.slowed(fault)),
        canary: seen.canary,
        results: seen.results,
        message: seen.message,
        ended: seen.ended.is_some(),
        version: seen.version,
    })
}
