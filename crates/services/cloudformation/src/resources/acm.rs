//! Certificates of ACM. They have no names, so what was made already is found by its tags.

use api::acm::{self, CertificateOptions, Filters, KeyAlgorithm, Preference, Tag};
use names::Tags;
use serde_json::{Map, Value, json};

use super::{Call, Failure, Kind, Made, Resource, property};

/// ACM's answer to what is not there.
const MISSING: &[&str] = &["ResourceNotFoundException"];
/// The properties that a request takes as they are.
const TAKEN: &[&str] =
    &["DomainName", "SubjectAlternativeNames", "ValidationMethod", "CertificateAuthorityArn", "KeyAlgorithm"];
/// All kinds of keys: a list that is not asked for them leaves most out.
const KEYS: [KeyAlgorithm; 7] = [
    KeyAlgorithm::Rsa1024,
    KeyAlgorithm::Rsa2048,
    KeyAlgorithm::Rsa3072,
    KeyAlgorithm::Rsa4096,
    KeyAlgorithm::EcPrime256v1,
    KeyAlgorithm::EcSecp384r1,
    KeyAlgorithm::EcSecp521r1,
];

/// `AWS::CertificateManager::Certificate`.
pub(super) struct Certificate;

impl Certificate {
    fn made(arn: &str) -> Made {
        Made::new(arn, &[("CertificateArn", arn)])
    }

    async fn tags(call: &Call<'_>, arn: &str) -> Result<Tags, Failure> {
        let request = acm::ListTagsForCertificateRequest { certificate_arn: arn.to_owned() };
        let tags = call.look::<acm::ListTagsForCertificate>(request, MISSING).await?.map(|found| found.tags);
        let pair = |tag: Tag| (tag.key, tag.value.unwrap_or_default());
        Ok(tags.unwrap_or_default().into_iter().map(pair).collect())
    }

    /// What may be done with it, if the template says anything of that.
    fn options(call: &Call<'_>) -> Result<Option<CertificateOptions>, Failure> {
        let preference = |name: &str| -> Result<Option<Preference>, Failure> {
            let Some(text) = call.text(name) else { return Ok(None) };
            let value = serde_json::from_value(text.clone().into());
            value.map(Some).map_err(|_| Failure::Wrong(format!("{name} is ENABLED or DISABLED, not {text}")))
        };
        let options = CertificateOptions {
            certificate_transparency_logging_preference: preference("CertificateTransparencyLoggingPreference")?,
            export: preference("CertificateExport")?,
        };
        Ok(Some(options).filter(|options| *options != CertificateOptions::default()))
    }

    /// The domains whose owner is asked by mail. A hosted zone is where CloudFormation would write the record that proves
    /// a domain; here every domain counts as proved, so there is nothing to write.
    fn mailboxes(call: &Call<'_>) -> Vec<Value> {
        let options = call.property("DomainValidationOptions").and_then(Value::as_array);
        let mailbox = |option: &&Value| option.get("ValidationDomain").is_some();
        let pair = |option: &Value| json!({ "DomainName": option["DomainName"], "ValidationDomain": option["ValidationDomain"] });
        options.into_iter().flatten().filter(mailbox).map(pair).collect()
    }
}

impl Resource for Certificate {
    const KIND: Kind = Kind::new("AWS::CertificateManager::Certificate")
        .properties(&[
            property("CertificateAuthorityArn").replaces(),
            property("CertificateExport").replaces(),
            property("CertificateTransparencyLoggingPreference"),
            property("DomainName").required().replaces(),
            property("DomainValidationOptions").replaces(),
            property("KeyAlgorithm").replaces(),
            property("SubjectAlternativeNames").replaces(),
            property("Tags"),
            property("ValidationMethod").replaces(),
        ])
        .attributes(&["CertificateArn"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members: Map<String, Value> = call.properties(TAKEN);
        members.insert("Tags".to_owned(), call.tag_list());
        let mailboxes = Self::mailboxes(call);
        if !mailboxes.is_empty() {
            members.insert("DomainValidationOptions".to_owned(), mailboxes.into());
        }
        let request = acm::RequestCertificateRequest { options: Self::options(call)?, ..call.read(members)? };
        Ok(Self::made(&call.send::<acm::RequestCertificate>(request).await?.certificate_arn))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let includes = Some(Filters { key_types: Some(KEYS.into()) });
        let mut request = acm::ListCertificatesRequest { includes, ..Default::default() };
        loop {
            let page = call.send::<acm::ListCertificates>(request.clone()).await?;
            for summary in page.certificate_summary_list {
                let arn = summary.certificate_arn;
                if !call.siblings.contains(&arn) && call.is_ours(&Self::tags(call, &arn).await?) {
                    return Ok(Some(Self::made(&arn)));
                }
            }
            match page.next_token {
                Some(token) => request.next_token = Some(token),
                None => return Ok(None),
            }
        }
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let arn = call.id()?.to_owned();
        let options = Self::options(call)?;
        if options.is_some() || call.lost("CertificateTransparencyLoggingPreference") {
            let options = options.unwrap_or_default();
            let request = acm::UpdateCertificateOptionsRequest { certificate_arn: arn.clone(), options };
            call.send::<acm::UpdateCertificateOptions>(request).await?;
        }
        let (set, gone) = call.tag_changes(&Self::tags(call, &arn).await?);
        if !set.is_empty() {
            let tags = set.into_iter().map(|(key, value)| Tag { key, value: Some(value) }).collect();
            let request = acm::AddTagsToCertificateRequest { certificate_arn: arn.clone(), tags };
            call.send::<acm::AddTagsToCertificate>(request).await?;
        }
        if !gone.is_empty() {
            let tags = gone.into_iter().map(|key| Tag { key, value: None }).collect();
            let request = acm::RemoveTagsFromCertificateRequest { certificate_arn: arn.clone(), tags };
            call.send::<acm::RemoveTagsFromCertificate>(request).await?;
        }
        Ok(Self::made(&arn))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = acm::DeleteCertificateRequest { certificate_arn: call.id()?.to_owned() };
        call.look::<acm::DeleteCertificate>(request, MISSING).await.map(|_| ())
    }
}
