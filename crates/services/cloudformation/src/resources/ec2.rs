//! Networks: what a VPC is made of. The ids are EC2's, so what was made already is found by CloudFormation's tags; a
//! thing that has none (a route, an association, an attachment, a rule) is found by what it joins.

use api::ec2;
use names::Tags;
use serde_json::Value;

use super::{Call, Failure, Kind, Made, Resource, property};

/// EC2's answers to an id that is not there.
const MISSING: &[&str] = &[
    "InvalidVpcID.NotFound",
    "InvalidSubnetID.NotFound",
    "InvalidInternetGatewayID.NotFound",
    "InvalidRouteTableID.NotFound",
    "InvalidRoute.NotFound",
    "InvalidAssociationID.NotFound",
    "InvalidGroup.NotFound",
    "InvalidPermission.NotFound",
    "Gateway.NotAttached",
];

fn specification(call: &Call<'_>, kind: &str) -> Vec<ec2::TagSpecification> {
    let tags = call.tags().into_iter().map(|(key, value)| ec2::Tag { key, value }).collect();
    vec![ec2::TagSpecification { resource_type: kind.to_owned(), tags }]
}

/// Finds the resource of this kind that carries our tags and is none of its siblings.
async fn tagged(call: &Call<'_>, kind: &str) -> Result<Option<String>, Failure> {
    let filter = |name: &str, value: String| ec2::Filter { name: name.to_owned(), values: vec![value] };
    let filters = vec![
        filter("resource-type", kind.to_owned()),
        filter("key", "aws:cloudformation:logical-id".to_owned()),
        filter("value", call.thing.logical_id.clone()),
    ];
    let request = ec2::DescribeTagsRequest { filters, ..Default::default() };
    let candidates = call.send::<ec2::DescribeTags>(request).await?.tags;
    for candidate in candidates.into_iter().map(|tag| tag.resource_id) {
        if !call.siblings.contains(&candidate) && call.is_ours(&tags_of(call, &candidate).await?) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

async fn tags_of(call: &Call<'_>, id: &str) -> Result<Tags, Failure> {
    let filters = vec![ec2::Filter { name: "resource-id".to_owned(), values: vec![id.to_owned()] }];
    let request = ec2::DescribeTagsRequest { filters, ..Default::default() };
    let tags = call.send::<ec2::DescribeTags>(request).await?.tags;
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Brings the tags of the thing to what is asked.
pub(super) async fn retag(call: &Call<'_>) -> Result<(), Failure> {
    let id = call.id()?.to_owned();
    let (set, gone) = call.tag_changes(&tags_of(call, &id).await?);
    if !set.is_empty() {
        let tags = set.into_iter().map(|(key, value)| ec2::Tag { key, value }).collect();
        call.send::<ec2::CreateTags>(ec2::CreateTagsRequest { resources: vec![id.clone()], tags }).await?;
    }
    if !gone.is_empty() {
        let tags = gone.into_iter().map(|key| ec2::TagToDelete { key, value: None }).collect();
        call.send::<ec2::DeleteTags>(ec2::DeleteTagsRequest { resources: vec![id], tags }).await?;
    }
    Ok(())
}

fn truth(call: &Call<'_>, name: &str) -> Result<Option<bool>, Failure> {
    match call.text(name).as_deref() {
        None => Ok(None),
        Some("true" | "True") => Ok(Some(true)),
        Some("false" | "False") => Ok(Some(false)),
        Some(other) => Err(Failure::Wrong(format!("Property {name} is true or false, not {other}"))),
    }
}

/// `AWS::EC2::VPC`.
pub(super) struct Vpc;

impl Vpc {
    async fn made(call: &Call<'_>, id: &str) -> Result<Made, Failure> {
        let request = ec2::DescribeVpcsRequest { vpc_ids: vec![id.to_owned()], ..Default::default() };
        let vpc = call.send::<ec2::DescribeVpcs>(request).await?.vpcs.into_iter().next();
        let vpc = vpc.ok_or_else(|| Failure::Wrong(format!("{id} is gone")))?;
        let filters = vec![
            ec2::Filter { name: "vpc-id".to_owned(), values: vec![id.to_owned()] },
            ec2::Filter { name: "group-name".to_owned(), values: vec!["default".to_owned()] },
        ];
        let request = ec2::DescribeSecurityGroupsRequest { filters, ..Default::default() };
        let groups = call.send::<ec2::DescribeSecurityGroups>(request).await?.security_groups;
        let default = groups.into_iter().next().map(|group| group.group_id).unwrap_or_default();
        let mut made =
            Made::new(id, &[("VpcId", id), ("CidrBlock", &vpc.cidr_block), ("DefaultSecurityGroup", &default)]);
        let associations = vpc.cidr_block_association_set.into_iter().map(|set| Value::from(set.association_id));
        made.attributes.insert("CidrBlockAssociations".to_owned(), associations.collect());
        Ok(made)
    }
}

impl Resource for Vpc {
    const KIND: Kind = Kind::new("AWS::EC2::VPC")
        .properties(&[
            property("CidrBlock").required().replaces(),
            property("EnableDnsHostnames"),
            property("EnableDnsSupport"),
            property("InstanceTenancy").replaces(),
            property("Tags"),
        ])
        .attributes(&["VpcId", "CidrBlock", "DefaultSecurityGroup", "CidrBlockAssociations"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = ec2::CreateVpcRequest {
            cidr_block: call.needed("CidrBlock")?,
            instance_tenancy: call.text("InstanceTenancy"),
            tag_specifications: specification(call, "vpc"),
        };
        let vpc = call.send::<ec2::CreateVpc>(request).await?.vpc;
        Self::made(call, &vpc.vpc_id).await
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        match tagged(call, "vpc").await? {
            Some(id) => Ok(Some(Self::made(call, &id).await?)),
            None => Ok(None),
        }
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let id = call.id()?;
        let value = |value| Some(ec2::AttributeBooleanValue { value });
        // EC2 takes one attribute a call.
        let mut request = ec2::ModifyVpcAttributeRequest { vpc_id: id.to_owned(), ..Default::default() };
        request.enable_dns_support = value(truth(call, "EnableDnsSupport")?.unwrap_or(true));
        call.send::<ec2::ModifyVpcAttribute>(request).await?;
        let mut request = ec2::ModifyVpcAttributeRequest { vpc_id: id.to_owned(), ..Default::default() };
        request.enable_dns_hostnames = value(truth(call, "EnableDnsHostnames")?.unwrap_or(false));
        call.send::<ec2::ModifyVpcAttribute>(request).await?;
        retag(call).await?;
        Self::made(call, id).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ec2::DeleteVpcRequest { vpc_id: call.id()?.to_owned() };
        call.look::<ec2::DeleteVpc>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::EC2::Subnet`.
pub(super) struct Subnet;

impl Subnet {
    async fn made(call: &Call<'_>, id: &str) -> Result<Made, Failure> {
        let request = ec2::DescribeSubnetsRequest { subnet_ids: vec![id.to_owned()], ..Default::default() };
        let subnet = call.send::<ec2::DescribeSubnets>(request).await?.subnets.into_iter().next();
        let subnet = subnet.ok_or_else(|| Failure::Wrong(format!("{id} is gone")))?;
        let attributes = [
            ("SubnetId", id),
            ("AvailabilityZone", &subnet.availability_zone),
            ("AvailabilityZoneId", &subnet.availability_zone_id),
            ("CidrBlock", &subnet.cidr_block),
            ("VpcId", &subnet.vpc_id),
        ];
        Ok(Made::new(id, &attributes))
    }
}

impl Resource for Subnet {
    const KIND: Kind = Kind::new("AWS::EC2::Subnet")
        .properties(&[
            property("VpcId").required().replaces(),
            property("CidrBlock").required().replaces(),
            property("AvailabilityZone").replaces(),
            property("AvailabilityZoneId").replaces(),
            property("MapPublicIpOnLaunch"),
            property("Tags"),
        ])
        .attributes(&["SubnetId", "AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = ec2::CreateSubnetRequest {
            vpc_id: call.needed("VpcId")?,
            cidr_block: call.needed("CidrBlock")?,
            availability_zone: call.text("AvailabilityZone"),
            availability_zone_id: call.text("AvailabilityZoneId"),
            tag_specifications: specification(call, "subnet"),
        };
        let subnet = call.send::<ec2::CreateSubnet>(request).await?.subnet;
        Self::made(call, &subnet.subnet_id).await
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        match tagged(call, "subnet").await? {
            Some(id) => Ok(Some(Self::made(call, &id).await?)),
            None => Ok(None),
        }
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let id = call.id()?;
        let value = truth(call, "MapPublicIpOnLaunch")?.unwrap_or(false);
        let request = ec2::ModifySubnetAttributeRequest {
            subnet_id: id.to_owned(),
            map_public_ip_on_launch: Some(ec2::AttributeBooleanValue { value }),
        };
        call.send::<ec2::ModifySubnetAttribute>(request).await?;
        retag(call).await?;
        Self::made(call, id).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ec2::DeleteSubnetRequest { subnet_id: call.id()?.to_owned() };
        call.look::<ec2::DeleteSubnet>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::EC2::InternetGateway`.
pub(super) struct InternetGateway;

impl Resource for InternetGateway {
    const KIND: Kind =
        Kind::new("AWS::EC2::InternetGateway").properties(&[property("Tags")]).attributes(&["InternetGatewayId"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = ec2::CreateInternetGatewayRequest { tag_specifications: specification(call, "internet-gateway") };
        let gateway = call.send::<ec2::CreateInternetGateway>(request).await?.internet_gateway.internet_gateway_id;
        Ok(Made::new(&gateway, &[("InternetGatewayId", &gateway)]))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        Ok(tagged(call, "internet-gateway").await?.map(|id| Made::new(&id, &[("InternetGatewayId", &id)])))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        retag(call).await?;
        Ok(Made::new(call.id()?, &[("InternetGatewayId", call.id()?)]))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ec2::DeleteInternetGatewayRequest { internet_gateway_id: call.id()?.to_owned() };
        call.look::<ec2::DeleteInternetGateway>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::EC2::VPCGatewayAttachment`.
pub(super) struct GatewayAttachment;

impl GatewayAttachment {
    fn request(call: &Call<'_>) -> Result<ec2::InternetGatewayAttachmentRequest, Failure> {
        Ok(ec2::InternetGatewayAttachmentRequest {
            internet_gateway_id: call.needed("InternetGatewayId")?,
            vpc_id: call.needed("VpcId")?,
        })
    }

    /// Detaches the gateways that stood in the place of the one `asked`.
    async fn detach_others(call: &Call<'_>, asked: &ec2::InternetGatewayAttachmentRequest) -> Result<(), Failure> {
        let before = call.thing.before.iter().filter_map(|had| had.get("InternetGatewayId").and_then(Value::as_str));
        for gateway in before.filter(|before| *before != asked.internet_gateway_id) {
            let other =
                ec2::InternetGatewayAttachmentRequest { internet_gateway_id: gateway.to_owned(), ..asked.clone() };
            call.look::<ec2::DetachInternetGateway>(other, MISSING).await?;
        }
        Ok(())
    }

    fn made(request: &ec2::InternetGatewayAttachmentRequest) -> Made {
        let id = format!("IGW|{}", request.vpc_id);
        Made::new(&id, &[("AttachmentType", "IGW")])
    }
}

impl Resource for GatewayAttachment {
    const KIND: Kind = Kind::new("AWS::EC2::VPCGatewayAttachment")
        .properties(&[property("VpcId").required().replaces(), property("InternetGatewayId").required()])
        .attributes(&["AttachmentType"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = Self::request(call)?;
        let made = Self::made(&request);
        call.send::<ec2::AttachInternetGateway>(request).await?;
        Ok(made)
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let asked = Self::request(call)?;
        let ids = vec![asked.internet_gateway_id.clone()];
        let request = ec2::DescribeInternetGatewaysRequest { internet_gateway_ids: ids, ..Default::default() };
        let found = call.look::<ec2::DescribeInternetGateways>(request, MISSING).await?;
        let gateways = found.map(|found| found.internet_gateways).unwrap_or_default();
        let attached = gateways.iter().flat_map(|gateway| &gateway.attachments).any(|a| a.vpc_id == asked.vpc_id);
        Ok(attached.then(|| Self::made(&asked)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let asked = Self::request(call)?;
        Self::detach_others(call, &asked).await?;
        match Self::find(call).await? {
            Some(made) => Ok(made),
            None => Self::create(call).await,
        }
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let asked = Self::request(call)?;
        Self::detach_others(call, &asked).await?;
        call.look::<ec2::DetachInternetGateway>(asked, MISSING).await.map(|_| ())
    }
}

/// `AWS::EC2::RouteTable`.
pub(super) struct RouteTable;

impl Resource for RouteTable {
    const KIND: Kind = Kind::new("AWS::EC2::RouteTable")
        .properties(&[property("VpcId").required().replaces(), property("Tags")])
        .attributes(&["RouteTableId"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = ec2::CreateRouteTableRequest {
            vpc_id: call.needed("VpcId")?,
            client_token: Some(call.thing.token.clone()),
            tag_specifications: specification(call, "route-table"),
        };
        let id = call.send::<ec2::CreateRouteTable>(request).await?.route_table.route_table_id;
        Ok(Made::new(&id, &[("RouteTableId", &id)]))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        Ok(tagged(call, "route-table").await?.map(|id| Made::new(&id, &[("RouteTableId", &id)])))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        retag(call).await?;
        Ok(Made::new(call.id()?, &[("RouteTableId", call.id()?)]))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ec2::DeleteRouteTableRequest { route_table_id: call.id()?.to_owned() };
        call.look::<ec2::DeleteRouteTable>(request, MISSING).await.map(|_| ())
    }
}

async fn table(call: &Call<'_>, id: String) -> Result<Option<ec2::RouteTable>, Failure> {
    let request = ec2::DescribeRouteTablesRequest { route_table_ids: vec![id], ..Default::default() };
    let found = call.look::<ec2::DescribeRouteTables>(request, MISSING).await?;
    Ok(found.and_then(|found| found.route_tables.into_iter().next()))
}

/// `AWS::EC2::Route`.
pub(super) struct Route;

impl Route {
    fn request(call: &Call<'_>) -> Result<ec2::CreateRouteRequest, Failure> {
        Ok(ec2::CreateRouteRequest {
            route_table_id: call.needed("RouteTableId")?,
            destination_cidr_block: call.needed("DestinationCidrBlock")?,
            gateway_id: call.needed("GatewayId")?,
        })
    }

    fn made(request: &ec2::CreateRouteRequest) -> Made {
        let cidr = &request.destination_cidr_block;
        Made::new(format!("{}|{cidr}", request.route_table_id), &[("CidrBlock", cidr)])
    }
}

impl Resource for Route {
    const KIND: Kind = Kind::new("AWS::EC2::Route")
        .properties(&[
            property("RouteTableId").required().replaces(),
            property("DestinationCidrBlock").required().replaces(),
            property("GatewayId").required(),
        ])
        .attributes(&["CidrBlock"])
        .identity(&["RouteTableId", "DestinationCidrBlock"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = Self::request(call)?;
        let made = Self::made(&request);
        call.send::<ec2::CreateRoute>(request).await?;
        Ok(made)
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let asked = Self::request(call)?;
        let table = table(call, asked.route_table_id.clone()).await?;
        let same = |route: &ec2::Route| {
            route.destination_cidr_block == asked.destination_cidr_block && route.origin == "CreateRoute"
        };
        Ok(table.filter(|table| table.routes.iter().any(same)).map(|_| Self::made(&asked)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let request = Self::request(call)?;
        let made = Self::made(&request);
        call.send::<ec2::ReplaceRoute>(request).await?;
        Ok(made)
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ec2::DeleteRouteRequest {
            route_table_id: call.needed("RouteTableId")?,
            destination_cidr_block: call.needed("DestinationCidrBlock")?,
        };
        call.look::<ec2::DeleteRoute>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::EC2::SubnetRouteTableAssociation`.
pub(super) struct RouteTableAssociation;

impl Resource for RouteTableAssociation {
    const KIND: Kind = Kind::new("AWS::EC2::SubnetRouteTableAssociation")
        .properties(&[property("RouteTableId").required(), property("SubnetId").required().replaces()])
        .attributes(&["Id"])
        .identity(&["SubnetId"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = ec2::AssociateRouteTableRequest {
            route_table_id: call.needed("RouteTableId")?,
            subnet_id: call.needed("SubnetId")?,
        };
        let id = call.send::<ec2::AssociateRouteTable>(request).await?.association_id;
        Ok(Made::new(&id, &[("Id", &id)]))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let subnet = call.needed("SubnetId")?;
        let table = table(call, call.needed("RouteTableId")?).await?;
        let associations = table.map(|table| table.associations).unwrap_or_default();
        let own = associations.into_iter().find(|association| association.subnet_id.as_ref() == Some(&subnet));
        Ok(own.map(|own| Made::new(&own.route_table_association_id, &[("Id", &own.route_table_association_id)])))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        // Moved before a crash, it is found at the new table.
        if let Some(made) = Self::find(call).await? {
            return Ok(made);
        }
        let request = ec2::ReplaceRouteTableAssociationRequest {
            association_id: call.id()?.to_owned(),
            route_table_id: call.needed("RouteTableId")?,
        };
        let id = call.send::<ec2::ReplaceRouteTableAssociation>(request).await?.new_association_id;
        Ok(Made::new(&id, &[("Id", &id)]))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ec2::DisassociateRouteTableRequest { association_id: call.id()?.to_owned() };
        call.look::<ec2::DisassociateRouteTable>(request, MISSING).await.map(|_| ())
    }
}
