//! Who else is asked before the ramp goes on, and who is told of it.

use std::fmt;

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Error, Policy, number::number};

/// Webhooks, or addresses of messages, that a policy may have.
const WEBHOOKS_MAX: usize = 10;
/// The longest that an answer may take, in seconds.
const TIMEOUT_MAX: u64 = 60;
/// The most attempts at one answer.
const ATTEMPTS_MAX: u32 = 10;
/// The shortest secret.
const SECRET_MIN: usize = 16;
/// The longest URL.
const URL_MAX: usize = 2048;
/// What stands where a secret is not shown.
const HIDDEN: &str = "****";

/// A program at a URL that is asked or told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Webhook {
    /// Where it is.
    pub url: String,
    /// What for.
    pub when: When,
    /// What the bodies that are sent to it are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// How long an answer may take.
    #[serde(default = "timeout", deserialize_with = "number")]
    pub timeout_seconds: u64,
    /// How often it is tried when nothing that can be understood comes back.
    #[serde(default = "attempts", deserialize_with = "number")]
    pub attempts: u32,
    /// After what time it is asked again that said no, or nothing.
    #[serde(default = "again", deserialize_with = "number")]
    pub again_seconds: u64,
}

/// When a webhook is asked or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Asked before the first step.
    Before,
    /// Asked before each later step, before the bake, and before the old version loses the rest.
    During,
    /// Told how it ended.
    After,
}

/// What only both ends know.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// A place where messages for people go, in the form that Slack and its like take; in JSON just its URL.
///
/// Such a URL is a secret by itself: who knows it can write there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message(String);

impl Message {
    /// Where it goes.
    pub fn url(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&place(&self.0))
    }
}

fn timeout() -> u64 {
    10
}

fn attempts() -> u32 {
    3
}

fn again() -> u64 {
    30
}

/// A URL as it may be shown: without its path, which may be a secret, and without a user's name.
pub(crate) fn place(url: &str) -> String {
    let shown = |uri: Uri| Some(format!("{}://{}", uri.scheme_str()?, host_and_port(&uri)?));
    url.parse::<Uri>().ok().and_then(shown).unwrap_or_else(|| "a URL that can't be read".to_owned())
}

