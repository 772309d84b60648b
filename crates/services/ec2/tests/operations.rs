//! The operations, in process and as users call them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use api::{Fault, Operation, ec2 as shape};
use names::{Ids, Scope};
use serde_json::{Value, json};
use store::Store;
use wire::{Call, Caller, Service};

/// EC2 without an edge: rows only.
struct House {
    caller: Caller,
    service: Service,
    scope: Scope,
}

impl House {
    fn new() -> Self {
        let store = Store::in_memory().unwrap();
        let edge = edge::Client::new("/nonexistent/edge.sock");
        let service = ec2::service(store, Ids::counting(), edge, network::egress::Reach::None).service;
        let caller = Caller::default();
        caller.fill([service.clone()]);
        Self { caller, service, scope: Scope::default() }
    }

    /// As a neighbour calls.
    async fn ask<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Fault> {
        self.caller.call::<Op>(&self.scope, request).await
    }

    /// As a user calls, with members as the wire reads them.
    async fn user(&self, operation: &str, members: Value) -> Result<Value, Fault> {
        let access_key = "AKIAIOSFODNN7EXAMPLE".to_owned();
        let call = Call { scope: self.scope.clone(), access_key, request_id: "r-1".to_owned(), waiter: false };
        self.service.call(operation, call, members).await
    }

    async fn refused(&self, operation: &str, members: Value) -> (String, String) {
        let fault = self.user(operation, members).await.unwrap_err();
        (fault.code, fault.message)
    }

    async fn vpc(&self) -> String {
        let vpc = self.user("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})).await.unwrap();
        vpc["vpc"]["vpcId"].as_str().unwrap().to_owned()
    }

    async fn subnet(&self, vpc: &str, cidr: &str) -> String {
        let subnet = self.user("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": cidr})).await.unwrap();
        subnet["subnet"]["subnetId"].as_str().unwrap().to_owned()
    }

    async fn group(&self, vpc: &str, name: &str) -> String {
        let members = json!({"VpcId": vpc, "GroupName": name, "GroupDescription": name});
        self.user("CreateSecurityGroup", members).await.unwrap()["groupId"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_vpc_comes_with_a_main_route_table_and_a_default_group() {
    let house = House::new();
    let vpc = house.vpc().await;
    let tables = house.ask::<shape::DescribeRouteTables>(shape::DescribeRouteTablesRequest::default()).await.unwrap();
    let table = &tables.route_tables[0];
    assert_eq!(table.vpc_id, vpc);
    assert!(table.associations[0].main);
    assert_eq!(table.routes[0].gateway_id.as_deref(), Some("local"));
    assert_eq!(table.routes[0].destination_cidr_block, "10.0.0.0/16");
    let groups = house.ask::<shape::DescribeSecurityGroups>(shape::DescribeSecurityGroupsRequest::default());
    let group = &groups.await.unwrap().security_groups[0];
    assert_eq!((group.group_name.as_str(), group.vpc_id.as_str()), ("default", vpc.as_str()));
    assert_eq!(group.ip_permissions[0].groups[0].group_id, group.group_id);
    assert_eq!(group.ip_permissions_egress[0].ip_ranges[0].cidr_ip, "0.0.0.0/0");
}

#[tokio::test]
async fn a_vpc_is_deleted_with_its_companions_once_all_else_is_gone() {
    let house = House::new();
    let vpc = house.vpc().await;
    let subnet = house.subnet(&vpc, "10.0.1.0/24").await;
    let (code, message) = house.refused("DeleteVpc", json!({"VpcId": vpc})).await;
    assert_eq!(code, "DependencyViolation");
    assert_eq!(message, format!("The vpc '{vpc}' has dependencies and cannot be deleted."));
    house.user("DeleteSubnet", json!({"SubnetId": subnet})).await.unwrap();
    house.user("DeleteVpc", json!({"VpcId": vpc})).await.unwrap();
    let (code, message) = house.refused("DescribeVpcs", json!({"VpcId": [vpc]})).await;
    assert_eq!((code.as_str(), message), ("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist")));
    for operation in ["DescribeRouteTables", "DescribeSecurityGroups"] {
        let left = house.user(operation, json!({})).await.unwrap();
        let sets: Vec<_> = left.as_object().unwrap().values().collect();
        assert_eq!(sets, [&json!([])], "{operation}");
    }
}

#[tokio::test]
async fn attributes_of_a_vpc_are_changed_one_at_a_time() {
    let house = House::new();
    let vpc = house.vpc().await;
    let hostnames = json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": "true"}});
    house.user("ModifyVpcAttribute", hostnames).await.unwrap();
    let ask = json!({"VpcId": vpc, "Attribute": "enableDnsHostnames"});
    let answer = house.user("DescribeVpcAttribute", ask).await.unwrap();
    assert_eq!(answer["enableDnsHostnames"]["value"], json!(true));
    let both = json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": true}, "EnableDnsSupport": {"Value": true}});
    assert_eq!(house.refused("ModifyVpcAttribute", both).await.0, "InvalidParameterCombination");
}

#[tokio::test]
async fn subnets_spread_over_zones_and_do_not_overlap() {
    let house = House::new();
    let vpc = house.vpc().await;
    house.subnet(&vpc, "10.0.1.0/24").await;
    house.subnet(&vpc, "10.0.2.0/24").await;
    let subnets = house.ask::<shape::DescribeSubnets>(shape::DescribeSubnetsRequest::default()).await.unwrap().subnets;
    let mut zones: Vec<_> = subnets.iter().map(|subnet| subnet.availability_zone.as_str()).collect();
    zones.sort_unstable();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    assert_eq!(subnets[0].available_ip_address_count, 251);
    for (cidr, code) in [("10.0.1.128/25", "InvalidSubnet.Conflict"), ("10.1.0.0/24", "InvalidSubnet.Range")] {
        assert_eq!(house.refused("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": cidr})).await.0, code);
    }
    let zone = json!({"VpcId": vpc, "CidrBlock": "10.0.3.0/24", "AvailabilityZone": "us-east-1z"});
    let (code, message) = house.refused("CreateSubnet", zone).await;
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("us-east-1a, us-east-1b, us-east-1c"), "{message}");
}

