//! A webhook of people's own: JSON of version 1, as `docs/alerts.schema.json` has it, with a signature over time and body.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::Sha256;

use super::Secret;
use super::client::Outgoing;
use super::content::Notice;

const DELIVERY: HeaderName = HeaderName::from_static("x-logmend-delivery");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-logmend-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-logmend-signature");

/// The request. Its body is the same for every try; the time that is signed with it is that of the try, so that an old request
/// cannot be sent again by others.
pub(super) fn request(url: Url, secret: &Secret, notice: &Notice<'_>) -> Outgoing {
    let body = body(notice).to_string();
    let timestamp = notice.now.as_secs().to_string();
    let signature = format!("sha256={}", signature(secret, &timestamp, &body));
    let headers = [(DELIVERY, notice.id.to_owned()), (TIMESTAMP, timestamp), (SIGNATURE, signature)];
    let headers =
        headers.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)));
    Outgoing { url, headers: headers.collect(), body }
}

fn body(notice: &Notice<'_>) -> Value {
    let content = notice.content;
    json!({
        "version": 1,
        "delivery": notice.id,
        "alert": notice.key,
        "rule": notice.rule,
        "status": notice.action.as_str(),
        "at": notice.at,
        "ended_at": notice.ended_at.filter(|_| notice.is_over()),
        "severity": content.severity,
        "title": content.title,
        "summary": content.summary,
        "error": content.error,
        "fix": content.fix,
        "rate": content.rate,
        "digest": content.digest,
        "limit": content.limit,
        "instance": content.instance,
    })
}

/// HMAC-SHA256 over `timestamp.body`, in hex.
fn signature(secret: &Secret, timestamp: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        // A key of any length will do.
        return String::new();
    };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::super::content::tests::{hostile, notice};
    use super::*;
    use crate::model::AlertRule;
    use crate::store::DeliveryAction;

    /// By Python's hmac: `hmac.new(b"s3cret", b"1763289060.{}", "sha256").hexdigest()`.
    #[test]
    fn the_signature_is_hmac_sha256_over_time_and_body() {
        let secret = Secret::from("s3cret".to_owned());
        let expected = "1eb813ab7bb103d9d8787dbf8ecaab3faf31d268333ab901fc5f4fc783769cac";
        assert_eq!(signature(&secret, "1763289060", "{}"), expected);
    }

    #[test]
    fn every_try_has_the_same_body_and_another_time() {
        let (content, secret) = (hostile(), Secret::from("s3cret".to_owned()));
        let url: Url = "https://example.com/hook".parse().unwrap();
        let first = notice(&content, AlertRule::New, DeliveryAction::Firing);
        let second = Notice { now: crate::model::UnixNanos(first.now.0 + 60_000_000_000), ..first };
        let (first, second) = (request(url.clone(), &secret, &first), request(url, &secret, &second));
        assert_eq!(first.body, second.body);
        assert_eq!(first.headers[0], second.headers[0], "the delivery");
        assert!(first.headers[1] != second.headers[1] && first.headers[2] != second.headers[2]);
        let body: Value = serde_json::from_str(&first.body).unwrap();
        insta::assert_json_snapshot!(body);
    }
}
