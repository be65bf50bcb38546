//! What the command line says of itself: help, completions, manual pages, and the settings as they are resolved.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
    command.args(arguments).env_clear().envs(settings.iter().copied()).output().unwrap()
}

#[track_caller]
fn printed(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let output = run(arguments, settings);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The short help of each command, as people read it first. The settings, which `--help` lists, are not in it.
#[test]
fn each_command_says_what_it_does() {
    let commands: [&[&str]; 12] = [
        &["run"],
        &["demo"],
        &["check"],
        &["classify"],
        &["send"],
        &["bench"],
        &["rules"],
        &["rules", "list"],
        &["rules", "test"],
        &["rules", "lint"],
        &["completions"],
        &["man"],
    ];
    for command in commands {
        let help = printed(&[command, &["-h"]].concat(), &[]);
        insta::assert_snapshot!(format!("help_{}", command.join("_")), help);
    }
    let first = printed(&["-h"], &[]);
    for command in commands {
        assert!(first.contains(&format!("\n  {}  ", command[0])), "{command:?} in {first}");
    }
    let long = printed(&["--help"], &[]);
    assert!(long.contains("--max-usd-per-day <VALUE>") && long.contains("ANTHROPIC_API_KEY"), "{long}");
}

#[test]
fn completions_are_what_their_shell_can_read() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = printed(&["completions", shell], &[]);
        for word in ["classify", "print-config", "max-usd-per-day"] {
            assert!(text.contains(word), "{word} in the completions of {shell}");
        }
    }
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(printed(&["completions", "bash"], &[]).as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
    let unknown = run(&["completions", "tcsh"], &[]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn each_command_has_a_manual_page() {
    let page = printed(&["man"], &[]);
    assert!(page.contains(".TH logmend 1") && page.contains("LOGMEND_MIN_EVENTS"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    printed(&["man", "--out", out.to_str().unwrap()], &[]);
    for name in ["logmend.1", "logmend-check.1", "logmend-rules-lint.1"] {
        let page = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(page.contains(".TH"), "{name}");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = run(&["man", "--out", file.to_str().unwrap()], &[]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.status.code() == Some(1) && told.contains("name a folder that may be written to"),
        "{told}"
    );
}

/// The settings are printed with where they come from, without secrets, and can be read back.
#[test]
fn settings_are_printed_as_they_are_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logmend.toml");
    std::fs::write(&file, "error_monitor_interval = 60\nmin_events = 3\n").unwrap();
    let settings = [
        ("LOGMEND_MIN_EVENTS", "5"),
        ("ANTHROPIC_API_KEY", "sk-ant-s3cret"),
        ("DATABASE_URL", "postgres://me:s3cret@db/logmend"),
    ];
    let arguments = ["run", "--print-config", "--config", file.to_str().unwrap(), "--max-open-prs", "2"];
    let text = printed(&arguments, &settings);
    for expected in [
        "\nerror_monitor_interval = 60  # file\n",
        "\nmin_events = 5  # environment LOGMEND_MIN_EVENTS\n",
        "\nmax_open_prs = 2  # flag --max-open-prs\n",
        "\n# max_prs_per_day = 5  # default\n",
        "\n# anthropic_api_key = \"********\"  # environment ANTHROPIC_API_KEY, masked\n",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    let again = folder.path().join("again.toml");
    std::fs::write(&again, &text).unwrap();
    let text =
        printed(&["run", "--print-config", "--config", again.to_str().unwrap(), "--format", "json"], &[]);
    let told: Value = serde_json::from_str(&text).unwrap();
    let of = |key: &str| {
        told["settings"].as_array().unwrap().iter().find(|one| one["key"] == key).unwrap().clone()
    };
    assert_eq!((&of("min_events")["value"], &of("min_events")["source"]), (&"5".into(), &"file".into()));
    assert_eq!(of("anthropic_api_key")["value"], Value::Null);

    let wrong = run(&["run", "--print-config"], &[("LOGMEND_MIN_EVENTS", "none")]);
    assert!(wrong.status.code() == Some(78) && wrong.stdout.is_empty());
}
