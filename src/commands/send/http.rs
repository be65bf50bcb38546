//! OTLP/HTTP, from the sender's side.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Uri, header};
use prost::Message as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Deserialize;

use super::answer::Answer;
use super::{ANSWER_BYTES_MAX, CONNECT_TIME_MAX, USER_AGENT, root_cause};
use crate::proto::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use crate::telemetry;

/// One client, with as many sockets as requests are under way.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: Client,
    url: String,
}

impl Http {
    /// Makes the client; it connects when it sends.
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up.
    pub(super) fn new(
        target: &Uri,
        mut headers: HeaderMap,
        encoding: Option<&'static str>,
        content_type: &'static str,
    ) -> reqwest::Result<Self> {
        // A second start in one process finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let client = Client::builder()
            .default_headers(headers)
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIME_MAX)
            .tcp_nodelay(true)
            // What is measured is the receiver; and a redirect would turn the request into a GET.
            .no_proxy()
            .redirect(Policy::none())
            .build()?;
        Ok(Self { client, url: target.to_string() })
    }

    /// Sends a request's body.
    pub(super) async fn send(&self, body: Bytes) -> Answer {
        match self.client.post(&self.url).body(body).send().await {
            Ok(response) => answer(response).await.unwrap_or_else(|error| Answer::lost(root_cause(&error))),
            Err(error) => Answer::lost(root_cause(&error)),
        }
    }
}

async fn answer(mut response: Response) -> reqwest::Result<Answer> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - body.len())]);
        if body.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    let content_type =
        response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_json = content_type.starts_with(b"application/json");
    if response.status().is_success() {
        let taken = if is_json {
            of_json(&body)
        } else {
            ExportLogsServiceResponse::decode(body.freeze()).unwrap_or_default()
        };
        return Ok(Answer::of_response(&taken));
    }
    let told = if is_json {
        serde_json::from_slice::<JsonStatus>(&body).map(|status| status.message).unwrap_or_default()
    } else {
        tonic_types::Status::decode(body.freeze()).map(|status| status.message).unwrap_or_default()
    };
    Ok(Answer::of_http(response.status(), response.headers(), &told, telemetry::now()))
}

#[derive(Deserialize)]
struct JsonStatus {
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonResponse {
    partial_success: Option<JsonPartial>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonPartial {
    /// A number or, as OTLP/JSON prefers, a string.
    #[serde(default)]
    rejected_log_records: serde_json::Value,
    #[serde(default)]
    error_message: String,
}

/// A body that cannot be read says nothing about rejected records.
fn of_json(body: &[u8]) -> ExportLogsServiceResponse {
    let partial =
        serde_json::from_slice::<JsonResponse>(body).ok().and_then(|response| response.partial_success);
    let partial_success = partial.map(|partial| {
        let rejected = &partial.rejected_log_records;
        let rejected = rejected.as_i64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
        ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: partial.error_message }
    });
    ExportLogsServiceResponse { partial_success }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_records_are_read_out_of_json() {
        for (body, expected) in [
            ("{}", 0),
            (r#"{"partialSuccess":{}}"#, 0),
            (r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"x"}}"#, 3),
            (r#"{"partialSuccess":{"rejectedLogRecords":4}}"#, 4),
            ("no JSON", 0),
        ] {
            let Answer::Acknowledged { rejected, .. } = Answer::of_response(&of_json(body.as_bytes())) else {
                panic!()
            };
            assert_eq!(rejected, expected, "{body}");
        }
    }
}