fn host_and_port(uri: &Uri) -> Option<String> {
    let host = uri.host()?;
    Some(uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

impl Policy {
    pub(super) fn check_webhooks(&self) -> Result<(), Error> {
        for (name, count) in [("Webhooks", self.webhooks.len()), ("Messages", self.messages.len())] {
            if count > WEBHOOKS_MAX {
                return Err(Error::Webhooks { name, count });
            }
        }
        for webhook in &self.webhooks {
            check_url("Webhooks", &webhook.url)?;
            in_range("TimeoutSeconds", webhook.timeout_seconds, 1, TIMEOUT_MAX, "1 to 60")?;
            in_range("Attempts", webhook.attempts.into(), 1, ATTEMPTS_MAX.into(), "1 to 10")?;
            in_range("AgainSeconds", webhook.again_seconds, 1, 3600, "1 to 3600")?;
            if webhook.secret.as_ref().is_some_and(|secret| secret.0.len() < SECRET_MIN) {
                return Err(Error::Secret);
            }
        }
        self.messages.iter().try_for_each(|message| check_url("Messages", message.url()))?;
        self.link_address.iter().try_for_each(|address| check_url("LinkAddress", address))
    }

    /// The webhooks of a time.
    pub fn webhooks(&self, when: When) -> impl Iterator<Item = &Webhook> {
        self.webhooks.iter().filter(move |webhook| webhook.when == when)
    }

    /// How many times webhooks may draw the ramp out by `MaximumStepSeconds`.
    pub(super) fn waits_for_webhooks(&self) -> usize {
        let has = |when| usize::from(self.webhooks(when).next().is_some());
        has(When::Before) + has(When::During) * (self.steps.len() + 1)
    }

    /// The policy as JSON that anybody may see: without secrets.
    pub fn shown(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        let webhooks = shown.get_mut("Webhooks").and_then(Value::as_array_mut);
        for webhook in webhooks.into_iter().flatten() {
            if let Some(url) = webhook["Url"].as_str().map(place) {
                webhook["Url"] = json!(url);
            }
            if webhook.get("Secret").is_some() {
                webhook["Secret"] = json!(HIDDEN);
            }
        }
        shown["Messages"] = self.messages.iter().map(|message| place(message.url())).collect();
        shown
    }
}

fn in_range(name: &'static str, value: u64, from: u64, to: u64, range: &'static str) -> Result<(), Error> {
    #[expect(clippy::cast_precision_loss, reason = "only shown")]
    let shown = value as f64;
    if (from..=to).contains(&value) { Ok(()) } else { Err(Error::Range { name, value: shown, range }) }
}

fn check_url(name: &'static str, url: &str) -> Result<(), Error> {
    let wrong = |why| Error::Url { name, place: place(url), why };
    let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
    match uri.scheme_str() {
        _ if url.len() > URL_MAX => Err(wrong("it is too long")),
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => {
            let named = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
            if named { Err(wrong("it has a user's name in it; sign with Secret")) } else { Ok(()) }
        }
        _ => Err(wrong("it must begin with http:// or https:// and a host")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_of_a_webhook_is_usual_and_numbers_may_be_text() {
        let policy = r#"{"Webhooks":[{"Url":"http://127.0.0.1:9000/check","When":"Before","Attempts":"2"}],
            "Messages":["https://hooks.example/T0/B0/x"]}"#;
        let policy = Policy::parse(policy).unwrap();
        let webhook = &policy.webhooks[0];
        assert_eq!((webhook.timeout_seconds, webhook.attempts, webhook.again_seconds), (10, 2, 30));
        assert_eq!(Policy::parse(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
        assert_eq!(policy.waits_for_webhooks(), 1);
    }

    #[test]
    fn nobody_is_shown_a_secret() {
        let policy = r#"{"Webhooks":[{"Url":"https://check.example/a/token","When":"During","Secret":"0123456789abcdef"}],
            "Messages":["https://hooks.example/T0/B0/token"]}"#;
        let policy = Policy::parse(policy).unwrap();
        assert!(!policy.shown().to_string().contains("token"), "{}", policy.shown());
        assert!(!format!("{policy:?}").contains("0123456789abcdef"), "{policy:?}");
        assert_eq!(policy.shown()["Webhooks"][0]["Secret"], "****");
        assert_eq!(policy.shown()["Messages"][0], "https://hooks.example");
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        let many = format!(r#"{{"Messages":[{}]}}"#, ["\"http://a/\""; 11].join(","));
        for (json, text) in [
            (r#"{"Webhooks":[{"When":"Before"}]}"#, "Url"),
            (r#"{"Webhooks":[{"Url":"http://a/","When":"Then"}]}"#, "Then"),
            (r#"{"Webhooks":[{"Url":"ftp://a/","When":"After"}]}"#, "must begin with http://"),
            (r#"{"Webhooks":[{"Url":"check","When":"After"}]}"#, "must begin with http://"),
            (r#"{"Webhooks":[{"Url":"http://u:p@a/","When":"After"}]}"#, "user's name"),
            (r#"{"Webhooks":[{"Url":"http://a/","When":"After","Secret":"short"}]}"#, "at least 16"),
            (r#"{"Webhooks":[{"Url":"http://a/","When":"After","TimeoutSeconds":0}]}"#, "TimeoutSeconds is 0"),
            (r#"{"Webhooks":[{"Url":"http://a/","When":"After","Attempts":11}]}"#, "Attempts is 11"),
            (r#"{"Webhooks":[{"Url":"http://a/","When":"After","Retry":1}]}"#, "Retry"),
            (r#"{"Messages":["nowhere"]}"#, "Messages"),
            (r#"{"LinkAddress":"nowhere"}"#, "LinkAddress"),
            (&many, "Messages has 11 entries"),
        ] {
            let refusal = Policy::parse(json).expect_err("it cannot be followed").to_string();
            assert!(refusal.contains(text), "{json} was refused with {refusal:?}");
        }
    }
}
