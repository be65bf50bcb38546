//! Settings as people write them.

use super::*;
use crate::forward::{Compression, Mode, Protocol};

fn sources(environment: &[(&str, &str)]) -> Sources {
    Sources {
        environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..Sources::default()
    }
}

fn faults(environment: &[(&str, &str)]) -> String {
    load(&sources(environment)).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn nothing_set_is_detect_only_on_the_loopback() {
    let config = load(&Sources::default()).unwrap();
    assert_eq!(config.ingest.grpc_addr.to_string(), "127.0.0.1:4317");
    assert_eq!(config.api.addr.to_string(), "127.0.0.1:8080");
    assert!(
        matches!(&config.store, crate::store::Settings::Sqlite { path } if path == Path::new("logmend.db"))
    );
    assert_eq!(config.alignment.length(), Duration::from_mins(5));
    assert!(config.claude.is_none() && config.monitoring && config.triage.auto_fix);
    assert_eq!(config.notes.len(), 1, "{:?}", config.notes);
}

#[test]
fn rules_are_learned_where_somebody_can_be_asked() {
    use crate::learn::Mode::{Auto, Off, Propose};
    let key = ("ANTHROPIC_API_KEY", "sk-ant-test");
    for (environment, mode, notes) in [
        (&[][..], Off, 1),
        (&[key], Propose, 1),
        (&[key, ("LOGMEND_LEARN", "auto")], Auto, 1),
        (&[key, ("LOGMEND_LEARN", "off")], Off, 1),
        (&[("LOGMEND_LEARN", "off")], Off, 1),
        (&[("LOGMEND_LEARN", "propose")], Off, 2),
        (&[key, ("AUTO_FIX_ENABLED", "false")], Off, 1),
        (&[key, ("AUTO_FIX_ENABLED", "false"), ("LOGMEND_LEARN", "auto")], Off, 2),
    ] {
        let config = load(&sources(environment)).unwrap();
        assert_eq!((config.learn, config.notes.len()), (mode, notes), "{environment:?}: {:?}", config.notes);
    }
    assert_eq!(
        faults(&[("LOGMEND_LEARN", "yes")]),
        "LOGMEND_LEARN is `yes`; it must be off, propose or auto"
    );
    let quiet = |environment| load(&sources(environment)).unwrap().triage.quiet;
    assert_eq!(quiet(&[]), Duration::from_hours(7 * 24));
    assert_eq!(quiet(&[("LOGMEND_QUIET_DAYS", "2")]), Duration::from_hours(48));
}

#[test]
fn a_platform_port_opens_the_listeners_and_an_address_of_ones_own_wins() {
    let config = load(&sources(&[("PORT", "9000"), ("LOGMEND_GRPC_ADDR", "127.0.0.1:1")])).unwrap();
    assert_eq!(config.api.addr.to_string(), "[::]:9000");
    assert_eq!(config.ingest.grpc_addr.to_string(), "127.0.0.1:1");
}

#[test]
fn every_fault_is_told_with_its_key_and_the_mend() {
    let told = faults(&[
        ("ERROR_MONITOR_INTERVAL", "soon"),
        ("LOGMEND_MAX_OPEN_PR", "3"),
        ("DATABASE_URL", "mysql://x"),
        ("GITHUB_REPOSITORY", "shop"),
        ("ANTHROPIC_MODEL", "claude-3"),
        ("LOGMEND_TLS_CERT", "cert.pem"),
        ("LOGMEND_IDLE_TIMEOUT", "0"),
        ("LOGMEND_LEADER_TERM", "2"),
        ("LOGMEND_MAX_CLUSTERS_PER_WINDOW", "99"),
        ("LOGMEND_RULES", "/nonexistent.toml"),
        ("AUTO_FIX_ENABLED", "perhaps"),
    ]);
    for expected in [
        "ERROR_MONITOR_INTERVAL is `soon`; it must be a whole number from 1 to 3600",
        "LOGMEND_MAX_OPEN_PR: there is no such setting; did you mean LOGMEND_MAX_OPEN_PRS?",
        "DATABASE_URL: it is no sqlite:// or postgres:// URL",
        "GITHUB_REPOSITORY is `shop`",
        "ANTHROPIC_MODEL is `claude-3`",
        "LOGMEND_TLS_KEY is not set, but another LOGMEND_TLS_ setting is",
        "LOGMEND_IDLE_TIMEOUT is `0`; it must be a number of seconds from 0.1 to 3600",
        "LOGMEND_LEADER_TERM is `2`; it must be a whole number from 3 to 300",
        "LOGMEND_MAX_CLUSTERS_PER_WINDOW is `99`; it must be a whole number from 100 to 1000000",
        "LOGMEND_RULES: the rules file /nonexistent.toml",
        "AUTO_FIX_ENABLED is `perhaps`; it must be true or false",
    ] {
        assert!(told.contains(expected), "{expected}\nin\n{told}");
    }
    assert_eq!(told.lines().count(), 11, "{told}");
}

#[test]
fn a_bad_key_is_told_without_its_value() {
    let told = faults(&[("ANTHROPIC_API_KEY", "sk-ant-secret value")]);
    assert!(told.contains("ANTHROPIC_API_KEY") && !told.contains("secret"), "{told}");
}

#[test]
fn flag_wins_over_environment_over_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logmend.toml");
    std::fs::write(&file, "error_monitor_interval = 10\nmin_events = 3\nmax_open_prs = 2\n").unwrap();
    let sources = Sources {
        flags: BTreeMap::from([("LOGMEND_MIN_EVENTS", "9".to_owned())]),
        file: Some(file),
        ..sources(&[("ERROR_MONITOR_INTERVAL", "20"), ("LOGMEND_MIN_EVENTS", "8")])
    };
    let config = load(&sources).unwrap();
    assert_eq!(config.triage.occurrences_min, 9);
    assert_eq!(config.alignment.length(), Duration::from_secs(20));
    assert_eq!(config.triage.limits.get().open_pull_requests, 2);
}

