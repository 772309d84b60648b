//! The operations, one file a resource.

mod availability_zone;
mod internet_gateway;
mod namespace;
mod network_interface;
mod route_table;
mod rule;
mod security_group;
mod subnet;
mod tag;
mod vpc;

use api::ec2 as shape;
use store::{Key, Row, Store, Transaction};
use wire::{Bound, Call, Context, bind};

use crate::{
    Ec2,
    error::{Error, Kind},
};

/// The table.
pub(crate) fn operations() -> Vec<Bound<Ec2>> {
    vec![
        bind::<shape::CreateVpc, _, _, _, _>(vpc::create_vpc),
        bind::<shape::DescribeVpcs, _, _, _, _>(vpc::describe_vpcs),
        bind::<shape::DeleteVpc, _, _, _, _>(vpc::delete_vpc),
        bind::<shape::ModifyVpcAttribute, _, _, _, _>(vpc::modify_vpc_attribute),
        bind::<shape::DescribeVpcAttribute, _, _, _, _>(vpc::describe_vpc_attribute),
        bind::<shape::CreateSubnet, _, _, _, _>(subnet::create_subnet),
        bind::<shape::DescribeSubnets, _, _, _, _>(subnet::describe_subnets),
        bind::<shape::ModifySubnetAttribute, _, _, _, _>(subnet::modify_subnet_attribute),
        bind::<shape::DeleteSubnet, _, _, _, _>(subnet::delete_subnet),
        bind::<shape::CreateInternetGateway, _, _, _, _>(internet_gateway::create_internet_gateway),
        bind::<shape::DescribeInternetGateways, _, _, _, _>(internet_gateway::describe_internet_gateways),
        bind::<shape::AttachInternetGateway, _, _, _, _>(internet_gateway::attach_internet_gateway),
        bind::<shape::DetachInternetGateway, _, _, _, _>(internet_gateway::detach_internet_gateway),
        bind::<shape::DeleteInternetGateway, _, _, _, _>(internet_gateway::delete_internet_gateway),
        bind::<shape::CreateRouteTable, _, _, _, _>(route_table::create_route_table),
        bind::<shape::DescribeRouteTables, _, _, _, _>(route_table::describe_route_tables),
        bind::<shape::DeleteRouteTable, _, _, _, _>(route_table::delete_route_table),
        bind::<shape::CreateRoute, _, _, _, _>(route_table::create_route),
        bind::<shape::ReplaceRoute, _, _, _, _>(route_table::replace_route),
        bind::<shape::DeleteRoute, _, _, _, _>(route_table::delete_route),
        bind::<shape::AssociateRouteTable, _, _, _, _>(route_table::associate_route_table),
        bind::<shape::DisassociateRouteTable, _, _, _, _>(route_table::disassociate_route_table),
        bind::<shape::ReplaceRouteTableAssociation, _, _, _, _>(route_table::replace_route_table_association),
        bind::<shape::CreateSecurityGroup, _, _, _, _>(security_group::create_security_group),
        bind::<shape::DescribeSecurityGroups, _, _, _, _>(security_group::describe_security_groups),
        bind::<shape::DeleteSecurityGroup, _, _, _, _>(security_group::delete_security_group),
        bind::<shape::AuthorizeSecurityGroupIngress, _, _, _, _>(rule::authorize_ingress),
        bind::<shape::AuthorizeSecurityGroupEgress, _, _, _, _>(rule::authorize_egress),
        bind::<shape::RevokeSecurityGroupIngress, _, _, _, _>(rule::revoke_ingress),
        bind::<shape::RevokeSecurityGroupEgress, _, _, _, _>(rule::revoke_egress),
        bind::<shape::DescribeSecurityGroupRules, _, _, _, _>(rule::describe_security_group_rules),
        bind::<shape::CreateNetworkInterface, _, _, _, _>(network_interface::create_network_interface),
        bind::<shape::DescribeNetworkInterfaces, _, _, _, _>(network_interface::describe_network_interfaces),
        bind::<shape::DeleteNetworkInterface, _, _, _, _>(network_interface::delete_network_interface),
        bind::<shape::CreateTags, _, _, _, _>(tag::create_tags),
        bind::<shape::DeleteTags, _, _, _, _>(tag::delete_tags),
        bind::<shape::DescribeTags, _, _, _, _>(tag::describe_tags),
        bind::<shape::DescribeAvailabilityZones, _, _, _, _>(availability_zone::describe_availability_zones),
        bind::<shape::DescribeVpcNamespaces, _, _, _, _>(namespace::describe_vpc_namespaces),
    ]
}

/// Whether the call comes from a service in this house, not over a socket.
fn in_process(call: &Call) -> bool {
    call.access_key.is_empty() && call.request_id == "in-process"
}

/// The key of what has this id in the caller's scope.
fn key(cx: &Context<Ec2>, id: &str) -> Key {
    Key::new(cx.scope(), id)
}

/// The row of a resource of `kind` that must be there.
fn get<R: Row>(tx: &Transaction<'_>, cx: &Context<Ec2>, kind: Kind, id: &str) -> Result<R, Error> {
    tx.get::<R>(&key(cx, id))?.ok_or_else(|| kind.not_found(id))
}

/// The ids and rows of one kind in the caller's scope.
fn all<R: Row>(store: &Store, cx: &Context<Ec2>) -> Result<Vec<(String, R)>, Error> {
    Ok(store.list::<R>(cx.scope())?.into_iter().map(|(key, row)| (key.name, row)).collect())
}

/// The same inside a transaction.
fn all_in<R: Row>(tx: &Transaction<'_>, cx: &Context<Ec2>) -> Result<Vec<(String, R)>, Error> {
    Ok(tx.list::<R>(cx.scope())?.into_iter().map(|(key, row)| (key.name, row)).collect())
}
