//! The conversation that a request carries: whole, in order, and as it was.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Exchange, Refusal, check, refuse};

/// A request with the texts that its values came from.
#[derive(Deserialize)]
struct Verbatim<'a> {
    #[serde(borrow)]
    messages: Vec<VerbatimMessage<'a>>,
}

#[derive(Deserialize)]
struct VerbatimMessage<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Checks `messages` for themselves: roles, blocks, and an answer to every tool use right after it.
pub(super) fn messages(request: &Value) -> Result<(), Refusal> {
    let Some(messages) = request["messages"].as_array().filter(|messages| !messages.is_empty()) else {
        return refuse("messages: at least one message is required");
    };
    for (at, message) in messages.iter().enumerate() {
        super::known_keys(message, &["role", "content"], &format!("messages.{at}"))?;
        let expected = if at % 2 == 0 { "user" } else { "assistant" };
        check(message["role"] == expected, || {
            format!(
                "messages.{at}: roles must alternate between \"user\" and \"assistant\", expected {expected}"
            )
        })?;
        content(&message["content"], &format!("messages.{at}.content"))?;
        let asked = at.checked_sub(1).map_or(Vec::new(), |before| ids(&messages[before], "tool_use", "id"));
        results(message, &asked, at)?;
    }
    check(messages.len() % 2 == 1, || {
        "This model does not support assistant message prefill. The conversation must end with a user message.".to_owned()
    })
}

/// Content is a text or blocks, and texts are not empty.
fn content(content: &Value, place: &str) -> Result<(), Refusal> {
    let said = match content {
        Value::String(text) => !text.is_empty(),
        Value::Array(blocks) => {
            let empty =
                |block: &Value| block["type"] == "text" && block["text"].as_str().is_none_or(str::is_empty);
            !blocks.is_empty() && !blocks.iter().any(empty)
        }
        _ => false,
    };
    check(said, || format!("{place}: text content blocks must be non-empty"))
}

/// The values of `key` in a message's blocks of one kind.
fn ids<'a>(message: &'a Value, kind: &str, key: &str) -> Vec<&'a str> {
    let blocks = message["content"].as_array().into_iter().flatten();
    blocks.filter(|block| block["type"] == kind).filter_map(|block| block[key].as_str()).collect()
}

/// A message answers exactly the tool uses of the message before it, before it says anything else.
fn results(message: &Value, asked: &[&str], at: usize) -> Result<(), Refusal> {
    let answered = ids(message, "tool_result", "tool_use_id");
    let (expected, given): (BTreeSet<_>, BTreeSet<_>) = (asked.iter().collect(), answered.iter().collect());
    if let Some(missing) = expected.difference(&given).next() {
        return refuse(format!(
            "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {missing}. Each \
             `tool_use` block must have a corresponding `tool_result` block in the next message."
        ));
    }
    if let Some(unexpected) = given.difference(&expected).next() {
        return refuse(format!(
            "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {unexpected}. Each `tool_result` block \
             must have a corresponding `tool_use` block in the previous message."
        ));
    }
    check(answered.len() == given.len(), || {
        format!(
            "messages.{at}: each tool_use must have a single result. Found multiple `tool_result` blocks with one id"
        )
    })?;
    let blocks: Vec<_> = message["content"].as_array().into_iter().flatten().collect();
    check(blocks.iter().take(given.len()).all(|block| block["type"] == "tool_result"), || {
        format!("messages.{at}: `tool_result` blocks must come first")
    })?;
    for block in &blocks[..given.len()] {
        let place = format!("messages.{at}.tool_result");
        super::known_keys(block, &["type", "tool_use_id", "content", "is_error", "cache_control"], &place)?;
        let fits = match &block["content"] {
            Value::Null | Value::String(_) => true,
            Value::Array(parts) => {
                parts.iter().all(|part| part["type"] == "text" && part["text"].is_string())
            }
            _ => false,
        };
        check(fits && matches!(block.get("is_error"), None | Some(Value::Bool(_))), || {
            format!("{place}: bad content")
        })?;
    }
    Ok(())
}

/// Checks that what was said before is all there and unchanged, by what the stand-in answered before.
///
/// Claude's thoughts are bound to everything before them, so a changed prompt or tool is refused as a changed thought is.
pub(super) fn unchanged(request: &Value, exchanges: &[Exchange]) -> Result<(), Refusal> {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    for at in (1..messages.len()).step_by(2) {
        let content = without_marks(&messages[at]["content"]);
        let Some(exchange) = exchanges.iter().rev().find(|exchange| exchange.content == content) else {
            return refuse(format!(
                "messages.{at}.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be \
                 modified. These blocks must remain as they were in the original response."
            ));
        };
        let before = exchange.request["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let same_messages = before.len() == at
            && before.iter().zip(messages).all(|(before, now)| without_marks(before) == without_marks(now));
        let same = |key: &str| without_marks(&exchange.request[key]) == without_marks(&request[key]);
        check(same_messages && same("system") && same("tools"), || {
            format!(
                "messages.{at}.content.0: the `thinking` block is bound to other messages, tools or another system prompt"
            )
        })?;
    }
    Ok(())
}

/// The assistant's messages that came back with the same meaning but not the same text. The API may take them; they lose
/// the prompt cache.
pub(super) fn reworded(text: &str, exchanges: &[Exchange]) -> Vec<usize> {
    let Ok(verbatim) = serde_json::from_str::<Verbatim>(text) else { return Vec::new() };
    let assistants = verbatim.messages.iter().enumerate().skip(1).step_by(2);
    let reworded = assistants.filter(|(_, message)| {
        let blocks: Vec<&RawValue> = serde_json::from_str(message.content.get()).unwrap_or_default();
        let blocks: Vec<_> = blocks.iter().map(|block| block.get()).collect();
        !exchanges.iter().any(|exchange| exchange.blocks == blocks)
    });
    reworded.map(|(at, _)| at).collect()
}

/// A value without its cache breakpoints, which move on as a conversation grows.
pub(super) fn without_marks(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(without_marks).collect(),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| *key != "cache_control");
            kept.map(|(key, value)| (key.clone(), without_marks(value))).collect()
        }
        other => other.clone(),
    }
}
