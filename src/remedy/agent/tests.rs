//! The conversation against a scripted server that speaks the Messages API's wire format.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::*;
use crate::claude::Settings;
use crate::remedy::prompt::tests::hostile_cluster;

const FILE: &str = "def charge(order):\n    total = order['total']\n    return total\n";

#[derive(Clone, Default)]
struct Script {
    /// Status and body, as text: the bytes are what counts.
    turns: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(script): State<Script>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["anthropic-version"], "2026-10-21");
    assert_eq!(headers["x-api-key"], "sk-ant-test");
    let streams = serde_json::from_slice::<Value>(&body).unwrap()["stream"] == true;
    script.requests.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
    let (status, body) = script.turns.lock().unwrap().pop_front().expect("a scripted turn");
    let body = if streams && status == 200 { in_pieces(&body) } else { body };
    (StatusCode::from_u16(status).unwrap(), [("retry-after", "0")], body).into_response()
}

/// An answer as a stream, each block in one piece.
fn in_pieces(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let mut events = vec![json!({"type": "message_start", "message": {"usage": answer["usage"]}})];
    for (index, block) in answer["content"].as_array().unwrap().iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": answer["stop_reason"]}}));
    events.push(json!({"type": "message_stop"}));
    let texts: Vec<_> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    texts.concat()
}

struct Held {
    outcome: Outcome,
    requests: Vec<Value>,
    texts: Vec<String>,
}

#[expect(clippy::disallowed_methods, reason = "a test's own task")]
async fn hold(turns: Vec<(u16, String)>, budget: Budget) -> Held {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let script = Script { turns: Arc::new(Mutex::new(turns.into())), ..Script::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/messages", axum::routing::post(answer)).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings =
        Settings { base_url, api_key: "sk-ant-test".to_owned().into(), model: "claude-opus-5-5".into() };
    let snapshot = Snapshot::of_files(&[("app/pay.py", FILE), (".github/workflows/x.yml", "on: push\n")]);
    let agent = Agent::new(Client::new(&settings).unwrap());
    let evidence = Evidence::at_base(&hostile_cluster(), &[], &snapshot).await.unwrap();
    let outcome = agent.write_fix(&hostile_cluster(), &evidence, &snapshot, &budget).await;
    let texts = script.requests.lock().unwrap().clone();
    let requests = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    Held { outcome, requests, texts }
}

fn turn(stop_reason: &str, blocks: &[Value]) -> (u16, String) {
    let content: Vec<_> = blocks.iter().map(Value::to_string).collect();
    raw_turn(stop_reason, &content.join(","))
}

fn raw_turn(stop_reason: &str, content: &str) -> (u16, String) {
    let usage = r#"{"input_tokens":1000,"cache_creation_input_tokens":500,"cache_read_input_tokens":null,"output_tokens":200}"#;
    (
        200,
        format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5","content":[{content}],"stop_reason":"{stop_reason}","stop_sequence":null,"usage":{usage}}}"#
        ),
    )
}

fn call(id: &str, name: &str, input: &Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": input})
}

fn submit(find: &str) -> Value {
    let edits =
        json!([{"path": "app/pay.py", "find": find, "replace": "    total = order.get('total', 0)\n"}]);
    call(
        "s",
        "submit_fix",
        &json!({"title": "t", "root_cause": "r", "explanation": "e", "edits": edits, "new_files": null, "confidence": "high", "how_to_verify": "h"}),
    )
}

fn good() -> Value {
    submit("    total = order['total']\n")
}

fn result(request: &Value, n: usize) -> &Value {
    &request["messages"].as_array().unwrap().last().unwrap()["content"][n]
}

