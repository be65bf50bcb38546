//! OTLP/HTTP with protobuf bodies.

use std::error::Error;
use std::io::Write as _;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use secrecy::ExposeSecret as _;

use super::outcome::{ANSWER_BYTES_MAX, Outcome, retry_after, told};
use super::{Compression, Headers, Settings, SetupError, Tls};
use crate::model::UnixNanos;

/// A body longer than this is compressed off the async threads: gzip does some 50 MB/s, this is about half a millisecond.
const INLINE_BYTES_MAX: usize = 24 * 1024;

/// A client with a pool of connections.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    headers: Headers,
    compression: Compression,
    clock: fn() -> UnixNanos,
}

impl Client {
    pub(super) fn new(settings: &Settings, clock: fn() -> UnixNanos) -> Result<Self, SetupError> {
        let builder = reqwest::Client::builder()
            .user_agent(super::hop::USER_AGENT)
            // The headers are for this host.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.timeout / 2);
        let client =
            tls(builder, &settings.tls).and_then(reqwest::ClientBuilder::build).map_err(SetupError::new)?;
        Ok(Self {
            http: client,
            url: url(&settings.endpoint),
            headers: settings.headers.clone(),
            compression: settings.compression,
            clock,
        })
    }

    pub(super) async fn call(&self, bytes: Bytes) -> Outcome {
        self.post(bytes).await.unwrap_or_else(|error| {
            // Whatever failed on the way may work the next time; an answer is no failure.
            let mut why = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                why = format!("{why}: {error}");
                cause = error.source();
            }
            Outcome::Retry { after: None, why: told(&why) }
        })
    }

    async fn post(&self, bytes: Bytes) -> Result<Outcome, reqwest::Error> {
        let mut request = self
            .http
            .post(&self.url)
            .headers(self.headers.map())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if self.compression == Compression::Gzip {
            request = request
                .header(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
                .body(compressed(bytes).await);
        } else {
            request = request.body(bytes);
        }
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        let mut body = BytesMut::new();
        while body.len() <= ANSWER_BYTES_MAX
            && let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)?
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(ANSWER_BYTES_MAX);
        let after = retry_after(response.headers(), (self.clock)());
        Ok(Outcome::of_http(response.status(), after, body.freeze()))
    }
}

/// The URL of logs: the specification's path behind a base URL, unless it is there already.
fn url(endpoint: &str) -> String {
    let base = endpoint.trim_end_matches('/');
    if base.ends_with("/v1/logs") { base.to_owned() } else { format!("{base}/v1/logs") }
}

async fn compressed(bytes: Bytes) -> Bytes {
    if bytes.len() <= INLINE_BYTES_MAX {
        return gzip(&bytes);
    }
    let whole = bytes.clone();
    // The pool of blocking threads ends with the runtime alone, and nobody waits for an answer then.
    tokio::task::spawn_blocking(move || gzip(&whole)).await.unwrap_or_default()
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}

fn tls(builder: reqwest::ClientBuilder, tls: &Tls) -> reqwest::Result<reqwest::ClientBuilder> {
    let builder = match &tls.certificate {
        None => builder,
        Some(pem) => builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?),
    };
    Ok(match &tls.client {
        None => builder,
        Some((certificate, key)) => {
            let pem = [certificate, &b"\n"[..], key.expose_secret()].concat();
            builder.identity(reqwest::Identity::from_pem(&pem)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_logs_is_added_once() {
        assert_eq!(url("http://c:4318"), "http://c:4318/v1/logs");
        assert_eq!(url("http://loki:3100/otlp/"), "http://loki:3100/otlp/v1/logs");
        assert_eq!(url("http://c:4318/v1/logs/"), "http://c:4318/v1/logs");
    }
}
