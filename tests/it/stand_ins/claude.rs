//! The stand-in for Claude: Anthropic's own SDK talks to it, and it refuses what the API refuses.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::{python, server};

/// A request that the API takes.
fn good() -> Value {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["path"],
        "properties": {"path": {"type": ["string", "null"]}}});
    json!({
        "model": "claude-opus-5-5", "max_tokens": 16_000, "cache_control": {"type": "ephemeral"},
        "system": [{"type": "text", "text": "You mend code.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}, "tool_choice": {"type": "auto"},
        "tools": [{"name": "read_file", "description": "Reads.", "strict": true, "input_schema": schema}],
        "messages": [{"role": "user", "content": "It fails."}],
    })
}

async fn post(claude: &ClaudeStandIn, body: String) -> (u16, Value) {
    let request = server::client()
        .post(format!("{}/v1/messages", claude.url()))
        .header("authorization", format!("Bearer {}", claude.key()))
        .header("anthropic-version", "2026-10-21")
        .header("content-type", "application/json")
        .body(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The text of an answer's content as it came, which is what goes back.
async fn converse(claude: &ClaudeStandIn, request: &Value) -> (Value, Value) {
    let (status, answer) = post(claude, request.to_string()).await;
    assert_eq!(status, 200, "{answer:#}");
    let uses = answer["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
    let results = uses
        .map(|block| json!({"type": "tool_result", "tool_use_id": block["id"], "content": "1: x"}))
        .collect();
    (answer, results)
}

/// The request that follows an answer.
fn next(request: &Value, answer: &Value, results: &Value) -> Value {
    let mut next = request.clone();
    let messages = next["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": answer["content"]}));
    messages.push(json!({"role": "user", "content": results}));
    next
}

/// A request with one thing changed is refused, and noted.
#[tokio::test(flavor = "multi_thread")]
async fn claude_refuses_what_the_api_refuses() {
    let changes: &[(&str, Value, &str)] = &[
        ("/tool_choice", json!({"type": "any"}), "\"tool\" and \"any\" are not supported"),
        ("/temperature", json!(1.0), "temperature: Extra inputs"),
        ("/top_p", json!(0.9), "top_p: Extra inputs"),
        ("/max_tokens", json!("16000"), "max_tokens"),
        ("/max_tokens", Value::Null, "max_tokens: Field required"),
        ("/thinking", json!({"type": "adaptive", "budget_tokens": 2000}), "thinking.budget_tokens"),
        ("/thinking", json!({"type": "disabled"}), "thinking.type"),
        ("/output_config", json!({"effort": "extreme"}), "effort"),
        ("/model", json!("claude-3-5-sonnet-20241022"), "model: claude-3-5-sonnet-20241022"),
        ("/tools/0/input_schema/additionalProperties", json!(true), "additionalProperties"),
        ("/tools/0/input_schema/required", json!([]), "'required' must list all"),
        ("/tools/0/input_schema/properties/path", json!({"type": "string", "maxLength": 9}), "maxLength"),
        ("/tools/0/name", json!("read file"), "pattern"),
        ("/messages/0/content", json!(""), "non-empty"),
        (
            "/messages",
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]),
            "prefill",
        ),
        (
            "/messages",
            json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]),
            "alternate",
        ),
    ];
    let claude = ClaudeStandIn::start(vec![Turn::text("Well.")]).await;
    for (count, (place, value, expected)) in changes.iter().enumerate() {
        let mut request = good();
        let (parent, key) = place.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[key] = value.clone();
        let (_, answer) = post(&claude, request.to_string()).await;
        assert_eq!(answer["type"], "error", "{place}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(expected), "{place}: {answer}");
        assert_eq!(claude.violations().len(), count + 1);
    }
    let bare =
        server::client().post(format!("{}/v1/messages", claude.url())).json(&good()).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(
        converse(&claude, &good()).await.0["stop_reason"],
        "end_turn",
        "refusals do not use up the script"
    );
    assert_eq!(claude.requests().len(), changes.len() + 2);
}

/// Every tool use is answered, and nothing that was said changes.
#[tokio::test(flavor = "multi_thread")]
async fn claude_wants_the_conversation_as_it_was() {
    let uses = vec![("read_file", json!({"path": "a"})), ("read_file", json!({"path": "b"}))];
    let claude = ClaudeStandIn::start(vec![Turn::tool_uses(uses), Turn::text("Done.")]).await;
    let (answer, results) = converse(&claude, &good()).await;
    let following = next(&good(), &answer, &results);
    let id = &answer["content"][1]["id"];
    let stray = json!({"type": "tool_result", "tool_use_id": "toolu_stray", "content": "x"});
    let text = json!({"type": "text", "text": "Here."});
    let alterations = [
        ("/messages/2/content", json!([results[0]]), "were found without `tool_result` blocks"),
        ("/messages/2/content", json!([results[0], results[1], results[1]]), "a single result"),
        ("/messages/2/content", json!([results[0], results[1], stray]), "unexpected `tool_use_id`"),
        ("/messages/2/content", json!([text, results[0], results[1]]), "must come first"),
        ("/messages/1/content/0/signature", json!("forged"), "cannot be modified"),
        ("/messages/1/content", json!([answer["content"][1], answer["content"][2]]), "cannot be modified"),
        ("/messages/0/content", json!("It fails again."), "is bound to other messages"),
        ("/system", json!("You have $1 left."), "another system prompt"),
        ("/tools/0/description", json!("Reads files."), "is bound to other messages, tools"),
    ];
    for (place, value, expected) in alterations {
        let mut altered = following.clone();
        *altered.pointer_mut(place).unwrap() = value;
        let (status, told) = post(&claude, altered.to_string()).await;
        assert_eq!(status, 400, "{place}: {told}");
        assert!(told["error"]["message"].as_str().unwrap().contains(expected), "{place}: {told}");
    }
    assert!(id.as_str().unwrap().starts_with("toolu_"));
    let before = claude.violations().len();
    assert_eq!(converse(&claude, &following).await.0["content"][1]["text"], "Done.");
    let noted = claude.violations();
    assert!(
        noted.len() == before + 1 && noted[before].contains("do not come back as the text they were"),
        "{noted:?}"
    );
}

