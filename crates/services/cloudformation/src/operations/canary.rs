//! Canaries that a template asks for are looked at before anything is touched: a policy that cannot be followed, or a
//! route that has a canary already, refuses the whole request.

use api::{
    Fault,
    canary::{CheckCanaryPolicy, CheckCanaryPolicyRequest, ListCanaries, ListCanariesRequest},
    cloudformation::Change,
};
use serde_json::Value;
use store::Transaction;
use wire::Context;

use super::{
    lookup::find,
    prepare::{Asked, For, Prepared, prepare},
    stack::things,
};
use crate::{
    Cloudformation,
    error::Error,
    rows::Physical,
    target::{CANARY, Target},
    template::Problem,
};

type Cx = Context<Cloudformation>;

/// The type whose canaries are of deployments, and not of routes.
const SERVICE: &str = "AWS::ECS::Service";

/// A canary that a template asks for.
#[derive(Debug, PartialEq)]
struct Wish {
    /// The resource's name in the template.
    resource: String,
    policy: Value,
    /// Whether it is about a service of ECS.
    of_service: bool,
    /// The mesh, router and name of the route that is to change, if it is there already.
    route: Option<[String; 3]>,
}

/// Refuses what is `asked` for the stack `name` if a canary in it could not be begun.
pub(super) async fn check(cx: &Cx, name: &str, asked: &Asked) -> Result<(), Error> {
    let wishes = cx.store.write(|tx| wishes(tx, cx, name, asked))?;
    for Wish { resource, policy, of_service, .. } in &wishes {
        let request = CheckCanaryPolicyRequest { policy: policy.clone(), of_service: *of_service };
        let checked = cx.caller.call::<CheckCanaryPolicy>(cx.scope(), request).await;
        checked.map_err(|Fault { message, .. }| refusal(resource, &message))?;
    }
    let routes: Vec<_> = wishes.iter().filter_map(|wish| Some((&wish.resource, wish.route.as_ref()?))).collect();
    if routes.is_empty() {
        return Ok(());
    }
    let request = ListCanariesRequest {};
    let canaries = cx.caller.call::<ListCanaries>(cx.scope(), request).await;
    let canaries = canaries.map_err(|Fault { message, .. }| refusal(routes[0].0, &message))?.canaries;
    for (resource, route) in routes {
        let [mesh, router, name] = route.each_ref().map(String::as_str);
        let other = canaries.iter().find(|canary| {
            let names = (&*canary.mesh_name, &*canary.virtual_router_name, &*canary.route_name);
            !canary.ended && names == (mesh, router, name)
        });
        if let Some(other) = other {
            let why =
                format!("the route {name} has a canary already, {}: abort it first, or wait until it ends", other.id);
            return Err(refusal(resource, &why));
        }
    }
    Ok(())
}

fn refusal(resource: &str, problem: &str) -> Error {
    let prefix = format!("{CANARY}: ");
    let problem = problem.strip_prefix(&prefix).unwrap_or(problem).to_owned();
    Error::Canary { resource: resource.to_owned(), problem }
}

/// The canaries that are asked for. A request that is refused anyway asks for none: it is told why elsewhere.
fn wishes(tx: &Transaction<'_>, cx: &Cx, name: &str, asked: &Asked) -> Result<Vec<Wish>, Error> {
    let found = find(tx, cx.scope(), name)?;
    if found.as_ref().is_some_and(|found| found.status().is_in_progress()) {
        return Ok(Vec::new());
    }
    let found = found.as_ref();
    let things = found.map_or_else(|| Ok(Vec::new()), |found| things(tx, &found.key))?;
    let (name, id) = found.map_or((name, ""), |found| (found.stack.name.as_str(), found.stack.id.as_str()));
    let previous = found.and_then(|found| found.standing());
    let place = For { scope: cx.scope(), name, id, previous, things: &things };
    match prepare(tx, &cx.catalogue, &place, asked) {
        Ok(Prepared { target, changes, .. }) => in_target(&target, &changes, &things),
        Err(_) => Ok(Vec::new()),
    }
}

fn in_target(target: &Target, changes: &[Change], things: &[Physical]) -> Result<Vec<Wish>, Error> {
    let mut wishes = Vec::new();
    for resource in target.resources() {
        let policy = target.canary(resource).map_err(|problem| match problem {
            Problem::Pending { resource: on, .. } => {
                refusal(resource, &format!("a policy can follow from parameters, and not from the resource {on}"))
            }
            wrong @ Problem::Wrong(_) => refusal(resource, &wrong.to_string()),
        })?;
        let Some(policy) = policy else { continue };
        let thing = things.iter().find(|thing| thing.chosen && thing.logical_id == resource);
        let route = thing.filter(|_| is_updated(resource, changes)).and_then(route_of);
        let of_service = target.template.resources[resource].kind == SERVICE;
        wishes.push(Wish { resource: resource.to_owned(), policy, of_service, route });
    }
    Ok(wishes)
}

/// Whether `resource` is among the `changes` with more than what is said of it.
fn is_updated(resource: &str, changes: &[Change]) -> bool {
    let changes = changes.iter().map(|change| &change.resource_change);
    let mut own = changes.filter(|change| change.logical_resource_id == resource);
    own.any(|change| change.scope.iter().any(|part| part == "Properties" || part == "Tags"))
}

fn route_of(thing: &Physical) -> Option<[String; 3]> {
    let named = |name: &str| thing.attributes.get(name)?.as_str().map(str::to_owned);
    Some([named("MeshName")?, named("VirtualRouterName")?, named("RouteName")?])
}
