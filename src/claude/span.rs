//! The span of one try of a call, as OpenTelemetry's semantic conventions for Anthropic clients have it.
//!
//! Source: OpenTelemetry semantic conventions, "Semantic conventions for Anthropic client operations". No text that was sent or
//! answered is in it, nor anything of the key.

use opentelemetry::{Array, StringValue, Value};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Answer, ClaudeError, Request};
use crate::redact;

/// How much of an id or a model's name is told: a server that is only like the API may send anything.
const TEXT_BYTES_MAX: usize = 100;

/// The span of a call that is about to be made.
pub(super) fn of_call(base_url: &str, request: &Request<'_>) -> Span {
    let uri = base_url.parse::<http::Uri>().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    tracing::info_span!(
        "ask Claude",
        otel.name = %format_args!("chat {}", request.model),
        otel.kind = "client",
        otel.status_code = field::Empty,
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = request.model,
        gen_ai.request.max_tokens = request.max_tokens,
        server.address = uri.host().unwrap_or_default(),
        server.port = port,
    )
}

/// Notes what came of it.
pub(super) fn tell(span: &Span, answered: &Result<Answer, ClaudeError>) {
    match answered {
        Ok(answer) => tell_answer(span, answer),
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            span.set_attribute("error.type", error.kind());
        }
    }
}

fn tell_answer(span: &Span, answer: &Answer) {
    let reason = StringValue::from(answer.stop_reason.as_str());
    span.set_attribute("gen_ai.response.finish_reasons", Value::Array(Array::String(vec![reason])));
    for (key, text) in [("gen_ai.response.id", &answer.id), ("gen_ai.response.model", &answer.model)] {
        if !text.is_empty() {
            span.set_attribute(key, redact::cut(&redact::plain(text), TEXT_BYTES_MAX).to_owned());
        }
    }
    let usage = &answer.usage;
    // The convention's number of input tokens is that of all of them, cached ones included.
    for (key, tokens) in [
        ("gen_ai.usage.input_tokens", Some(usage.input_total())),
        ("gen_ai.usage.output_tokens", usage.output_tokens),
        ("gen_ai.usage.cache_creation.input_tokens", usage.cache_creation_input_tokens),
        ("gen_ai.usage.cache_read.input_tokens", usage.cache_read_input_tokens),
    ] {
        if let Some(tokens) = tokens.and_then(|tokens| i64::try_from(tokens).ok()) {
            span.set_attribute(key, tokens);
        }
    }
}
