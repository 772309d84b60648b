//! Network interfaces: an address of a subnet and the security groups it is in.
//!
//! Tasks and load balancers have one each (a load balancer one in each of its subnets). Whoever makes them for those
//! does it in process, with [`Operator`] and [`LOAD_BALANCER`] where it applies; users can't delete these.

use serde::{Deserialize, Serialize};

use super::{Done, Filter, GroupIdentifier, TagItem, TagSpecification};
use crate::operation;

operation!(CreateNetworkInterface, "ec2", CreateNetworkInterfaceRequest, CreateNetworkInterfaceResponse);
operation!(DescribeNetworkInterfaces, "ec2", DescribeNetworkInterfacesRequest, DescribeNetworkInterfacesResponse);
operation!(DeleteNetworkInterface, "ec2", DeleteNetworkInterfaceRequest, Done);

/// The interface type of a load balancer's: its address is one of the VPC itself, in which load balancers stand.
pub const LOAD_BALANCER: &str = "load_balancer";

/// Makes a network interface, with an address of its subnet that nobody has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateNetworkInterfaceRequest {
    /// Its subnet.
    pub subnet_id: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The address it must have; any free one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip_address: Option<String>,
    /// Its security groups; the VPC's default one without.
    #[serde(default, rename = "SecurityGroupId")]
    pub groups: Vec<String>,
    /// Asking again with the same token answers with the same interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// None, or [`LOAD_BALANCER`] from a neighbour in process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_type: Option<String>,
    /// The service whose interface it is; from a neighbour in process alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// Whether it has a public address; from a neighbour in process alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub associate_public_ip_address: Option<bool>,
    /// Tags of resource type `network-interface`.
    #[serde(default, rename = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The service that manages an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Operator {
    /// Its principal, `ecs.amazonaws.com`.
    pub principal: String,
}

/// The interface that was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateNetworkInterfaceResponse {
    /// The interface.
    pub network_interface: NetworkInterface,
    /// The token it was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

/// Asks for interfaces; for all without ids or filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeNetworkInterfacesRequest {
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "NetworkInterfaceId")]
    pub network_interface_ids: Vec<String>,
    /// Filters, all of which must hold.
    #[serde(default, rename = "Filter")]
    pub filters: Vec<Filter>,
    /// Items on a page, 5 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Network interfaces.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeNetworkInterfacesResponse {
    /// The interfaces.
    #[serde(default, rename = "networkInterfaceSet")]
    pub network_interfaces: Vec<NetworkInterface>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A network interface.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterface {
    /// Its id.
    pub network_interface_id: String,
    /// Its subnet.
    pub subnet_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its subnet's zone.
    pub availability_zone: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Its account.
    pub owner_id: String,
    /// `interface` or `load_balancer`.
    pub interface_type: String,
    /// Whether a service made it for its own use.
    pub requester_managed: bool,
    /// Which service manages it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorItem>,
    /// `pending` until its VPC knows its address and enforces its groups; then `available`, or `in-use` if a service
    /// manages it.
    pub status: String,
    /// Its hardware address, `02:…`.
    pub mac_address: String,
    /// Its address.
    pub private_ip_address: String,
    /// The name of its address, `ip-10-0-1-5.<region>.compute.internal`.
    pub private_dns_name: String,
    /// The same, as a list.
    #[serde(default, rename = "privateIpAddressesSet")]
    pub private_ip_addresses: Vec<PrivateIpAddress>,
    /// Whether packets of other addresses are dropped; always.
    pub source_dest_check: bool,
    /// Its security groups.
    #[serde(default, rename = "groupSet")]
    pub groups: Vec<GroupIdentifier>,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// The service that manages an interface, in answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorItem {
    /// Whether one does.
    pub managed: bool,
    /// Its principal.
    pub principal: String,
}

/// An address of an interface.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateIpAddress {
    /// The address.
    pub private_ip_address: String,
    /// Its name.
    pub private_dns_name: String,
    /// Whether it is the interface's first.
    pub primary: bool,
}

/// Deletes an interface and frees its address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteNetworkInterfaceRequest {
    /// Its id.
    pub network_interface_id: String,
}
