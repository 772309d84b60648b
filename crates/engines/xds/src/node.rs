//! Who is at the other end of a stream.

use envoy_types::pb::{
    envoy::config::core::v3 as core,
    google::protobuf::{Struct, Value, value},
};
use serde_json::{Map, json};

/// How deep metadata may be nested; deeper parts are left out.
const METADATA_DEPTH_MAX: usize = 8;

/// What a proxy says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Which node it stands for.
    pub id: String,
    /// The group it says it belongs to.
    pub cluster: String,
    /// The program, such as `envoy`.
    pub user_agent: String,
    /// What else it tells, as JSON.
    pub metadata: serde_json::Value,
}

/// The names a proxy may have a snapshot under, best first.
pub type Identify = fn(&Node) -> Vec<String>;

impl From<core::Node> for Node {
    fn from(node: core::Node) -> Self {
        Self {
            id: node.id,
            cluster: node.cluster,
            user_agent: node.user_agent_name,
            metadata: node.metadata.map_or(serde_json::Value::Null, |metadata| object(metadata, METADATA_DEPTH_MAX)),
        }
    }
}

fn object(object: Struct, depth: usize) -> serde_json::Value {
    let mut members: Vec<_> = object.fields.into_iter().collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    members.into_iter().map(|(key, value)| (key, json_of(value, depth))).collect::<Map<_, _>>().into()
}

fn json_of(value: Value, depth: usize) -> serde_json::Value {
    let Some(depth) = depth.checked_sub(1) else { return serde_json::Value::Null };
    match value.kind {
        None | Some(value::Kind::NullValue(_)) => serde_json::Value::Null,
        Some(value::Kind::NumberValue(number)) => json!(number),
        Some(value::Kind::StringValue(text)) => json!(text),
        Some(value::Kind::BoolValue(flag)) => json!(flag),
        Some(value::Kind::StructValue(inner)) => object(inner, depth),
        Some(value::Kind::ListValue(list)) => list.values.into_iter().map(|value| json_of(value, depth)).collect(),
    }
}
