//! Bad input at the start: one sentence that names the key or file, what is wrong and how to mend it, and exit code 78.

use std::net::TcpListener;
use std::process::{Command, Output};

fn logmend(environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_logmend"))
        .env_clear()
        .env("LOGMEND_GRPC_ADDR", "127.0.0.1:0")
        .env("LOGMEND_HTTP_ADDR", "127.0.0.1:0")
        .env("LOGMEND_API_ADDR", "127.0.0.1:0")
        .env("DATABASE_URL", format!("sqlite://{}/logmend.db", folder.path().display()))
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn check(environment: &[(&str, &str)], expected: &[&str]) {
    let output = logmend(environment);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    for expected in expected {
        assert!(told.contains(expected), "`{expected}` is not in: {told}");
    }
    assert!(told.lines().count() == 1 && told.starts_with("logmend: "), "one sentence: {told}");
}

#[test]
fn an_unknown_setting_is_named_with_what_was_meant() {
    check(&[("LOGMEND_MAX_OPEN_PR", "3")], &["LOGMEND_MAX_OPEN_PR", "LOGMEND_MAX_OPEN_PRS"]);
}

#[test]
fn a_bad_value_is_named_with_what_is_allowed() {
    check(&[("ERROR_MONITOR_INTERVAL", "7200")], &["ERROR_MONITOR_INTERVAL", "7200", "1 to 3600"]);
}

#[test]
fn a_bad_rule_file_is_named_with_the_rule() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    let path = path.to_str().unwrap();
    check(&[("LOGMEND_RULES", path)], &["LOGMEND_RULES", path]);
    std::fs::write(path, "[[rule]]\nid = \"broken\"\ncategory = \"Not A Name\"\nseverity = \"high\"\nfixable = true\nsuggested_fix = \"x\"\nany = [\"boom\"]\n").unwrap();
    check(&[("LOGMEND_RULES", path)], &["LOGMEND_RULES", "broken", "category"]);
}

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    check(&[("LOGMEND_GRPC_ADDR", &addr)], &["LOGMEND_GRPC_ADDR", &addr, "in use"]);
    check(&[("LOGMEND_API_ADDR", &addr)], &["LOGMEND_API_ADDR", &addr]);
}

#[test]
fn an_unwritable_database_is_named() {
    check(
        &[("DATABASE_URL", "sqlite:///nonexistent/folder/logmend.db")],
        &["DATABASE_URL", "/nonexistent/folder/logmend.db"],
    );
    let folder = tempfile::tempdir().unwrap();
    let no_database = folder.path().join("notes.db");
    std::fs::write(&no_database, "these are notes, not a database, and must stay as they are\n".repeat(40))
        .unwrap();
    let url = format!("sqlite://{}", no_database.display());
    check(&[("DATABASE_URL", &url)], &["DATABASE_URL", "notes.db"]);
    assert!(std::fs::read_to_string(no_database).unwrap().starts_with("these are notes"));
}

#[test]
fn what_is_half_set_or_cannot_be_read_is_refused() {
    for (variable, value) in [
        ("DATABASE_URL", "postgres://localhost/logmend?colour=blue"),
        ("REDIS_URL", "localhost:6379"),
        ("LOKI_ENABLED", "true"),
    ] {
        check(&[(variable, value)], &[variable]);
    }
}

/// The main job on the bundled log, with no keys.
#[test]
fn the_demo_shows_the_main_job_and_ends() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_logmend")).env_clear().args(["demo", "--exit"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "KeyError",
        "checkout",
        "pricing.py",
        "PSQLException",
        "inventory",
        "payments",
        "refund.go",
        "branch  logmend/",
        "title   [AUTO] Fix ",
    ] {
        assert!(shown.contains(expected), "`{expected}` is not in:\n{shown}");
    }
    for secret in ["hunter2", "Bearer ey"] {
        assert!(!shown.contains(secret), "{secret} in\n{shown}");
    }
}

/// Without a Collector the demo says where to get one, and starts nothing.
#[test]
fn the_demo_says_where_to_get_a_collector() {
    for (flag, expected) in [
        ("--collector", "opentelemetry-collector-releases"),
        ("--collector=/nonexistent", "/nonexistent is no program"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_logmend")).env_clear().args(["demo", flag]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(expected) && told.lines().count() == 1, "{told}");
        assert!(output.stdout.is_empty());
    }
}
