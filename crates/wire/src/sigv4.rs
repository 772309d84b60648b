//! Signature Version 4: reads who signed, checks the signature where a secret is known, and signs.
//!
//! After AWS's specification (*Create a signed AWS API request*, IAM User Guide).

use api::Fault;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use names::{AccountId, Region, Scope, Timestamp};
use sha2::{Digest, Sha256};

use crate::protocol;

/// How far a signer's clock may be off, in milliseconds: fifteen minutes, as AWS allows.
const SKEW_MAX: i64 = 15 * 60 * 1000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What an `Authorization` header says of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The access key id.
    pub access_key: String,
    /// The day, `20261123`.
    pub date: String,
    /// The region the call is for.
    pub region: String,
    /// The service the call is for.
    pub service: String,
    signed_headers: Vec<String>,
    signature: String,
}

/// The parts of a request that a signature covers.
pub struct Signed<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// The query string as sent.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl Credential {
    /// Reads the `Authorization` header; no header and a malformed one are refused as AWS refuses them.
    pub fn read(headers: &HeaderMap) -> Result<Self, Fault> {
        let header = headers.get(http::header::AUTHORIZATION).ok_or_else(|| {
            Fault::new(
                "MissingAuthenticationToken",
                403,
                "Missing Authentication Token: the request is not signed; any access key will do, such as test/test.",
            )
        })?;
        let text = header.to_str().map_err(|_| incomplete("the Authorization header is not text"))?;
        let rest =
            text.strip_prefix(ALGORITHM).ok_or_else(|| incomplete("Authorization header requires AWS4-HMAC-SHA256"))?;
        let part = |name: &str| {
            let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter")))
        };
        let (credential, signed, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        let scope: Vec<&str> = credential.rsplitn(5, '/').collect();
        let [terminator, service, region, date, access_key] = scope[..] else {
            return Err(incomplete("Credential must have exactly 5 slash-delimited elements"));
        };
        let whole = terminator == "aws4_request" && date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
        let whole = whole && !access_key.is_empty() && !region.is_empty() && !service.is_empty();
        if !whole || signature.len() != 64 || hex::decode(signature).is_err() {
            return Err(incomplete("Credential or Signature is malformed"));
        }
        Ok(Self {
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: signed.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
        })
    }

    /// The scope the call speaks for: an access key of twelve digits is an account, others mean `default`.
    pub fn scope(&self, default: &AccountId) -> Scope {
        let account = self.access_key.parse().unwrap_or_else(|_| default.clone());
        Scope::new(account, Region::new(self.region.clone()))
    }

    /// Checks the signature with the `secret` of the access key, at `now`.
    pub fn verify(&self, secret: &str, request: &Signed<'_>, now: Timestamp) -> Result<(), Fault> {
        let moment = header(request.headers, "x-amz-date");
        let sent = compact_time(&moment).ok_or_else(|| incomplete("the request has no X-Amz-Date"))?;
        if (sent.as_millis() - now.as_millis()).abs() > SKEW_MAX {
            let message =
                format!("Signature expired: {moment} is more than fifteen minutes from {}.", now.to_iso8601());
            return Err(Fault::new("SignatureDoesNotMatch", 403, message));
        }
        let wanted = signature(secret, self, &self.signed_headers, &moment, request);
        // Compared through their digests, so that the time taken tells nothing.
        if Sha256::digest(&wanted) == Sha256::digest(&self.signature) {
            return Ok(());
        }
        let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.";
        Err(Fault::new("SignatureDoesNotMatch", 403, message))
    }
}

/// Adds `X-Amz-Date` and `Authorization` to `headers` for a request to `service`, which has a `Host` already.
pub fn sign(
    (access_key, secret): (&str, &str),
    (service, region): (&str, &Region),
    now: Timestamp,
    headers: &mut HeaderMap,
    (method, path, body): (&str, &str, &[u8]),
) {
    let moment: String = now.to_iso8601().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let moment = format!("{}Z", &moment[..15]);
    if let Ok(value) = moment.parse() {
        headers.insert("x-amz-date", value);
    }
    let credential = Credential {
        access_key: access_key.to_owned(),
        date: moment[..8].to_owned(),
        region: region.to_string(),
        service: service.to_owned(),
        signed_headers: vec!["host".to_owned(), "x-amz-date".to_owned()],
        signature: String::new(),
    };
    let request = Signed { method, path, query: "", headers, body };
    let signature = signature(secret, &credential, &credential.signed_headers, &moment, &request);
    let Credential { date, .. } = &credential;
    let value = format!(
        "{ALGORITHM} Credential={access_key}/{date}/{region}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}"
    );
    if let Ok(value) = value.parse() {
        headers.insert(http::header::AUTHORIZATION, value);
    }
}

