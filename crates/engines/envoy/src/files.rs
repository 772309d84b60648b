//! Parts of a bootstrap that a user brings in files. They lie over what the variables come to: objects member by
//! member, lists one behind the other.

use serde_json::{Value, json};

use crate::variables::{Error, Variables};

/// The variables that name such files.
const FILES: [&str; 4] =
    ["ENVOY_TRACING_CFG_FILE", "ENVOY_STATS_CONFIG_FILE", "ENVOY_STATS_SINKS_CFG_FILE", "ENVOY_RESOURCES_CONFIG_FILE"];

/// Lays every file that is named over `whole`.
pub(crate) fn merge(variables: &Variables<'_>, whole: &mut Value) -> Result<(), Error> {
    for name in FILES {
        if let Some(path) = variables.get(name) {
            let text =
                std::fs::read_to_string(&path).map_err(|source| Error::File { name, path: path.clone(), source })?;
            lay(whole, parse(&text).map_err(|reason| Error::Json { name, path, reason })?);
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Value, String> {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => Err(format!("it is {}", if other.is_array() { "a list" } else { "a single value" })),
        Err(error) => Err(error.to_string()),
    }
}

fn lay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                lay(base.entry(key).or_insert(json!(null)), value);
            }
        }
        (Value::Array(base), Value::Array(over)) => base.extend(over),
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_over_what_is_there() {
        let mut base = json!({ "a": { "b": [1], "c": 1 } });
        lay(&mut base, json!({ "a": { "b": [2], "c": 2 }, "d": 3 }));
        assert_eq!(base, json!({ "a": { "b": [1, 2], "c": 2 }, "d": 3 }));
    }

    #[test]
    fn what_is_no_object_is_refused_with_the_reason() {
        assert!(parse("[]").unwrap_err().contains("a list"));
        assert!(parse("tracing:\n  http: {}").is_err());
    }
}
