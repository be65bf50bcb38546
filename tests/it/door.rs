//! One door for every route on every port: only the right token passes, whatever way is tried around it.

use std::time::{Duration, Instant};

use http::Method;
use tokio::io::AsyncWriteExt as _;

use crate::attacks::judge::{Told, judge};
use crate::attacks::payload;
use crate::attacks::row::Via;
use crate::support::service::Service;
use crate::support::wire::{self, Answer, Call, Http2, Version};

const INGEST: &str = "ingest-s3cret";
const API: &str = "api-s3cret";

const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const HEALTH: &str = "/grpc.health.v1.Health";

struct House {
    service: Service,
    grpc: String,
    http: String,
    api: String,
}

impl House {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let service = Service::start(settings).await;
        let addr = |url: String| url.strip_prefix("http://").unwrap().to_owned();
        let (grpc, http, api) =
            (addr(service.grpc_url()), addr(service.http_url().await), addr(service.api_url()));
        Self { service, grpc, http, api }
    }

    async fn locked() -> Self {
        Self::start(&[("LOGMEND_INGEST_TOKEN", INGEST), ("LOGMEND_API_TOKEN", API)]).await
    }

    fn ports(&self) -> [&str; 3] {
        [&self.grpc, &self.http, &self.api]
    }
}

/// What a caller presents, and whether it may pass where `token` is asked for.
fn credentials(token: &str) -> Vec<(&'static str, Vec<String>, bool)> {
    vec![
        ("the right token", vec![format!("Bearer {token}")], true),
        ("the scheme in lower case", vec![format!("bearer {token}")], true),
        ("no token", vec![], false),
        ("a wrong token", vec!["Bearer wrong".to_owned()], false),
        (
            "a token that begins like the right one",
            vec![format!("Bearer {}", &token[..token.len() - 1])],
            false,
        ),
        ("a token that goes on behind the right one", vec![format!("Bearer {token}x")], false),
        ("an empty token", vec!["Bearer ".to_owned()], false),
        ("the token alone", vec![token.to_owned()], false),
        ("another scheme", vec![format!("Basic {token}")], false),
        ("two headers", vec![format!("Bearer {token}"), format!("Bearer {token}")], false),
        (
            "a wrong one before the right one",
            vec!["Bearer wrong".to_owned(), format!("Bearer {token}")],
            false,
        ),
        ("a long token", vec![format!("Bearer {}", "x".repeat(8_000))], false),
    ]
}

fn with(mut call: Call, presented: &[String]) -> Call {
    for value in presented {
        call = call.header("authorization", value);
    }
    call
}

fn export(via: Via) -> Call {
    let message = if via == Via::Json { b"{}".to_vec() } else { payload::request(b"door", b"") };
    via.call(&message, None)
}

const WAYS: [(Version, Via); 5] = [
    (Version::Http2, Via::Grpc),
    (Version::Http1, Via::Protobuf),
    (Version::Http2, Via::Protobuf),
    (Version::Http1, Via::Json),
    (Version::Http2, Via::Json),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_log_record_comes_in_without_the_token() {
    let house = House::locked().await;
    for addr in house.ports() {
        for (version, via) in WAYS {
            for (name, presented, passes) in credentials(INGEST) {
                let answer = wire::call(addr, version, &with(export(via), &presented)).await.unwrap();
                let told = if passes { Told::Taken } else { Told::Unauthenticated };
                if let Err(why) = judge(&answer, via, told) {
                    panic!("{name}, {via:?} over {version:?} at {addr}: {why}");
                }
            }
        }
    }
}

/// Whatever is tried around the door meets it, or nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_way_around_the_door() {
    let house = House::locked().await;
    let paths = [
        "//v1/logs",
        "/v1/logs/",
        "/v1/Logs",
        "/v1%2flogs",
        "/v1/%6cogs",
        "/./v1/logs",
        "/x/../v1/logs",
        "/v1/logs;x=y",
        "/v1/logs?token=ingest-s3cret",
        "/v1/logs?access_token=ingest-s3cret&authorization=Bearer%20ingest-s3cret",
        "/v1/traces",
        "/v1/metrics",
        "/error-monitor/../v1/logs",
        "/health/live/../../v1/logs",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export/",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "/grpc.health.v1.Health/Watch",
        "/grpc.health.v1.Health/Check/../../opentelemetry.proto.collector.logs.v1.LogsService/Export",
        REFLECTION,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "*",
    ];
    for addr in house.ports() {
        for (version, via) in WAYS {
            for path in paths.iter().filter(|path| **path != "*" || version == Version::Http1) {
                let mut call = export(via).header("x-token", INGEST).header("token", INGEST);
                (*path).clone_into(&mut call.path);
                let answer = wire::call(addr, version, &call).await.unwrap();
                let refused =
                    matches!(answer.header("grpc-status"), "16") || matches!(answer.status, 400 | 401 | 404);
                assert!(refused, "{path}, {via:?} over {version:?} at {addr}: {answer:?}");
            }
        }
        upgrades(addr).await;
    }
    let log = house.service.logs();
    assert!(!log.contains(INGEST) && !log.contains(API), "no token is printed:\n{log}");
}

