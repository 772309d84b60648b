//! A service to make stacks of: things that have a size and refer to each other, kept in memory, and that misbehave when
//! told to. It stands where EC2 or App Mesh stand, and outlives the control plane as they do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use api::{
    Fault,
    canary::{
        CheckCanaryPolicy, CheckCanaryPolicyRequest, CheckCanaryPolicyResponse, ListCanaries, ListCanariesRequest,
        ListCanariesResponse,
    },
};
use cloudformation::{
    resources::{Call, Failure, Judged, Kind, Made, Resource, Settled, property},
    rows::Canary,
};
use names::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wire::{Context, Definition, Protocol, Service, bind};

api::operation!(CreateThing, "things", Thing, ThingId);
api::operation!(UpdateThing, "things", Thing, ThingId);
api::operation!(ListThings, "things", Empty, Things);
api::operation!(DeleteThing, "things", ThingId, Empty);

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Thing {
    #[serde(default)]
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub base: Option<String>,
    #[serde(default)]
    pub size: u32,
    #[serde(default)]
    pub uses: Vec<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What of a canary is asked: `judge`, `end` or nothing.
    #[serde(default)]
    pub canary: String,
    /// Told, never asked: `ready`, `busy` or `failed`, and of a canary `judged 1 what happened`, `late` or `worse`.
    #[serde(default)]
    pub state: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ThingId {
    pub id: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Things {
    pub things: Vec<Thing>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Empty {}

/// All things, and how they are to misbehave.
#[derive(Default)]
pub struct World {
    inner: Mutex<Inner>,
    /// Told with each call that changes something: `create Name`.
    pub calls: tokio::sync::Notify,
}

#[derive(Default)]
pub struct Inner {
    pub things: BTreeMap<String, Thing>,
    next: u32,
    /// Every call that changed something, in order.
    pub log: Vec<String>,
    /// Calls that are refused: `create A`, where `A` is a logical id.
    pub refused: BTreeSet<String>,
    /// Calls that are refused once.
    pub refused_once: BTreeSet<String>,
    /// Calls that do their work and never answer, as when the caller dies.
    pub silent: BTreeSet<String>,
    /// Calls that never answer and do nothing either.
    pub deaf: BTreeSet<String>,
    /// Whether somebody waits for the answer to one of them.
    pub unheard: bool,
    /// Calls that fail this often in passing, before they go through.
    pub passing: BTreeMap<String, u32>,
    /// How things are that are not ready, by logical id.
    pub states: BTreeMap<String, &'static str>,
}

impl Inner {
    fn is_deaf(&mut self, name: &str) -> bool {
        let deaf = self.deaf.remove(name);
        self.unheard |= deaf;
        deaf
    }
}

impl World {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Each thing as `logical id: size [what it uses]`, with ids put back into logical ids.
    pub fn picture(&self) -> Vec<String> {
        let inner = self.lock();
        let label = |thing: &Thing| thing.tags["aws:cloudformation:logical-id"].clone();
        let named = |id: &String| inner.things.get(id).map_or_else(|| format!("gone {id}"), label);
        let mut picture: Vec<String> = inner
            .things
            .values()
            .map(|thing| {
                let uses: Vec<String> = thing.uses.iter().map(named).collect();
                let base = thing.base.as_ref().map(|base| format!(" on {base}")).unwrap_or_default();
                format!("{}: {}{base} [{}]", label(thing), thing.size, uses.join(" "))
            })
            .collect();
        picture.sort();
        picture
    }

    /// Does `work` as the call `name`, unless it is to misbehave.
    async fn act<T>(&self, name: String, work: impl FnOnce(&mut Inner) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.lock().is_deaf(&name) {
            self.calls.notify_one();
            std::future::pending::<()>().await;
        }
        let (result, silent) = {
            let mut inner = self.lock();
            if let Some(left) = inner.passing.get_mut(&name).filter(|left| **left > 0) {
                *left -= 1;
                return Err(Fault::internal("the world is tired"));
            }
            if inner.refused.contains(&name) || inner.refused_once.remove(&name) {
                return Err(Fault::client("ThingException", format!("no {name}")));
            }
            let result = work(&mut inner)?;
            let silent = inner.silent.remove(&name);
            inner.unheard |= silent;
            inner.log.push(name);
            (result, silent)
        };
        self.calls.notify_one();
        if silent {
            std::future::pending::<()>().await;
        }
        Ok(result)
    }
}

type Cx = Context<World>;

fn label(thing: &Thing) -> String {
    thing.tags.get("aws:cloudformation:logical-id").cloned().unwrap_or_default()
}

async fn create(cx: Cx, thing: Thing) -> Result<ThingId, Fault> {
    cx.act(format!("create {}", label(&thing)), |inner| {
        if inner.things.values().any(|other| other.name == thing.name) {
            return Err(Fault::client("ThingAlreadyExists", format!("{} exists", thing.name)));
        }
        if let Some(missing) = thing.uses.iter().find(|id| !inner.things.contains_key(*id)) {
            return Err(Fault::client("ThingNotFound", format!("{missing} does not exist")));
        }
        inner.next += 1;
        let id = format!("thing-{}", inner.next);
        inner.things.insert(id.clone(), Thing { id: id.clone(), ..thing });
        Ok(ThingId { id })
    })
    .await
}

async fn update(cx: Cx, thing: Thing) -> Result<ThingId, Fault> {
    let verb = if thing.canary.is_empty() { "update" } else { &thing.canary };
    cx.act(format!("{verb} {}", label(&thing)), |inner| {
        if !inner.things.contains_key(&thing.id) {
            return Err(Fault::client("ThingNotFound", format!("{} does not exist", thing.id)));
        }
        inner.things.insert(thing.id.clone(), thing.clone());
        Ok(ThingId { id: thing.id })
    })
    .await
}

async fn list(cx: Cx, _: Empty) -> Result<Things, Fault> {
    let inner = cx.lock();
    let told = |thing: &Thing| {
        let state = inner.states.get(&label(thing)).copied().unwrap_or("ready");
        Thing { state: state.to_owned(), ..thing.clone() }
    };
    Ok(Things { things: inner.things.values().map(told).collect() })
}

async fn delete(cx: Cx, request: ThingId) -> Result<Empty, Fault> {
    let name = cx.lock().things.get(&request.id).map(label).unwrap_or_default();
    cx.act(format!("delete {name}"), |inner| {
        if let Some(user) = inner.things.values().find(|other| other.uses.contains(&request.id)) {
            return Err(Fault::client("ThingInUse", format!("{} is used by {}", request.id, user.id)));
        }
        match inner.things.remove(&request.id) {
            Some(_) => Ok(Empty {}),
            None => Err(Fault::client("ThingNotFound", format!("{} does not exist", request.id))),
        }
    })
    .await
}

/// A service of canaries that knows none, and follows every policy but a `Bad` one.
pub fn canaries(world: &Arc<World>) -> Service {
    async fn check(_: Cx, request: CheckCanaryPolicyRequest) -> Result<CheckCanaryPolicyResponse, Fault> {
        match request.policy.get("Bad") {
            Some(bad) => Err(Fault::client("ValidationException", format!("Serin::Canary: Bad is {bad}"))),
            None => Ok(CheckCanaryPolicyResponse { policy: request.policy, longest_seconds: 1 }),
        }
    }
    async fn list(_: Cx, _: ListCanariesRequest) -> Result<ListCanariesResponse, Fault> {
        Ok(ListCanariesResponse { canaries: Vec::new() })
    }
    let definition =
        Definition { signing_name: "canary", protocol: Protocol::RestJson, invalid: "ValidationException" };
    let operations = vec![bind::<CheckCanaryPolicy, _, _, _, _>(check), bind::<ListCanaries, _, _, _, _>(list)];
    Service::new(definition, world, operations)
}

/// The service over `world`.
pub fn service(world: &Arc<World>) -> Service {
    let protocol = Protocol::Json11 { target_prefix: "Things" };
    let definition = Definition { signing_name: "things", protocol, invalid: "ThingException" };
    let operations = vec![
        bind::<CreateThing, _, _, _, _>(create),
        bind::<UpdateThing, _, _, _, _>(update),
        bind::<ListThings, _, _, _, _>(list),
        bind::<DeleteThing, _, _, _, _>(delete),
    ];
    Service::new(definition, world, operations)
}

/// `Test::Thing`, as a resource type.
pub struct ThingType;

impl ThingType {
    fn request(call: &Call<'_>) -> Result<Thing, Failure> {
        let mut members = call.properties(&["Size", "Uses", "Base"]);
        members.insert("Name".to_owned(), call.name("Name", 255).into());
        members.insert("Tags".to_owned(), call.tags().into_iter().map(|(k, v)| (k, Value::from(v))).collect());
        call.read(members)
    }

    async fn of(call: &Call<'_>, fits: impl Fn(&Thing) -> bool) -> Result<Option<Thing>, Failure> {
        Ok(call.send::<ListThings>(Empty {}).await?.things.into_iter().find(fits))
    }
}

impl Resource for ThingType {
    const KIND: Kind = Kind::new("Test::Thing")
        .properties(&[
            property("Name").replaces(),
            property("Base").replaces(),
            property("Size"),
            property("Uses"),
            property("Tags"),
        ])
        .attributes(&["Name"])
        .identity(&["Name"])
        .canaried();

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = Self::request(call)?;
        let name = request.name.clone();
        let id = call.send::<CreateThing>(request).await?.id;
        Ok(Made::new(id, &[("Name", &name)]))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let name = call.name("Name", 255);
        let found = Self::of(call, |thing| thing.name == name && call.is_ours(&thing.tags)).await?;
        Ok(found.map(|thing| Made::new(thing.id, &[("Name", &name)])))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let canary = match &call.thing.canary {
            Some(canary) if canary.policy.is_some() => "judge",
            Some(_) => "end",
            None => "",
        };
        let request = Thing { id: call.id()?.to_owned(), canary: canary.to_owned(), ..Self::request(call)? };
        let name = request.name.clone();
        let id = call.send::<UpdateThing>(request).await?.id;
        Ok(Made::new(id, &[("Name", &name)]))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ThingId { id: call.id()?.to_owned() };
        call.look::<DeleteThing>(request, &["ThingNotFound"]).await.map(|_| ())
    }

    async fn settle(call: &Call<'_>) -> Result<Settled, Failure> {
        let thing = Self::of(call, |thing| Some(thing.id.as_str()) == call.thing.physical_id.as_deref()).await?;
        let thing = thing.ok_or_else(|| Failure::Wrong("the thing is gone".to_owned()))?;
        if let Some(canary) = call.thing.canary.as_ref().filter(|canary| canary.policy.is_some()) {
            return judged(&thing, canary);
        }
        match thing.state.as_str() {
            "ready" => Ok(Settled::Ready(Made::new(thing.id, &[("Name", &thing.name)]))),
            judged if judged.starts_with("judged") || ["late", "worse"].contains(&judged) => {
                Ok(Settled::Ready(Made::new(thing.id, &[("Name", &thing.name)])))
            }
            "failed" => Err(Failure::Wrong("the thing fell over".to_owned())),
            other => Ok(Settled::NotYet(format!("it is {other}"))),
        }
    }
}

/// How a thing stands whose update is a canary.
fn judged(thing: &Thing, canary: &Canary) -> Result<Settled, Failure> {
    let mut words = thing.state.splitn(3, ' ');
    match words.next() {
        Some("judged") => {
            let at = Timestamp::from_millis(words.next().unwrap_or_default().parse().unwrap());
            let fresh = canary.told.is_none_or(|told| told < at);
            let news = fresh.then(|| (at, words.next().unwrap_or_default().to_owned())).into_iter().collect();
            Ok(Settled::Judged(Judged { news, ..Judged::default() }))
        }
        Some("late") => Ok(Settled::Judged(Judged {
            limit: Some(Duration::ZERO),
            late: "it is inconclusive".to_owned(),
            ..Judged::default()
        })),
        Some("worse") => Err(Failure::Wrong("it is worse".to_owned())),
        _ => Ok(Settled::Ready(Made::default())),
    }
}