#[tokio::test]
async fn filters_narrow_and_unknown_ones_are_named() {
    let house = House::new();
    let (one, two) = (house.vpc().await, house.vpc().await);
    let tagged = json!({"ResourceId": [one], "Tag": [{"Key": "Name", "Value": "flask"}]});
    house.user("CreateTags", tagged).await.unwrap();
    let ids = |answer: Value| -> Vec<String> {
        answer["vpcSet"].as_array().unwrap().iter().map(|vpc| vpc["vpcId"].as_str().unwrap().to_owned()).collect()
    };
    let by_tag = json!({"Filter": [{"Name": "tag:Name", "Value": ["fl*"]}]});
    assert_eq!(ids(house.user("DescribeVpcs", by_tag).await.unwrap()), std::slice::from_ref(&one));
    let by_id = json!({"Filter": [{"Name": "vpc-id", "Value": [two]}]});
    assert_eq!(ids(house.user("DescribeVpcs", by_id).await.unwrap()), [two]);
    let unknown = json!({"Filter": [{"Name": "colour", "Value": ["red"]}]});
    let refused = house.refused("DescribeVpcs", unknown).await;
    assert_eq!(refused, ("InvalidParameterValue".to_owned(), "The filter 'colour' is invalid".to_owned()));
    let pages = house.user("DescribeVpcs", json!({"MaxResults": 1})).await.unwrap();
    assert_eq!(pages["vpcSet"].as_array().unwrap().len(), 1);
    let rest = house.user("DescribeVpcs", json!({"NextToken": pages["nextToken"]})).await.unwrap();
    assert_eq!(rest["vpcSet"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tags_are_listed_across_resources_and_taken_away() {
    let house = House::new();
    let vpc = house.vpc().await;
    let subnet = house.subnet(&vpc, "10.0.1.0/24").await;
    let tags = json!({"ResourceId": [vpc, subnet], "Tag": [{"Key": "Env", "Value": "prod"}, {"Key": "Name"}]});
    house.user("CreateTags", tags).await.unwrap();
    let by_key = json!({"Filter": [{"Name": "key", "Value": ["Env"]}]});
    let found = house.user("DescribeTags", by_key.clone()).await.unwrap();
    let kinds: Vec<_> = found["tagSet"].as_array().unwrap().iter().map(|tag| tag["resourceType"].clone()).collect();
    assert_eq!(kinds, ["subnet", "vpc"], "in the order of their ids");
    house.user("DeleteTags", json!({"ResourceId": [vpc], "Tag": [{"Key": "Env"}]})).await.unwrap();
    let found = house.user("DescribeTags", by_key).await.unwrap();
    assert_eq!(found["tagSet"].as_array().unwrap().len(), 1);
    let reserved = json!({"ResourceId": [vpc], "Tag": [{"Key": "aws:x", "Value": "1"}]});
    assert_eq!(house.refused("CreateTags", reserved).await.0, "InvalidParameterValue");
    let nobody = json!({"ResourceId": [vpc, "subnet-0"], "Tag": [{"Key": "New", "Value": "1"}]});
    assert_eq!(house.refused("CreateTags", nobody).await.0, "InvalidSubnetID.NotFound");
    let new = json!({"Filter": [{"Name": "key", "Value": ["New"]}]});
    let none = house.user("DescribeTags", new).await.unwrap();
    assert_eq!(none["tagSet"], json!([]), "all resources are tagged or none");
}

#[tokio::test]
async fn a_gateway_is_attached_routed_to_and_detached() {
    let house = House::new();
    let vpc = house.vpc().await;
    let gateway = house.user("CreateInternetGateway", json!({})).await.unwrap();
    let gateway = gateway["internetGateway"]["internetGatewayId"].as_str().unwrap().to_owned();
    let both = json!({"InternetGatewayId": gateway, "VpcId": vpc});
    let table = house.user("CreateRouteTable", json!({"VpcId": vpc})).await.unwrap();
    let table = table["routeTable"]["routeTableId"].as_str().unwrap().to_owned();
    let route = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway});
    assert_eq!(house.refused("CreateRoute", route.clone()).await.0, "InvalidParameterValue");
    assert_eq!(house.refused("DetachInternetGateway", both.clone()).await.0, "Gateway.NotAttached");
    house.user("AttachInternetGateway", both.clone()).await.unwrap();
    assert_eq!(house.refused("AttachInternetGateway", both.clone()).await.0, "Resource.AlreadyAssociated");
    house.user("CreateRoute", route.clone()).await.unwrap();
    assert_eq!(house.refused("CreateRoute", route.clone()).await.0, "RouteAlreadyExists");
    house.user("ReplaceRoute", route).await.unwrap();
    let gone = json!({"InternetGatewayId": gateway});
    assert_eq!(house.refused("DeleteInternetGateway", gone.clone()).await.0, "DependencyViolation");
    house.user("DetachInternetGateway", both).await.unwrap();
    let shown = house.user("DescribeRouteTables", json!({"RouteTableId": [table]})).await.unwrap();
    assert_eq!(shown["routeTableSet"][0]["routeSet"][1]["state"], json!("blackhole"));
    house.user("DeleteInternetGateway", gone).await.unwrap();
    let destination = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"});
    house.user("DeleteRoute", destination.clone()).await.unwrap();
    assert_eq!(house.refused("DeleteRoute", destination).await.0, "InvalidRoute.NotFound");
}

#[tokio::test]
async fn the_same_token_answers_with_the_same_route_table() {
    let house = House::new();
    let vpc = house.vpc().await;
    let ask = json!({"VpcId": vpc, "ClientToken": "t-1"});
    let first = house.user("CreateRouteTable", ask.clone()).await.unwrap();
    assert_eq!(house.user("CreateRouteTable", ask).await.unwrap(), first);
    assert_eq!(first["clientToken"], json!("t-1"));
    let other = json!({"VpcId": house.vpc().await, "ClientToken": "t-1"});
    assert_eq!(house.refused("CreateRouteTable", other).await.0, "IdempotentParameterMismatch");
}

#[tokio::test]
async fn a_subnet_has_one_route_table() {
    let house = House::new();
    let vpc = house.vpc().await;
    let subnet = house.subnet(&vpc, "10.0.1.0/24").await;
    let mut tables = Vec::new();
    for _ in 0..2 {
        let table = house.user("CreateRouteTable", json!({"VpcId": vpc})).await.unwrap();
        tables.push(table["routeTable"]["routeTableId"].as_str().unwrap().to_owned());
    }
    let associate = |table: &str| json!({"RouteTableId": table, "SubnetId": subnet});
    let first = house.user("AssociateRouteTable", associate(&tables[0])).await.unwrap();
    let again = house.user("AssociateRouteTable", associate(&tables[0])).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(house.refused("AssociateRouteTable", associate(&tables[1])).await.0, "Resource.AlreadyAssociated");
    let replace = json!({"AssociationId": first["associationId"], "RouteTableId": tables[1]});
    let replaced = house.user("ReplaceRouteTableAssociation", replace).await.unwrap();
    assert_eq!(house.refused("DeleteRouteTable", json!({"RouteTableId": tables[1]})).await.0, "DependencyViolation");
    house.user("DisassociateRouteTable", json!({"AssociationId": replaced["newAssociationId"]})).await.unwrap();
    house.user("DeleteRouteTable", json!({"RouteTableId": tables[1]})).await.unwrap();
    let main = house.ask::<shape::DescribeRouteTables>(shape::DescribeRouteTablesRequest {
        filters: vec![shape::Filter { name: "association.main".to_owned(), values: vec!["true".to_owned()] }],
        ..Default::default()
    });
    let association = main.await.unwrap().route_tables[0].associations[0].route_table_association_id.clone();
    let refused = house.refused("DisassociateRouteTable", json!({"AssociationId": association})).await;
    assert_eq!(refused.0, "InvalidParameterValue");
}

#[tokio::test]
async fn rules_are_added_once_shown_grouped_and_taken_away() {
    let house = House::new();
    let vpc = house.vpc().await;
    let (web, api) = (house.group(&vpc, "web").await, house.group(&vpc, "api").await);
    let permission = json!({"IpProtocol": "tcp", "FromPort": "80", "ToPort": "80",
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}], "Groups": [{"GroupId": web}]});
    let members = json!({"GroupId": api, "IpPermissions": [permission]});
    let added = house.user("AuthorizeSecurityGroupIngress", members.clone()).await.unwrap();
    assert_eq!(added["securityGroupRuleSet"].as_array().unwrap().len(), 2);
    let (code, message) = house.refused("AuthorizeSecurityGroupIngress", members.clone()).await;
    assert_eq!(code, "InvalidPermission.Duplicate");
    assert!(message.contains("peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW"), "{message}");
    let shown = house.user("DescribeSecurityGroups", json!({"GroupId": [api]})).await.unwrap();
    let permissions = &shown["securityGroupInfo"][0]["ipPermissions"];
    assert_eq!(permissions.as_array().unwrap().len(), 1);
    assert_eq!(permissions[0]["groups"][0]["groupId"], json!(web));
    assert_eq!(permissions[0]["ipRanges"][0]["description"], json!("all"));

    let single = json!({"GroupId": api, "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0"});
    house.user("RevokeSecurityGroupIngress", single.clone()).await.unwrap();
    assert_eq!(house.refused("RevokeSecurityGroupIngress", single).await.0, "InvalidPermission.NotFound");
    let rules = house.user("DescribeSecurityGroupRules", json!({"Filter": [{"Name": "group-id", "Value": [api]}]}));
    let rules = rules.await.unwrap();
    let rule = rules["securityGroupRuleSet"].as_array().unwrap().iter().find(|rule| rule["isEgress"] == json!(false));
    let by_id = json!({"GroupId": api, "SecurityGroupRuleId": [rule.unwrap()["securityGroupRuleId"]]});
    let revoked = house.user("RevokeSecurityGroupIngress", by_id).await.unwrap();
    assert_eq!(revoked["revokedSecurityGroupRuleSet"][0]["referencedGroupId"], json!(web));
}

