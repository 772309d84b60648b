//! Route tables, their routes, and whom they route for.

use std::collections::BTreeMap;

use api::ec2::{self as shape, Done, TagItem};
use ipnet::Ipv4Net;
use store::Transaction;
use wire::Context;

use super::{all, all_in, get, in_process, key};
use crate::{
    Ec2, addresses,
    error::{Error, Kind},
    filter::{Described, Narrowing, describe},
    rows::{Association, InternetGateway, Route, RouteTable, Subnet, Vpc},
    tags,
};

pub(super) async fn create_route_table(
    cx: Context<Ec2>,
    request: shape::CreateRouteTableRequest,
) -> Result<shape::CreateRouteTableResponse, Error> {
    let tags = tags::of(&request.tag_specifications, "route-table", in_process(cx.call()))?;
    let (id, row, vpc) = cx.store.write(|tx| {
        let vpc = get::<Vpc>(tx, &cx, Kind::Vpc, &request.vpc_id)?;
        if let Some((id, row)) = earlier(tx, &cx, &request)? {
            return Ok((id, row, vpc));
        }
        let asked = request.client_token.is_some().then(|| request.clone());
        let vpc_id = request.vpc_id.clone();
        let (id, associations, routes) = (cx.ids.ec2("rtb"), Vec::new(), Vec::new());
        let row = RouteTable { vpc_id, associations, routes, asked, tags };
        tx.put(&key(&cx, &id), &row)?;
        Ok::<_, Error>((id, row, vpc))
    })?;
    let route_table = shown(&cx, id, &row, Some(vpc.cidr), &BTreeMap::new());
    Ok(shape::CreateRouteTableResponse { route_table, client_token: request.client_token })
}

/// The table that was made when the same was asked before.
fn earlier(
    tx: &Transaction<'_>,
    cx: &Context<Ec2>,
    request: &shape::CreateRouteTableRequest,
) -> Result<Option<(String, RouteTable)>, Error> {
    let Some(token) = &request.client_token else { return Ok(None) };
    let same = |row: &RouteTable| row.asked.as_ref().is_some_and(|asked| asked.client_token.as_ref() == Some(token));
    match all_in::<RouteTable>(tx, cx)?.into_iter().find(|(_, row)| same(row)) {
        Some((_, row)) if row.asked.as_ref() != Some(request) => Err(Error::TokenReused(token.clone())),
        found => Ok(found),
    }
}

pub(super) async fn describe_route_tables(
    cx: Context<Ec2>,
    request: shape::DescribeRouteTablesRequest,
) -> Result<shape::DescribeRouteTablesResponse, Error> {
    let vpcs: BTreeMap<String, Vpc> = all::<Vpc>(&cx.store, &cx)?.into_iter().collect();
    let gateways: BTreeMap<String, InternetGateway> = all(&cx.store, &cx)?.into_iter().collect();
    let tables = all::<RouteTable>(&cx.store, &cx)?.into_iter().map(|(id, row)| {
        let cidr = vpcs.get(&row.vpc_id).map(|vpc| vpc.cidr);
        shown(&cx, id, &row, cidr, &gateways)
    });
    let narrowing = Narrowing {
        ids: &request.route_table_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (route_tables, next_token) = describe(tables.collect(), &narrowing, |id| Kind::RouteTable.not_found(id))?;
    Ok(shape::DescribeRouteTablesResponse { route_tables, next_token })
}

fn shown(
    cx: &Context<Ec2>,
    id: String,
    row: &RouteTable,
    vpc: Option<Ipv4Net>,
    gateways: &BTreeMap<String, InternetGateway>,
) -> shape::RouteTable {
    let route = |destination: Ipv4Net, gateway_id: &str, origin: &str, active: bool| shape::Route {
        destination_cidr_block: destination.to_string(),
        gateway_id: Some(gateway_id.to_owned()),
        origin: origin.to_owned(),
        state: if active { "active" } else { "blackhole" }.to_owned(),
    };
    let local = vpc.map(|cidr| route(cidr, "local", "CreateRouteTable", true));
    let attached = |id: &str| gateways.get(id).is_some_and(|gateway| gateway.vpc_id.as_ref() == Some(&row.vpc_id));
    let others = row.routes.iter();
    let others = others.map(|r| route(r.destination, &r.gateway_id, "CreateRoute", attached(&r.gateway_id)));
    let association = |association: &Association| shape::RouteTableAssociation {
        route_table_association_id: association.id.clone(),
        route_table_id: id.clone(),
        subnet_id: association.subnet_id.clone(),
        main: association.subnet_id.is_none(),
        association_state: associated(),
    };
    shape::RouteTable {
        owner_id: cx.scope().account.to_string(),
        associations: row.associations.iter().map(association).collect(),
        routes: local.into_iter().chain(others).collect(),
        tags: tags::items(&row.tags),
        vpc_id: row.vpc_id.clone(),
        route_table_id: id,
    }
}

fn associated() -> shape::RouteTableAssociationState {
    shape::RouteTableAssociationState { state: "associated".to_owned() }
}

impl Described for shape::RouteTable {
    const FILTERS: &'static [&'static str] = &[
        "route-table-id",
        "vpc-id",
        "owner-id",
        "association.subnet-id",
        "association.main",
        "association.route-table-association-id",
        "association.route-table-id",
        "route.gateway-id",
        "route.destination-cidr-block",
        "route.state",
    ];

    fn id(&self) -> &str {
        &self.route_table_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        let (associations, routes) = (self.associations.iter(), self.routes.iter());
        match filter {
            "vpc-id" => vec![self.vpc_id.clone()],
            "owner-id" => vec![self.owner_id.clone()],
            "association.subnet-id" => associations.filter_map(|a| a.subnet_id.clone()).collect(),
            "association.main" => associations.map(|a| a.main.to_string()).collect(),
            "association.route-table-association-id" => {
                associations.map(|a| a.route_table_association_id.clone()).collect()
            }
            "route.gateway-id" => routes.filter_map(|route| route.gateway_id.clone()).collect(),
            "route.destination-cidr-block" => routes.map(|route| route.destination_cidr_block.clone()).collect(),
            "route.state" => routes.map(|route| route.state.clone()).collect(),
            _ => vec![self.route_table_id.clone()],
        }
    }

    fn tags(&self) -> &[TagItem] {
        &self.tags
    }
}

