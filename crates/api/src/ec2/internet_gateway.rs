//! Internet gateways. They are kept, attached and routed to as on AWS; a task with a public address, behind a route to
//! one, has the way out that docs/guides/network.md tells of.

use serde::{Deserialize, Serialize};

use super::{Done, Filter, TagItem, TagSpecification};
use crate::operation;

operation!(CreateInternetGateway, "ec2", CreateInternetGatewayRequest, CreateInternetGatewayResponse);
operation!(DescribeInternetGateways, "ec2", DescribeInternetGatewaysRequest, DescribeInternetGatewaysResponse);
operation!(AttachInternetGateway, "ec2", InternetGatewayAttachmentRequest, Done);
operation!(DetachInternetGateway, "ec2", InternetGatewayAttachmentRequest, Done);
operation!(DeleteInternetGateway, "ec2", DeleteInternetGatewayRequest, Done);

/// Makes an internet gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateInternetGatewayRequest {
    /// Tags of resource type `internet-gateway`.
    #[serde(default, rename = "TagSpecification")]
    pub tag_specifications: Vec<TagSpecification>,
}

/// The gateway that was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateInternetGatewayResponse {
    /// The gateway.
    pub internet_gateway: InternetGateway,
}

/// Asks for gateways; for all without ids or filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeInternetGatewaysRequest {
    /// Ids; one that is not there is an error.
    #[serde(default, rename = "InternetGatewayId")]
    pub internet_gateway_ids: Vec<String>,
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

/// Internet gateways.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeInternetGatewaysResponse {
    /// The gateways.
    #[serde(default, rename = "internetGatewaySet")]
    pub internet_gateways: Vec<InternetGateway>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// An internet gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternetGateway {
    /// Its id.
    pub internet_gateway_id: String,
    /// Its account.
    pub owner_id: String,
    /// The VPC it is attached to, if any.
    #[serde(default, rename = "attachmentSet")]
    pub attachments: Vec<InternetGatewayAttachment>,
    /// Tags.
    #[serde(default, rename = "tagSet")]
    pub tags: Vec<TagItem>,
}

/// Where a gateway is attached.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternetGatewayAttachment {
    /// The VPC.
    pub vpc_id: String,
    /// `available`, as AWS says against its own model.
    pub state: String,
}

/// Attaches a gateway to a VPC, or takes it off.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct InternetGatewayAttachmentRequest {
    /// The gateway.
    pub internet_gateway_id: String,
    /// The VPC.
    pub vpc_id: String,
}

/// Deletes a gateway that is not attached.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteInternetGatewayRequest {
    /// Its id.
    pub internet_gateway_id: String,
}
