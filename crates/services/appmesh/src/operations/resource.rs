//! What creating, describing, changing, deleting and listing have in common, whatever the resource.

use api::appmesh::{MeshSpec, ResourceStatus, StatusCode, TagRef, VirtualGatewaySpec, VirtualRouterSpec};
use names::{Scope, Tags};
use store::{Key, Store, Transaction};
use wire::Context;

use crate::{
    State,
    check::{self, Checks},
    error::Error,
    rows::{Resource, Spec, mesh_of, own_name},
};

/// How many a list holds if its caller does not say.
const LIST_LIMIT: u32 = 100;

/// Names that an answer tells of many.
const NAMES_TOLD: usize = 5;

/// The status of what is there.
pub(super) const ACTIVE: ResourceStatus = ResourceStatus { status: StatusCode::Active };
/// The status of what was just deleted.
pub(super) const DELETED: ResourceStatus = ResourceStatus { status: StatusCode::Deleted };

/// The key of what `path`, pairs of a member's name and its value, leads to in the caller's own mesh.
pub(super) fn key(scope: &Scope, owner: Option<&str>, path: &[(&str, &str)]) -> Result<Key, Error> {
    let mut checks = Checks::default();
    for (member, name) in path {
        checks.name(member, name);
    }
    if let Some(owner) = owner {
        checks.length("meshOwner", owner, 12, 12);
    }
    checks.finish()?;
    if let Some(owner) = owner.filter(|owner| *owner != scope.account.as_str()) {
        return Err(Error::NotShared {
            mesh: path.first().map(|(_, name)| (*name).to_owned()).unwrap_or_default(),
            owner: owner.to_owned(),
            account: scope.account.to_string(),
        });
    }
    let names: Vec<&str> = path.iter().map(|(_, name)| *name).collect();
    Ok(Key::new(scope, names.join("/")))
}

/// What a new resource is made of.
pub(super) struct New<S> {
    pub(super) key: Key,
    pub(super) spec: S,
    pub(super) tags: Vec<TagRef>,
    pub(super) token: Option<String>,
}

/// Creates a resource, or answers the one that this same request has created before. `rules` is what must hold beside.
pub(super) fn create<S: Spec>(
    cx: &Context<State>,
    new: New<S>,
    rules: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
) -> Result<Resource<S>, Error> {
    let New { key, spec, tags, token } = new;
    let mut checks = Checks::default();
    check::token(&mut checks, token.as_deref());
    check::tags(&mut checks, &tags);
    checks.finish()?;
    let tags: Tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let (uid, now) = (cx.ids.uuid(), cx.clock.now());
    cx.store.write(|tx| {
        if let Some(present) = tx.get::<Resource<S>>(&key)? {
            return repeated(present, &spec, &tags, token.as_ref(), &key);
        }
        demand_parents::<S>(tx, &key)?;
        rules(tx)?;
        demand_quota::<S>(tx, &key)?;
        let resource = Resource {
            uid,
            version: 1,
            created_at: now,
            last_updated_at: now,
            spec,
            tags,
            created_with: token,
            updated_with: None,
        };
        tx.put(&key, &resource)?;
        Ok(resource)
    })
}

/// The answer to a request to create what is there: the same once more if it is the same request, a conflict if not.
fn repeated<S: Spec>(
    present: Resource<S>,
    spec: &S,
    tags: &Tags,
    token: Option<&String>,
    key: &Key,
) -> Result<Resource<S>, Error> {
    if token.is_none() || token != present.created_with.as_ref() {
        return Err(Error::Exists { noun: S::NOUN, name: own_name(key).to_owned() });
    }
    let same = present.version > 1 || (present.spec == *spec && present.tags == *tags);
    if same { Ok(present) } else { Err(Error::TokenReused) }
}

/// Demands that everything on the way to `key` is there: the mesh, and what lies between.
fn demand_parents<S: Spec>(tx: &Transaction<'_>, key: &Key) -> Result<(), Error> {
    if S::ARN.len() > 1 {
        demand_mesh(tx, key)?;
    }
    match key.name.rsplit_once('/') {
        Some((parent, _)) => demand_parent::<S>(tx, &Key::new(&key.scope, parent)),
        None => Ok(()),
    }
}

/// Demands what stands between the mesh and a resource, if anything does: it is at `parent`.
fn demand_parent<S: Spec>(tx: &Transaction<'_>, parent: &Key) -> Result<(), Error> {
    match S::ARN {
        [_, "virtualRouter", _] => present::<VirtualRouterSpec>(tx, parent).map(|_| ()),
        [_, "virtualGateway", _] => present::<VirtualGatewaySpec>(tx, parent).map(|_| ()),
        _ => Ok(()),
    }
}

/// Demands that the mesh of `key` is there.
fn demand_mesh(tx: &Transaction<'_>, key: &Key) -> Result<(), Error> {
    present::<MeshSpec>(tx, &mesh_of(key)).map(|_| ())
}