pub(super) async fn delete_route_table(
    cx: Context<Ec2>,
    request: shape::DeleteRouteTableRequest,
) -> Result<Done, Error> {
    let id = request.route_table_id;
    cx.store.write(|tx| {
        let row = get::<RouteTable>(tx, &cx, Kind::RouteTable, &id)?;
        if !row.associations.is_empty() {
            return Err(Error::Dependency(format!("The routeTable '{id}' has dependencies and cannot be deleted.")));
        }
        tx.delete::<RouteTable>(&key(&cx, &id))?;
        Ok(())
    })?;
    Ok(Done::default())
}

pub(super) async fn create_route(cx: Context<Ec2>, request: shape::CreateRouteRequest) -> Result<Done, Error> {
    change_routes(&cx, &request, |routes, route| {
        if routes.iter().any(|other| other.destination == route.destination) {
            return Err(Error::RouteExists(route.destination.to_string()));
        }
        routes.push(route);
        Ok(())
    })
}

pub(super) async fn replace_route(cx: Context<Ec2>, request: shape::CreateRouteRequest) -> Result<Done, Error> {
    change_routes(&cx, &request, |routes, route| {
        let destination = route.destination;
        let same = routes.iter_mut().find(|other| other.destination == destination);
        *same.ok_or_else(|| no_route(destination, &request.route_table_id))? = route;
        Ok(())
    })
}

fn no_route(destination: Ipv4Net, table: &str) -> Error {
    Error::NoRoute { destination: destination.to_string(), table: table.to_owned() }
}

/// Lets `change` put the route of `request` into its table, once it is known to be a possible one.
fn change_routes(
    cx: &Context<Ec2>,
    request: &shape::CreateRouteRequest,
    change: impl FnOnce(&mut Vec<Route>, Route) -> Result<(), Error>,
) -> Result<Done, Error> {
    let shape::CreateRouteRequest { route_table_id: id, destination_cidr_block, gateway_id } = request;
    let destination = addresses::block("destinationCidrBlock", destination_cidr_block)?;
    cx.store.write(|tx| {
        let mut row = get::<RouteTable>(tx, cx, Kind::RouteTable, id)?;
        let gateway = get::<InternetGateway>(tx, cx, Kind::Gateway, gateway_id)?;
        if gateway.vpc_id.as_ref() != Some(&row.vpc_id) {
            return Err(Error::Value(format!(
                "route table {id} and network gateway {gateway_id} belong to different networks"
            )));
        }
        let vpc = get::<Vpc>(tx, cx, Kind::Vpc, &row.vpc_id)?;
        if vpc.cidr.contains(&destination) {
            return Err(Error::Value(format!(
                "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR \
                 blocks. This route can target only an interface or an instance."
            )));
        }
        change(&mut row.routes, Route { destination, gateway_id: gateway_id.clone() })?;
        Ok(tx.put(&key(cx, id), &row)?)
    })?;
    Ok(Done::default())
}

