//! Where records come from: one error is one cluster, whichever way a logger tells it.

use logmend::proto::common::v1::{AnyValue, KeyValue, KeyValueList, any_value};
use logmend::proto::logs::v1::LogRecord;
use serde_json::json;

use crate::support::otlp;
use crate::support::service::Service;

const STACK: &str = "TypeError: Cannot read properties of undefined (reading 'price')\n    at total (/app/src/cart.js:12:5)\n    at checkout (/app/src/checkout.js:3:1)";
const MESSAGE: &str = "Cannot read properties of undefined (reading 'price')";

fn map(entries: &[(&str, &str)]) -> AnyValue {
    let values = entries.iter().map(|(key, value)| otlp::attribute(key, value)).collect();
    AnyValue { value: Some(any_value::Value::KvlistValue(KeyValueList { values })) }
}

/// The same error from an SDK's exception, a formatter beside it, pino, winston, ECS, a container's wrapper, and a map.
fn tellings() -> Vec<LogRecord> {
    let exception = otlp::exception_record("TypeError", MESSAGE, STACK);
    let said = "request failed: cart 7";
    let formatted =
        LogRecord { body: otlp::record(17, &format!("{said}\n{STACK}")).body, ..exception.clone() };
    let err = json!({"type": "TypeError", "message": MESSAGE, "stack": STACK});
    let pino = json!({"level": 50, "time": 1, "msg": said, "err": err});
    let winston = json!({"level": "error", "message": said, "stack": STACK});
    let ecs =
        json!({"log.level": "error", "message": said, "error.type": "TypeError", "error.stack_trace": STACK});
    let wrapped = json!({"log": format!("{pino}\n"), "stream": "stderr", "time": "2026-11-24T00:00:00Z"});
    let attribute = KeyValue {
        key: "err".into(),
        value: Some(map(&[("type", "TypeError"), ("message", MESSAGE), ("stack", STACK)])),
        ..KeyValue::default()
    };
    let mut records = vec![exception, formatted];
    records.extend([pino, winston, ecs, wrapped].map(|body| otlp::record(0, &body.to_string())));
    records.push(LogRecord { attributes: vec![attribute], ..otlp::record(17, said) });
    let body = map(&[("severity", "ERROR"), ("message", said), ("stack_trace", STACK)]);
    records.push(LogRecord { body: Some(body), ..otlp::record(0, "") });
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn one_error_is_one_cluster_however_it_is_told() {
    let service = Service::start(&[]).await;
    let records = tellings();
    let sent = records.len();
    for record in records {
        otlp::export(&service.grpc_url(), otlp::request("checkout", vec![record])).await.unwrap();
    }
    let recent = service.get("/error-monitor/errors/recent").await;
    assert_eq!(recent["count"], 1, "{recent:#}");
    let error = &recent["errors"][0];
    assert_eq!(error["count"], sent, "{error:#}");
    assert_eq!(
        (error["error_type"].as_str(), error["function"].as_str(), error["line"].as_u64()),
        (Some("TypeError"), Some("total"), Some(12)),
        "{error:#}"
    );
    let attributes: Vec<_> = error["examples"].as_array().unwrap().iter().map(|e| &e["attributes"]).collect();
    assert!(attributes.iter().all(|attributes| attributes.is_object()), "{error:#}");
}

/// A message is what counts, not the names around it; and what a logger calls information is none of our business.
#[tokio::test(flavor = "multi_thread")]
async fn healthy_json_lines_are_dropped() {
    let service = Service::start(&[]).await;
    let healthy = [
        json!({"level": 30, "msg": "checkout failed over to the second provider, fine"}),
        json!({"msg": "done", "error": null, "database_error_count": 0, "panic": false}),
        json!({"severity": "INFO", "message": "ok", "err": {"message": "deadlock detected", "stack": STACK}}),
        json!({"timeout_errors": 0, "connection refused": 0}),
    ];
    let records = healthy.iter().map(|body| otlp::record(0, &body.to_string())).collect();
    otlp::export(&service.grpc_url(), otlp::request("checkout", records)).await.unwrap();
    let recent = service.get("/error-monitor/errors/recent").await;
    assert_eq!(recent["count"], 0, "{recent:#}");
}

/// More records than a request may hold: refused for good, and the service goes on.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_records_are_refused_whole() {
    let service = Service::start(&[]).await;
    let records = vec![LogRecord { severity_number: 17, ..LogRecord::default() }; 50_001];
    let status = otlp::export(&service.grpc_url(), otlp::request("checkout", records)).await.unwrap_err();
    let refusals = [tonic::Code::InvalidArgument, tonic::Code::ResourceExhausted];
    assert!(refusals.contains(&status.code()) && status.details().is_empty(), "{status:?}");
    assert!(status.message().contains("50000 log records"), "{status:?}");
    otlp::export(&service.grpc_url(), otlp::request("checkout", vec![otlp::record(17, "lost")]))
        .await
        .unwrap();
    assert_eq!(service.get("/error-monitor/errors/recent").await["count"], 1);
}
