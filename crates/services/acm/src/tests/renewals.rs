//! What is renewed before its end.

use super::*;

async fn serial(house: &House, arn: &str) -> Value {
    house.describe(arn).await["Serial"].clone()
}

#[tokio::test]
async fn a_certificate_is_renewed_two_months_before_its_end() {
    let mut house = House::new();
    let arn = house.request("a.example.com").await;
    let before = serial(&house, &arn).await;
    house.days(300);
    let first = arn.clone();
    house.acm("ListCertificates", json!({})).await;
    assert_eq!(serial(&house, &first).await, before);
    house.days(40);
    house.until("the renewal", async |house| serial(house, &arn).await != before).await;
    let told = house.describe(&arn).await;
    assert_eq!((&told["Status"], &told["RenewalSummary"]["RenewalStatus"]), (&json!("ISSUED"), &json!("SUCCESS")));
}

#[tokio::test]
async fn a_renewal_that_fails_says_why_and_leaves_the_certificate() {
    let mut house = House::new();
    let root = house.root().await;
    let private =
        json!({ "DomainName": "b.example.com", "KeyAlgorithm": "EC_prime256v1", "CertificateAuthorityArn": root });
    let arn = house.acm("RequestCertificate", private).await["CertificateArn"].as_str().unwrap().to_owned();
    let before = serial(&house, &arn).await;
    house.pca("UpdateCertificateAuthority", json!({ "CertificateAuthorityArn": root, "Status": "DISABLED" })).await;
    house.days(340);
    house
        .until("the failure", async |house| {
            house.describe(&arn).await["RenewalSummary"]["RenewalStatusReason"] == json!("PCA_INVALID_STATE")
        })
        .await;
    assert_eq!(serial(&house, &arn).await, before);
    house.pca("UpdateCertificateAuthority", json!({ "CertificateAuthorityArn": root, "Status": "ACTIVE" })).await;
    house.clock.advance(Duration::from_hours(2));
    house.until("the renewal", async |house| serial(house, &arn).await != before).await;
}

#[tokio::test]
async fn a_certificate_can_be_renewed_now() {
    let house = House::new();
    let arn = house.request("a.example.com").await;
    let before = house.acm("GetKeyPair", json!({ "CertificateArn": arn })).await;
    house.acm("RenewCertificate", json!({ "CertificateArn": arn })).await;
    let after = house.acm("GetKeyPair", json!({ "CertificateArn": arn })).await;
    assert_ne!(
        (&before["CertificateChain"], &before["PrivateKey"]),
        (&after["CertificateChain"], &after["PrivateKey"])
    );
}

#[tokio::test]
async fn an_identity_is_the_same_until_half_of_its_day_is_over() {
    let mut house = House::new();
    let asked = json!({ "Uri": "spiffe://flask-mesh/api", "DnsNames": ["api.flask.sample"] });
    let first = house.acm("IssueIdentity", asked.clone()).await;
    let details = certificate::Details::read(first["CertificateChain"].as_str().unwrap()).unwrap();
    assert_eq!(details.names, ["spiffe://flask-mesh/api", "api.flask.sample"]);
    house.clock.advance(Duration::from_hours(8));
    assert_eq!(house.acm("IssueIdentity", asked.clone()).await, first);
    let other = house.acm("IssueIdentity", json!({ "Uri": "spiffe://flask-mesh/api" })).await;
    assert_ne!(other, first, "other names make another certificate");
    house.clock.advance(Duration::from_hours(13));
    let key = store::Key::new(&Scope::default(), "spiffe://flask-mesh/api");
    let of = |house: &House| house.store.get::<crate::rows::Identity>(&key).unwrap().map(|row| row.pair);
    let before = of(&house);
    house.until("the renewal", async |house| of(house) != before).await;
    house.clock.advance(Duration::from_hours(25));
    house.until("the forgetting", async |house| of(house).is_none()).await;
    let (code, _) = House::fails(&house.acm, "IssueIdentity", json!({ "Uri": "https://no" })).await;
    assert_eq!(code, "ValidationException");
}
