//! Sampling: AWS's own default rule, for everybody.

use std::{collections::BTreeMap, time::Duration};

use api::xray as model;
use names::{Arn, Timestamp};

use super::Cx;
use crate::Error;

const RULE: &str = "Default";
/// Requests of each client that are traced in a second whatever the rate.
const RESERVOIR: i32 = 1;
/// The part that is traced beyond the reservoir.
const RATE: f64 = 0.05;
/// Seconds after which a client asks again.
const INTERVAL: i32 = 10;
/// How long a client may go on without asking.
const QUOTA_LIFE: Duration = Duration::from_mins(1);

/// `GetSamplingRules`.
pub(super) async fn get_sampling_rules(
    cx: Cx,
    _: model::GetSamplingRulesRequest,
) -> Result<model::GetSamplingRulesResponse, Error> {
    let any = || "*".to_owned();
    let rule = model::SamplingRule {
        rule_name: Some(RULE.to_owned()),
        rule_arn: Some(Arn::new("xray", cx.scope(), format!("sampling-rule/{RULE}")).to_string()),
        resource_arn: any(),
        priority: 10_000,
        fixed_rate: RATE,
        reservoir_size: RESERVOIR,
        service_name: any(),
        service_type: any(),
        host: any(),
        http_method: any(),
        url_path: any(),
        version: 1,
        attributes: BTreeMap::new(),
    };
    let always = Some(Timestamp::from_millis(0));
    let record = model::SamplingRuleRecord { sampling_rule: Some(rule), created_at: always, modified_at: always };
    Ok(model::GetSamplingRulesResponse { sampling_rule_records: vec![record], next_token: None })
}

/// `GetSamplingTargets`.
pub(super) async fn get_sampling_targets(
    cx: Cx,
    request: model::GetSamplingTargetsRequest,
) -> Result<model::GetSamplingTargetsResponse, Error> {
    let asked = request.sampling_statistics_documents;
    let (known, unknown): (Vec<_>, Vec<_>) = asked.into_iter().partition(|document| document.rule_name == RULE);
    let target = |document: model::SamplingStatisticsDocument| model::SamplingTargetDocument {
        rule_name: Some(document.rule_name),
        fixed_rate: Some(RATE),
        reservoir_quota: Some(RESERVOIR),
        reservoir_quota_ttl: Some(cx.clock.now().plus(QUOTA_LIFE)),
        interval: Some(INTERVAL),
    };
    let stranger = |document: model::SamplingStatisticsDocument| model::UnprocessedStatistics {
        message: Some(format!("There is no sampling rule {}", document.rule_name)),
        rule_name: Some(document.rule_name),
        error_code: Some("InvalidRuleName".to_owned()),
    };
    Ok(model::GetSamplingTargetsResponse {
        sampling_target_documents: known.into_iter().map(target).collect(),
        last_rule_modification: Some(Timestamp::from_millis(0)),
        unprocessed_statistics: unknown.into_iter().map(stranger).collect(),
    })
}
