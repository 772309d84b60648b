//! Route tables. A VPC routes between all its subnets, as on AWS; routes to gateways are kept and told.

use serde::{Deserialize, Serialize};

use super::{Done, Filter, TagItem, TagSpecification};
use crate::operation;

operation!(CreateRouteTable, "ec2", CreateRouteTableRequest, CreateRouteTableResponse);
operation!(DescribeRouteTables, "ec2", DescribeRouteTablesRequest, DescribeRouteTablesResponse);
operation!(DeleteRouteTable, "ec2", DeleteRouteTableRequest, Done);
operation!(CreateRoute, "ec2", CreateRouteRequest, Done);
operation!(ReplaceRoute, "ec2", CreateRouteRequest, Done);
operation!(DeleteRoute, "ec2", DeleteRouteRequest, Done);
operation!(AssociateRouteTable, "ec2", AssociateRouteTableRequest, AssociateRouteTableResponse);
operation!(DisassociateRouteTable, "ec2", DisassociateRouteTableRequest, Done);
operation!(
    ReplaceRouteTableAssociation,
    "ec2",
    ReplaceRouteTableAssociationRequest,
    ReplaceRouteTableAssociationResponse
);

/// Makes a route table, with the route to the VPC itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateRouteTableRequest {
    /// Its VPC.
    pub vpc_id: String,
    /// Asking again with the same token answers with the same table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// Tags of resource type `route-table`.
    #[serde(default, rename = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The table that was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRouteTableResponse {
    /// The table.
    pub route_table: RouteTable,
    /// The token it was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

/// Asks for route tables; for all without ids or filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeRouteTablesRequest {
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "RouteTableId")]
    pub route_table_ids: Vec<String>,
    /// Filters, all of which must hold.
    #[serde(default, rename = "Filter")]
    pub filters: Vec<Filter>,
    /// Items on a page, 5 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Route tables.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRouteTablesResponse {
    /// The tables.
    #[serde(default, rename = "routeTableSet")]
    pub route_tables: Vec<RouteTable>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A route table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTable {
    /// Its id.
    pub route_table_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its account.
    pub owner_id: String,
    /// Whom it routes for.
    #[serde(default, rename = "associationSet")]
    pub associations: Vec<RouteTableAssociation>,
    /// Its routes.
    #[serde(default, rename = "routeSet")]
    pub routes: Vec<Route>,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// Whom a table routes for: a subnet, or all that have no table of their own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteTableAssociation {
    /// The id of the bond.
    pub route_table_association_id: String,
    /// The table.
    pub route_table_id: String,
    /// The subnet; none for the main table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<String>,
    /// Whether this makes the table the VPC's main one.
    pub main: bool,
    /// Whether it is in force.
    pub association_state: RouteTableAssociationState,
}

/// Whether a table is in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RouteTableAssociationState {
    /// `associated`.
    pub state: String,
}

/// A route.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// What it is for.
    pub destination_cidr_block: String,
    /// The gateway; `local` for the VPC itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<String>,
    /// `CreateRouteTable` or `CreateRoute`.
    pub origin: String,
    /// `active`, or `blackhole` when the gateway is not attached any more.
    pub state: String,
}

/// Deletes a route table that routes for nobody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRouteTableRequest {
    /// Its id.
    pub route_table_id: String,
}

/// Adds a route, or gives it another gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateRouteRequest {
    /// The table.
    pub route_table_id: String,
    /// What the route is for.
    pub destination_cidr_block: String,
    /// The internet gateway.
    pub gateway_id: String,
}

/// Takes a route away.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRouteRequest {
    /// The table.
    pub route_table_id: String,
    /// What the route is for.
    pub destination_cidr_block: String,
}

/// Gives a subnet a table of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateRouteTableRequest {
    /// The table.
    pub route_table_id: String,
    /// The subnet.
    pub subnet_id: String,
}

/// The bond that was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateRouteTableResponse {
    /// Its id.
    pub association_id: String,
    /// Whether it is in force.
    pub association_state: RouteTableAssociationState,
}

/// Gives a subnet back to the main table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisassociateRouteTableRequest {
    /// The bond's id.
    pub association_id: String,
}

/// Gives a subnet, or the VPC, another table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReplaceRouteTableAssociationRequest {
    /// The bond's id.
    pub association_id: String,
    /// The new table.
    pub route_table_id: String,
}

/// The bond that was made instead.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplaceRouteTableAssociationResponse {
    /// Its id.
    pub new_association_id: String,
    /// Whether it is in force.
    pub association_state: RouteTableAssociationState,
}