fn incomplete(what: &str) -> Fault {
    Fault::new("IncompleteSignature", 400, format!("{what}."))
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let trimmed = values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "));
    trimmed.collect::<Vec<_>>().join(",")
}

/// `20261123T083908Z`.
fn compact_time(text: &str) -> Option<Timestamp> {
    let digits = text.len() == 16 && text.is_ascii() && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    let spelt = digits.then(|| {
        let (date, time) = (&text[..8], &text[9..15]);
        format!("\"{}-{}-{}T{}:{}:{}Z\"", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..])
    })?;
    serde_json::from_str(&spelt).ok()
}

fn signature(secret: &str, credential: &Credential, signed: &[String], moment: &str, request: &Signed<'_>) -> String {
    let Credential { date, region, service, .. } = credential;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let canonical = hex::encode(Sha256::digest(canonical(service, signed, request)));
    let text = format!("{ALGORITHM}\n{moment}\n{scope}\n{canonical}");
    let key = [date.as_str(), region, service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    hex::encode(hmac(&key, text.as_bytes()))
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn canonical(service: &str, signed: &[String], request: &Signed<'_>) -> String {
    // Every service but S3 signs the path encoded once more.
    let path = if service == "s3" { request.path.to_owned() } else { encode_path(request.path) };
    let mut pairs: Vec<(String, String)> =
        protocol::query_pairs(request.query).map(|(key, value)| (encode(&key), encode(&value))).collect();
    pairs.sort();
    let query: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let headers: String = signed.iter().map(|name| format!("{name}:{}\n", header(request.headers, name))).collect();
    let payload = Some(header(request.headers, "x-amz-content-sha256")).filter(|hash| !hash.is_empty());
    let payload = payload.unwrap_or_else(|| hex::encode(Sha256::digest(request.body)));
    format!("{}\n{path}\n{}\n{headers}\n{}\n{payload}", request.method, query.join("&"), signed.join(";"))
}

fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

fn encode(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().unwrap());
        headers
    }

    #[test]
    fn a_signature_verifies_until_something_changes() {
        let now = Timestamp::from_millis(1_763_887_148_000);
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1:4566".parse().unwrap());
        let region = Region::new("us-east-1");
        sign(("AKID", "secret"), ("ecs", &region), now, &mut headers, ("POST", "/", b"{}"));
        let credential = Credential::read(&headers).unwrap();
        let request = |body| Signed { method: "POST", path: "/", query: "", headers: &headers, body };
        assert_eq!(credential.verify("secret", &request(b"{}"), now), Ok(()));
        let code = |result: Result<(), Fault>| result.unwrap_err().code;
        assert_eq!(code(credential.verify("other", &request(b"{}"), now)), "SignatureDoesNotMatch");
        assert_eq!(code(credential.verify("secret", &request(b"{1}"), now)), "SignatureDoesNotMatch");
        let late = Timestamp::from_millis(now.as_millis() + SKEW_MAX + 1);
        assert_eq!(code(credential.verify("secret", &request(b"{}"), late)), "SignatureDoesNotMatch");
    }

    #[test]
    fn malformed_signatures_are_refused() {
        let sound = format!(
            "AWS4-HMAC-SHA256 Credential=K/20261123/r/ecs/aws4_request, SignedHeaders=host, Signature={}",
            "a".repeat(64)
        );
        assert_eq!(Credential::read(&headers(&sound)).unwrap().service, "ecs");
        for broken in [
            "Basic abc".to_owned(),
            sound.replace("/aws4_request", ""),
            sound.replace("20261123", "2026"),
            sound.replace("SignedHeaders=host, ", ""),
            sound.replace("aaaa", "zz"),
        ] {
            assert_eq!(Credential::read(&headers(&broken)).unwrap_err().code, "IncompleteSignature", "{broken}");
        }
        assert_eq!(Credential::read(&HeaderMap::new()).unwrap_err().code, "MissingAuthenticationToken");
    }
}
