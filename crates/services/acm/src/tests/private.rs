//! Private authorities: from their making to their end.

use super::*;

fn of(arn: &str) -> Value {
    json!({ "CertificateAuthorityArn": arn })
}

async fn told(house: &House, arn: &str) -> Value {
    house.pca("DescribeCertificateAuthority", of(arn)).await["CertificateAuthority"].clone()
}

#[tokio::test]
async fn a_root_signs_itself_a_subordinate_and_that_one_a_leaf() {
    let house = House::new();
    let root = house.authority("ROOT", "root").await;
    assert_eq!(told(&house, &root).await["Status"], "PENDING_CERTIFICATE");
    house.activate(&root, &root, "RootCACertificate/V1", 3650).await;
    assert_eq!(told(&house, &root).await["Status"], "ACTIVE");
    let sub = house.authority("SUBORDINATE", "sub").await;
    house.activate(&sub, &root, "SubordinateCACertificate_PathLen0/V1", 365).await;
    let got = house.pca("GetCertificateAuthorityCertificate", of(&sub)).await;
    certificate::chain(got["Certificate"].as_str().unwrap(), got["CertificateChain"].as_str().unwrap()).unwrap();

    let private =
        json!({ "DomainName": "api.internal.test", "KeyAlgorithm": "EC_prime256v1", "CertificateAuthorityArn": sub });
    let arn = house.acm("RequestCertificate", private).await["CertificateArn"].as_str().unwrap().to_owned();
    let described = house.describe(&arn).await;
    assert_eq!((&described["Type"], &described["CertificateAuthorityArn"]), (&json!("PRIVATE"), &json!(sub)));
    let pair = house.acm("GetKeyPair", json!({ "CertificateArn": arn })).await;
    let chain = certificate::chain("", pair["CertificateChain"].as_str().unwrap());
    assert!(chain.is_err(), "a chain begins with one certificate");
    let got = house.acm("GetCertificate", json!({ "CertificateArn": arn })).await;
    let chain = certificate::chain(got["Certificate"].as_str().unwrap(), got["CertificateChain"].as_str().unwrap());
    let subjects: Vec<_> = chain.unwrap().into_iter().map(|details| details.subject).collect();
    assert_eq!(subjects, ["CN=api.internal.test", "C=DE, CN=sub", "C=DE, CN=root"]);
    let trust = house.acm("DescribeTrust", json!({ "CertificateAuthorityArns": [sub] })).await;
    assert_eq!(trust["Certificates"].as_str().unwrap().matches("BEGIN CERTIFICATE").count(), 2);
}

#[tokio::test]
async fn a_request_is_signed_with_what_the_call_passes() {
    let house = House::new();
    let root = house.root().await;
    let csr =
        house.pca("GetCertificateAuthorityCsr", of(&house.authority("SUBORDINATE", "x").await)).await["Csr"].clone();
    let passed = json!({ "Subject": { "CommonName": "task" },
                         "Extensions": { "SubjectAlternativeNames": [{ "UniformResourceIdentifier": "spiffe://m/n" }] } });
    let mut plain = order(&root, &csr, None, 30);
    plain["ApiPassthrough"] = passed.clone();
    assert_eq!(House::fails(&house.private, "IssueCertificate", plain).await.0, "InvalidArgsException");
    let mut passing = order(&root, &csr, Some("EndEntityCertificate_APIPassthrough/V1"), 30);
    passing["ApiPassthrough"] = passed;
    passing["IdempotencyToken"] = json!("t");
    let issued = house.pca("IssueCertificate", passing.clone()).await;
    assert_eq!(house.pca("IssueCertificate", passing).await, issued);
    let got = house
        .pca("GetCertificate", json!({ "CertificateAuthorityArn": root, "CertificateArn": issued["CertificateArn"] }))
        .await;
    let details = certificate::Details::read(got["Certificate"].as_str().unwrap()).unwrap();
    assert_eq!((details.subject.as_str(), &details.names[..]), ("CN=task", &["spiffe://m/n".to_owned()][..]));
    assert!(!details.is_authority);
}

