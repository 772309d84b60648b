//! Private authorities: the authority, what it signs, and the certificate given back that makes it sign.

use api::{
    Blob,
    acmpca::{self, CertificateAuthorityStatus as Status, Tag},
};
use names::Tags;
use serde_json::{Map, Value};

use super::{Call, Failure, Kind, Made, Resource, property};

/// ACM-PCA's answer to what is not there.
const MISSING: &[&str] = &["ResourceNotFoundException"];
/// For how many days a deleted authority can be restored: as few as can be, for its stack is gone.
const RESTORABLE_DAYS: u32 = 7;

/// The text of a property as an API's bytes.
fn bytes(text: String) -> Value {
    serde_json::to_value(Blob(text.into_bytes())).unwrap_or_default()
}

fn of(arn: &str) -> acmpca::DescribeCertificateAuthorityRequest {
    acmpca::DescribeCertificateAuthorityRequest { certificate_authority_arn: arn.to_owned() }
}

/// How far the authority `arn` is; none if it is not there.
async fn status(call: &Call<'_>, arn: &str) -> Result<Option<Status>, Failure> {
    let found = call.look::<acmpca::DescribeCertificateAuthority>(of(arn), MISSING).await?;
    Ok(found.map(|found| found.certificate_authority.status))
}

async fn set_status(call: &Call<'_>, arn: &str, status: Status) -> Result<(), Failure> {
    let request = acmpca::UpdateCertificateAuthorityRequest {
        certificate_authority_arn: arn.to_owned(),
        revocation_configuration: None,
        status: Some(status),
    };
    call.send::<acmpca::UpdateCertificateAuthority>(request).await.map(|_| ())
}

/// `AWS::ACMPCA::CertificateAuthority`.
pub(super) struct CertificateAuthority;

impl CertificateAuthority {
    async fn made(call: &Call<'_>, arn: &str) -> Result<Made, Failure> {
        let csr = call.send::<acmpca::GetCertificateAuthorityCsr>(of(arn)).await?.csr;
        Ok(Made::new(arn, &[("Arn", arn), ("CertificateSigningRequest", &csr)]))
    }

    async fn tags(call: &Call<'_>, arn: &str) -> Result<Tags, Failure> {
        let request =
            acmpca::ListTagsRequest { certificate_authority_arn: arn.to_owned(), max_results: None, next_token: None };
        let tags = call.send::<acmpca::ListTags>(request).await?.tags;
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect())
    }
}

