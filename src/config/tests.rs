//! Settings as people write them.

use super::*;

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
    assert_eq!(config.grpc.addr.to_string(), "127.0.0.1:4317");
    assert_eq!(config.api.addr.to_string(), "127.0.0.1:8080");
    assert_eq!(config.store.path, Path::new("logmend.db"));
    assert_eq!(config.alignment.length(), Duration::from_mins(5));
    assert!(config.claude.is_none() && config.monitoring && config.triage.auto_fix);
    assert_eq!(config.notes.len(), 1, "{:?}", config.notes);
}

#[test]
fn a_platform_port_opens_the_listeners_and_an_address_of_ones_own_wins() {
    let config = load(&sources(&[("PORT", "9000"), ("LOGMEND_GRPC_ADDR", "127.0.0.1:1")])).unwrap();
    assert_eq!(config.api.addr.to_string(), "[::]:9000");
    assert_eq!(config.grpc.addr.to_string(), "127.0.0.1:1");
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
        ("LOGMEND_RULES", "/nonexistent.toml"),
        ("AUTO_FIX_ENABLED", "perhaps"),
    ]);
    for expected in [
        "ERROR_MONITOR_INTERVAL is `soon`; it must be a whole number from 1 to 3600",
        "LOGMEND_MAX_OPEN_PR: there is no such setting; did you mean LOGMEND_MAX_OPEN_PRS?",
        "DATABASE_URL is `mysql://x`",
        "GITHUB_REPOSITORY is `shop`",
        "ANTHROPIC_MODEL is `claude-3`",
        "LOGMEND_TLS_CERT: this version cannot do that yet",
        "LOGMEND_RULES: the rules file /nonexistent.toml",
        "AUTO_FIX_ENABLED is `perhaps`; it must be true or false",
    ] {
        assert!(told.contains(expected), "{expected}\nin\n{told}");
    }
    assert_eq!(told.lines().count(), 8, "{told}");
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
    assert_eq!(config.triage.open_pull_requests_max, 2);
}

#[test]
fn an_unknown_key_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logmend.toml");
    std::fs::write(&file, "grpc_adr = \"127.0.0.1:1\"\n").unwrap();
    let told = load(&Sources { file: Some(file), ..Sources::default() }).unwrap_err().to_string();
    assert!(told.contains("there is no setting grpc_adr; did you mean grpc_addr?"), "{told}");
}
