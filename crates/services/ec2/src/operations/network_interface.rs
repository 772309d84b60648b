//! Network interfaces.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use api::ec2::{self as shape, Done, GroupIdentifier, TagItem};
use names::Ids;
use store::Transaction;
use wire::Context;

use super::{all, all_in, get, in_process, key, vpc::DEFAULT_GROUP};
use crate::{
    Ec2, addresses,
    error::{Error, Kind},
    filter::{Described, Narrowing, describe},
    rows::{NetworkInterface, SecurityGroup, Subnet, VpcObserved},
    tags,
};

/// Groups that an interface may be in, AWS's highest quota.
const GROUPS_MAX: usize = 16;

pub(super) async fn create_network_interface(
    cx: Context<Ec2>,
    request: shape::CreateNetworkInterfaceRequest,
) -> Result<shape::CreateNetworkInterfaceResponse, Error> {
    let trusted = in_process(cx.call());
    check_origin(&request, trusted)?;
    let tags = tags::of(&request.tag_specifications, "network-interface", trusted)?;
    let (id, row) = cx.store.write(|tx| {
        if let Some(earlier) = earlier(tx, &cx, &request)? {
            return Ok(earlier);
        }
        let mut subnet = get::<Subnet>(tx, &cx, Kind::Subnet, &request.subnet_id)?;
        let address = address(tx, &cx, &request, &subnet)?;
        let row = NetworkInterface {
            groups: groups(tx, &cx, &request.groups, &subnet.vpc_id)?,
            vpc_id: subnet.vpc_id.clone(),
            subnet_id: request.subnet_id.clone(),
            address,
            mac: mac(&cx.ids),
            load_balancer: request.interface_type.is_some(),
            public_address: request.associate_public_ip_address.unwrap_or(false),
            operator: request.operator.as_ref().map(|operator| operator.principal.clone()),
            description: request.description.clone().unwrap_or_default(),
            asked: request.client_token.is_some().then(|| Box::new(request.clone())),
            tags,
        };
        let id = cx.ids.ec2("eni");
        tx.put(&key(&cx, &id), &row)?;
        subnet.last_address = Some(address);
        tx.put(&key(&cx, &request.subnet_id), &subnet)?;
        Ok::<_, Error>((id, row))
    })?;
    let network_interface = Shower::new(&cx)?.shown(id, row);
    Ok(shape::CreateNetworkInterfaceResponse { network_interface, client_token: request.client_token })
}

/// Only services in this house make interfaces for themselves and for load balancers.
fn check_origin(request: &shape::CreateNetworkInterfaceRequest, trusted: bool) -> Result<(), Error> {
    match request.interface_type.as_deref() {
        None => {}
        Some(shape::LOAD_BALANCER) if trusted => {}
        Some(other) => {
            return Err(Error::Value(format!("Value ({other}) for parameter interfaceType is invalid.")));
        }
    }
    if request.associate_public_ip_address.is_some() && !trusted {
        return Err(Error::Value("The parameter associatePublicIpAddress is reserved for internal use".to_owned()));
    }
    if request.operator.is_some() && !trusted {
        return Err(Error::Value("The parameter operator is reserved for internal use".to_owned()));
    }
    Ok(())
}

/// The interface that was made when the same was asked before.
fn earlier(
    tx: &Transaction<'_>,
    cx: &Context<Ec2>,
    request: &shape::CreateNetworkInterfaceRequest,
) -> Result<Option<(String, NetworkInterface)>, Error> {
    let Some(token) = &request.client_token else { return Ok(None) };
    let same =
        |row: &NetworkInterface| row.asked.as_ref().is_some_and(|asked| asked.client_token.as_ref() == Some(token));
    match all_in::<NetworkInterface>(tx, cx)?.into_iter().find(|(_, row)| same(row)) {
        Some((_, row)) if row.asked.as_deref() != Some(request) => Err(Error::TokenReused(token.clone())),
        found => Ok(found),
    }
}