#[tokio::test]
async fn it_looks_around_and_submits() {
    let held = hold(
        vec![
            turn(
                "tool_use",
                &[
                    call("a", "list_files", &json!({"path": ""})),
                    call("b", "read_file", &json!({"path": "app/pay.py", "start_line": null, "end_line": 2})),
                ],
            ),
            turn("tool_use", &[good()]),
        ],
        Budget::default(),
    )
    .await;
    let Verdict::Submitted(submission) = &held.outcome.verdict else { panic!("{:?}", held.outcome) };
    assert_eq!(submission.files[0].after, FILE.replace("order['total']", "order.get('total', 0)"));
    let usage = held.outcome.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (3_000, 400));
    assert!((usage.cost_usd - 2.0 * (0.004 + 0.0025 + 0.004)).abs() < 1e-9);
    assert_eq!(
        result(&held.requests[1], 1)["content"],
        "1: def charge(order):\n2:     total = order['total']\n… lines 3 to 3 follow\n"
    );
    assert_eq!(held.requests[1]["messages"].as_array().unwrap().len(), 3);
    for key in ["temperature", "top_p", "top_k", "stream"] {
        assert!(held.requests[0].get(key).is_none(), "{key}");
    }
    assert_eq!(held.requests[0]["tool_choice"], json!({"type": "auto"}));
    let mut request = held.requests[0].clone();
    request["messages"] = json!("[messages]");
    insta::assert_json_snapshot!(request);
}