pub(super) async fn delete_route(cx: Context<Ec2>, request: shape::DeleteRouteRequest) -> Result<Done, Error> {
    let id = request.route_table_id;
    let destination = addresses::block("destinationCidrBlock", &request.destination_cidr_block)?;
    cx.store.write(|tx| {
        let mut row = get::<RouteTable>(tx, &cx, Kind::RouteTable, &id)?;
        let before = row.routes.len();
        row.routes.retain(|route| route.destination != destination);
        if row.routes.len() == before {
            return Err(no_route(destination, &id));
        }
        Ok(tx.put(&key(&cx, &id), &row)?)
    })?;
    Ok(Done::default())
}

pub(super) async fn associate_route_table(
    cx: Context<Ec2>,
    request: shape::AssociateRouteTableRequest,
) -> Result<shape::AssociateRouteTableResponse, Error> {
    let shape::AssociateRouteTableRequest { route_table_id: id, subnet_id } = request;
    let association_id = cx.store.write(|tx| {
        let mut row = get::<RouteTable>(tx, &cx, Kind::RouteTable, &id)?;
        let subnet = get::<Subnet>(tx, &cx, Kind::Subnet, &subnet_id)?;
        check_vpc(&id, &row, &subnet_id, &subnet)?;
        for (other, table) in all_in::<RouteTable>(tx, &cx)? {
            let association = table.associations.iter().find(|a| a.subnet_id.as_ref() == Some(&subnet_id));
            match association {
                // It is as it is asked to be.
                Some(association) if other == id => return Ok(association.id.clone()),
                Some(_) => return Err(Error::AlreadyAssociated(id.clone())),
                None => {}
            }
        }
        let association = Association { id: cx.ids.ec2("rtbassoc"), subnet_id: Some(subnet_id) };
        row.associations.push(association.clone());
        tx.put(&key(&cx, &id), &row)?;
        Ok(association.id)
    })?;
    Ok(shape::AssociateRouteTableResponse { association_id, association_state: associated() })
}

fn check_vpc(id: &str, table: &RouteTable, subnet_id: &str, subnet: &Subnet) -> Result<(), Error> {
    if table.vpc_id == subnet.vpc_id {
        return Ok(());
    }
    Err(Error::Value(format!("route table {id} and subnet {subnet_id} belong to different networks")))
}

/// Takes the association with this id out of its table; answers with it and the table's VPC.
fn take_association(
    tx: &mut Transaction<'_>,
    cx: &Context<Ec2>,
    association_id: &str,
) -> Result<(Association, String), Error> {
    for (id, mut table) in all_in::<RouteTable>(tx, cx)? {
        if let Some(at) = table.associations.iter().position(|association| association.id == association_id) {
            let association = table.associations.remove(at);
            tx.put(&key(cx, &id), &table)?;
            return Ok((association, table.vpc_id));
        }
    }
    Err(Kind::Association.not_found(association_id))
}

pub(super) async fn disassociate_route_table(
    cx: Context<Ec2>,
    request: shape::DisassociateRouteTableRequest,
) -> Result<Done, Error> {
    let id = request.association_id;
    cx.store.write(|tx| {
        let (association, _) = take_association(tx, &cx, &id)?;
        if association.subnet_id.is_none() {
            return Err(Error::Value(format!("cannot disassociate the main route table association {id}")));
        }
        Ok(())
    })?;
    Ok(Done::default())
}

pub(super) async fn replace_route_table_association(
    cx: Context<Ec2>,
    request: shape::ReplaceRouteTableAssociationRequest,
) -> Result<shape::ReplaceRouteTableAssociationResponse, Error> {
    let shape::ReplaceRouteTableAssociationRequest { association_id, route_table_id: id } = request;
    let new_association_id = cx.store.write(|tx| {
        let (association, vpc_id) = take_association(tx, &cx, &association_id)?;
        let mut row = get::<RouteTable>(tx, &cx, Kind::RouteTable, &id)?;
        if row.vpc_id != vpc_id {
            return Err(Error::Value(format!(
                "route table {id} and association {association_id} belong to different networks"
            )));
        }
        let new = Association { id: cx.ids.ec2("rtbassoc"), subnet_id: association.subnet_id };
        row.associations.push(new.clone());
        tx.put(&key(&cx, &id), &row)?;
        Ok(new.id)
    })?;
    Ok(shape::ReplaceRouteTableAssociationResponse { new_association_id, association_state: associated() })
}
