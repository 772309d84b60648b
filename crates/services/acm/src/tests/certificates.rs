//! Certificates: asked for, brought, exported, used and deleted.

use certificate::{Algorithm, Key as PrivateKey, Order, Subject, Usage, self_signed};
use names::Timestamp;

use super::*;

#[tokio::test]
async fn a_certificate_is_issued_at_once_and_its_chain_holds() {
    let house = House::new();
    let request = json!({ "DomainName": "example.com", "SubjectAlternativeNames": ["*.example.com", "example.com"],
                          "ValidationMethod": "DNS", "Tags": [{ "Key": "a", "Value": "b" }] });
    let arn = house.acm("RequestCertificate", request).await["CertificateArn"].as_str().unwrap().to_owned();
    let told = house.describe(&arn).await;
    assert_eq!((&told["Status"], &told["Type"]), (&json!("ISSUED"), &json!("AMAZON_ISSUED")));
    assert_eq!(told["SubjectAlternativeNames"], json!(["example.com", "*.example.com"]));
    assert_eq!((&told["Subject"], &told["KeyAlgorithm"]), (&json!("CN=example.com"), &json!("RSA_2048")));
    assert_eq!(told["DomainValidationOptions"][1]["ValidationStatus"], "SUCCESS");
    let record = &told["DomainValidationOptions"][1]["ResourceRecord"];
    assert!(record["Name"].as_str().unwrap().ends_with(".example.com."), "{record}");
    let got = house.acm("GetCertificate", json!({ "CertificateArn": arn })).await;
    let chain = certificate::chain(got["Certificate"].as_str().unwrap(), got["CertificateChain"].as_str().unwrap());
    assert_eq!(chain.unwrap()[0].names, ["example.com", "*.example.com"]);
    let tags = house.acm("ListTagsForCertificate", json!({ "CertificateArn": arn })).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "a", "Value": "b" }]));
    let listed = house.acm("ListCertificates", json!({})).await;
    assert_eq!(listed["CertificateSummaryList"][0]["CertificateArn"], json!(arn));
    house.acm("DeleteCertificate", json!({ "CertificateArn": arn })).await;
    let (code, _) = House::fails(&house.acm, "DescribeCertificate", json!({ "CertificateArn": arn })).await;
    assert_eq!(code, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_token_makes_a_repeated_request_the_same_request_for_an_hour() {
    let house = House::new();
    let request = json!({ "DomainName": "a.example.com", "KeyAlgorithm": "EC_prime256v1", "IdempotencyToken": "one" });
    let first = house.acm("RequestCertificate", request.clone()).await;
    assert_eq!(house.acm("RequestCertificate", request.clone()).await, first);
    house.clock.advance(Duration::from_hours(1));
    assert_ne!(house.acm("RequestCertificate", request).await, first);
}

#[tokio::test]
async fn what_cannot_be_issued_is_refused_by_name() {
    let house = House::new();
    for (request, code, words) in [
        (json!({ "DomainName": "nodots" }), "ValidationException", "domainName"),
        (json!({ "DomainName": "-a.example.com" }), "ValidationException", "domainName"),
        (json!({ "DomainName": "a.com", "KeyAlgorithm": "EC_secp521r1" }), "InvalidParameterException", "secp521r1"),
        (json!({ "DomainName": "a.com", "ValidationMethod": "HTTP" }), "InvalidParameterException", "HTTP"),
        (json!({ "DomainName": "a.com", "ManagedBy": "CLOUDFRONT" }), "ValidationException", "ManagedBy"),
        (json!({ "DomainName": "a.com", "Tags": [] }), "ValidationException", "tag"),
        (json!({ "DomainName": "a.com", "CertificateAuthorityArn": "x" }), "InvalidArnException", "x"),
    ] {
        let (found, text) = House::fails(&house.acm, "RequestCertificate", request).await;
        assert_eq!(found, code, "{text}");
        assert!(text.contains(words), "{text}");
    }
    let (code, _) = House::fails(&house.acm, "GetCertificate", json!({ "CertificateArn": "nonsense" })).await;
    assert_eq!(code, "InvalidArnException");
}

#[tokio::test]
async fn a_certificate_in_use_is_told_and_not_deleted() {
    let (caller, shown) = (Caller::default(), Shown::default());
    let house = House::with(caller.clone());
    caller.fill([mesh(&shown)]);
    let arn = house.request("a.example.com").await;
    assert_eq!(house.describe(&arn).await["InUseBy"], json!([]));
    *shown.lock().unwrap() = Some(arn.clone());
    assert_eq!(
        house.describe(&arn).await["InUseBy"],
        json!(["arn:aws:appmesh:us-east-1:000000000000:mesh/m/virtualNode/n"])
    );
    let (code, text) = House::fails(&house.acm, "DeleteCertificate", json!({ "CertificateArn": arn })).await;
    assert_eq!(code, "ResourceInUseException");
    assert!(text.contains("virtualNode/n"), "{text}");
}

/// A certificate of one's own, its key, in PEM.
fn own(name: &str) -> (Value, Value) {
    let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
    let begin = Timestamp::from_millis(i64::try_from(BEGIN.as_millis()).unwrap());
    let order = Order {
        subject: Some(Subject::named(name)),
        names: Vec::new(),
        usage: Usage::EndEntity,
        serial: [1; 16],
        not_before: begin,
        not_after: begin.plus(Duration::from_hours(24 * 30)),
    };
    (json!(self_signed(&key, key.algorithm().hash(), &order).unwrap()), json!(key.pem()))
}

#[tokio::test]
async fn a_certificate_is_imported_and_imported_anew_at_its_arn() {
    let house = House::new();
    let ((certificate, key), (other, other_key)) = (own("one.example.com"), own("two.example.com"));
    let wrong = json!({ "Certificate": blob(&certificate), "PrivateKey": blob(&other_key) });
    let (code, text) = House::fails(&house.acm, "ImportCertificate", wrong).await;
    assert_eq!(code, "ValidationException");
    assert!(text.contains("does not belong"), "{text}");
    let members = json!({ "Certificate": blob(&certificate), "PrivateKey": blob(&key) });
    let arn = house.acm("ImportCertificate", members).await["CertificateArn"].clone();
    let anew = json!({ "CertificateArn": arn, "Certificate": blob(&other), "PrivateKey": blob(&other_key) });
    assert_eq!(house.acm("ImportCertificate", anew).await["CertificateArn"], arn);
    let told = house.describe(arn.as_str().unwrap()).await;
    assert_eq!((&told["Type"], &told["DomainName"]), (&json!("IMPORTED"), &json!("two.example.com")));
    let (code, _) = House::fails(&house.acm, "RenewCertificate", json!({ "CertificateArn": arn })).await;
    assert_eq!(code, "ValidationException");
    house.days(31);
    assert_eq!(house.describe(arn.as_str().unwrap()).await["Status"], "EXPIRED");
}

#[tokio::test]
async fn only_what_may_be_exported_is() {
    let house = House::new();
    let passphrase = blob(&json!("a passphrase"));
    let arn = house.request("a.example.com").await;
    let (code, _) =
        House::fails(&house.acm, "ExportCertificate", json!({ "CertificateArn": arn, "Passphrase": passphrase })).await;
    assert_eq!(code, "ValidationException");
    let root = house.root().await;
    let private =
        json!({ "DomainName": "b.example.com", "KeyAlgorithm": "EC_prime256v1", "CertificateAuthorityArn": root });
    let arn = house.acm("RequestCertificate", private).await["CertificateArn"].clone();
    let got = house.acm("ExportCertificate", json!({ "CertificateArn": arn, "Passphrase": passphrase })).await;
    assert!(got["PrivateKey"].as_str().unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    certificate::chain(got["Certificate"].as_str().unwrap(), got["CertificateChain"].as_str().unwrap()).unwrap();
    let (code, _) =
        House::fails(&house.acm, "ExportCertificate", json!({ "CertificateArn": arn, "Passphrase": "" })).await;
    assert_eq!(code, "ValidationException");
}

#[tokio::test]
async fn private_keys_are_for_neighbours_in_process_alone() {
    let house = House::new();
    let arn = house.request("a.example.com").await;
    let pair = house.acm("GetKeyPair", json!({ "CertificateArn": arn })).await;
    assert!(pair["PrivateKey"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    for (operation, members) in [
        ("GetKeyPair", json!({ "CertificateArn": arn })),
        ("IssueIdentity", json!({ "Uri": "spiffe://mesh/node" })),
        ("DescribeTrust", json!({})),
    ] {
        let call = Call { scope: Scope::default(), access_key: "000000000000".to_owned(), ..Call::default() };
        assert_eq!(house.acm.call(operation, call, members).await.unwrap_err().code, "AccessDeniedException");
    }
}