#[tokio::test]
async fn a_group_that_is_needed_stays_and_the_default_one_goes_with_its_vpc() {
    let house = House::new();
    let vpc = house.vpc().await;
    let subnet = house.subnet(&vpc, "10.0.1.0/24").await;
    let (web, api) = (house.group(&vpc, "web").await, house.group(&vpc, "api").await);
    let members = json!({"GroupId": api, "IpPermissions": [{"IpProtocol": "-1", "Groups": [{"GroupId": web}]}]});
    house.user("AuthorizeSecurityGroupIngress", members.clone()).await.unwrap();
    assert_eq!(house.refused("DeleteSecurityGroup", json!({"GroupId": web})).await.0, "DependencyViolation");
    house.user("RevokeSecurityGroupIngress", members).await.unwrap();
    let interface = json!({"SubnetId": subnet, "SecurityGroupId": [web]});
    let interface = house.user("CreateNetworkInterface", interface).await.unwrap();
    assert_eq!(house.refused("DeleteSecurityGroup", json!({"GroupId": web})).await.0, "DependencyViolation");
    let id = interface["networkInterface"]["networkInterfaceId"].clone();
    house.user("DeleteNetworkInterface", json!({"NetworkInterfaceId": id})).await.unwrap();
    house.user("DeleteSecurityGroup", json!({"GroupId": web})).await.unwrap();
    let default = json!({"Filter": [{"Name": "group-name", "Value": ["default"]}]});
    let default = house.user("DescribeSecurityGroups", default).await.unwrap();
    let default = json!({"GroupId": default["securityGroupInfo"][0]["groupId"]});
    assert_eq!(house.refused("DeleteSecurityGroup", default).await.0, "CannotDelete");
    let twin = json!({"VpcId": vpc, "GroupName": "api", "GroupDescription": "again"});
    assert_eq!(house.refused("CreateSecurityGroup", twin).await.0, "InvalidGroup.Duplicate");
    let homeless = json!({"GroupName": "api", "GroupDescription": "again"});
    assert_eq!(house.refused("CreateSecurityGroup", homeless).await.0, "VPCIdNotSpecified");
}