/// The address that is asked for, or the subnet's next.
fn address(
    tx: &Transaction<'_>,
    cx: &Context<Ec2>,
    request: &shape::CreateNetworkInterfaceRequest,
    subnet: &Subnet,
) -> Result<Ipv4Addr, Error> {
    let interfaces = all_in::<NetworkInterface>(tx, cx)?;
    let same = interfaces.iter().filter(|(_, row)| row.subnet_id == request.subnet_id);
    let taken: BTreeSet<Ipv4Addr> = same.map(|(_, row)| row.address).collect();
    let Some(asked) = &request.private_ip_address else {
        let next = addresses::next(subnet.cidr, &taken, subnet.last_address);
        return next.ok_or_else(|| Error::SubnetFull(request.subnet_id.clone()));
    };
    let wrong = || Error::Value(format!("Address {asked} does not fall within the subnet's address range"));
    let address: Ipv4Addr = asked.parse().map_err(|_| wrong())?;
    if !addresses::usable(subnet.cidr, address) {
        return Err(wrong());
    }
    if taken.contains(&address) { Err(Error::AddressInUse(asked.clone())) } else { Ok(address) }
}

/// The groups that are asked for, which must be of the VPC; the VPC's default one without.
fn groups(tx: &Transaction<'_>, cx: &Context<Ec2>, asked: &[String], vpc_id: &str) -> Result<Vec<String>, Error> {
    if asked.len() > GROUPS_MAX {
        return Err(Error::Value(format!("An interface is in at most {GROUPS_MAX} security groups")));
    }
    if asked.is_empty() {
        let mut default = all_in::<SecurityGroup>(tx, cx)?;
        default.retain(|(_, row)| row.vpc_id == vpc_id && row.name == DEFAULT_GROUP);
        return Ok(default.into_iter().map(|(id, _)| id).collect());
    }
    for id in asked {
        let group = get::<SecurityGroup>(tx, cx, Kind::SecurityGroup, id)?;
        if group.vpc_id != vpc_id {
            return Err(Error::GroupElsewhere { group: id.clone(), vpc: vpc_id.to_owned() });
        }
    }
    let distinct: BTreeSet<&String> = asked.iter().collect();
    Ok(distinct.into_iter().cloned().collect())
}

/// A hardware address of our own making, as the second bit of the first byte says.
fn mac(ids: &Ids) -> String {
    let digits = ids.hex(10);
    let bytes = (0..5).map(|byte| &digits[byte * 2..byte * 2 + 2]);
    std::iter::once("02").chain(bytes).collect::<Vec<_>>().join(":")
}

pub(super) async fn describe_network_interfaces(
    cx: Context<Ec2>,
    request: shape::DescribeNetworkInterfacesRequest,
) -> Result<shape::DescribeNetworkInterfacesResponse, Error> {
    let shower = Shower::new(&cx)?;
    let interfaces = all::<NetworkInterface>(&cx.store, &cx)?;
    let interfaces = interfaces.into_iter().map(|(id, row)| shower.shown(id, row)).collect();
    let narrowing = Narrowing {
        ids: &request.network_interface_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let missing = |id: &str| Kind::NetworkInterface.not_found(id);
    let (network_interfaces, next_token) = describe(interfaces, &narrowing, missing)?;
    Ok(shape::DescribeNetworkInterfacesResponse { network_interfaces, next_token })
}

/// What is needed to show an interface besides its own row.
struct Shower<'a> {
    cx: &'a Context<Ec2>,
    zones: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
    seen: BTreeMap<String, VpcObserved>,
}

impl<'a> Shower<'a> {
    fn new(cx: &'a Context<Ec2>) -> Result<Self, Error> {
        let zones = all::<Subnet>(&cx.store, cx)?.into_iter().map(|(id, row)| (id, row.zone)).collect();
        let groups = all::<SecurityGroup>(&cx.store, cx)?.into_iter().map(|(id, row)| (id, row.name)).collect();
        Ok(Self { cx, zones, groups, seen: all(&cx.store, cx)?.into_iter().collect() })
    }