#[tokio::test]
async fn what_the_model_said_goes_back_byte_for_byte() {
    let blocks = r#"{"type":"thinking",  "thinking":"","signature":"c2ln"},{"kind":9,"type":"of_tomorrow","data":[1.0,  2e3]},{"type":"tool_use","id":"a","name":"list_files","input":{"path":""}}"#;
    let held = hold(vec![raw_turn("tool_use", blocks), turn("tool_use", &[good()])], Budget::default()).await;
    assert!(
        held.texts[1].contains(&format!(r#"{{"role":"assistant","content":[{blocks}]}}"#)),
        "{}",
        held.texts[1]
    );
    // Append-only: the second request begins with the messages of the first.
    let first = held.requests[0]["messages"].as_array().unwrap();
    assert_eq!(&held.requests[1]["messages"].as_array().unwrap()[..first.len()], &first[..]);
    assert_eq!(
        (&held.requests[0]["system"], &held.requests[0]["tools"]),
        (&held.requests[1]["system"], &held.requests[1]["tools"])
    );
}

#[tokio::test]
async fn what_must_not_be_reached_gets_an_error_result() {
    let out_of_reach = [
        call("a", "read_file", &json!({"path": "../../etc/passwd", "start_line": null, "end_line": null})),
        call("b", "list_files", &json!({"path": "/"})),
        call("c", "run_shell", &json!({"command": "id"})),
        call("d", "read_file", &json!("garbage")),
    ];
    let workflow = json!({"title": "t", "edits": [{"path": ".github/workflows/x.yml", "find": "push", "replace": "pull"}]});
    let held = hold(
        vec![
            turn("tool_use", &out_of_reach),
            turn("tool_use", &[call("e", "submit_fix", &workflow)]),
            turn("tool_use", &[call("f", "decline", &json!({"reason": "not mine"}))]),
        ],
        Budget::default(),
    )
    .await;
    assert!(
        matches!(&held.outcome.verdict, Verdict::Declined(reason) if reason == "not mine"),
        "{:?}",
        held.outcome
    );
    for n in [0, 2, 3] {
        assert_eq!(result(&held.requests[1], n)["is_error"], true, "{n}");
    }
    assert!(result(&held.requests[2], 0)["content"].as_str().unwrap().contains("not changed by a machine"));
}

#[tokio::test]
async fn a_bad_find_is_told_and_can_be_mended() {
    let held =
        hold(vec![turn("tool_use", &[submit("total")]), turn("tool_use", &[good()])], Budget::default())
            .await;
    assert!(matches!(held.outcome.verdict, Verdict::Submitted(_)));
    assert!(result(&held.requests[1], 0)["content"].as_str().unwrap().contains("occurs 3 times"));

    let held =
        hold(std::iter::repeat_n(turn("tool_use", &[submit("total")]), 4).collect(), Budget::default()).await;
    assert!(
        matches!(&held.outcome.verdict, Verdict::Broken(why) if why.no_fix() == crate::model::NoFix::EditFailed)
    );
}

#[tokio::test]
async fn an_end_without_a_tool_is_nudged_once() {
    let chat = || turn("end_turn", &[json!({"type": "text", "text": "I think it is fine."})]);
    let held = hold(vec![chat(), turn("tool_use", &[good()])], Budget::default()).await;
    assert!(matches!(held.outcome.verdict, Verdict::Submitted(_)));
    assert!(result(&held.requests[1], 0)["text"].as_str().unwrap().contains("submit_fix"));
    let held = hold(vec![chat(), turn("end_turn", &[])], Budget::default()).await;
    assert!(matches!(held.outcome.verdict, Verdict::Failed(_)));
}

#[tokio::test]
async fn a_cut_answer_is_asked_for_once_more_and_never_run() {
    let cut = || turn("max_tokens", &[call("s", "decline", &json!({"reason": "cut"}))]);
    let held = hold(vec![cut(), turn("tool_use", &[good()])], Budget::default()).await;
    assert!(matches!(held.outcome.verdict, Verdict::Submitted(_)));
    assert_eq!(
        (&held.requests[0]["max_tokens"], &held.requests[1]["max_tokens"]),
        (&json!(16_000), &json!(32_000))
    );
    assert_eq!(
        (held.requests[0].get("stream"), held.requests[1].get("stream")),
        (None, Some(&json!(true))),
        "what may take longer than ten minutes is streamed"
    );
    assert_eq!(held.requests[0]["messages"], held.requests[1]["messages"]);
    assert!(matches!(hold(vec![cut(), cut()], Budget::default()).await.outcome.verdict, Verdict::Failed(_)));
}

#[tokio::test]
async fn every_other_end_is_a_failure_with_its_reason() {
    for (reason, expected) in [
        ("refusal", "refused"),
        ("model_context_window_exceeded", "too long"),
        ("of_tomorrow", "not known here"),
        ("tool_use", "named none"),
    ] {
        let held = hold(vec![turn(reason, &[])], Budget::default()).await;
        assert!(
            matches!(&held.outcome.verdict, Verdict::Failed(why) if why.contains(expected)),
            "{:?}",
            held.outcome
        );
    }
}

#[tokio::test]
async fn overload_is_waited_out_and_a_refused_key_is_told() {
    let overloaded = (
        529,
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}).to_string(),
    );
    let held =
        hold(vec![overloaded.clone(), overloaded, turn("tool_use", &[good()])], Budget::default()).await;
    assert!(matches!(held.outcome.verdict, Verdict::Submitted(_)));
    let refused = (
        401,
        json!({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}})
            .to_string(),
    );
    let held = hold(vec![refused], Budget::default()).await;
    let Verdict::Broken(error) = &held.outcome.verdict else { panic!("{:?}", held.outcome) };
    assert!(error.to_string().contains("ANTHROPIC_API_KEY") && error.is_transient());
    assert!(!format!("{error:?}").contains("sk-ant-test"));
}

#[tokio::test]
async fn budgets_end_it_with_the_reason() {
    let look = || turn("tool_use", &[call("a", "list_files", &json!({"path": ""}))]);
    for (budget, expected) in [
        (Budget { calls_max: 2, ..Budget::default() }, "2 calls"),
        (Budget { usd_max: 0.34, ..Budget::default() }, "$0.34"),
        (Budget { uncached_input_tokens_max: 3_000, ..Budget::default() }, "3000 tokens"),
    ] {
        let held = hold(vec![look(), look(), look()], budget).await;
        assert!(
            matches!(&held.outcome.verdict, Verdict::Failed(why) if why.contains(expected)),
            "{:?}",
            held.outcome
        );
        assert!(held.requests.len() <= 2 && held.outcome.usage.cost_usd > 0.0);
    }
}
