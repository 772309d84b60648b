//! What ACM has issued before a mesh is built, and how a mesh names it: `@name` in the table is an ARN in the mesh.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{control::Refused, house::House};

/// What marks a name that stands for an ARN.
const MARK: char = '@';
/// Keys of this kind are quickly made.
const KEY: &str = "EC_prime256v1";
/// How a private authority signs with such a key.
const SIGNING: &str = "SHA256WITHECDSA";

/// What is to be issued, by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Acm {
    /// Private authorities that stand alone.
    authorities: BTreeSet<String>,
    /// Certificates.
    certificates: BTreeMap<String, Wanted>,
}

/// A certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The domains it is for.
    names: Vec<String>,
    /// The private authority that issues it; the built-in one if none is named.
    authority: Option<String>,
}

/// The ARN that each name stands for.
pub(crate) type Arns = BTreeMap<String, String>;

impl Acm {
    /// Has it all issued.
    pub(crate) async fn issue(&self, house: &House) -> Result<Arns, Refused> {
        let mut arns = Arns::new();
        for name in &self.authorities {
            arns.insert(name.clone(), authority(house, name).await?);
        }
        for (name, wanted) in &self.certificates {
            let mut request = json!({ "DomainName": wanted.names[0], "KeyAlgorithm": KEY,
                                      "SubjectAlternativeNames": wanted.names });
            if let Some(authority) = &wanted.authority {
                request["CertificateAuthorityArn"] = json!(arns[authority]);
            }
            let made = house.call("acm", "RequestCertificate", request).await?;
            arns.insert(name.clone(), text(&made["CertificateArn"]));
        }
        Ok(arns)
    }
}

/// Makes a private authority that signs itself; answers its ARN.
async fn authority(house: &House, name: &str) -> Result<String, Refused> {
    let configuration = json!({ "KeyAlgorithm": KEY, "SigningAlgorithm": SIGNING, "Subject": { "CommonName": name } });
    let request = json!({ "CertificateAuthorityType": "ROOT", "CertificateAuthorityConfiguration": configuration });
    let made = house.call("acm-pca", "CreateCertificateAuthority", request).await?;
    let own = json!({ "CertificateAuthorityArn": made["CertificateAuthorityArn"] });
    let with = |more: Value| {
        let mut request = own.clone();
        more.as_object().into_iter().flatten().for_each(|(key, value)| request[key] = value.clone());
        request
    };
    let csr = house.call("acm-pca", "GetCertificateAuthorityCsr", own.clone()).await?;
    let order = with(json!({ "Csr": blob(&csr["Csr"]), "SigningAlgorithm": SIGNING,
                             "TemplateArn": "arn:aws:acm-pca:::template/RootCACertificate/V1",
                             "Validity": { "Type": "DAYS", "Value": 3650 } }));
    let issued = house.call("acm-pca", "IssueCertificate", order).await?;
    let signed =
        house.call("acm-pca", "GetCertificate", with(json!({ "CertificateArn": issued["CertificateArn"] }))).await?;
    let import = with(json!({ "Certificate": blob(&signed["Certificate"]) }));
    house.call("acm-pca", "ImportCertificateAuthorityCertificate", import).await?;
    Ok(text(&made["CertificateAuthorityArn"]))
}

/// A text as the wire carries bytes.
fn blob(value: &Value) -> Value {
    serde_json::to_value(api::Blob(text(value).into_bytes())).expect("bytes")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `mesh` with ARNs in the places of the names that stand for them.
///
/// # Panics
/// When a name stands for nothing.
pub(crate) fn named(mesh: &Value, arns: &Arns) -> Value {
    match mesh {
        Value::String(name) => match name.strip_prefix(MARK) {
            Some(name) => json!(arns.get(name).unwrap_or_else(|| panic!("nothing of ACM is called {name}"))),
            None => mesh.clone(),
        },
        Value::Array(items) => items.iter().map(|item| named(item, arns)).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), named(value, arns))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_name_is_an_arn_wherever_it_stands() {
        let arns: Arns = [("own".to_owned(), "arn:1".to_owned())].into();
        let mesh = json!({ "a": ["@own", "own"], "b": { "c": "@own" }, "d": 1 });
        assert_eq!(named(&mesh, &arns), json!({ "a": ["arn:1", "own"], "b": { "c": "arn:1" }, "d": 1 }));
    }
}
