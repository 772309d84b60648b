//! Meshes. What is in a mesh is named by its user, so what was made already is found by its name.

use api::appmesh;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Call, Failure, Kind, Made, Resource, Settled, canary, property};
use crate::rows::Canary;

/// App Mesh's answers to a name that is not there, or whose mesh or router is not.
const MISSING: &[&str] = &["NotFoundException"];

/// The properties `names`, with the name of the thing itself, its tags and token where it is made.
fn request(call: &Call<'_>, names: &[&str], name: (&str, String), new: bool) -> Map<String, Value> {
    let mut members = call.properties(names);
    members.insert(name.0.to_owned(), name.1.into());
    if new {
        members.insert("ClientToken".to_owned(), call.thing.token.clone().into());
        members.insert("Tags".to_owned(), call.tag_list());
    }
    members
}

async fn retag(call: &Call<'_>, arn: &str) -> Result<(), Failure> {
    let listed = appmesh::ListTagsForResourceRequest { resource_arn: arn.to_owned(), limit: None, next_token: None };
    let present = call.send::<appmesh::ListTagsForResource>(listed).await?.tags;
    let (set, gone) = call.tag_changes(&present.into_iter().map(|tag| (tag.key, tag.value)).collect());
    if !set.is_empty() {
        let tags = set.into_iter().map(|(key, value)| appmesh::TagRef { key, value }).collect();
        call.send::<appmesh::TagResource>(appmesh::TagResourceRequest { resource_arn: arn.to_owned(), tags }).await?;
    }
    if !gone.is_empty() {
        let request = appmesh::UntagResourceRequest { resource_arn: arn.to_owned(), tag_keys: gone };
        call.send::<appmesh::UntagResource>(request).await?;
    }
    Ok(())
}

/// What is told of a thing: its ARN is its id, as `Ref` gives it.
fn made(metadata: &appmesh::ResourceMetadata, own: &[(&str, &str)]) -> Made {
    let arn = metadata.arn.to_string();
    let shared = [
        ("Arn", arn.as_str()),
        ("Uid", metadata.uid.as_str()),
        ("MeshOwner", metadata.mesh_owner.as_str()),
        ("ResourceOwner", metadata.resource_owner.as_str()),
    ];
    let attributes: Vec<(&str, &str)> = shared.iter().chain(own).copied().collect();
    Made::new(&arn, &attributes)
}

/// Writes a type whose five operations differ in names alone.
macro_rules! in_mesh {
    (
        $(#[$doc:meta])* $type:ident = $name:literal, $label:literal: $named:ident,
        properties $properties:expr, parents { $($parent:ident: $parent_name:literal),* },
        create $create:ident, describe $describe:ident, update $update:ident, delete $delete:ident, answer $answer:ident
    ) => {
        $(#[$doc])*
        pub(super) struct $type;

        impl $type {
            const TAKEN: &'static [&'static str] = &["Spec", "MeshOwner", $($parent_name),*];

            /// The request that names the thing and says nothing more.
            fn named<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Failure> {
                let mut members = call.properties(&["MeshOwner", $($parent_name),*]);
                members.insert($label.to_owned(), call.name($label, 255).into());
                call.read(members)
            }

            fn made(data: &<appmesh::$describe as api::Operation>::Response) -> Made {
                let data = &data.$answer;
                made(&data.metadata, &[($label, data.$named.as_str()), $(($parent_name, data.$parent.as_str())),*])
            }
        }

        impl Resource for $type {
            const KIND: Kind = Kind::new($name)
                .properties($properties)
                .attributes(&["Arn", "Uid", "MeshOwner", "ResourceOwner", $label, $($parent_name),*])
                .identity(&[$label, $($parent_name),*]);

            async fn create(call: &Call<'_>) -> Result<Made, Failure> {
                let members = request(call, Self::TAKEN, ($label, call.name($label, 255)), true);
                Ok(Self::made(&call.send::<appmesh::$create>(call.read(members)?).await?))
            }

            async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
                let found = call.look::<appmesh::$describe>(Self::named(call)?, MISSING).await?;
                let Some(found) = found else { return Ok(None) };
                let made = Self::made(&found);
                let arn = found.$answer.metadata.arn.to_string();
                let listed = appmesh::ListTagsForResourceRequest { resource_arn: arn, limit: None, next_token: None };
                let tags = call.send::<appmesh::ListTagsForResource>(listed).await?.tags;
                // Somebody else's thing of the same name is not ours: creating says so.
                let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
                Ok(Some(made).filter(|_| call.is_ours(&tags)))
            }

            async fn update(call: &Call<'_>) -> Result<Made, Failure> {
                let members = request(call, Self::TAKEN, ($label, call.name($label, 255)), false);
                let made = Self::made(&call.send::<appmesh::$update>(call.read(members)?).await?);
                retag(call, call.id()?).await?;
                Ok(made)
            }

            async fn delete(call: &Call<'_>) -> Result<(), Failure> {
                call.look::<appmesh::$delete>(Self::named(call)?, MISSING).await.map(|_| ())
            }
        }
    };
}

