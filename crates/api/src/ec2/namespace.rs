//! Ours, not AWS's: the network namespaces that stand for VPCs. Reachable in process alone.

use serde::{Deserialize, Serialize};

use crate::operation;

operation!(DescribeVpcNamespaces, "ec2", DescribeVpcNamespacesRequest, DescribeVpcNamespacesResponse);

/// Asks for the namespaces of VPCs; of all in the scope without ids.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeVpcNamespacesRequest {
    /// The VPCs' ids; one that is not there is an error.
    #[serde(default, rename = "VpcId")]
    pub vpc_ids: Vec<String>,
}

/// The namespaces of those VPCs that have one by now. A VPC that was just made has none yet: look again when
/// `ec2/vpc.observed` changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeVpcNamespacesResponse {
    /// The namespaces.
    #[serde(default, rename = "vpcNamespaceSet")]
    pub vpc_namespaces: Vec<VpcNamespace>,
}

/// The namespace that stands for a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcNamespace {
    /// The VPC.
    pub vpc_id: String,
    /// A path that opens it as long as the process that holds it lives.
    pub path: String,
    /// Its inode: whoever opened the path compares it, since a path can outlive what it named.
    pub inode: u64,
}
