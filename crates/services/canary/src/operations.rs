//! What is asked of canaries, and what is told.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    time::Duration,
};

use api::{
    appmesh::{DescribeRoute, DescribeRouteRequest},
    canary::{
        CanaryDescription, CheckCanaryPolicy, CheckCanaryPolicyRequest, CheckCanaryPolicyResponse, CommandCanary,
        CommandCanaryRequest, CommandCanaryResponse, DescribeCanary, DescribeCanaryRequest, DescribeCanaryResponse,
        GetCanaryRecord, GetCanaryRecordRequest, GetCanaryRecordResponse, ListCanaries, ListCanariesRequest,
        ListCanariesResponse, StartCanary, StartCanaryRequest, StartCanaryResponse, StartServiceCanary,
        StartServiceCanaryRequest,
    },
};
use names::Scope;
use store::{Key, Row, Transaction};
use tokio::time::Instant;
use wire::{Bound, Context, bind};

use crate::{
    Canaries, Error,
    approval::Approval,
    live,
    notices::Notified,
    plan::Command,
    policy::Policy,
    rows::{Canary, CanaryObserved},
    shift, show,
    subject::{Route, Service, Subject},
};

/// Canaries kept in an account and region; the oldest that has ended goes first.
const KEPT_MAX: usize = 100;
/// The longest an answer is held, in seconds.
const WAIT_SECONDS_MAX: u32 = 60;
/// What one answer has of a record, in bytes.
const PART_BYTES: usize = 1 << 20;

type Cx = Context<Canaries>;

pub(crate) fn operations() -> Vec<Bound<Canaries>> {
    vec![
        bind::<CheckCanaryPolicy, _, _, _, _>(check_policy),
        bind::<StartCanary, _, _, _, _>(start),
        bind::<StartServiceCanary, _, _, _, _>(start_of_service),
        bind::<DescribeCanary, _, _, _, _>(describe),
        bind::<ListCanaries, _, _, _, _>(list),
        bind::<CommandCanary, _, _, _, _>(command),
        bind::<GetCanaryRecord, _, _, _, _>(get_record),
    ]
}

async fn check_policy(_: Cx, request: CheckCanaryPolicyRequest) -> Result<CheckCanaryPolicyResponse, Error> {
    let policy = Policy::from_value(request.policy)?;
    if request.of_service {
        check_of_service(&policy)?;
    } else {
        shift::check(&policy)?;
    }
    let longest_seconds = policy.longest_seconds();
    Ok(CheckCanaryPolicyResponse { policy: policy.shown(), longest_seconds })
}

async fn start(cx: Cx, request: StartCanaryRequest) -> Result<StartCanaryResponse, Error> {
    let policy = request.policy.clone().map_or_else(|| Ok(Policy::default()), Policy::from_value)?;
    shift::check(&policy)?;
    let asked = DescribeRouteRequest {
        mesh_name: request.mesh_name.clone(),
        mesh_owner: None,
        route_name: request.route_name.clone(),
        virtual_router_name: request.virtual_router_name.clone(),
    };
    let before = cx.caller.call::<DescribeRoute>(cx.scope(), asked).await?.route.spec;
    let (fresh, now) = (cx.ids.hex(6), cx.clock.now());
    let mut forgotten = None;
    let id = cx.store.write(|tx| {
        let all = tx.list::<Canary>(cx.scope())?;
        let same = |(key, row): (Key, Canary)| {
            let Subject::Route(route) = row.subject.clone() else { return None };
            let is_same = route.is_of(&request.mesh_name, &request.virtual_router_name, &request.route_name);
            is_same.then_some((key, route, row))
        };
        let latest = all.into_iter().filter_map(same).max_by_key(|(.., row)| row.started);
        let latest = latest.as_ref();
        let observed = latest.map(|(key, ..)| tx.get::<CanaryObserved>(key)).transpose()?.flatten();
        let active = latest.filter(|_| observed.as_ref().is_none_or(|seen| seen.ended.is_none()));
        if let Some((key, route, row)) = latest
            && request.revision.as_ref().is_some_and(|revision| *revision == row.revision)
            && route.after == request.spec
        {
            // Asked before, by one who did not hear the answer.
            return Ok(key.name.clone());
        }
        let before = active.map_or(&before, |(_, route, _)| &route.before).clone();
        let between = shift::moved(&before, &request.spec)?;
        let canary = Canary {
            subject: Subject::Route(Box::new(Route {
                mesh: request.mesh_name.clone(),
                router: request.virtual_router_name.clone(),
                route: request.route_name.clone(),
                before,
                after: request.spec.clone(),
            })),
            revision: request.revision.clone().unwrap_or_else(|| between.canary.clone()),
            baseline: between.baseline,
            canary: between.canary,
            policy: policy.clone(),
            command: None,
            started: now,
        };
        if let Some((key, _, row)) = active {
            // A newer version in the middle: the same canary begins anew with it.
            if row.baseline != canary.baseline {
                return Err(Error::Conflict(key.name.clone()));
            }
            let revision = if canary.revision == row.revision {
                format!("{}-{fresh}", canary.revision)
            } else {
                canary.revision.clone()
            };
            tx.put(key, &Canary { revision, started: row.started, ..canary })?;
            return Ok(key.name.clone());
        }
        forgotten = make_room(tx, cx.scope())?;
        let id = format!("{}-{fresh}", request.route_name);
        tx.put(&Canary::key(cx.scope(), &id), &canary)?;
        Ok::<_, Error>(id)
    })?;
    if let Some(forgotten) = forgotten {
        live::remove(&cx.records, &forgotten);
    }
    Ok(StartCanaryResponse { canary: described(&cx, &id)? })
}

