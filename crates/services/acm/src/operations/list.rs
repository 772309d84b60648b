//! Lists of certificates.

use std::cmp::Reverse;

use api::acm::CertificateType;
use api::acm::{CertificateSummary, KeyAlgorithm, ListCertificatesRequest, ListCertificatesResponse, SortOrder};
use store::Key;

use super::certificate::{eligibility, status};
use crate::{Cx, Error, check, rows::Certificate};

/// How many a list holds if its caller does not say.
const LIST_LIMIT: u32 = 1000;
/// The kinds of keys that are listed if its caller does not say: AWS's own, from a time when there were no others.
const KEYS: [KeyAlgorithm; 2] = [KeyAlgorithm::Rsa1024, KeyAlgorithm::Rsa2048];
/// The domains that a list tells of a certificate.
const DOMAINS: usize = 100;

/// `ListCertificates`.
pub(super) async fn list_certificates(
    cx: Cx,
    request: ListCertificatesRequest,
) -> Result<ListCertificatesResponse, Error> {
    let limit = request.max_items.unwrap_or(LIST_LIMIT);
    check::range("maxItems", limit, 1, LIST_LIMIT)?;
    if request.sort_by.is_some() != request.sort_order.is_some() {
        return Err(Error::Validation("sortBy and sortOrder must be given together".to_owned()));
    }
    let now = cx.clock.now();
    let keys = request.includes.and_then(|filters| filters.key_types);
    let wanted = |row: &Certificate| {
        let keys = keys.as_deref().unwrap_or(&KEYS).contains(&row.key_algorithm);
        keys && request.certificate_statuses.as_ref().is_none_or(|statuses| statuses.contains(&status(row, now)))
    };
    let rows: Vec<_> = cx.store.list::<Certificate>(cx.scope())?.into_iter().filter(|(_, row)| wanted(row)).collect();
    let by_name = |(key, _): &(Key, Certificate)| key.name.clone();
    let by_time = |(key, row): &(Key, Certificate)| (row.created_at.as_millis(), key.name.clone());
    let (limit, token) = (limit as usize, request.next_token.as_deref());
    let page = match (request.sort_by, request.sort_order) {
        (Some(_), Some(SortOrder::Descending)) => wire::page(rows, |row| Reverse(by_time(row)), limit, token),
        (Some(_), _) => wire::page(rows, by_time, limit, token),
        (None, _) => wire::page(rows, by_name, limit, token),
    };
    let (rows, next_token) = page.map_err(|bad| Error::Validation(bad.to_string()))?;
    let list = rows.into_iter().map(|(key, row)| CertificateSummary {
        certificate_arn: Certificate::arn(&key),
        status: status(&row, now),
        renewal_eligibility: eligibility(&row),
        domain_name: row.domain_name,
        has_additional_subject_alternative_names: row.names.len() > DOMAINS,
        subject_alternative_name_summaries: row.names.into_iter().take(DOMAINS).collect(),
        r#type: row.kind,
        key_algorithm: row.key_algorithm,
        exported: row.exported,
        not_before: row.pair.not_before,
        not_after: row.pair.not_after,
        created_at: Some(row.created_at).filter(|_| row.kind != CertificateType::Imported),
        issued_at: Some(row.renewed_at).filter(|_| row.kind != CertificateType::Imported),
        imported_at: Some(row.renewed_at).filter(|_| row.kind == CertificateType::Imported),
    });
    Ok(ListCertificatesResponse { certificate_summary_list: list.collect(), next_token })
}