in_mesh!(
    /// `AWS::AppMesh::VirtualNode`.
    VirtualNode = "AWS::AppMesh::VirtualNode", "VirtualNodeName": virtual_node_name,
    properties &[
        property("MeshName").required().replaces(),
        property("MeshOwner").replaces(),
        property("VirtualNodeName").replaces(),
        property("Spec").required(),
        property("Tags"),
    ],
    parents { mesh_name: "MeshName" },
    create CreateVirtualNode, describe DescribeVirtualNode, update UpdateVirtualNode, delete DeleteVirtualNode,
    answer virtual_node
);

in_mesh!(
    /// `AWS::AppMesh::VirtualRouter`.
    VirtualRouter = "AWS::AppMesh::VirtualRouter", "VirtualRouterName": virtual_router_name,
    properties &[
        property("MeshName").required().replaces(),
        property("MeshOwner").replaces(),
        property("VirtualRouterName").replaces(),
        property("Spec").required(),
        property("Tags"),
    ],
    parents { mesh_name: "MeshName" },
    create CreateVirtualRouter, describe DescribeVirtualRouter, update UpdateVirtualRouter, delete DeleteVirtualRouter,
    answer virtual_router
);

in_mesh!(
    /// `AWS::AppMesh::Route`, as it is where no update is a canary.
    PlainRoute = "AWS::AppMesh::Route", "RouteName": route_name,
    properties &[
        property("MeshName").required().replaces(),
        property("MeshOwner").replaces(),
        property("VirtualRouterName").required().replaces(),
        property("RouteName").replaces(),
        property("Spec").required(),
        property("Tags"),
    ],
    parents { mesh_name: "MeshName", virtual_router_name: "VirtualRouterName" },
    create CreateRoute, describe DescribeRoute, update UpdateRoute, delete DeleteRoute,
    answer route
);

/// `AWS::AppMesh::Route`, whose update may be a canary.
pub(super) struct Route;

impl Route {
    /// What the route is, and what it is to become; none if no traffic moves by that.
    async fn moved(call: &Call<'_>) -> Result<Option<(appmesh::RouteResponse, appmesh::UpdateRouteRequest)>, Failure> {
        let members = request(call, PlainRoute::TAKEN, ("RouteName", call.name("RouteName", 255)), false);
        let wanted: appmesh::UpdateRouteRequest = call.read(members)?;
        let found = call.send::<appmesh::DescribeRoute>(PlainRoute::named(call)?).await?;
        Ok(canary::moves(&found.route.spec, &wanted.spec).then_some((found, wanted)))
    }

    /// Begins the canary that the update is to be; none if no traffic moves.
    async fn begin_canary(call: &Call<'_>, revision: &str, policy: &Value) -> Result<Option<Made>, Failure> {
        let Some((found, wanted)) = Self::moved(call).await? else { return Ok(None) };
        canary::start(call, wanted, revision, policy).await?;
        retag(call, call.id()?).await?;
        Ok(Some(PlainRoute::made(&found)))
    }
}

impl Resource for Route {
    const KIND: Kind = PlainRoute::KIND.canaried();

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        PlainRoute::create(call).await
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        PlainRoute::find(call).await
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        match &call.thing.canary {
            Some(Canary { revision, policy: Some(policy), .. }) => {
                if let Some(made) = Self::begin_canary(call, revision, policy).await? {
                    return Ok(made);
                }
            }
            Some(Canary { revision, policy: None, .. }) => canary::take_back(call, revision).await?,
            None => {}
        }
        PlainRoute::update(call).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        PlainRoute::delete(call).await
    }

    async fn settle(call: &Call<'_>) -> Result<Settled, Failure> {
        match &call.thing.canary {
            Some(asked) if asked.policy.is_some() => match canary::settle(call, asked).await? {
                Some(settled) => Ok(settled),
                // It was not needed, or somebody has begun it anew as another one.
                None if Self::moved(call).await?.is_some() => Err(Failure::Wrong(canary::TAKEN_OVER.to_owned())),
                None => PlainRoute::settle(call).await,
            },
            _ => PlainRoute::settle(call).await,
        }
    }
}

