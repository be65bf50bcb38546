//! Rows 24 and 25: content types, methods, paths, and requests without anything in them.

use http::Method;

use super::super::judge::Told;
use super::super::payload::{self, field};
use super::super::row::{Row, Via, row};

pub fn rows() -> Vec<Row> {
    let typed = |name, told, content_type: &'static str| {
        good(name, told).over(Via::Json).changed(move |mut call, _| {
            call.headers.clear();
            if content_type.is_empty() { call } else { call.header("content-type", content_type) }
        })
    };
    let by = |method: Method| {
        let changed = move |mut call: crate::support::wire::Call, _| {
            call.method = method.clone();
            call
        };
        [
            good("another method", Told::WrongMethod).over(Via::Json).changed(changed.clone()),
            good("another method", Told::WrongMethod).over(Via::Protobuf).changed(changed),
        ]
    };
    let at = |name, path: &'static str| {
        good(name, Told::NotThere).changed(move |mut call, _| {
            path.clone_into(&mut call.path);
            call
        })
    };
    let empty = |name| row(name, Told::Taken).counted(0);
    [
        typed("no content type", Told::Unsupported, ""),
        typed("a content type that is not taken", Told::Unsupported, "text/plain"),
        typed("a content type that is none", Told::Unsupported, "\x09;;;"),
        typed("gRPC-Web", Told::Unsupported, "application/grpc-web"),
        typed("JSON with a charset", Told::Taken, "application/json; charset=utf-8"),
        typed("JSON in capitals", Told::Taken, "Application/JSON;x=y"),
        at("traces over HTTP", "/v1/traces"),
        at("metrics over HTTP", "/v1/metrics"),
        at("a path that is not there", "/v1/logs/"),
        at("a path that is not there", "//v1/logs"),
        at("a path that is not there", "/v1/Logs"),
        at("a path that is not there", "/v1%2flogs"),
        at("traces over gRPC", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
        at("metrics over gRPC", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"),
        empty("no bytes at all").over(Via::Protobuf).protobuf(|_| Vec::new()),
        empty("an empty request").protobuf(|_| Vec::new()).json(|_| b"{}".to_vec()),
        empty("a resource without records")
            .protobuf(|_| field(1, b""))
            .json(|_| br#"{"resourceLogs":[{"scopeLogs":[{}]}]}"#.to_vec()),
        empty("a scope without records")
            .protobuf(|service| payload::envelope(service.as_bytes(), b""))
            .json(|service| payload::json(service, "")),
        empty("a record without anything")
            .protobuf(|service| payload::request(service.as_bytes(), b""))
            .json(|service| payload::json(service, "{}")),
    ]
    .into_iter()
    .chain(
        [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS].into_iter().flat_map(by),
    )
    .collect()
}

fn good(name: &'static str, told: Told) -> Row {
    row(name, told)
        .protobuf(|service| payload::request(service.as_bytes(), &payload::error(b"")))
        .json(|service| payload::json(service, &payload::json_error("")))
}
