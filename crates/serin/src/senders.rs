//! Whose the spans are that come by OTLP.
//!
//! A task is known by its address, as in `proxies.rs`, and its spans are its own account's and region's. Whoever else
//! sends may sign for X-Ray, as AWS's own OTLP endpoint asks for. Where no keys are set up, who does not sign is
//! believed: the header `x-serin-scope` or the spans' own `cloud.account.id` and `cloud.region` say whose they are.

use std::collections::BTreeMap;

use http::{header, request::Parts};
use names::{AccountId, Arn, Clock, Region, Scope};
use otlp::{Admit, Admitted};
use store::Store;
use wire::{
    Origin,
    sigv4::{Credential, Signed},
};

/// The service that senders sign for.
const SIGNING_NAME: &str = "xray";
/// The header that names account and region, `<account>/<region>`.
const SCOPE: &str = "x-serin-scope";

/// Knows senders by what they show.
pub(crate) struct Senders {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Whose spans are that do not say.
    pub(crate) account: AccountId,
    /// Secrets by access key.
    pub(crate) secrets: BTreeMap<String, String>,
}

impl Admit for Senders {
    fn admit(&self, request: &Parts, body: &[u8]) -> Result<Admitted, String> {
        if let Some(origin) = request.extensions.get::<Origin>() {
            return self.task(origin).map(Admitted::As);
        }
        if request.headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4")) {
            return self.signature(request, body).map(Admitted::As);
        }
        if !self.secrets.is_empty() {
            return Err("sign with SigV4 for the service xray: keys are set up here".to_owned());
        }
        Ok(named(request).map_or_else(|| Admitted::Believed(self.scope(Region::default())), Admitted::As))
    }
}

impl Senders {
    fn scope(&self, region: Region) -> Scope {
        Scope::new(self.account.clone(), region)
    }

    fn task(&self, origin: &Origin) -> Result<Scope, String> {
        let found = ecs::task_at(&self.store, &origin.network, *origin.address.ip());
        let task = found.map_err(|error| format!("tasks cannot be looked up: {error}"))?;
        let arn = task.and_then(|task| task.arn.parse::<Arn>().ok());
        let scope = arn.and_then(|arn| arn.scope());
        scope.ok_or_else(|| format!("no task has the address {} in {}", origin.address.ip(), origin.network))
    }

    fn signature(&self, request: &Parts, body: &[u8]) -> Result<Scope, String> {
        let mut headers = request.headers.clone();
        if let Some(authority) = request.uri.authority().and_then(|authority| authority.as_str().parse().ok()) {
            headers.insert(header::HOST, authority);
        }
        let told = |fault: api::Fault| format!("{}: {}", fault.code, fault.message);
        let credential = Credential::read(&headers).map_err(told)?;
        if credential.service != SIGNING_NAME {
            return Err(format!("the signature is for {}, and should be for {SIGNING_NAME}", credential.service));
        }
        if !self.secrets.is_empty() {
            let secret = self.secrets.get(&credential.access_key);
            let secret = secret.ok_or_else(|| format!("the access key {} is not known", credential.access_key))?;
            let (method, query) = (request.method.as_str(), request.uri.query().unwrap_or_default());
            let signed = Signed { method, path: request.uri.path(), query, headers: &headers, body };
            credential.verify(secret, &signed, self.clock.now()).map_err(told)?;
        }
        Ok(credential.scope(&self.account))
    }
}

/// The account and region that a header names.
fn named(request: &Parts) -> Option<Scope> {
    let (account, region) = request.headers.get(SCOPE)?.to_str().ok()?.split_once('/')?;
    Some(Scope::new(account.parse().ok()?, Region::new(region)))
}

#[cfg(test)]
mod tests {
    use names::Timestamp;

    use super::*;

    fn senders(secrets: &[(&str, &str)]) -> Senders {
        Senders {
            store: Store::in_memory().unwrap(),
            clock: Clock::System,
            account: AccountId::default(),
            secrets: secrets.iter().map(|(id, secret)| ((*id).to_owned(), (*secret).to_owned())).collect(),
        }
    }

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::post("/v1/traces").header("host", "127.0.0.1:4566");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn signed(secret: &str, service: &str, body: &[u8], now: Timestamp) -> Parts {
        let mut parts = request(&[]);
        let region = Region::new("eu-west-1");
        wire::sigv4::sign(("test", secret), (service, &region), now, &mut parts.headers, ("POST", "/v1/traces", body));
        parts
    }

    #[test]
    fn who_does_not_sign_is_believed_where_there_are_no_keys() {
        let senders = senders(&[]);
        assert_eq!(senders.admit(&request(&[]), b""), Ok(Admitted::Believed(Scope::default())));
        let named = senders.admit(&request(&[(SCOPE, "123456789012/eu-west-1")]), b"").unwrap();
        let scope = Scope::new("123456789012".parse().unwrap(), Region::new("eu-west-1"));
        assert_eq!(named, Admitted::As(scope));
    }

    #[test]
    fn where_there_are_keys_only_a_sound_signature_opens() {
        let (senders, now) = (senders(&[("test", "secret")]), Clock::System.now());
        assert!(senders.admit(&request(&[(SCOPE, "123456789012/eu-west-1")]), b"").unwrap_err().contains("SigV4"));
        let admitted = senders.admit(&signed("secret", "xray", b"spans", now), b"spans").unwrap();
        let scope = Scope { region: Region::new("eu-west-1"), ..Scope::default() };
        assert_eq!(admitted, Admitted::As(scope));
        for (parts, body) in [
            (signed("guess", "xray", b"spans", now), b"spans".as_slice()),
            (signed("secret", "xray", b"spans", now), b"other"),
            (signed("secret", "logs", b"spans", now), b"spans"),
        ] {
            assert!(senders.admit(&parts, body).is_err());
        }
    }
}
