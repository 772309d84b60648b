//! What stands for EC2 and load balancing, which need the machine's network, and for the house's word of itself: every
//! task gets an address, there are no load balancers, and one account is in use.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use api::{Fault, ec2, elbv2};
use wire::{Context, Definition, Protocol, Service, bind};

const VPC: &str = "vpc-1";

/// The network interfaces, by the tokens they were asked for with.
type Interfaces = Mutex<BTreeMap<String, ec2::NetworkInterface>>;
type Cx = Context<Interfaces>;

/// All of them as services.
pub(crate) fn services() -> Vec<Service> {
    let made = Arc::new(Interfaces::default());
    let definition = |signing_name| Definition { signing_name, protocol: Protocol::RestJson, invalid: "Invalid" };
    vec![
        Service::new(
            definition("ec2"),
            &made,
            vec![
                bind::<ec2::CreateNetworkInterface, _, _, _, _>(create_interface),
                bind::<ec2::DescribeNetworkInterfaces, _, _, _, _>(describe_interfaces),
                bind::<ec2::DescribeSubnets, _, _, _, _>(describe_subnets),
                bind::<ec2::DescribeVpcs, _, _, _, _>(describe_vpcs),
                bind::<ec2::DescribeVpcNamespaces, _, _, _, _>(describe_namespaces),
            ],
        ),
        Service::new(
            definition("elasticloadbalancing"),
            &made,
            vec![
                bind::<elbv2::DescribeLoadBalancers, _, _, _, _>(describe_load_balancers),
                bind::<elbv2::DescribeLoadBalancerUrls, _, _, _, _>(describe_urls),
            ],
        ),
        Service::new(definition("serin"), &made, vec![bind::<api::serin::DescribeHouse, _, _, _, _>(describe_house)]),
    ]
}

async fn create_interface(
    cx: Cx,
    request: ec2::CreateNetworkInterfaceRequest,
) -> Result<ec2::CreateNetworkInterfaceResponse, Fault> {
    let token = request.client_token.unwrap_or_default();
    let mut made = cx.service().lock().unwrap_or_else(PoisonError::into_inner);
    let number = u32::try_from(made.len()).unwrap_or(u32::MAX).saturating_add(10);
    let made = made.entry(token.clone()).or_insert_with(|| interface(number, request.subnet_id));
    Ok(ec2::CreateNetworkInterfaceResponse { network_interface: made.clone(), client_token: Some(token) })
}

fn interface(number: u32, subnet_id: String) -> ec2::NetworkInterface {
    let [_, second, third, fourth] = number.to_be_bytes();
    ec2::NetworkInterface {
        network_interface_id: format!("eni-{number:017x}"),
        subnet_id,
        vpc_id: VPC.to_owned(),
        availability_zone: "us-east-1a".to_owned(),
        mac_address: format!("02:00:0a:{second:02x}:{third:02x}:{fourth:02x}"),
        private_ip_address: format!("10.{second}.{third}.{fourth}"),
        status: "in-use".to_owned(),
        ..ec2::NetworkInterface::default()
    }
}

async fn describe_interfaces(
    cx: Cx,
    request: ec2::DescribeNetworkInterfacesRequest,
) -> Result<ec2::DescribeNetworkInterfacesResponse, Fault> {
    let made = cx.service().lock().unwrap_or_else(PoisonError::into_inner);
    let asked = |i: &&ec2::NetworkInterface| request.network_interface_ids.contains(&i.network_interface_id);
    let network_interfaces = made.values().filter(asked).cloned().collect();
    Ok(ec2::DescribeNetworkInterfacesResponse { network_interfaces, next_token: None })
}

async fn describe_subnets(_: Cx, request: ec2::DescribeSubnetsRequest) -> Result<ec2::DescribeSubnetsResponse, Fault> {
    let subnet = |id: String| ec2::Subnet {
        subnet_id: id,
        vpc_id: VPC.to_owned(),
        cidr_block: "10.0.0.0/16".to_owned(),
        ..ec2::Subnet::default()
    };
    Ok(ec2::DescribeSubnetsResponse { subnets: request.subnet_ids.into_iter().map(subnet).collect(), next_token: None })
}

async fn describe_vpcs(_: Cx, _: ec2::DescribeVpcsRequest) -> Result<ec2::DescribeVpcsResponse, Fault> {
    let vpc = ec2::Vpc { vpc_id: VPC.to_owned(), cidr_block: "10.0.0.0/8".to_owned(), ..ec2::Vpc::default() };
    Ok(ec2::DescribeVpcsResponse { vpcs: vec![vpc], next_token: None })
}

async fn describe_namespaces(
    _: Cx,
    _: ec2::DescribeVpcNamespacesRequest,
) -> Result<ec2::DescribeVpcNamespacesResponse, Fault> {
    let namespace = ec2::VpcNamespace { vpc_id: VPC.to_owned(), path: "/proc/self/ns/net".to_owned(), inode: 1 };
    Ok(ec2::DescribeVpcNamespacesResponse { vpc_namespaces: vec![namespace] })
}

async fn describe_load_balancers(
    _: Cx,
    _: elbv2::DescribeLoadBalancersRequest,
) -> Result<elbv2::LoadBalancersResponse, Fault> {
    Ok(elbv2::LoadBalancersResponse::default())
}

async fn describe_urls(
    _: Cx,
    _: elbv2::DescribeLoadBalancerUrlsRequest,
) -> Result<elbv2::DescribeLoadBalancerUrlsResponse, Fault> {
    Ok(elbv2::DescribeLoadBalancerUrlsResponse::default())
}

async fn describe_house(
    _: Cx,
    _: api::serin::DescribeHouseRequest,
) -> Result<api::serin::DescribeHouseResponse, Fault> {
    Ok(api::serin::DescribeHouseResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        data_dir: "/".to_owned(),
        scopes: vec![names::Scope::default()],
    })
}
