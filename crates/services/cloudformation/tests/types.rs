//! The table of resource types against what AWS publishes of them.
//!
//! `schemas.json` holds, of AWS's public resource schemas (as cfn-lint 1.58.0 ships them), the names alone: of all
//! properties, of those that must be given, of those whose change replaces, and of the attributes. Where the house
//! deviates, it says so here, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use cloudformation::resources::{Kind, catalogue};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    properties: BTreeSet<String>,
    required: BTreeSet<String>,
    replaces: BTreeSet<String>,
    /// What replaces only in some cases; either is right.
    may_replace: BTreeSet<String>,
    attributes: BTreeSet<String>,
}

/// Properties whose change means something else here than in the schema.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("AWS::CertificateManager::Certificate", "ValidationMethod", "a certificate keeps the way its domains were proved"),
    ("AWS::EC2::SubnetRouteTableAssociation", "RouteTableId", "moved in one call, as a subnet can have only one"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "IpAddressType", "there is only ipv4"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Subnets", "a load balancer keeps its subnets"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "SubnetMappings", "a load balancer keeps its subnets"),
    ("AWS::ECS::Service", "DeploymentController", "there is only ECS"),
    ("AWS::Logs::LogGroup", "LogGroupClass", "there is only STANDARD"),
    ("AWS::XRay::Group", "GroupName", "a group keeps its name"),
];

/// Properties that must be given here though the schema has other ways, which are not here.
const REQUIRED_HERE: &[(&str, &str, &str)] = &[
    ("AWS::EC2::Route", "DestinationCidrBlock", "destinations are IPv4"),
    ("AWS::EC2::Route", "GatewayId", "there are internet gateways only"),
    ("AWS::EC2::SecurityGroupIngress", "GroupId", "every group is in a VPC"),
    ("AWS::EC2::Subnet", "CidrBlock", "there are no address pools"),
    ("AWS::EC2::VPC", "CidrBlock", "there are no address pools"),
    ("AWS::EC2::VPCGatewayAttachment", "InternetGatewayId", "there are internet gateways only"),
    (
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "ListenerArn",
        "a rule is of a listener; AWS refuses its absence too",
    ),
    ("AWS::ServiceDiscovery::PrivateDnsNamespace", "Vpc", "AWS refuses its absence too"),
    ("AWS::XRay::SamplingRule", "SamplingRule", "it is all that a rule is made of"),
];

fn schemas() -> BTreeMap<String, Schema> {
    serde_json::from_str(include_str!("schemas.json")).expect("the file beside this one is as this one reads it")
}

fn listed(list: &[(&str, &str, &str)], kind: &Kind, property: &str) -> bool {
    list.iter().any(|(listed, name, _)| *listed == kind.name && *name == property)
}

#[test]
fn the_types_are_the_ones_promised() {
    let catalogue = catalogue();
    let here: BTreeSet<&str> = catalogue.iter().map(|entry| entry.kind.name).collect();
    let schemas = schemas();
    assert_eq!(here, schemas.keys().map(String::as_str).collect());
    assert_eq!(here.len(), 37);
}

#[test]
fn properties_are_those_of_the_schema() {
    let schemas = schemas();
    for entry in catalogue().iter() {
        let (kind, schema) = (entry.kind, &schemas[entry.kind.name]);
        let mut seen = BTreeSet::new();
        for property in kind.properties {
            let name = property.name;
            assert!(schema.properties.contains(name), "{} has no property {name}", kind.name);
            assert!(seen.insert(name), "{} has {name} twice", kind.name);
            let required = schema.required.contains(name) || listed(REQUIRED_HERE, kind, name);
            assert_eq!(property.required, required, "{}.{name} required", kind.name);
            if !schema.may_replace.contains(name) {
                let replaces = schema.replaces.contains(name) != listed(OTHERWISE, kind, name);
                assert_eq!(property.replaces, replaces, "{}.{name} replaces", kind.name);
            }
        }
        for name in &schema.required {
            assert!(seen.contains(name.as_str()), "{} needs {name}", kind.name);
        }
        for name in kind.identity {
            assert!(seen.contains(name), "{} is named by {name}, which it does not have", kind.name);
        }
    }
}

#[test]
fn attributes_are_those_of_the_schema_or_properties() {
    let schemas = schemas();
    for entry in catalogue().iter() {
        let (kind, schema) = (entry.kind, &schemas[entry.kind.name]);
        for attribute in kind.attributes {
            let known = schema.attributes.contains(*attribute) || schema.properties.contains(*attribute);
            assert!(known, "{} has no attribute {attribute}", kind.name);
        }
    }
}

#[test]
fn deviations_are_still_needed() {
    let (catalogue, schemas) = (catalogue(), schemas());
    for (kind, name, _) in OTHERWISE.iter().chain(REQUIRED_HERE) {
        let table = catalogue.kind(kind).unwrap();
        assert!(table.property(name).is_some() && schemas[*kind].properties.contains(*name), "{kind}.{name}");
    }
}

/// What templates in the wild read of these types, by how often: from a survey of 153 templates.
#[test]
fn attributes_in_common_use_are_there() {
    let catalogue = catalogue();
    for (kind, attribute) in [
        ("AWS::ServiceDiscovery::Service", "Arn"),
        ("AWS::IAM::Role", "Arn"),
        ("AWS::AppMesh::VirtualNode", "VirtualNodeName"),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "DNSName"),
        ("AWS::AppMesh::Mesh", "MeshName"),
        ("AWS::AppMesh::VirtualService", "VirtualServiceName"),
        ("AWS::ServiceDiscovery::Service", "Name"),
        ("AWS::ServiceDiscovery::PrivateDnsNamespace", "Id"),
        ("AWS::AppMesh::VirtualRouter", "VirtualRouterName"),
        ("AWS::ECR::Repository", "Arn"),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "CanonicalHostedZoneID"),
        ("AWS::ECS::Cluster", "Arn"),
        ("AWS::EC2::VPC", "CidrBlock"),
    ] {
        assert!(catalogue.kind(kind).unwrap().attributes.contains(&attribute), "{kind}.{attribute}");
    }
}
