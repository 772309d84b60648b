//! The two forms of a step and of a metric: in full, and as its first word alone.

use serde::{Deserialize, Deserializer, de};

use super::{Step, Watched, Weight, number};
use crate::judge::Metric;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FullStep {
    weight: Weight,
    #[serde(default, deserialize_with = "number::optional")]
    maximum_error_percent: Option<f64>,
    #[serde(default, deserialize_with = "number::truth")]
    gate: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FullMetric {
    name: Metric,
    #[serde(default, deserialize_with = "number::optional")]
    tolerance: Option<f64>,
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: that one swallows what is wrong with the form that was meant.
        let value = serde_json::Value::deserialize(deserializer)?;
        if value.is_object() {
            let FullStep { weight, maximum_error_percent, gate } =
                serde_json::from_value(value).map_err(de::Error::custom)?;
            return Ok(Self { weight, maximum_error_percent, gate });
        }
        let weight = serde_json::from_value(value).map_err(de::Error::custom)?;
        Ok(Self { weight, maximum_error_percent: None, gate: false })
    }
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let FullMetric { name, tolerance } = if value.is_object() {
            serde_json::from_value(value).map_err(de::Error::custom)?
        } else {
            FullMetric { name: serde_json::from_value(value).map_err(de::Error::custom)?, tolerance: None }
        };
        Ok(Self { name, tolerance: tolerance.unwrap_or(1.0) })
    }
}
