//! What the API asks of every request, whatever it says.

use http::HeaderMap;
use serde_json::Value;

use super::{KEY, MODELS, Refusal, check, history, known_keys, refuse, schema};

/// The version of the API that requests must name.
const API_VERSION: &str = "2026-10-21";

/// What a request may hold.
const KEYS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "metadata",
    "service_tier",
    "speed",
    "inference_geo",
    "stop_sequences",
    "stream",
    "diagnostics",
    "container",
];

/// The longest answer of all models, in tokens.
const MAX_TOKENS: u64 = 128_000;
/// The most cache breakpoints of a request.
const BREAKPOINTS_MAX: usize = 4;

/// Checks the headers.
pub(super) fn headers(headers: &HeaderMap, posts: bool) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key =
        text("x-api-key").or_else(|| text("authorization").and_then(|value| value.strip_prefix("Bearer ")));
    if key != Some(KEY) {
        return Err(Refusal {
            status: 401,
            kind: "authentication_error",
            message: "invalid x-api-key".to_owned(),
        });
    }
    check(text("anthropic-version") == Some(API_VERSION), || {
        format!("anthropic-version: {:?} is not {API_VERSION}", text("anthropic-version"))
    })?;
    let json = text("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    check(json || !posts, || "content-type: expected application/json".to_owned())
}

/// Checks the body of a request for an answer (`counting`: for a count of its tokens, which has no `max_tokens`).
pub(super) fn body(request: &Value, counting: bool) -> Result<(), Refusal> {
    known_keys(request, KEYS, "")?;
    let model = request["model"].as_str().unwrap_or_default();
    if !MODELS.contains(&model) {
        return Err(Refusal { status: 404, kind: "not_found_error", message: format!("model: {model}") });
    }
    let max_tokens = &request["max_tokens"];
    if counting {
        check(max_tokens.is_null(), || "max_tokens: Extra inputs are not permitted".to_owned())?;
    } else {
        check(!max_tokens.is_null(), || "max_tokens: Field required".to_owned())?;
        check(max_tokens.as_u64().is_some_and(|max| (1..=MAX_TOKENS).contains(&max)), || {
            format!("max_tokens: Input should be an integer from 1 to {MAX_TOKENS}")
        })?;
    }
    check(matches!(request["stream"], Value::Null | Value::Bool(_)), || {
        "stream: Input should be a valid boolean".to_owned()
    })?;
    tool_choice(&request["tool_choice"])?;
    thinking(&request["thinking"], model)?;
    output_config(&request["output_config"])?;
    system(&request["system"])?;
    if let Some(tools) = request.get("tools") {
        schema::tools(tools)?;
    }
    let breakpoints = request.to_string().matches("\"cache_control\":{").count();
    check(breakpoints <= BREAKPOINTS_MAX, || {
        format!(
            "A maximum of {BREAKPOINTS_MAX} blocks with cache_control may be provided. Found {breakpoints}."
        )
    })?;
    history::messages(request)
}

fn tool_choice(choice: &Value) -> Result<(), Refusal> {
    match choice["type"].as_str() {
        None if choice.is_null() => Ok(()),
        Some("auto" | "none") => known_keys(choice, &["type", "disable_parallel_tool_use"], "tool_choice"),
        _ => refuse("tool_choice: type \"tool\" and \"any\" are not supported for this model."),
    }
}

fn thinking(thinking: &Value, model: &str) -> Result<(), Refusal> {
    if thinking.is_null() {
        return Ok(());
    }
    known_keys(thinking, &["type", "display"], "thinking")?;
    let known = match thinking["type"].as_str() {
        Some("adaptive") => true,
        Some("between_tools") => model == "claude-sonnet-5-5" && thinking.get("display").is_none(),
        Some("disabled") => model == "claude-haiku-5-5",
        _ => false,
    };
    check(known, || format!("thinking.type: {} is not supported for this model.", thinking["type"]))?;
    check(matches!(thinking["display"].as_str(), None | Some("summarized" | "omitted")), || {
        "thinking.display: Input should be 'summarized' or 'omitted'".to_owned()
    })
}

fn output_config(config: &Value) -> Result<(), Refusal> {
    if config.is_null() {
        return Ok(());
    }
    known_keys(config, &["effort", "format"], "output_config")?;
    check(
        matches!(config["effort"].as_str(), None | Some("low" | "medium" | "high" | "xhigh" | "max")),
        || "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'".to_owned(),
    )?;
    let format = &config["format"];
    if format.is_null() {
        return Ok(());
    }
    check(format["type"] == "json_schema", || {
        "output_config.format.type: Input should be 'json_schema'".to_owned()
    })?;
    schema::strict_schema(&format["schema"], "output_config.format.schema").map(drop)
}

fn system(system: &Value) -> Result<(), Refusal> {
    let fits = match system {
        Value::Null => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(blocks) => blocks.iter().all(|block| {
            block["type"] == "text" && block["text"].as_str().is_some_and(|text| !text.is_empty())
        }),
        _ => false,
    };
    check(fits, || "system: text content blocks must be non-empty".to_owned())
}
