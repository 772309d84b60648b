//! Rules of a listener: requests that are treated otherwise than by its default actions.

use serde::{Deserialize, Serialize};

use super::{Action, Empty, Tag};
use crate::operation;

operation!(CreateRule, "elasticloadbalancing", CreateRuleRequest, RulesResponse);
operation!(DescribeRules, "elasticloadbalancing", DescribeRulesRequest, DescribeRulesResponse);
operation!(ModifyRule, "elasticloadbalancing", ModifyRuleRequest, RulesResponse);
operation!(DeleteRule, "elasticloadbalancing", DeleteRuleRequest, Empty);
operation!(SetRulePriorities, "elasticloadbalancing", SetRulePrioritiesRequest, RulesResponse);

// Not of AWS: for those who wait until what they asked for is in force.
operation!(DescribeRuleStates, "elasticloadbalancing", RuleArnsRequest, RuleStatesResponse);

/// Names rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RuleArnsRequest {
    /// Which.
    #[serde(default)]
    pub rule_arns: Vec<String>,
}

/// Whether rules are in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RuleStatesResponse {
    /// In the order asked for.
    #[serde(default)]
    pub rule_states: Vec<RuleState>,
}

/// Whether a rule is in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RuleState {
    /// Which.
    pub rule_arn: String,
    /// Whether requests go by its present actions.
    pub in_force: bool,
}

/// What a request must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RuleCondition {
    /// `host-header`, `path-pattern`, `http-header`, `http-request-method`, `query-string` or `source-ip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Hosts or paths; `*` and `?` stand for characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Hosts, said in the newer way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_header_config: Option<ValuesConfig>,
    /// Paths, said in the newer way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_pattern_config: Option<ValuesConfig>,
    /// A header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_header_config: Option<HttpHeaderConditionConfig>,
    /// Parts of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_string_config: Option<QueryStringConditionConfig>,
    /// Methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_request_method_config: Option<ValuesConfig>,
    /// Networks of clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip_config: Option<ValuesConfig>,
}

/// Values of which one must do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ValuesConfig {
    /// The values.
    #[serde(default)]
    pub values: Vec<String>,
}

/// A header that must be like one of some values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct HttpHeaderConditionConfig {
    /// Its name, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_header_name: Option<String>,
    /// The values.
    #[serde(default)]
    pub values: Vec<String>,
}

/// Parts of the query of which one must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct QueryStringConditionConfig {
    /// The parts.
    #[serde(default)]
    pub values: Vec<QueryStringKeyValuePair>,
}

/// A part of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct QueryStringKeyValuePair {
    /// Its key; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Makes a rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateRuleRequest {
    /// The listener's ARN.
    pub listener_arn: String,
    /// All of them must hold.
    pub conditions: Vec<RuleCondition>,
    /// 1 to 50000; of the rules that hold the one with the lowest decides.
    pub priority: u32,
    /// What happens to a request.
    pub actions: Vec<Action>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// Asks for the rules of a listener, or by ARN.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeRulesRequest {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_arn: Option<String>,
    /// Which.
    #[serde(default)]
    pub rule_arns: Vec<String>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Items on a page, 1 to 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// Rules that were made or changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RulesResponse {
    /// The rules.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// Rules in the order in which they are asked, the default last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeRulesResponse {
    /// The rules.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

/// A rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    /// Its ARN.
    pub rule_arn: String,
    /// A number, or `default`.
    pub priority: String,
    /// What a request must be like.
    #[serde(default)]
    pub conditions: Vec<RuleCondition>,
    /// What happens to it.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// Whether it stands for the listener's default actions.
    #[serde(default)]
    pub is_default: bool,
}

/// Changes a rule; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyRuleRequest {
    /// Which.
    pub rule_arn: String,
    /// New conditions in place of the old ones.
    #[serde(default)]
    pub conditions: Vec<RuleCondition>,
    /// New actions in place of the old ones.
    #[serde(default)]
    pub actions: Vec<Action>,
}

/// Removes a rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteRuleRequest {
    /// Which.
    pub rule_arn: String,
}

/// Puts rules into another order, all at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SetRulePrioritiesRequest {
    /// The rules that move.
    pub rule_priorities: Vec<RulePriorityPair>,
}

/// A rule and where it moves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RulePriorityPair {
    /// The rule.
    #[serde(default)]
    pub rule_arn: String,
    /// 1 to 50000.
    #[serde(default)]
    pub priority: u32,
}
