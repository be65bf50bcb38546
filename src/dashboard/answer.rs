//! How pages and files are answered: with an `ETag`, packed, and with headers that let nothing in but what is compiled in.

use std::io::Write as _;

use askama::Template;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::moment;
use super::problem::Trouble;

/// Everything comes from here and nothing stands in the page itself: a log text that became markup would do nothing all the same
/// (Content Security Policy Level 3).
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts the headers on every answer of the dashboard, refusals included.
pub(super) async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page. One that is the same as the reader has it is not sent again: a page that looks for news costs a few bytes then.
pub(super) fn page(template: &impl Template, headers: &HeaderMap) -> Result<Response, Trouble> {
    let html = template.render().map_err(Trouble::Unwritable)?;
    let tag = hash(without_ages(&html).as_bytes());
    Ok(tagged(&tag, html.into_bytes(), "text/html; charset=utf-8", "private, no-cache", headers))
}

/// A page without how long ago things were: that a second passed is no news, and the script keeps them fresh.
fn without_ages(html: &str) -> String {
    let mut parts = html.split(moment::AGE);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('<').map_or("", |(_, rest)| rest));
    }
    out
}

/// A body of this type with its tag, or word that it is still the same. The tag is a weak one: it stands for the packed body too,
/// and for one that says `3m ago` where this says `2m ago` (RFC 9110, section 8.8.1).
pub(super) fn tagged(
    tag: &str,
    body: impl Into<Bytes>,
    content_type: &'static str,
    cached: &'static str,
    headers: &HeaderMap,
) -> Response {
    let tag = format!("W/\"{tag}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = packed(body.into(), headers);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, cookie"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The body, packed where the reader takes that: a page is a tenth then, and takes a millisecond.
fn packed(body: Bytes, headers: &HeaderMap) -> Response {
    let takes =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !takes.split(',').any(|one| one.trim() == "gzip") {
        return body.into_response();
    }
    let mut packing = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    match packing.write_all(&body).and_then(|()| packing.finish()) {
        Ok(packed) => ([(header::CONTENT_ENCODING, "gzip")], packed).into_response(),
        Err(_) => body.into_response(),
    }
}

/// What tells one version of a file from another.
pub(super) fn hash(body: &[u8]) -> String {
    blake3::hash(body).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_has_is_not_sent_again() {
        let answer = |known: Option<&str>| {
            let known = known.map(|tag| (header::IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap()));
            tagged("7f", "body", "text/plain", "no-cache", &HeaderMap::from_iter(known))
        };
        let first = answer(None);
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/\"other\", {tag}")] {
            assert_eq!(answer(Some(&known)).status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(answer(Some("W/\"other\"")).status(), StatusCode::OK);
    }

    #[test]
    fn that_time_passed_is_no_news() {
        let page = |age: &str| format!("<p>a <time title=\"x\"{}{age}</time> b", moment::AGE);
        assert_eq!(without_ages(&page("3m ago")), without_ages(&page("4m ago")));
        assert_eq!(without_ages("<p>3m ago"), "<p>3m ago");
    }
}