    fn shown(&self, id: String, row: NetworkInterface) -> shape::NetworkInterface {
        let region = &self.cx.scope().region;
        let private_dns_name = format!("ip-{}.{region}.compute.internal", row.address.to_string().replace('.', "-"));
        let address = shape::PrivateIpAddress {
            private_ip_address: row.address.to_string(),
            private_dns_name: private_dns_name.clone(),
            primary: true,
        };
        let in_force = self.seen.get(&row.vpc_id).is_some_and(|seen| seen.interfaces.contains(&id));
        let status = match (in_force, &row.operator) {
            (false, _) => "pending",
            (true, Some(_)) => "in-use",
            (true, None) => "available",
        };
        let group = |id: &String| GroupIdentifier {
            group_id: id.clone(),
            group_name: self.groups.get(id).cloned().unwrap_or_default(),
        };
        shape::NetworkInterface {
            network_interface_id: id,
            availability_zone: self.zones.get(&row.subnet_id).cloned().unwrap_or_default(),
            subnet_id: row.subnet_id,
            vpc_id: row.vpc_id,
            description: row.description,
            owner_id: self.cx.scope().account.to_string(),
            interface_type: if row.load_balancer { shape::LOAD_BALANCER } else { "interface" }.to_owned(),
            requester_managed: row.operator.is_some(),
            operator: row.operator.map(|principal| shape::OperatorItem { managed: true, principal }),
            status: status.to_owned(),
            mac_address: row.mac,
            private_ip_address: row.address.to_string(),
            private_dns_name,
            private_ip_addresses: vec![address],
            source_dest_check: true,
            groups: row.groups.iter().map(group).collect(),
            tags: tags::items(&row.tags),
        }
    }
}

impl Described for shape::NetworkInterface {
    const FILTERS: &'static [&'static str] = &[
        "network-interface-id",
        "subnet-id",
        "vpc-id",
        "group-id",
        "group-name",
        "availability-zone",
        "private-ip-address",
        "addresses.private-ip-address",
        "addresses.primary",
        "private-dns-name",
        "description",
        "interface-type",
        "mac-address",
        "owner-id",
        "requester-managed",
        "operator.managed",
        "operator.principal",
        "source-dest-check",
        "status",
    ];

    fn id(&self) -> &str {
        &self.network_interface_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        let groups = self.groups.iter();
        let one = match filter {
            "group-id" => return groups.map(|group| group.group_id.clone()).collect(),
            "group-name" => return groups.map(|group| group.group_name.clone()).collect(),
            "operator.principal" => return self.operator.iter().map(|item| item.principal.clone()).collect(),
            "subnet-id" => &self.subnet_id,
            "vpc-id" => &self.vpc_id,
            "availability-zone" => &self.availability_zone,
            "private-ip-address" | "addresses.private-ip-address" => &self.private_ip_address,
            "private-dns-name" => &self.private_dns_name,
            "description" => &self.description,
            "interface-type" => &self.interface_type,
            "mac-address" => &self.mac_address,
            "owner-id" => &self.owner_id,
            "requester-managed" | "operator.managed" => return vec![self.requester_managed.to_string()],
            "addresses.primary" | "source-dest-check" => return vec![true.to_string()],
            "status" => &self.status,
            _ => &self.network_interface_id,
        };
        vec![one.clone()]
    }

    fn tags(&self) -> &[TagItem] {
        &self.tags
    }
}

pub(super) async fn delete_network_interface(
    cx: Context<Ec2>,
    request: shape::DeleteNetworkInterfaceRequest,
) -> Result<Done, Error> {
    let id = request.network_interface_id;
    cx.store.write(|tx| {
        let row = get::<NetworkInterface>(tx, &cx, Kind::NetworkInterface, &id)?;
        match row.operator {
            Some(operator) if !in_process(cx.call()) => Err(Error::Managed { id: id.clone(), operator }),
            _ => Ok(tx.delete::<NetworkInterface>(&key(&cx, &id)).map(|_| ())?),
        }
    })?;
    Ok(Done::default())
}
