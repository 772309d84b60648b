//! Webhooks: what is sent to them, how it is signed, and what their answers mean.
//!
//! Who must say yes must say it in so many words: a status of 200 with no verdict in it, a page of a proxy in between or
//! a redirection is no yes. The signature is over the time and the body, so that nobody can send an old question anew:
//! `Serin-Signature: t=<seconds since 1970>,v1=<hexadecimal HMAC-SHA256 of "<t>.<body>">`.

mod asking;
mod post;

use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderName;
use names::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    plan::Says,
    policy::{Message, Secret, Webhook, place},
};

pub(crate) use asking::Asker;
pub(crate) use post::Silence;

/// The header of signatures.
const SIGNATURE: HeaderName = HeaderName::from_static("serin-signature");
/// The header of what tells a sending from others; one that is sent anew has the same.
const DELIVERY: HeaderName = HeaderName::from_static("serin-delivery");
/// Characters of a stranger's words that are told on.
const REASON_MAX: usize = 200;
/// How long a message may take to be taken.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a webhook that is asked answers.
#[derive(Debug, Deserialize)]
struct Verdict {
    verdict: Word,
    #[serde(default)]
    reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Word {
    GoOn,
    Hold,
    TakeBack,
}

/// Why a sending failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing came back.
    #[error(transparent)]
    Silence(#[from] Silence),
    /// It is not well, or not there.
    #[error("it answers {0}")]
    Status(http::StatusCode),
    /// It says something else.
    #[error("its answer is no verdict: {0}")]
    Nonsense(#[from] serde_json::Error),
}

/// The signature of `body` at `now`.
pub(crate) fn signature(secret: &Secret, now: Timestamp, body: &[u8]) -> String {
    let seconds = now.as_millis() / 1000;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("a secret of any length is taken");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Sends `body` to a webhook once.
async fn send(webhook: &Webhook, delivery: &str, body: &Value, now: Timestamp) -> Result<Bytes, Failure> {
    let body = Bytes::from(body.to_string());
    let mut headers = vec![(DELIVERY, delivery.to_owned())];
    headers.extend(webhook.secret.as_ref().map(|secret| (SIGNATURE, signature(secret, now, &body))));
    deliver(&webhook.url, body, headers, Duration::from_secs(webhook.timeout_seconds)).await
}

async fn deliver(
    url: &str,
    body: Bytes,
    headers: Vec<(HeaderName, String)>,
    patience: Duration,
) -> Result<Bytes, Failure> {
    let answer = post::post(url, body, headers, patience).await?;
    if answer.status.is_success() { Ok(answer.body) } else { Err(Failure::Status(answer.status)) }
}

/// Asks a webhook once.
pub(crate) async fn ask(webhook: &Webhook, delivery: &str, body: &Value, now: Timestamp) -> Result<Says, Failure> {
    let answer = send(webhook, delivery, body, now).await?;
    let Verdict { verdict, reason } = serde_json::from_slice(&answer)?;
    let says = format!("{} says: {}", place(&webhook.url), plain(&reason));
    Ok(match verdict {
        Word::GoOn => Says::GoOn,
        Word::Hold => Says::Hold(says),
        Word::TakeBack => Says::TakeBack(says),
    })
}

/// Tells a webhook once; what it answers does not matter, as long as it took it.
pub(crate) async fn tell(webhook: &Webhook, delivery: &str, body: &Value, now: Timestamp) -> Result<(), Failure> {
    send(webhook, delivery, body, now).await.map(drop)
}

/// Sends a message for people once.
pub(crate) async fn write(message: &Message, delivery: &str, text: &str) -> Result<(), Failure> {
    let body = Bytes::from(json!({ "text": text }).to_string());
    deliver(message.url(), body, vec![(DELIVERY, delivery.to_owned())], MESSAGE_TIMEOUT).await.map(drop)
}

/// A stranger's words, as they may be shown in a terminal or a page: short, on one line, without control characters.
fn plain(words: &str) -> String {
    let shown: String = words.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect();
    if shown.trim().is_empty() { "nothing more".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_anybody_with_the_secret_computes() {
        let secret: Secret = serde_json::from_value(json!("0123456789abcdef")).unwrap();
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23";
        assert_eq!(signature(&secret, Timestamp::from_millis(1_700_000_000_999), br#"{"a":1}"#), expected);
    }

    #[test]
    fn a_strangers_words_are_short_and_move_no_cursor() {
        assert_eq!(plain("\u{1b}[2Jred\nline"), "[2Jredline");
        assert_eq!(plain(&"a".repeat(1000)).len(), REASON_MAX);
        assert_eq!(plain(" \n"), "nothing more");
    }
}