/// Refuses what a deployment can't do: once it is taken back, there is nothing to begin again.
fn check_of_service(policy: &Policy) -> Result<(), Error> {
    if policy.testers.is_some() {
        return Err(Error::Invalid("Testers: who goes first is told apart on a route of a mesh alone".to_owned()));
    }
    if policy.sticky.is_some() {
        return Err(Error::Invalid("Sticky: users stay with a version on a route of a mesh alone".to_owned()));
    }
    if policy.retries == 0 {
        return Ok(());
    }
    Err(Error::Invalid("Retries: a deployment that is taken back is over; deploy again".to_owned()))
}

async fn start_of_service(cx: Cx, request: StartServiceCanaryRequest) -> Result<StartCanaryResponse, Error> {
    let policy = Policy::from_value(request.policy)?;
    check_of_service(&policy)?;
    let (fresh, now) = (cx.ids.hex(6), cx.clock.now());
    let mut forgotten = None;
    let id = cx.store.write(|tx| {
        let all = tx.list::<Canary>(cx.scope())?;
        // Asked before, by one who did not hear the answer. An older one ends by itself: its deployment is overtaken.
        if let Some((key, _)) = all.iter().find(|(_, row)| row.revision == request.revision) {
            return Ok(key.name.clone());
        }
        forgotten = make_room(tx, cx.scope())?;
        let id = format!("{}-{fresh}", request.service);
        let subject = Subject::Service(Service {
            cluster: request.cluster,
            service: request.service,
            deployment: request.service_deployment_arn,
        });
        let canary = Canary {
            subject,
            baseline: request.baseline,
            canary: request.canary,
            revision: request.revision,
            policy,
            command: None,
            started: now,
        };
        tx.put(&Canary::key(cx.scope(), &id), &canary)?;
        Ok::<_, Error>(id)
    })?;
    if let Some(forgotten) = forgotten {
        live::remove(&cx.records, &forgotten);
    }
    Ok(StartCanaryResponse { canary: described(&cx, &id)? })
}

/// Forgets the oldest canary that has ended, if there are too many; answers its id.
fn make_room(tx: &mut Transaction<'_>, scope: &Scope) -> Result<Option<String>, Error> {
    let mut all = tx.list::<CanaryObserved>(scope)?;
    if all.len() < KEPT_MAX {
        return Ok(None);
    }
    all.sort_by_key(|(_, seen)| seen.ended);
    match all.into_iter().find(|(_, seen)| seen.ended.is_some()) {
        Some((key, _)) => {
            tx.delete::<Canary>(&key)?;
            tx.delete::<CanaryObserved>(&key)?;
            tx.delete::<Notified>(&key)?;
            tx.delete::<Approval>(&key)?;
            Ok(Some(key.name))
        }
        None => Err(Error::Invalid(format!("{KEPT_MAX} canaries are under way; end some of them first"))),
    }
}

async fn describe(cx: Cx, request: DescribeCanaryRequest) -> Result<DescribeCanaryResponse, Error> {
    let wait = request.wait_seconds.unwrap_or(0);
    if wait > WAIT_SECONDS_MAX {
        return Err(Error::Invalid(format!("waitSeconds is {wait}: give at most {WAIT_SECONDS_MAX}")));
    }
    let id = find(&cx, &request.canary)?;
    let news = cx.store.watch(&[CanaryObserved::KIND, Canary::KIND]);
    let deadline = Instant::now() + Duration::from_secs(wait.into());
    loop {
        let canary = described(&cx, &id)?;
        if request.after_version.is_none_or(|after| canary.version > after) {
            return Ok(DescribeCanaryResponse { canary });
        }
        tokio::select! {
            _ = news.next() => {}
            () = tokio::time::sleep_until(deadline) => return Ok(DescribeCanaryResponse { canary }),
        }
    }
}

