//! `logmend bench`: what it prints of one's own rules and logs, and that nothing stays behind. No time is judged.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const RULES: &str = r#"[[rule]]
id = "own"
category = "internal_error"
severity = "high"
fixable = true
suggested_fix = "Mend it."
any = ["our own failure", "another one"]
"#;

fn bench(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
    command.arg("bench").env_clear().env("TMPDIR", folder).current_dir(folder);
    command
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Nothing of ours is in the folder for temporary files, and no server of ours runs.
#[track_caller]
fn nothing_stays_in(folder: &Path) {
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("logmend-bench")), "{names:?}");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let works_here = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    let left: Vec<_> = processes.filter(works_here).map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn ones_own_rules_are_measured_on_ones_own_log() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.toml"), RULES).unwrap();
    let lines: Vec<_> = (0..200)
        .map(|n| {
            format!("{} request {n}\n", if n % 10 == 0 { "ERROR our own failure in" } else { "INFO served" })
        })
        .collect();
    std::fs::write(folder.path().join("app.log"), lines.concat()).unwrap();
    let measure = |format: &str| {
        let mut command = bench(folder.path());
        command.args(["--rules", "rules.toml", "app.log", "--seconds", "2", "--format", format]);
        printed(&command.output().unwrap())
    };

    let table = measure("table");
    for expected in [
        "rules  rules.toml: 1 rules, ",
        "log    app.log: 200 records, ",
        "10.0 % are errors",
        "walk of the OTLP bytes",
        "the same by aho-corasick's DFA",
        "fingerprint of an error",
        "ready after ",
    ] {
        assert!(table.contains(expected), "{expected} in\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");

    let json: Value = serde_json::from_str(&measure("json")).unwrap();
    let (of, loopback) = (&json["bench"]["in_process"], &json["bench"]["loopback"]);
    assert_eq!((of["records"].as_u64(), of["errors"].as_u64()), (Some(200), Some(20)));
    for key in ["walk_ns_a_record", "literals_ns_a_record", "aho_corasick_ns_a_record", "all_ns_a_record"] {
        assert!(of[key].as_f64().unwrap() > 0.0, "{key} in {json:#}");
    }
    let rates = loopback["rates"].as_array().unwrap();
    assert_eq!(rates.len(), 3);
    assert!(rates.iter().all(|rate| rate["taken_records_a_second"].as_u64() > Some(0)), "{json:#}");
    assert!(rates[2]["is_highest"].is_boolean() && rates[2]["cpu_seconds_a_million_records"].is_f64());
    assert!(loopback["peak_rss_bytes"].as_u64() > Some(1_000_000));
    nothing_stays_in(folder.path());
}

#[test]
fn the_demos_log_is_measured_where_no_file_is_named_and_standard_input_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let bundled = printed(&bench(folder.path()).args(["--seconds", "1", "--no-loopback"]).output().unwrap());
    assert!(
        bundled.contains("rules  built-in: ") && bundled.contains("log    the demo's log: "),
        "{bundled}"
    );
    assert!(!bundled.contains("over loopback"), "{bundled}");

    let mut command = bench(folder.path());
    command.args(["-", "--seconds", "1", "--no-loopback"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"ERROR one\nERROR two\n").unwrap();
    let told = printed(&child.wait_with_output().unwrap());
    assert!(told.contains("log    -: 2 records, "), "{told}");
    nothing_stays_in(folder.path());
}

#[test]
fn a_pipe_is_read_once_and_what_is_no_record_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "printf '%s\\n' '{{\"msg\":\"ERROR one\"}}' '{{broken' | {} bench /dev/stdin --seconds 1 --format json",
        env!("CARGO_BIN_EXE_logmend")
    );
    let output =
        Command::new("bash").env_clear().args(["-c", &script]).env("TMPDIR", folder.path()).output().unwrap();
    let told: Value = serde_json::from_str(&printed(&output)).unwrap();
    assert_eq!(told["bench"]["in_process"]["records"], 1);
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaints.matches("left out").count(), 1, "{complaints}");
    nothing_stays_in(folder.path());
}

#[test]
fn what_cannot_be_measured_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.log"), "\n\n").unwrap();
    std::fs::write(folder.path().join("broken.toml"), "[[rule]]\nid = 7").unwrap();
    for (arguments, code, told) in [
        (&["missing.log"][..], 1, "missing.log"),
        (&["empty.log"], 1, "there is no log line in empty.log"),
        (&["--rules", "broken.toml"], 78, "broken.toml"),
        (&["-", "-"], 1, "standard input can be read once"),
    ] {
        let output = bench(folder.path()).args(arguments).stdin(Stdio::null()).output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
        assert!(complaint.contains(told), "{arguments:?}: {complaint}");
    }
    nothing_stays_in(folder.path());
}

#[test]
fn an_interruption_or_the_terminals_end_ends_it_and_its_server() {
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = bench(folder.path()).args(["--seconds", "9"]).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !has_a_server(folder.path()) {
            assert!(
                begun.elapsed() < Duration::from_mins(1) && child.try_wait().unwrap().is_none(),
                "no server"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        nothing_stays_in(folder.path());
    }
}

#[test]
fn an_interruption_ends_it_while_it_waits_for_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = bench(folder.path()).arg("-").stdin(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while std::fs::read_dir(folder.path()).unwrap().next().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_stays_in(folder.path());
}

/// Whether a server of ours runs: it writes its log into its folder.
fn has_a_server(folder: &Path) -> bool {
    let folders = std::fs::read_dir(folder).unwrap().flatten();
    folders.map(|entry| entry.path().join("logmend.db")).any(|store| store.exists())
}
