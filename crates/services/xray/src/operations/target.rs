//! Sampling targets: clients say what they did with rules and are told their share of each reservoir.

use std::sync::{MutexGuard, PoisonError};

use api::xray as model;
use names::Timestamp;

use super::{Cx, invalid, sampling};
use crate::{
    Error,
    reservoir::{Report, Reservoirs},
    rows::{Rule, RulesChanged},
};

/// Documents in one request, as at AWS.
const DOCUMENTS_MAX: usize = 25;
/// Seconds after which a client asks again.
const INTERVAL: i32 = 10;
/// Digits of a client's id.
const CLIENT_ID: usize = 24;
/// Summaries on a page.
const PAGE: usize = 100;

/// `GetSamplingTargets`.
pub(super) async fn get_sampling_targets(
    cx: Cx,
    request: model::GetSamplingTargetsRequest,
) -> Result<model::GetSamplingTargetsResponse, Error> {
    let documents = request.sampling_statistics_documents;
    if documents.len() > DOCUMENTS_MAX {
        return Err(invalid(format!("SamplingStatisticsDocuments can have at most {DOCUMENTS_MAX} documents")));
    }
    let (rules, now) = (sampling::all(&cx)?, cx.clock.now());
    let (mut targets, mut unprocessed) = (Vec::new(), Vec::new());
    for document in documents {
        let rule = rules.iter().find(|rule| rule.name == document.rule_name);
        match rule.ok_or(()).map_err(|()| absent(&document)).and_then(|rule| target(&cx, rule, &document, now)) {
            Ok(target) => targets.push(target),
            Err(reason) => unprocessed.push(reason),
        }
    }
    let changed = cx.store.get::<RulesChanged>(&RulesChanged::key(cx.scope()))?;
    Ok(model::GetSamplingTargetsResponse {
        sampling_target_documents: targets,
        last_rule_modification: Some(changed.map_or(Timestamp::from_millis(0), |changed| changed.at)),
        unprocessed_statistics: unprocessed,
    })
}

fn target(
    cx: &Cx,
    rule: &Rule,
    document: &model::SamplingStatisticsDocument,
    now: Timestamp,
) -> Result<model::SamplingTargetDocument, model::UnprocessedStatistics> {
    let counts = [document.request_count, document.sampled_count, document.borrow_count.unwrap_or(0)];
    if document.client_id.len() != CLIENT_ID {
        return Err(refused(document, "InvalidClientId", format!("ClientID must have {CLIENT_ID} characters")));
    }
    if counts.iter().any(|count| *count < 0) {
        return Err(refused(document, "InvalidStatistics", "counts must not be negative".to_owned()));
    }
    let [requests, sampled, borrowed] = counts;
    let report = Report { client: &document.client_id, requests, sampled, borrowed };
    let of = (cx.scope().clone(), rule.name.clone());
    let (quota, until) = reservoirs(cx).report(of, rule.reservoir, report, now);
    Ok(model::SamplingTargetDocument {
        rule_name: Some(rule.name.clone()),
        fixed_rate: Some(rule.rate),
        reservoir_quota: Some(quota),
        reservoir_quota_ttl: Some(until),
        interval: Some(INTERVAL),
    })
}

fn absent(document: &model::SamplingStatisticsDocument) -> model::UnprocessedStatistics {
    refused(document, "InvalidRuleName", format!("There is no sampling rule {}", document.rule_name))
}

fn refused(document: &model::SamplingStatisticsDocument, code: &str, message: String) -> model::UnprocessedStatistics {
    model::UnprocessedStatistics {
        rule_name: Some(document.rule_name.clone()),
        error_code: Some(code.to_owned()),
        message: Some(message),
    }
}

/// `GetSamplingStatisticSummaries`.
pub(super) async fn get_sampling_statistic_summaries(
    cx: Cx,
    request: model::GetSamplingStatisticSummariesRequest,
) -> Result<model::GetSamplingStatisticSummariesResponse, Error> {
    let minutes = reservoirs(&cx).minutes(cx.scope());
    let place = |(rule, minute): &(String, crate::reservoir::Minute)| (rule.clone(), minute.begun);
    let (page, next_token) = wire::page(minutes, place, PAGE, request.next_token.as_deref())?;
    let shown = page.into_iter().map(|(rule, minute)| model::SamplingStatisticSummary {
        rule_name: Some(rule),
        timestamp: Some(Timestamp::from_millis(minute.begun)),
        request_count: Some(minute.requests),
        borrow_count: Some(minute.borrowed),
        sampled_count: Some(minute.sampled),
    });
    Ok(model::GetSamplingStatisticSummariesResponse { sampling_statistic_summaries: shown.collect(), next_token })
}

/// Who may trace how much. A panic in another call leaves it as good as ever: each step of it is whole.
pub(super) fn reservoirs(cx: &Cx) -> MutexGuard<'_, Reservoirs> {
    cx.reservoirs.lock().unwrap_or_else(PoisonError::into_inner)
}
