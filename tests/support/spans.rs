//! Spans as they came to the stand-in for a telemetry backend, decoded by OpenTelemetry's own messages.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

/// One span, as far as tests look at it.
#[derive(Debug, Clone)]
pub struct Span {
    pub name: String,
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub is_client: bool,
    pub is_error: bool,
    /// Each value as text; of a list its elements, with commas.
    pub attributes: BTreeMap<String, String>,
    /// The spans that it links to.
    pub links: Vec<Vec<u8>>,
}

impl Span {
    /// An attribute; empty where it is not there.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// The spans of one request over OTLP/HTTP.
pub fn of(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|of| of.scope_spans);
    scopes.flat_map(|of| of.spans).map(read).collect()
}

fn read(sent: Sent) -> Span {
    let attributes = sent.attributes.into_iter();
    Span {
        is_client: sent.kind == SpanKind::Client as i32,
        is_error: sent.status.is_some_and(|status| status.code == StatusCode::Error as i32),
        name: sent.name,
        trace: sent.trace_id,
        id: sent.span_id,
        parent: sent.parent_span_id,
        attributes: attributes.map(|of| (of.key, text(of.value.and_then(|value| value.value)))).collect(),
        links: sent.links.into_iter().map(|link| link.span_id).collect(),
    }
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        Some(Value::ArrayValue(array)) => {
            array.values.into_iter().map(|of| text(of.value)).collect::<Vec<_>>().join(",")
        }
        other => format!("{other:?}"),
    }
}