impl Resource for CertificateAuthority {
    const KIND: Kind = Kind::new("AWS::ACMPCA::CertificateAuthority")
        .properties(&[
            property("KeyAlgorithm").required().replaces(),
            property("KeyStorageSecurityStandard").replaces(),
            property("RevocationConfiguration"),
            property("SigningAlgorithm").required().replaces(),
            property("Subject").required().replaces(),
            property("Tags"),
            property("Type").required().replaces(),
            property("UsageMode").replaces(),
        ])
        .attributes(&["Arn", "CertificateSigningRequest"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let configuration = call.properties(&["KeyAlgorithm", "SigningAlgorithm", "Subject"]);
        let mut members = call.properties(&["KeyStorageSecurityStandard", "RevocationConfiguration", "UsageMode"]);
        members.insert("CertificateAuthorityConfiguration".to_owned(), configuration.into());
        members.insert("CertificateAuthorityType".to_owned(), call.needed("Type")?.into());
        members.insert("Tags".to_owned(), call.tag_list());
        let made = call.send::<acmpca::CreateCertificateAuthority>(call.read(members)?).await?;
        Self::made(call, &made.certificate_authority_arn).await
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let mut request = acmpca::ListCertificateAuthoritiesRequest::default();
        loop {
            let page = call.send::<acmpca::ListCertificateAuthorities>(request.clone()).await?;
            for authority in page.certificate_authorities {
                let other = authority.status == Status::Deleted || call.siblings.contains(&authority.arn);
                if !other && call.is_ours(&Self::tags(call, &authority.arn).await?) {
                    return Ok(Some(Self::made(call, &authority.arn).await?));
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
        if call.property("RevocationConfiguration").is_some() || call.lost("RevocationConfiguration") {
            let mut members = call.properties(&["RevocationConfiguration"]);
            // What is asked for no longer is off, as nothing else can be.
            members.entry("RevocationConfiguration").or_insert_with(|| Value::Object(Map::new()));
            members.insert("CertificateAuthorityArn".to_owned(), arn.clone().into());
            call.send::<acmpca::UpdateCertificateAuthority>(call.read(members)?).await?;
        }
        let (set, gone) = call.tag_changes(&Self::tags(call, &arn).await?);
        if !set.is_empty() {
            let tags = set.into_iter().map(|(key, value)| Tag { key, value: Some(value) }).collect();
            let request = acmpca::TagCertificateAuthorityRequest { certificate_authority_arn: arn.clone(), tags };
            call.send::<acmpca::TagCertificateAuthority>(request).await?;
        }
        if !gone.is_empty() {
            let tags = gone.into_iter().map(|key| Tag { key, value: None }).collect();
            let request = acmpca::UntagCertificateAuthorityRequest { certificate_authority_arn: arn.clone(), tags };
            call.send::<acmpca::UntagCertificateAuthority>(request).await?;
        }
        Self::made(call, &arn).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let arn = call.id()?;
        match status(call, arn).await? {
            None | Some(Status::Deleted) => return Ok(()),
            Some(Status::Active) => set_status(call, arn, Status::Disabled).await?,
            Some(_) => {}
        }
        let request = acmpca::DeleteCertificateAuthorityRequest {
            certificate_authority_arn: arn.to_owned(),
            permanent_deletion_time_in_days: Some(RESTORABLE_DAYS),
        };
        call.look::<acmpca::DeleteCertificateAuthority>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::ACMPCA::Certificate`. It is signed and stays signed: deleting it takes nothing away.
pub(super) struct Certificate;

impl Resource for Certificate {
    const KIND: Kind = Kind::new("AWS::ACMPCA::Certificate")
        .properties(&[
            property("ApiPassthrough").replaces(),
            property("CertificateAuthorityArn").required().replaces(),
            property("CertificateSigningRequest").required().replaces(),
            property("SigningAlgorithm").required().replaces(),
            property("TemplateArn").replaces(),
            property("Validity").required().replaces(),
            property("ValidityNotBefore").replaces(),
        ])
        .attributes(&["Arn", "Certificate"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let authority = call.needed("CertificateAuthorityArn")?;
        let taken = [
            "ApiPassthrough",
            "CertificateAuthorityArn",
            "SigningAlgorithm",
            "TemplateArn",
            "Validity",
            "ValidityNotBefore",
        ];
        let mut members = call.properties(&taken);
        members.insert("Csr".to_owned(), bytes(call.needed("CertificateSigningRequest")?));
        members.insert("IdempotencyToken".to_owned(), call.thing.token.clone().into());
        let arn = call.send::<acmpca::IssueCertificate>(call.read(members)?).await?.certificate_arn;
        let request =
            acmpca::GetCertificateRequest { certificate_authority_arn: authority, certificate_arn: arn.clone() };
        let certificate = call.send::<acmpca::GetCertificate>(request).await?.certificate;
        Ok(Made::new(&arn, &[("Arn", &arn), ("Certificate", &certificate)]))
    }

    async fn find(_: &Call<'_>) -> Result<Option<Made>, Failure> {
        // The token makes a second try the first one again for a while; after that, one signature more does no harm.
        Ok(None)
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let attributes = call.thing.attributes.clone();
        Ok(Made { id: Some(call.id()?.to_owned()), attributes })
    }

    async fn delete(_: &Call<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

/// `AWS::ACMPCA::CertificateAuthorityActivation`. Its id is the authority's.
pub(super) struct CertificateAuthorityActivation;

impl CertificateAuthorityActivation {
    fn made(call: &Call<'_>) -> Result<Made, Failure> {
        let (arn, certificate) = (call.needed("CertificateAuthorityArn")?, call.needed("Certificate")?);
        let chain = call.text("CertificateChain").unwrap_or_default();
        let whole = format!("{}\n{chain}", certificate.trim_end());
        Ok(Made::new(&arn, &[("CompleteCertificateChain", whole.trim_end())]))
    }

    async fn give(call: &Call<'_>) -> Result<Made, Failure> {
        let arn = call.needed("CertificateAuthorityArn")?;
        let mut members = call.properties(&["CertificateAuthorityArn"]);
        members.insert("Certificate".to_owned(), bytes(call.needed("Certificate")?));
        if let Some(chain) = call.text("CertificateChain") {
            members.insert("CertificateChain".to_owned(), bytes(chain));
        }
        call.send::<acmpca::ImportCertificateAuthorityCertificate>(call.read(members)?).await?;
        let wanted = match call.text("Status").as_deref() {
            None | Some("ACTIVE") => Status::Active,
            Some("DISABLED") => Status::Disabled,
            Some(other) => return Err(Failure::Wrong(format!("Status is ACTIVE or DISABLED, not {other}"))),
        };
        if status(call, &arn).await? != Some(wanted) {
            set_status(call, &arn, wanted).await?;
        }
        Self::made(call)
    }
}

impl Resource for CertificateAuthorityActivation {
    const KIND: Kind = Kind::new("AWS::ACMPCA::CertificateAuthorityActivation")
        .properties(&[
            property("Certificate").required(),
            property("CertificateAuthorityArn").required().replaces(),
            property("CertificateChain"),
            property("Status"),
        ])
        .attributes(&["CompleteCertificateChain"])
        .identity(&["CertificateAuthorityArn"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        Self::give(call).await
    }

    async fn find(_: &Call<'_>) -> Result<Option<Made>, Failure> {
        // Giving a certificate once more is the same as giving it once.
        Ok(None)
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        Self::give(call).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let arn = call.id()?;
        match status(call, arn).await? {
            Some(Status::Active) => set_status(call, arn, Status::Disabled).await,
            _ => Ok(()),
        }
    }
}

/// `AWS::ACMPCA::Permission`. Its id is the authority's ARN, a bar, and the service.
pub(super) struct Permission;

impl Permission {
    fn made(arn: &str, principal: &str) -> Made {
        Made::new(format!("{arn}|{principal}"), &[])
    }
}

impl Resource for Permission {
    const KIND: Kind = Kind::new("AWS::ACMPCA::Permission")
        .properties(&[
            property("Actions").required().replaces(),
            property("CertificateAuthorityArn").required().replaces(),
            property("Principal").required().replaces(),
            property("SourceAccount").replaces(),
        ])
        .identity(&["CertificateAuthorityArn", "Principal", "SourceAccount"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let (arn, principal) = (call.needed("CertificateAuthorityArn")?, call.needed("Principal")?);
        let members = call.properties(&["Actions", "CertificateAuthorityArn", "Principal", "SourceAccount"]);
        call.send::<acmpca::CreatePermission>(call.read(members)?).await?;
        Ok(Self::made(&arn, &principal))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        // A permission has no marks by which one could be known as ours, and is the same whoever gave it.
        let (arn, principal) = (call.needed("CertificateAuthorityArn")?, call.needed("Principal")?);
        let request = acmpca::ListPermissionsRequest {
            certificate_authority_arn: arn.clone(),
            max_results: None,
            next_token: None,
        };
        let given = call.send::<acmpca::ListPermissions>(request).await?.permissions;
        let account = call.text("SourceAccount");
        let mut same = given.iter().filter(|given| given.principal == principal && given.source_account == account);
        Ok(same.next().map(|_| Self::made(&arn, &principal)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        Ok(Made::new(call.id()?, &[]))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let members = call.properties(&["CertificateAuthorityArn", "Principal", "SourceAccount"]);
        call.look::<acmpca::DeletePermission>(call.read(members)?, MISSING).await.map(|_| ())
    }
}
