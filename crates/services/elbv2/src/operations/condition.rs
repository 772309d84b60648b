//! Conditions of rules: which there can be, and what they are to the edge.

use api::elbv2::{QueryStringKeyValuePair, RuleCondition, ValuesConfig};
use edge::balancers as desired;

use crate::error::Error;

/// Values in all conditions of one rule.
const VALUES_MAX: usize = 50;
/// Characters of one value.
const VALUE_LENGTH_MAX: usize = 128;

/// Checks the conditions of a rule and says each in both of the ways there are, as AWS does.
pub(super) fn checked(conditions: &[RuleCondition]) -> Result<Vec<RuleCondition>, Error> {
    if conditions.is_empty() {
        return Err(Error::Validation("A condition must be specified".to_owned()));
    }
    let conditions: Vec<RuleCondition> = conditions.iter().cloned().map(whole).collect();
    let mut count = 0;
    for condition in &conditions {
        let values = texts(condition);
        if desired(condition).is_none() || values.is_empty() {
            let field = condition.field.as_deref().unwrap_or("none");
            return Err(Error::Validation(format!(
                "The condition with the field '{field}' needs values that it can have: host-header, path-pattern, \
                 http-header, http-request-method, query-string and source-ip are the fields"
            )));
        }
        if let Some(long) = values.iter().find(|value| value.len() > VALUE_LENGTH_MAX) {
            return Err(Error::Validation(format!("Condition value '{long}' is longer than {VALUE_LENGTH_MAX}")));
        }
        count += values.len();
    }
    if count > VALUES_MAX {
        return Err(Error::Validation(format!("A rule has at most {VALUES_MAX} condition values")));
    }
    Ok(conditions)
}

/// Hosts and paths can be given in two ways; each is made to say what the other says.
fn whole(mut condition: RuleCondition) -> RuleCondition {
    let config = match condition.field.as_deref() {
        Some("host-header") => &mut condition.host_header_config,
        Some("path-pattern") => &mut condition.path_pattern_config,
        _ => return condition,
    };
    let config = config.get_or_insert_with(ValuesConfig::default);
    if config.values.is_empty() {
        config.values.clone_from(&condition.values);
    } else {
        condition.values.clone_from(&config.values);
    }
    condition
}

/// All that a condition compares with.
fn texts(condition: &RuleCondition) -> Vec<&str> {
    let configs = [
        &condition.host_header_config,
        &condition.path_pattern_config,
        &condition.http_request_method_config,
        &condition.source_ip_config,
    ];
    let values = configs.into_iter().flatten().flat_map(|config| &config.values);
    let headers = condition.http_header_config.iter().flat_map(|config| &config.values);
    let parts = condition.query_string_config.iter().flat_map(|config| &config.values);
    let parts = parts.filter_map(|part: &QueryStringKeyValuePair| part.value.as_ref());
    values.chain(headers).chain(parts).map(String::as_str).collect()
}

/// The condition as the edge knows it; none if it is not one.
pub(crate) fn desired(condition: &RuleCondition) -> Option<desired::Condition> {
    let values = |config: &Option<ValuesConfig>| config.as_ref().map(|config| config.values.clone());
    match condition.field.as_deref()? {
        "host-header" => Some(desired::Condition::Host(values(&condition.host_header_config)?)),
        "path-pattern" => Some(desired::Condition::Path(values(&condition.path_pattern_config)?)),
        "http-request-method" => Some(desired::Condition::Method(values(&condition.http_request_method_config)?)),
        "http-header" => {
            let config = condition.http_header_config.clone()?;
            let name = config.http_header_name.filter(|name| !name.is_empty())?;
            Some(desired::Condition::Header { name, values: config.values })
        }
        "query-string" => {
            let config = condition.query_string_config.as_ref()?;
            let parts = config.values.iter().map(|part| Some((part.key.clone(), part.value.clone()?)));
            Some(desired::Condition::Query(parts.collect::<Option<_>>()?))
        }
        "source-ip" => {
            let networks = values(&condition.source_ip_config)?.into_iter().map(|text| text.parse().ok());
            Some(desired::Condition::Source(networks.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(json: serde_json::Value) -> RuleCondition {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn both_ways_of_saying_a_path_are_one() {
        let old = condition(serde_json::json!({"Field": "path-pattern", "Values": ["/api/*"]}));
        let new = serde_json::json!({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}});
        assert_eq!(checked(&[old]).unwrap(), checked(&[condition(new)]).unwrap());
    }

    #[test]
    fn what_cannot_hold_is_refused() {
        for wrong in [
            serde_json::json!({"Field": "path-pattern"}),
            serde_json::json!({"Field": "moon-phase", "Values": ["full"]}),
            serde_json::json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["nowhere"]}}),
            serde_json::json!({"Field": "http-header", "HttpHeaderConfig": {"Values": ["x"]}}),
            serde_json::json!({"Values": ["/"]}),
        ] {
            assert!(checked(&[condition(wrong.clone())]).is_err(), "{wrong}");
        }
        assert!(checked(&[]).is_err());
    }
}