#[tokio::test]
async fn what_an_authority_may_not_sign_is_refused_by_name() {
    let house = House::new();
    let root = house.root().await;
    let pending = house.authority("SUBORDINATE", "pending").await;
    let csr = house.pca("GetCertificateAuthorityCsr", of(&pending)).await["Csr"].clone();
    let mut rsa = order(&root, &csr, None, 30);
    rsa["SigningAlgorithm"] = json!("SHA256WITHRSA");
    for (members, code) in [
        (order(&root, &json!("nonsense"), None, 30), "MalformedCSRException"),
        (order(&root, &csr, Some("CodeSigningCertificate/V1"), 30), "InvalidArgsException"),
        (order(&root, &csr, Some("RootCACertificate/V1"), 30), "InvalidArgsException"),
        (order(&root, &csr, None, 4000), "InvalidArgsException"),
        (order(&pending, &csr, None, 30), "InvalidStateException"),
        (rsa, "InvalidArgsException"),
    ] {
        let (found, text) = House::fails(&house.private, "IssueCertificate", members).await;
        assert_eq!(found, code, "{text}");
    }
    let private = json!({ "DomainName": "a.test.com", "CertificateAuthorityArn": pending });
    assert_eq!(House::fails(&house.acm, "RequestCertificate", private).await.0, "InvalidStateException");
    let own = house.pca("GetCertificateAuthorityCertificate", of(&root)).await["Certificate"].clone();
    let import = json!({ "CertificateAuthorityArn": pending, "Certificate": blob(&own) });
    let (code, _) = House::fails(&house.private, "ImportCertificateAuthorityCertificate", import).await;
    assert_eq!(code, "CertificateMismatchException");
    let revoking = json!({ "CertificateAuthorityArn": root,
                           "RevocationConfiguration": { "OcspConfiguration": { "Enabled": true } } });
    let (code, text) = House::fails(&house.private, "UpdateCertificateAuthority", revoking).await;
    assert_eq!(code, "InvalidArgsException");
    assert!(text.contains("OcspConfiguration"), "{text}");
}

#[tokio::test]
async fn an_authority_is_disabled_deleted_restored_and_forgotten() {
    let mut house = House::new();
    let root = house.root().await;
    assert_eq!(House::fails(&house.private, "DeleteCertificateAuthority", of(&root)).await.0, "InvalidStateException");
    let disabled = json!({ "CertificateAuthorityArn": root, "Status": "DISABLED" });
    house.pca("UpdateCertificateAuthority", disabled).await;
    house.pca("DeleteCertificateAuthority", of(&root)).await;
    assert_eq!(told(&house, &root).await["Status"], "DELETED");
    house.pca("RestoreCertificateAuthority", of(&root)).await;
    assert_eq!(told(&house, &root).await["Status"], "DISABLED");
    house
        .pca("DeleteCertificateAuthority", json!({ "CertificateAuthorityArn": root, "PermanentDeletionTimeInDays": 7 }))
        .await;
    house.days(8);
    house
        .until("the end of the authority", async |house| {
            house.pca("ListCertificateAuthorities", json!({})).await["CertificateAuthorities"] == json!([])
        })
        .await;
    assert_eq!(
        House::fails(&house.private, "DescribeCertificateAuthority", of(&root)).await.0,
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn tags_and_permissions_are_kept() {
    let house = House::new();
    let root = house.root().await;
    let tags = json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }]);
    house.pca("TagCertificateAuthority", json!({ "CertificateAuthorityArn": root, "Tags": tags })).await;
    let gone = json!([{ "Key": "a", "Value": "other" }, { "Key": "b" }]);
    house.pca("UntagCertificateAuthority", json!({ "CertificateAuthorityArn": root, "Tags": gone })).await;
    assert_eq!(house.pca("ListTags", of(&root)).await["Tags"], json!([tags[0]]));
    let permission = json!({ "CertificateAuthorityArn": root, "Principal": "acm.amazonaws.com",
                             "Actions": ["IssueCertificate", "GetCertificate"] });
    house.pca("CreatePermission", permission.clone()).await;
    let (code, _) = House::fails(&house.private, "CreatePermission", permission).await;
    assert_eq!(code, "PermissionAlreadyExistsException");
    let listed = house.pca("ListPermissions", of(&root)).await;
    assert_eq!(listed["Permissions"][0]["Actions"], json!(["IssueCertificate", "GetCertificate"]));
}