/// Blocks that come back byte for byte are good, those of a kind that nobody knows too.
#[tokio::test(flavor = "multi_thread")]
async fn claude_takes_its_own_words_back() {
    let claude = ClaudeStandIn::start(vec![
        Turn::tool_use("read_file", json!({"path": null})).with_unknown_block(),
        Turn::with(|request| {
            Turn::text(&format!("{} messages", request["messages"].as_array().unwrap().len()))
        }),
    ])
    .await;
    let request = server::client()
        .post(format!("{}/v1/messages", claude.url()))
        .header("x-api-key", claude.key())
        .header("anthropic-version", "2026-10-21")
        .json(&good());
    let text = request.send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let kinds: Vec<_> =
        answer["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "waypoint_20270101", "tool_use"]);
    let (_, content) = text.split_once(r#""content":"#).unwrap();
    let (content, _) = content.split_once(r#","stop_reason""#).unwrap();
    let result = json!({"type": "tool_result", "tool_use_id": answer["content"][2]["id"], "content": "x", "is_error": false});
    let next = next(&good(), &json!({"content": "ECHO"}), &json!([result]))
        .to_string()
        .replace(r#""ECHO""#, content);
    let (status, second) = post(&claude, next).await;
    assert_eq!((status, &second["content"][1]["text"]), (200, &json!("3 messages")), "{second:#}");
    assert_eq!(claude.violations(), Vec::<String>::new());
    assert!(second["usage"]["cache_read_input_tokens"].as_u64().unwrap() > 0);
}

/// The script's other turns, and what comes after its end.
#[tokio::test(flavor = "multi_thread")]
async fn claude_answers_its_script() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let claude = ClaudeStandIn::start(vec![
        Turn::status(529, &[("retry-after", "3")], overloaded.clone()),
        Turn::stop_reason("refusal", ""),
        Turn::cut_off("read_file", json!({"path": "a"})).after(Duration::from_millis(60)),
        Turn::text("No thought.").without_thinking(),
        Turn::raw(json!({"type": "message", "stop_reason": "a_new_reason", "content": []})),
    ])
    .await;
    assert_eq!(post(&claude, good().to_string()).await, (529, overloaded));
    assert_eq!(converse(&claude, &good()).await.0["stop_details"]["category"], "cyber");
    let begun = Instant::now();
    assert_eq!(converse(&claude, &good()).await.0["stop_reason"], "max_tokens");
    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert_eq!(converse(&claude, &good()).await.0["content"][0]["type"], "text");
    assert_eq!(converse(&claude, &good()).await.0["stop_reason"], "a_new_reason");
    assert_eq!(converse(&claude, &good()).await.0["content"][1]["name"], "decline");
    assert_eq!(claude.violations(), Vec::<String>::new());
}

/// Anthropic's own SDK can hold a conversation with the stand-in, and its types allow what went both ways.
#[tokio::test(flavor = "multi_thread")]
async fn claude_is_what_the_sdk_expects() {
    let script = python::script("anthropic_types.py");
    let streamed = || Turn::tool_use("look", json!({"where": "up and down the street"}));
    let claude = ClaudeStandIn::start(vec![
        Turn::tool_use("look", json!({"where": "up"})),
        Turn::text("Nothing."),
        streamed(),
        streamed(),
    ])
    .await;
    python::run(&script, &["sdk", &claude.url(), claude.key()]).await;
    converse(&claude, &good()).await;
    python::feed(&script, &["requests"], &python::lines(&claude.requests())).await;
    python::feed(&script, &["answers"], &python::lines(&claude.answers())).await;

    let mut wrong = good();
    wrong["temperature"] = json!(1.0);
    wrong["max_tokens"] = json!("many");
    let told = python::attempt(&script, &["requests"], &python::lines(&[wrong])).await.unwrap_err();
    assert!(told.contains("`temperature` is no parameter") && told.contains("max_tokens"), "{told}");
    assert!(python::attempt(&script, &["answers"], "{\"type\": \"message\"}\n").await.is_err());
    // The SDK takes the blocks apart and puts them together in another order, which the API allows.
    assert!(
        claude.violations().iter().all(|noted| noted.contains("the text they were")),
        "{:?}",
        claude.violations()
    );
}
