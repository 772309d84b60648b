//! Members of the model that are read only to be refused.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value of a member that can't be honoured here.
///
/// Many clients write out every member they know, with nothing in those that they don't use. So such a member is
/// harmless while it [says nothing](Self::is_empty), and is refused by name by its operation otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unsupported(pub Value);

impl Unsupported {
    /// Whether it says nothing: null, false, zero, or an empty text, list or map.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Value::Null => true,
            Value::Bool(on) => !on,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_nothing_is_empty() {
        for nothing in ["null", "false", "0", "\"\"", "[]", "{}"] {
            assert!(serde_json::from_str::<Unsupported>(nothing).unwrap().is_empty(), "{nothing}");
        }
        for something in ["true", "1", "\"x\"", "[{}]", "{\"a\":null}"] {
            assert!(!serde_json::from_str::<Unsupported>(something).unwrap().is_empty(), "{something}");
        }
    }
}