fn demand_quota<S: Spec>(tx: &Transaction<'_>, key: &Key) -> Result<(), Error> {
    let prefix = key.name.rsplit_once('/').map(|(parent, _)| format!("{parent}/")).unwrap_or_default();
    let (limit, nouns) = S::QUOTA;
    let count = tx.list_under::<Resource<S>>(&key.scope, &prefix)?.len();
    if count >= limit { Err(Error::LimitExceeded { limit, nouns }) } else { Ok(()) }
}

/// The resource at `key`.
pub(super) fn describe<S: Spec>(store: &Store, key: &Key) -> Result<Resource<S>, Error> {
    match store.get::<Resource<S>>(key)? {
        Some(resource) => Ok(resource),
        None => Err(store.write(|tx| demand_parents::<S>(tx, key)).err().unwrap_or_else(|| not_present::<S>(key))),
    }
}

/// Changes a resource, unless this same request has done so just before. `rules` is what must hold beside.
pub(super) fn update<S: Spec>(
    cx: &Context<State>,
    key: &Key,
    spec: S,
    token: Option<String>,
    rules: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
) -> Result<Resource<S>, Error> {
    let mut checks = Checks::default();
    check::token(&mut checks, token.as_deref());
    checks.finish()?;
    let now = cx.clock.now();
    cx.store.write(|tx| {
        demand_parents::<S>(tx, key)?;
        let mut resource = present::<S>(tx, key)?;
        if token.is_some() && token == resource.updated_with {
            return if resource.spec == spec { Ok(resource) } else { Err(Error::TokenReused) };
        }
        rules(tx)?;
        resource.spec = spec;
        resource.version += 1;
        resource.last_updated_at = now;
        resource.updated_with = token;
        tx.put(key, &resource)?;
        Ok(resource)
    })
}

/// Deletes a resource. `rules` is what must hold beside.
pub(super) fn delete<S: Spec>(
    cx: &Context<State>,
    key: &Key,
    rules: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
) -> Result<Resource<S>, Error> {
    cx.store.write(|tx| {
        demand_parents::<S>(tx, key)?;
        let resource = present::<S>(tx, key)?;
        rules(tx)?;
        tx.delete::<Resource<S>>(key)?;
        Ok(resource)
    })
}

/// One page of a list.
pub(super) struct Page<S> {
    pub(super) items: Vec<(Key, Resource<S>)>,
    pub(super) next_token: Option<String>,
}

/// The resources under `parent`, or of the whole scope if that is none.
pub(super) fn list<S: Spec>(
    cx: &Context<State>,
    parent: Option<&Key>,
    limit: Option<u32>,
    token: Option<&str>,
) -> Result<Page<S>, Error> {
    let mut checks = Checks::default();
    check::limit(&mut checks, limit, LIST_LIMIT);
    checks.finish()?;
    let items = cx.store.write(|tx| {
        let Some(parent) = parent else { return Ok(tx.list::<Resource<S>>(cx.scope())?) };
        demand_mesh(tx, parent)?;
        demand_parent::<S>(tx, parent)?;
        Ok::<_, Error>(tx.list_under::<Resource<S>>(&parent.scope, &format!("{}/", parent.name))?)
    })?;
    let limit = limit.unwrap_or(LIST_LIMIT) as usize;
    let (items, next_token) =
        wire::page(items, |(key, _)| key.name.clone(), limit, token).map_err(|bad| Error::Invalid(bad.to_string()))?;
    Ok(Page { items, next_token })
}

/// The resource at `key`, in a transaction.
pub(super) fn present<S: Spec>(tx: &Transaction<'_>, key: &Key) -> Result<Resource<S>, Error> {
    tx.get::<Resource<S>>(key)?.ok_or_else(|| not_present::<S>(key))
}

/// Demands a resource that a request refers to: `name`, in the mesh of `key`.
pub(super) fn demand<S: Spec>(tx: &Transaction<'_>, key: &Key, name: &str) -> Result<Resource<S>, Error> {
    let there = tx.get::<Resource<S>>(&Key::new(&key.scope, format!("{}/{name}", mesh_of(key).name)))?;
    there.ok_or_else(|| Error::Missing { noun: S::NOUN, name: name.to_owned() })
}

/// Demands that the routes of a router or gateway say for which of its `listeners` they are, if it has several;
/// `without_port` are those that do not.
pub(super) fn demand_ports(noun: &str, listeners: usize, without_port: &[&str]) -> Result<(), Error> {
    if listeners < 2 || without_port.is_empty() {
        return Ok(());
    }
    let (count, some) = (without_port.len(), without_port[..without_port.len().min(NAMES_TOLD)].join(", "));
    let text = format!(
        "All Routes for this {noun} must define a port match before adding multiple listeners to this {noun}. {count} \
         Route(s) are missing port. Listing up to {NAMES_TOLD} route names: [{some}]"
    );
    Err(Error::Invalid(text))
}

fn not_present<S: Spec>(key: &Key) -> Error {
    let account = key.scope.account.to_string();
    let mesh = mesh_of(key).name;
    if S::ARN.len() == 1 {
        return Error::NoMesh { mesh, account };
    }
    Error::NotPresent { noun: S::NOUN, name: own_name(key).to_owned(), mesh, account }
}