#[test]
fn an_unknown_key_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logmend.toml");
    std::fs::write(&file, "grpc_adr = \"127.0.0.1:1\"\n").unwrap();
    let told = load(&Sources { file: Some(file), ..Sources::default() }).unwrap_err().to_string();
    assert!(told.contains("there is no setting grpc_adr; did you mean grpc_addr?"), "{told}");
}

#[test]
fn own_telemetry_is_off_unless_an_endpoint_is_set() {
    let off = [
        &[][..],
        // Variables that are meant for the applications of the machine.
        &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_EXPORTER_OTLP_HEADERS", "broken")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"), ("OTEL_SDK_DISABLED", "true")],
    ];
    for environment in off {
        assert!(load(&sources(environment)).unwrap().telemetry.is_none(), "{environment:?}");
    }
}

#[test]
fn own_telemetry_goes_where_the_specification_says() {
    use crate::telemetry::Protocol;
    let check = |environment: &[(&str, &str)], logs: (&str, Protocol), traces: (&str, Protocol)| {
        let settings = load(&sources(environment)).unwrap().telemetry.unwrap();
        let told =
            [settings.logs, settings.traces].map(|peer| peer.map(|peer| (peer.endpoint, peer.protocol)));
        let expected = [logs, traces]
            .map(|(endpoint, protocol)| (!endpoint.is_empty()).then(|| (endpoint.to_owned(), protocol)));
        assert_eq!(told, expected, "{environment:?}");
    };
    let (grpc, http) = (Protocol::Grpc, Protocol::HttpProtobuf);
    let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    check(&[(endpoint, "http://c:4317")], ("http://c:4317", grpc), ("http://c:4317", grpc));
    check(
        &[(endpoint, "http://c:4318/")],
        ("http://c:4318/v1/logs", http),
        ("http://c:4318/v1/traces", http),
    );
    check(
        &[(endpoint, "https://c/otlp"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")],
        ("https://c/otlp/v1/logs", http),
        ("https://c/otlp", grpc),
    );
    check(
        &[(endpoint, "http://c:9999"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        ("http://c:9999", grpc),
        ("http://c:9999", grpc),
    );
    check(
        &[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://c:80/logs")],
        ("http://c:80/logs", http),
        ("", http),
    );
}

#[test]
fn own_telemetry_says_who_it_is_and_brings_its_keys() {
    use secrecy::ExposeSecret;
    let settings = load(&sources(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20abc=, x-team=a%2Cb"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-team=metrics"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,team=a%20b"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "250"),
    ]));
    let settings = settings.unwrap().telemetry.unwrap();
    let headers = |peer: Option<crate::telemetry::Peer>| {
        let headers = peer.unwrap().headers.into_iter();
        headers.map(|(name, value)| format!("{name}={}", value.expose_secret())).collect::<Vec<_>>()
    };
    assert_eq!(settings.service_name, "logmend");
    assert_eq!(settings.metrics_interval, Duration::from_millis(250));
    let attributes = [("deployment.environment.name", "prod"), ("team", "a b")];
    assert_eq!(settings.resource_attributes, attributes.map(|(k, v)| (k.to_owned(), v.to_owned())));
    assert_eq!(settings.traces.as_ref().unwrap().timeout, Duration::from_millis(500));
    assert!(!format!("{settings:?}").contains("Basic"), "keys are in no Debug text");
    assert_eq!(headers(settings.logs), ["authorization=Basic abc=", "x-team=a,b"]);
    assert_eq!(headers(settings.metrics), ["x-team=metrics"]);
}

#[test]
fn faults_of_own_telemetry_are_told_once_with_the_mend_and_without_a_key() {
    let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let check = |environment: &[(&str, &str)], expected: &str| {
        let told = faults(environment);
        assert!(told.contains(expected) && told.lines().count() == 1, "{expected} in {told}");
        assert!(!told.contains("hunter2"), "{told}");
    };
    check(&[(endpoint, "collector:4317")], "it must be a URL that begins with http:// or https://");
    check(&[(endpoint, "http://me:hunter2@collector:4318")], "OTEL_EXPORTER_OTLP_HEADERS");
    check(
        &[(endpoint, "http://c:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
        "OTEL_EXPORTER_OTLP_PROTOCOL is `http/json`; it must be grpc or http/protobuf",
    );
    check(&[(endpoint, "http://c:4318"), ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")], "write name=value");
    check(&[(endpoint, "http://c:4318"), ("OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2")], "header");
    check(&[(endpoint, "http://c:4318"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz")], "OTEL_RESOURCE_ATTRIBUTES");
    check(&[(endpoint, "http://c:4318"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")], "1 to 600000");
}

/// The variable that applications of a machine are given names logmend itself: its own log must not go there.
#[test]
fn an_endpoint_that_is_a_listener_of_ones_own_is_refused() {
    for (endpoint, listener) in [
        ("http://localhost:4317", "LOGMEND_GRPC_ADDR"),
        ("http://127.0.0.1:8080", "LOGMEND_API_ADDR"),
        ("http://[::1]:8080", "LOGMEND_API_ADDR"),
    ] {
        let ip = if endpoint.contains("[::1]") { "[::]" } else { "127.0.0.1" };
        let port = if endpoint.ends_with("4317") { 4317 } else { 8080 };
        let told = faults(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), (listener, &format!("{ip}:{port}"))]);
        assert!(
            told.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && told.contains("logmend's own listener"),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn a_next_hop_is_spoken_to_as_its_url_says() {
    let forward = |environment: &[(&str, &str)]| load(&sources(environment)).unwrap().forward;
    assert!(forward(&[]).is_none());
    let endpoint = "LOGMEND_FORWARD_ENDPOINT";
    let grpc = forward(&[(endpoint, "http://collector:4317")]).unwrap();
    assert_eq!((grpc.protocol, grpc.mode), (Protocol::Grpc, Mode::All));
    assert_eq!((grpc.compression, grpc.timeout), (Compression::None, Duration::from_secs(8)));
    let http = forward(&[(endpoint, "http://collector:4318"), ("LOGMEND_FORWARD_MODE", "matched")]).unwrap();
    assert_eq!((http.protocol, http.mode), (Protocol::Http, Mode::Matched));
    let loki = forward(&[(endpoint, "http://loki:3100/otlp"), ("LOGMEND_FORWARD_PROTOCOL", "http/protobuf")]);
    assert_eq!(loki.unwrap().protocol, Protocol::Http);
}

#[test]
fn a_half_configured_next_hop_is_told_with_the_key_and_the_mend() {
    let endpoint = "LOGMEND_FORWARD_ENDPOINT";
    let check = |environment: &[(&str, &str)], expected: &[&str]| {
        let told = faults(environment);
        for expected in expected {
            assert!(told.contains(expected), "{expected}\nin\n{told}");
        }
        assert!(!told.contains("s3cret"), "{told}");
        assert_eq!(told.lines().count(), expected.len().max(1), "{told}");
    };
    check(
        &[("LOGMEND_FORWARD_MODE", "matched")],
        &["LOGMEND_FORWARD_MODE is set but LOGMEND_FORWARD_ENDPOINT is not"],
    );
    check(&[("LOGMEND_FORWARD_HEADERS", "a=s3cret")], &["LOGMEND_FORWARD_HEADERS is set but"]);
    check(
        &[(endpoint, "collector:4317")],
        &["LOGMEND_FORWARD_ENDPOINT must be a URL that begins with https://"],
    );
    check(
        &[(endpoint, "http://me:s3cret@collector:4317")],
        &["holds credentials; put them into LOGMEND_FORWARD_HEADERS"],
    );
    check(&[(endpoint, "http://c:4317/otlp")], &["has the path /otlp, and gRPC has none"]);
    check(&[(endpoint, "http://localhost:4317")], &["is where logmend itself listens"]);
    check(&[(endpoint, "http://127.0.0.1:8080/v1/logs")], &["is where logmend itself listens"]);
    check(&[(endpoint, "http://[::1]:9000/v1/logs"), ("PORT", "9000")], &["is where logmend itself listens"]);
    let c = (endpoint, "https://collector:4317");
    check(&[c, ("LOGMEND_FORWARD_MODE", "some")], &["LOGMEND_FORWARD_MODE is `some`"]);
    check(
        &[c, ("LOGMEND_FORWARD_HEADERS", "s3cret")],
        &["LOGMEND_FORWARD_HEADERS: entry 1 is no name=value; write"],
    );
    check(
        &[c, ("LOGMEND_FORWARD_TIMEOUT", "8s")],
        &["LOGMEND_FORWARD_TIMEOUT is `8s`; it must be a whole number from 100"],
    );
    check(
        &[c, ("LOGMEND_FORWARD_CERTIFICATE", "/none.pem")],
        &["LOGMEND_FORWARD_CERTIFICATE: cannot read /none.pem"],
    );
    check(&[c, ("LOGMEND_FORWARD_CERTIFICATE", "/dev/null")], &["/dev/null holds no certificate in PEM"]);
    check(
        &[c, ("LOGMEND_FORWARD_CLIENT_KEY", "/dev/null")],
        &[
            "LOGMEND_FORWARD_CLIENT_CERTIFICATE is not; the two go together",
            "/dev/null holds no private key in PEM",
        ],
    );
    check(
        &[(endpoint, "http://collector:4317"), ("LOGMEND_FORWARD_CERTIFICATE", "/dev/null")],
        &["begins with http://; make it https://", "holds no certificate"],
    );
}

#[test]
fn loki_is_off_until_it_is_switched_on_and_then_needs_its_address() {
    const ON: (&str, &str) = ("LOKI_ENABLED", "true");
    for (environment, told) in [
        (&[ON][..], "LOKI_ENABLED is true but LOKI_QUERY_URL is not set; set it to Loki's address"),
        (&[ON, ("LOKI_QUERY_URL", "loki:3100")], "LOKI_QUERY_URL must be a URL that begins with"),
        (
            &[ON, ("LOKI_QUERY_URL", "http://a:secret@loki")],
            "LOKI_QUERY_URL holds credentials; put them into",
        ),
        (&[ON, ("LOKI_QUERY_URL", "http://loki/?x=1")], "LOKI_QUERY_URL has a query"),
        (
            &[ON, ("LOKI_QUERY_URL", "http://loki"), ("LOKI_TENANT", "a b")],
            "LOKI_TENANT is `a b`; it must be",
        ),
        (
            &[ON, ("LOKI_QUERY_URL", "http://loki"), ("LOKI_QUERY", "rate({a=\"b\"}[1m])")],
            "LOKI_QUERY is `rate(",
        ),
        (
            &[ON, ("LOKI_QUERY_URL", "http://loki"), ("LOKI_TOKEN", "hunter2 x")],
            "LOKI_TOKEN holds a character",
        ),
    ] {
        let faults = faults(environment);
        assert!(
            faults.contains(told) && !faults.contains("secret") && !faults.contains("hunter2"),
            "{faults}"
        );
    }
    let loki = |environment: &[_]| load(&sources(environment)).unwrap().loki;
    assert!(loki(&[]).is_none());
    for url in ["http://loki:3100", "http://loki:3100/", "http://loki:3100/loki/api/v1/query_range"] {
        let settings = loki(&[ON, ("LOKI_QUERY_URL", url)]).unwrap();
        assert_eq!(
            (settings.query_url.as_str(), settings.query.as_str()),
            ("http://loki:3100", r#"{service_name=~".+"}"#)
        );
        assert!(settings.tenant.is_none() && settings.token.is_none());
    }
    let off = load(&sources(&[("LOKI_QUERY_URL", "http://loki"), ("LOKI_TOKEN", "t")])).unwrap();
    assert!(off.notes.iter().any(|note| note == "LOKI_TOKEN has no effect while LOKI_ENABLED is not true"));
    let idle = [ON, ("LOKI_QUERY_URL", "http://loki"), ("ERROR_MONITORING_ENABLED", "false")];
    assert!(loki(&idle).is_none(), "nothing is counted");
}
