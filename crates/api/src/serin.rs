//! Serin's own operations: what its command line asks about the house as a whole. Not part of any AWS API.

use names::Scope;
use serde::{Deserialize, Serialize};

use crate::operation;

operation!(DescribeHouse, "serin", DescribeHouseRequest, DescribeHouseResponse);

/// Asks what there is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeHouseRequest {}

/// What there is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeHouseResponse {
    /// The release.
    pub version: String,
    /// The control plane's process.
    pub pid: u32,
    /// Where its state is kept.
    pub data_dir: String,
    /// Accounts and regions that have anything.
    #[serde(default)]
    pub scopes: Vec<Scope>,
}