async fn list(cx: Cx, _: ListCanariesRequest) -> Result<ListCanariesResponse, Error> {
    let mut all = cx.store.list::<Canary>(cx.scope())?;
    all.sort_by_key(|(_, row)| std::cmp::Reverse(row.started));
    let canaries = all.iter().map(|(key, _)| described(&cx, &key.name)).collect::<Result<_, _>>()?;
    Ok(ListCanariesResponse { canaries })
}

async fn command(cx: Cx, request: CommandCanaryRequest) -> Result<CommandCanaryResponse, Error> {
    let command: Command = serde_json::from_value(request.command.clone().into()).map_err(|_| {
        Error::Invalid(format!(
            "`{}` is no command; Pause, Resume, Approve, Promote, Abort, Undo, Retry and Freeze are",
            request.command
        ))
    })?;
    let id = find(&cx, &request.canary)?;
    let key = Canary::key(cx.scope(), &id);
    cx.store.write(|tx| {
        let mut canary = tx.get::<Canary>(&key)?.ok_or_else(|| Error::NotFound(id.clone()))?;
        let mut seen = tx.get::<CanaryObserved>(&key)?;
        if let Some(seen) = &mut seen
            && seen.ended.is_some()
        {
            // The tasks of a deployment that has ended are gone.
            let is_route = matches!(canary.subject, Subject::Route(_));
            let goes_on = is_route && matches!(command, Command::Retry | Command::Undo) && seen.abandoned.is_none();
            if !goes_on {
                return Err(Error::Invalid(format!("the canary has ended: {}", show::message(&canary, seen))));
            }
            seen.ended = None;
            tx.put(&key, &*seen)?;
        }
        canary.ask(command);
        Ok(tx.put(&key, &canary)?)
    })?;
    Ok(CommandCanaryResponse { canary: described(&cx, &id)? })
}

async fn get_record(cx: Cx, request: GetCanaryRecordRequest) -> Result<GetCanaryRecordResponse, Error> {
    let id = find(&cx, &request.canary)?;
    let key = Canary::key(cx.scope(), &id);
    let judgement = cx.store.get::<CanaryObserved>(&key)?.map_or(0, |seen| seen.judgement);
    let path = live::path(&cx.records, &id, judgement);
    let complaint = |source| Error::Record { path: path.display().to_string(), source };
    if !path.exists() {
        return Ok(GetCanaryRecordResponse { lines: Vec::new(), next_offset: None });
    }
    let mut file = File::open(&path).map_err(complaint)?;
    file.seek(SeekFrom::Start(request.offset)).map_err(complaint)?;
    let (mut reader, mut lines, mut read) = (BufReader::new(file), Vec::new(), 0);
    while read < PART_BYTES {
        let mut line = String::new();
        let length = reader.read_line(&mut line).map_err(complaint)?;
        // The end, or a line that is still being written.
        if !line.ends_with('\n') {
            return Ok(GetCanaryRecordResponse { lines, next_offset: None });
        }
        read += length;
        lines.push(line.trim_end().to_owned());
    }
    Ok(GetCanaryRecordResponse { lines, next_offset: Some(request.offset + read as u64) })
}

/// The id of the canary that is called so: an id, a route or a service.
fn find(cx: &Cx, name: &str) -> Result<String, Error> {
    if cx.store.get::<Canary>(&Canary::key(cx.scope(), name))?.is_some() {
        return Ok(name.to_owned());
    }
    let mut all = cx.store.list::<Canary>(cx.scope())?;
    all.retain(|(_, row)| row.subject.name() == name);
    let Some((key, latest)) = all.iter().max_by_key(|(_, row)| row.started) else {
        return Err(Error::NotFound(name.to_owned()));
    };
    let elsewhere = all.iter().any(|(_, row)| !row.subject.is_same_as(&latest.subject));
    if elsewhere { Err(Error::Ambiguous(name.to_owned())) } else { Ok(key.name.clone()) }
}

fn described(cx: &Cx, id: &str) -> Result<CanaryDescription, Error> {
    let key: Key = Canary::key(cx.scope(), id);
    let canary = cx.store.get::<Canary>(&key)?.ok_or_else(|| Error::NotFound(id.to_owned()))?;
    let seen = cx.store.get::<CanaryObserved>(&key)?.unwrap_or_else(|| CanaryObserved::begin(&canary, 0));
    let undelivered = cx.store.get::<Notified>(&key)?.unwrap_or_default().failures;
    Ok(CanaryDescription { undelivered, ..show::describe(id, &canary, &seen) })
}