/// An upgrade to h2c by HTTP/1.1's header changes nothing: the call is answered as it came.
async fn upgrades(addr: &str) {
    let call = export(Via::Json)
        .header("connection", "Upgrade, HTTP2-Settings")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAAP__");
    let refused = wire::call(addr, Version::Http1, &call).await.unwrap();
    judge(&refused, Via::Json, Told::Unauthenticated).unwrap();
    let call = call.header("authorization", format!("Bearer {INGEST}"));
    judge(&wire::call(addr, Version::Http1, &call).await.unwrap(), Via::Json, Told::Taken).unwrap();
}

/// Longer than any head may be, it is not even compared.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_megabyte_does_not_pass() {
    let house = House::locked().await;
    for addr in house.ports() {
        for (version, via) in WAYS {
            let call = with(export(via), &[format!("Bearer {}", "x".repeat(1 << 20))]);
            let answer = wire::call(addr, version, &call).await;
            assert!(
                answer.as_ref().map_or(true, |answer| answer.status == 431),
                "{via:?} at {addr}: {answer:?}"
            );
        }
        let right = with(export(Via::Json), &[format!("Bearer {INGEST}")]);
        assert_eq!(wire::call(addr, Version::Http1, &right).await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_api_is_shown_or_changed_without_its_token() {
    let house = House::locked().await;
    let routes = [
        (Method::GET, "/error-monitor/health"),
        (Method::GET, "/error-monitor/autonomous/status"),
        (Method::GET, "/error-monitor/dashboard"),
        (Method::POST, "/error-monitor/monitor/scan"),
        (Method::POST, "/error-monitor/monitor/start"),
        (Method::POST, "/error-monitor/monitor/stop"),
        (Method::GET, "/error-monitor/errors/recent"),
        (Method::GET, "/error-monitor/errors/critical"),
        (Method::GET, "/error-monitor/errors/fixable"),
        (Method::GET, "/error-monitor/errors/patterns"),
        (Method::GET, "/error-monitor/errors/00000000000000000000000000000000"),
        (Method::GET, "/error-monitor/fixes/generated"),
        (Method::GET, "/error-monitor/fixes/1"),
        (Method::GET, "/metrics"),
    ];
    for (method, path) in routes {
        for version in [Version::Http1, Version::Http2] {
            let around = credentials(API).into_iter().chain([(
                "the ingest token",
                vec![format!("Bearer {INGEST}")],
                false,
            )]);
            for (name, presented, passes) in around {
                let call = with(Call::new(method.clone(), path), &presented);
                let answer = wire::call(&house.api, version, &call).await.unwrap();
                assert_eq!(answer.status != 401, passes, "{name}: {method} {path}: {answer:?}");
                assert_eq!(answer.header("www-authenticate"), if passes { "" } else { "Bearer" }, "{path}");
            }
            let query = Call::new(method.clone(), &format!("{path}?token={API}&access_token={API}"));
            assert_eq!(wire::call(&house.api, version, &query).await.unwrap().status, 401, "{path}");
            // gRPC's content type leads to the receivers, and to nothing there.
            let disguised =
                Call::post(path, "application/grpc", "").header("authorization", format!("Bearer {INGEST}"));
            assert_eq!(
                wire::call(&house.api, version, &disguised).await.unwrap().header("grpc-status"),
                "12"
            );
        }
    }
    for path in
        ["//error-monitor/health", "/error-monitor%2fhealth", "/Error-Monitor/health", "/error-monitor"]
    {
        let answer = wire::call(&house.api, Version::Http1, &Call::new(Method::GET, path)).await.unwrap();
        assert!(matches!(answer.status, 401 | 404), "{path}: {answer:?}");
    }
    // Pages are for people: they are sent to where a token lets them in.
    let page = wire::call(&house.api, Version::Http1, &Call::new(Method::GET, "/")).await.unwrap();
    assert_eq!((page.status, page.header("location")), (303, "/login"), "{page:?}");
    let api_token = with(export(Via::Json), &[format!("Bearer {API}")]);
    let answer = wire::call(&house.api, Version::Http1, &api_token).await.unwrap();
    judge(&answer, Via::Json, Told::Unauthenticated).unwrap();
}

fn health(method: &str) -> Call {
    Call::post(&format!("{HEALTH}/{method}"), Via::Grpc.content_type(), vec![0; 5]).header("te", "trailers")
}

/// Orchestrators cannot send tokens.
#[tokio::test(flavor = "multi_thread")]
async fn probes_need_no_token() {
    let house = House::locked().await;
    for path in ["/health/live", "/health/ready"] {
        for version in [Version::Http1, Version::Http2] {
            let answer = wire::call(&house.api, version, &Call::new(Method::GET, path)).await.unwrap();
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
    }
    for addr in house.ports() {
        let answer = wire::call(addr, Version::Http2, &health("Check")).await.unwrap();
        assert_eq!(
            (answer.header("grpc-status"), &answer.body[5..]),
            ("0", &[8, 1][..]),
            "SERVING: {answer:?}"
        );
    }
}

/// `grpcurl` looks around with the token.
#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_services() {
    let house = House::locked().await;
    for path in [REFLECTION, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] {
        // ServerReflectionRequest.list_services
        let call =
            Call::post(path, Via::Grpc.content_type(), payload::grpc_frame(0, &payload::field(7, b"*")))
                .header("authorization", format!("Bearer {INGEST}"));
        let answer = wire::call(&house.grpc, Version::Http2, &call).await.unwrap();
        let listed = String::from_utf8_lossy(&answer.body).into_owned();
        for service in ["opentelemetry.proto.collector.logs.v1.LogsService", "grpc.health.v1.Health"] {
            assert!(listed.contains(service), "{service} is not in {listed:?}");
        }
        assert_eq!(answer.header("grpc-status"), "0");
    }
}

/// Who watches is told when the service goes, and does not keep it; nor does a peer that says nothing, or only half a head.
#[tokio::test(flavor = "multi_thread")]
async fn health_says_when_it_goes_and_nobody_keeps_it() {
    let house = House::start(&[]).await;
    let connection = Http2::connect(&house.grpc).await.unwrap();
    let (watched, _open) = connection.open(&health("Watch"), true).await.unwrap();
    let mut silent = Vec::new();
    for addr in house.ports() {
        silent.push(wire::connect(addr).await);
        let mut half = wire::connect(addr).await;
        half.write_all(b"POST /v1/logs HTTP/1.1\r\n").await.unwrap();
        silent.push(half);
        let mut idle = wire::connect(addr).await;
        idle.write_all(&wire::frame::preface(&[])).await.unwrap();
        silent.push(idle);
    }
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    let watched = tokio::spawn(watched);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    let (status, _service) = house.service.terminate().await;
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(6), "it took {:?}", begun.elapsed());
    let Answer { body, .. } = watched.await.unwrap().unwrap();
    assert_eq!(body, [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 2], "SERVING, then NOT_SERVING");
}

/// A probe's call that never comes in whole keeps no connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_probe_has_no_more_time_than_others() {
    let house = House::start(&[("LOGMEND_BODY_TIMEOUT", "1")]).await;
    let connection = Http2::connect(&house.grpc).await.unwrap();
    let call = Call::post(&format!("{HEALTH}/Check"), Via::Grpc.content_type(), vec![0; 3]);
    let (answer, _open) = connection.open(&call, false).await.unwrap();
    judge(&answer.await.unwrap(), Via::Grpc, Told::TimedOut).unwrap();
}