#[tokio::test]
async fn an_interface_gets_the_next_address_or_the_one_it_asks_for() {
    let house = House::new();
    let vpc = house.vpc().await;
    let subnet = house.subnet(&vpc, "10.0.1.0/28").await;
    let create = |more: Value| {
        let mut members = json!({"SubnetId": subnet});
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        house.user("CreateNetworkInterface", members)
    };
    let first = create(json!({"Description": "first"})).await.unwrap();
    let interface = &first["networkInterface"];
    assert_eq!(interface["privateIpAddress"], json!("10.0.1.4"));
    assert_eq!(interface["groupSet"][0]["groupName"], json!("default"));
    assert_eq!(interface["status"], json!("pending"));
    assert!(interface["macAddress"].as_str().unwrap().starts_with("02:"));
    let asked = create(json!({"PrivateIpAddress": "10.0.1.9"})).await.unwrap();
    assert_eq!(asked["networkInterface"]["privateIpAddress"], json!("10.0.1.9"));
    let used = create(json!({"PrivateIpAddress": "10.0.1.9"})).await.unwrap_err();
    assert_eq!(used.code, "InvalidIPAddress.InUse");
    let reserved = create(json!({"PrivateIpAddress": "10.0.1.2"})).await.unwrap_err();
    assert_eq!(reserved.code, "InvalidParameterValue");
    for _ in 0..9 {
        create(json!({})).await.unwrap();
    }
    let full = create(json!({})).await.unwrap_err();
    assert_eq!(full.code, "InsufficientFreeAddressesInSubnet");
    assert_eq!(house.refused("DeleteSubnet", json!({"SubnetId": subnet})).await.0, "DependencyViolation");
    let by_address = json!({"Filter": [{"Name": "addresses.private-ip-address", "Value": ["10.0.1.9"]}]});
    let found = house.user("DescribeNetworkInterfaces", by_address).await.unwrap();
    assert_eq!(found["networkInterfaceSet"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_token_answers_with_the_same_interface() {
    let house = House::new();
    let vpc = house.vpc().await;
    let subnet = house.subnet(&vpc, "10.0.1.0/24").await;
    let request = shape::CreateNetworkInterfaceRequest {
        subnet_id: subnet,
        client_token: Some("task-1".to_owned()),
        operator: Some(shape::Operator { principal: "ecs.amazonaws.com".to_owned() }),
        ..Default::default()
    };
    let first = house.ask::<shape::CreateNetworkInterface>(request.clone()).await.unwrap().network_interface;
    let second = house.ask::<shape::CreateNetworkInterface>(request.clone()).await.unwrap().network_interface;
    assert_eq!(first.network_interface_id, second.network_interface_id);
    let other = shape::CreateNetworkInterfaceRequest { description: Some("other".to_owned()), ..request };
    let fault = house.ask::<shape::CreateNetworkInterface>(other).await.unwrap_err();
    assert_eq!(fault.code, "IdempotentParameterMismatch");
    let user = house.refused("DeleteNetworkInterface", json!({"NetworkInterfaceId": first.network_interface_id})).await;
    assert_eq!(user.0, "OperationNotPermitted");
    let id = shape::DeleteNetworkInterfaceRequest { network_interface_id: first.network_interface_id };
    house.ask::<shape::DeleteNetworkInterface>(id).await.unwrap();
}

#[tokio::test]
async fn what_is_for_neighbours_is_not_for_users() {
    let house = House::new();
    let vpc = house.vpc().await;
    let subnet = house.subnet(&vpc, "10.0.1.0/24").await;
    assert_eq!(house.refused("DescribeVpcNamespaces", json!({})).await.0, "InvalidAction");
    for more in [json!({"InterfaceType": "load_balancer"}), json!({"Operator": {"Principal": "x"}})] {
        let mut members = json!({"SubnetId": subnet});
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(house.refused("CreateNetworkInterface", members).await.0, "InvalidParameterValue");
    }
}

#[tokio::test]
async fn regions_and_accounts_see_nothing_of_each_other() {
    let mut house = House::new();
    let vpc = house.vpc().await;
    house.scope = Scope::new(house.scope.account.clone(), names::Region::new("eu-west-1"));
    assert_eq!(house.refused("DescribeVpcs", json!({"VpcId": [vpc]})).await.0, "InvalidVpcID.NotFound");
    let zones = house.user("DescribeAvailabilityZones", json!({})).await.unwrap();
    let ids: Vec<_> = zones["availabilityZoneInfo"].as_array().unwrap().iter().map(|z| z["zoneId"].clone()).collect();
    assert_eq!(ids, ["euw1-az1", "euw1-az2", "euw1-az3"]);
}

#[tokio::test]
async fn a_parameter_that_is_not_there_is_refused_by_its_name() {
    let house = House::new();
    let (code, message) = house.refused("CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "Ipv6Pool": "x"})).await;
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("Ipv6Pool"), "{message}");
}