in_mesh!(
    /// `AWS::AppMesh::VirtualService`.
    VirtualService = "AWS::AppMesh::VirtualService", "VirtualServiceName": virtual_service_name,
    properties &[
        property("MeshName").required().replaces(),
        property("MeshOwner").replaces(),
        property("VirtualServiceName").required().replaces(),
        property("Spec").required(),
        property("Tags"),
    ],
    parents { mesh_name: "MeshName" },
    create CreateVirtualService, describe DescribeVirtualService, update UpdateVirtualService,
    delete DeleteVirtualService, answer virtual_service
);

in_mesh!(
    /// `AWS::AppMesh::Mesh`.
    Mesh = "AWS::AppMesh::Mesh", "MeshName": mesh_name,
    properties &[property("MeshName").replaces(), property("Spec"), property("Tags")],
    parents {},
    create CreateMesh, describe DescribeMesh, update UpdateMesh, delete DeleteMesh,
    answer mesh
);

in_mesh!(
    /// `AWS::AppMesh::VirtualGateway`.
    VirtualGateway = "AWS::AppMesh::VirtualGateway", "VirtualGatewayName": virtual_gateway_name,
    properties &[
        property("MeshName").required().replaces(),
        property("MeshOwner").replaces(),
        property("VirtualGatewayName").replaces(),
        property("Spec").required(),
        property("Tags"),
    ],
    parents { mesh_name: "MeshName" },
    create CreateVirtualGateway, describe DescribeVirtualGateway, update UpdateVirtualGateway,
    delete DeleteVirtualGateway, answer virtual_gateway
);

in_mesh!(
    /// `AWS::AppMesh::GatewayRoute`.
    GatewayRoute = "AWS::AppMesh::GatewayRoute", "GatewayRouteName": gateway_route_name,
    properties &[
        property("MeshName").required().replaces(),
        property("MeshOwner").replaces(),
        property("VirtualGatewayName").required().replaces(),
        property("GatewayRouteName").replaces(),
        property("Spec").required(),
        property("Tags"),
    ],
    parents { mesh_name: "MeshName", virtual_gateway_name: "VirtualGatewayName" },
    create CreateGatewayRoute, describe DescribeGatewayRoute, update UpdateGatewayRoute, delete DeleteGatewayRoute,
    answer gateway_route
);

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::resources::read::read;

    /// The scalars in `value`.
    fn leaves(value: &Value) -> usize {
        match value {
            Value::Object(members) => members.values().map(leaves).sum(),
            Value::Array(items) => items.iter().map(leaves).sum(),
            _ => 1,
        }
    }

    /// Reads the properties of `kind` with every member that AWS's schema has, as one request.
    fn whole<T: DeserializeOwned + Serialize>(kind: &str) {
        let all: Value = serde_json::from_str(include_str!("../../tests/templates/appmesh.json")).unwrap();
        let properties = all[kind].clone();
        assert!(properties.is_object(), "{kind}");
        let wanted = leaves(&properties);
        let request: T = read(properties).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(leaves(&serde_json::to_value(&request).unwrap()), wanted, "{kind} loses a member");
    }

    #[test]
    fn every_member_of_every_schema_is_read() {
        whole::<appmesh::CreateMeshRequest>("AWS::AppMesh::Mesh");
        whole::<appmesh::CreateVirtualNodeRequest>("AWS::AppMesh::VirtualNode");
        whole::<appmesh::CreateVirtualServiceRequest>("AWS::AppMesh::VirtualService");
        whole::<appmesh::CreateVirtualRouterRequest>("AWS::AppMesh::VirtualRouter");
        whole::<appmesh::CreateRouteRequest>("AWS::AppMesh::Route");
        whole::<appmesh::CreateVirtualGatewayRequest>("AWS::AppMesh::VirtualGateway");
        whole::<appmesh::CreateGatewayRouteRequest>("AWS::AppMesh::GatewayRoute");
    }
}