const OPEN_DOOR: &str = "listening beyond this machine without a token";

/// Reachable from elsewhere without a token: one warning. That nobody there changes anything, `api::access` shows.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_door_is_told_once_and_lets_this_machine_in() {
    let house = House::start(&[("LOGMEND_API_ADDR", "0.0.0.0:0")]).await;
    assert_eq!(house.service.logs().matches(OPEN_DOOR).count(), 1, "{}", house.service.logs());
    let (_, port) = house.api.rsplit_once(':').unwrap();
    let stop = Call::new(Method::POST, "/error-monitor/monitor/stop");
    // The other loopback addresses are this machine too.
    for own in ["127.0.0.1", "127.0.0.2"] {
        let answer = wire::call(&format!("{own}:{port}"), Version::Http1, &stop).await.unwrap();
        assert_eq!(answer.status, 200, "{own}: {answer:?}");
    }
    let status = Call::new(Method::GET, "/error-monitor/autonomous/status");
    let loopback = format!("127.0.0.2:{port}");
    assert_eq!(wire::call(&loopback, Version::Http1, &status).await.unwrap().status, 200);
    judge(&wire::call(&loopback, Version::Http1, &export(Via::Json)).await.unwrap(), Via::Json, Told::Taken)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_door_is_no_reason_to_warn() {
    let everywhere = [("LOGMEND_API_ADDR", "0.0.0.0:0"), ("LOGMEND_GRPC_ADDR", "0.0.0.0:0")];
    let tokens = [("LOGMEND_INGEST_TOKEN", INGEST), ("LOGMEND_API_TOKEN", API)];
    let house = House::start(&[&everywhere[..], &tokens[..]].concat()).await;
    assert!(!house.service.logs().contains(OPEN_DOOR));
    let house = House::start(&[&everywhere[..], &tokens[1..]].concat()).await;
    assert_eq!(house.service.logs().matches(OPEN_DOOR).count(), 1);
}
