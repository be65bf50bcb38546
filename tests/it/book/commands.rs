//! Commands and configurations of the pages, run: each `sh` block as one script against a service that has errors and a fix.

use std::path::Path;
use std::process::Command;

use clap::error::ErrorKind;
use logmend::commands::command;
use serde_json::json;
use tempfile::TempDir;

use super::pages::{self, Block, at};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::collector::otelcol;
use crate::support::github::{GitHubStandIn, app};
use crate::support::otlp::{exception_record, export, request};
use crate::support::programs;
use crate::support::service::Service;

/// Lines with our commands that are not run, by what they hold, and why. Their flags are looked at all the same.
const NOT_RUN: &[(&str, &str)] =
    &[("tail -f", "never ends"), ("RULE_ID", "needs a learned rule, as tests/it/learning.rs has")];

/// Pages whose commands speak to services elsewhere. Their flags, names and files are looked at all the same.
const SPEAKS_ELSEWHERE: [&str; 1] = ["docs/railway.md"];

/// Keys that a table of `[[rule]]` has, as the manual shows them one by one.
const RULE_KEYS: [&str; 9] =
    ["any", "all", "none", "near", "must", "must_not", "attributes", "resource_attributes", "services"];

const SOURCE: &str = "def checkout(request):\n    raise ValueError(request)\n";

/// What the examples need: a service with errors and a fix, one behind a token, and a folder with the files that they name.
struct World {
    folder: TempDir,
    service: Service,
    locked: Service,
    errors: Vec<String>,
    fix: String,
    _peers: (GitHubStandIn, ClaudeStandIn),
}

fn submission() -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Refuse the request", "root_cause": "`checkout` raises.", "explanation": "It does not any more.",
            "edits": [{"path": "shop/cart.py", "find": "    raise ValueError(request)\n", "replace": "    return request\n"}],
            "new_files": null, "confidence": "high", "how_to_verify": "Run it.",
        }),
    )
}

impl World {
    async fn start() -> Self {
        let github = GitHubStandIn::start(&[("shop/cart.py", SOURCE)]).await;
        let claude = ClaudeStandIn::start((0..9).map(|_| submission()).collect()).await;
        let settings = [
            ("AUTO_FIX_ENABLED", "false"),
            ("LOGMEND_LEARN", "off"),
            ("LOGMEND_ALERTMANAGER_URL", "http://127.0.0.1:1"),
            ("LOGMEND_ALERT_ALLOW_PRIVATE", "true"),
        ];
        let service = Service::mending(&github, &claude, &settings).await;
        for (kind, number) in
            [("ValueError", 1), ("KeyError", 2), ("TypeError", 3), ("IndexError", 4), ("OSError", 5)]
        {
            let trace = format!(
                "Traceback (most recent call last):\n  File \"/srv/shop/cart.py\", line {number}, in checkout\n    raise\n{kind}: no\n"
            );
            let logs = request("checkout", vec![exception_record(kind, "no", &trace)]);
            export(&service.grpc_url(), logs).await.unwrap();
        }
        let recent = service.get("/error-monitor/errors/recent").await;
        let ids = recent["errors"].as_array().unwrap().iter();
        let mut errors: Vec<_> = ids.map(|error| error["id"].as_str().unwrap().to_owned()).collect();
        let first = errors.remove(0);
        let ask = format!("/error-monitor/fixes/generate-for-error?error_id={first}&create_pr=false");
        let fix = service.post(&ask).await["fix_ids"][0].as_str().unwrap().to_owned();
        let locked = Service::start(&[("LOGMEND_API_TOKEN", "a-token-of-the-test")]).await;
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        Self { folder, service, locked, errors, fix, _peers: (github, claude) }
    }

    /// A line as this machine runs it: other addresses, and ids that are there.
    /// A block that sends a token is for the service that asks for one.
    async fn localized(&self, line: &str, block: &Block, number: usize) -> String {
        let service = if block.text.contains("$LOGMEND_API_TOKEN") { &self.locked } else { &self.service };
        let authority = |url: String| url.trim_start_matches("http://").to_owned();
        let (grpc, http) = (authority(service.grpc_url()), authority(service.http_url().await));
        let mut line = line.replace('…', "placeholder").replace("/var/log/checkout/", "");
        for (theirs, ours) in [
            ("localhost:8080", authority(service.api_url())),
            ("localhost:4317", grpc.clone()),
            ("localhost:4318", http.clone()),
            ("replica:4317", grpc),
            ("collector:4318", http),
        ] {
            line = line.replace(theirs, &ours);
        }
        // An error that has a fix gets no second one: whoever asks for one names another each time.
        let error = if block.text.contains("generate-") { 1 + number % (self.errors.len() - 1) } else { 0 };
        line.replace("ERROR_ID", &self.errors[error]).replace("FIX_ID", &self.fix)
    }

    /// Runs a script in the folder, and answers what it printed where it failed.
    async fn run(&self, script: &str) -> Result<(), String> {
        let mut bash = Command::new("bash");
        let address = |url: String| url.trim_start_matches("http://").to_owned();
        bash.args(["-c", &format!("{}\nset -x\n{script}", include_str!("prelude.sh"))])
            .env_clear()
            .envs(["PATH", "HOME"].map(|name| (name, std::env::var_os(name).unwrap_or_default())))
            .envs(["GRPC", "HTTP", "API"].map(|name| (format!("LOGMEND_{name}_ADDR"), "127.0.0.1:0")))
            .env("BINARY", env!("CARGO_BIN_EXE_logmend"))
            .env("GRPC", address(self.service.grpc_url()))
            .env("API", address(self.service.api_url()))
            .current_dir(self.folder.path());
        programs::attempt(bash, "").await.map(drop)
    }
}

/// The files that examples name.
fn fill(folder: &Path) {
    let lines =
        "2026-11-16 10:30:00 ERROR redis: dial tcp 10.0.0.5:6379: connect: connection refused\n".repeat(9);
    std::fs::create_dir(folder.join("logs")).unwrap();
    for (name, text) in [
        ("app.log", lines.as_str()),
        ("logs/app.log", &lines),
        ("parsed.csv", "LineId,Content\n1,connection refused\n"),
        ("NAME_2k.log_structured.csv", "LineId,Content\n1,connection refused\n"),
        ("app.jsonl", "{\"level\":\"error\",\"msg\":\"connection refused\"}\n"),
        ("logmend.toml", "error_monitor_interval = 60\n"),
        ("acme-shop", "github_pat_of_the_test\n"),
        ("app.pem", app::PRIVATE_KEY),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let built_in = at("src/classify/rules/caches.toml");
    std::fs::copy(built_in, folder.join("rules.toml")).unwrap();
    let zipped = Command::new("gzip").arg(folder.join("logs/app.log")).status().unwrap();
    assert!(zipped.success());
}

/// A block's commands, each on one line.
fn lines(block: &Block) -> Vec<String> {
    let joined = block.text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(ToOwned::to_owned).collect()
}

/// Ours are `logmend`, also behind variables or a pipe, and `curl` of the service; what belongs to others (cargo, docker, SDKs) is theirs
/// to test. `tests/it/exporters.rs` runs real SDKs, `collector.rs` a real Collector.
fn is_run(line: &str) -> bool {
    let is_ours = match command_of(line) {
        Some("logmend" | "export") => true,
        Some("curl") => line.contains("localhost:"),
        _ => line.contains("| logmend "),
    };
    is_ours && !NOT_RUN.iter().any(|(part, _)| line.contains(part))
}

/// The first word of a line that sets no variable.
fn command_of(line: &str) -> Option<&str> {
    line.split(' ').find(|word| !word.split_once('=').is_some_and(|(name, _)| is_variable(name)))
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Every command of ours in a shell block runs and succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_runs() {
    let world = World::start().await;
    let (mut ran, mut asked, mut faults) = (0, 0, Vec::new());
    for page in pages::all().iter().filter(|page| !SPEAKS_ELSEWHERE.contains(&page.path.as_str())) {
        for block in page.blocks_of("sh") {
            asked += usize::from(block.text.contains("generate-"));
            let mut script = Vec::new();
            for line in lines(block).iter().filter(|line| is_run(line)) {
                script.push(world.localized(line, block, asked).await);
            }
            if script.iter().all(|line| line.starts_with("export ")) {
                continue;
            }
            ran += script.len();
            if let Err(told) = world.run(&script.join("\n")).await {
                faults.push(format!("{}:\n{told}", block.place));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(ran > 40, "{ran}");
}

/// Exceptions that no page needs any more are taken out.
#[test]
fn what_is_not_run_is_named_somewhere() {
    let pages = pages::all();
    let shell = pages.iter().flat_map(|page| page.blocks_of("sh")).flat_map(lines).collect::<Vec<_>>();
    for (named, reason) in NOT_RUN {
        assert!(!reason.is_empty());
        assert!(shell.iter().any(|line| line.contains(named)), "no page has {named:?} any more");
    }
}

/// A command line as a shell takes it apart; quotes are all that the pages need of that.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend(word.take()),
            ('#' | '|' | '>' | '&' | ';' | ')', None) if word.is_none() => break,
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Also what is not run, and what stands in a sentence, has commands and flags that there are.
#[test]
fn every_command_line_is_one() {
    let mut parsed = 0;
    for page in pages::all() {
        let shell = page.blocks.iter().filter(|block| ["sh", ""].contains(&block.language.as_str()));
        let from_blocks = shell.flat_map(lines).filter_map(|line| {
            let piped = line.find("| logmend ").map(|at| at + 2);
            let begun = (command_of(&line) == Some("logmend")).then(|| line.find("logmend")).flatten();
            Some(line[begun.or(piped)?..].to_owned())
        });
        let spans = page.spans.iter().filter(|span| span.starts_with("logmend ")).cloned();
        for line in from_blocks.chain(spans).filter(|line| !line.contains(['…', '|'])) {
            let told = command().try_get_matches_from(words(&line.replace("SHELL", "bash"))).map(drop);
            // `--help` is told as an error too, and a sentence may name a command without its arguments.
            let told = told.or_else(|error| match error.kind() {
                ErrorKind::MissingRequiredArgument => Ok(()),
                _ if error.use_stderr() => Err(error.to_string()),
                _ => Ok(()),
            });
            assert!(told.is_ok(), "{}: {line}: {told:?}", page.path);
            parsed += 1;
        }
    }
    assert!(parsed > 30, "{parsed}");
}

/// What a `toml` block is: a file of rules, some keys of a rule, or settings.
async fn try_toml(world: &World, block: &Block) -> Result<(), String> {
    let table: toml::Table = block.text.parse().map_err(|error| format!("{error}"))?;
    let folder = world.folder.path().display().to_string();
    let (name, script) = if table.contains_key("rule") {
        ("rules-of-the-page.toml", "logmend rules lint rules-of-the-page.toml")
    } else if table.keys().all(|key| RULE_KEYS.contains(&key.as_str()))
        && !table.get("services").is_some_and(toml::Value::is_table)
    {
        // What the keys say need not fit each other: it is enough that they are read.
        ("keys-of-the-page.toml", "logmend rules lint keys-of-the-page.toml || [ $? = 1 ]")
    } else {
        ("settings-of-the-page.toml", "logmend --config settings-of-the-page.toml")
    };
    let mut text = block.text.replace("/run/secrets", &folder).replace('…', "placeholder");
    if name.starts_with("keys") {
        let begun = "[[rule]]\nid = \"of-the-page\"\ncategory = \"unknown\"\nseverity = \"low\"\nfixable = false\nsuggested_fix = \"Look.\"\n";
        let any = if table.contains_key("any") { "" } else { "any = [\"placeholder\"]\n" };
        text = format!("{begun}{any}{text}");
    }
    std::fs::write(world.folder.path().join(name), text).unwrap();
    world.run(script).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_settings_and_rules_is_taken() {
    let world = World::start().await;
    let (mut tried, mut faults) = (0, Vec::new());
    for page in pages::all() {
        for block in page.blocks_of("toml") {
            tried += 1;
            if let Err(told) = try_toml(&world, block).await {
                faults.push(format!("{}:\n{told}", block.place));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(tried > 8, "{tried}");
}

/// The Collector takes what the pages give it, beside `otel-collector.yaml`; the one of the tests holds no load balancer.
#[tokio::test(flavor = "multi_thread")]
async fn the_collector_takes_its_configurations() {
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for page in pages::all() {
        for block in page.blocks_of("yaml") {
            if !block.text.contains("exporters:") || block.text.contains("loadbalancing:") {
                continue;
            }
            let file = folder.path().join("of-the-page.yaml");
            std::fs::write(&file, &block.text).unwrap();
            let mut validate = otelcol(&["validate"]);
            validate.arg("--config").arg(&file).env("STORAGE_DIR", folder.path());
            let told = programs::attempt(validate, "").await;
            assert!(told.is_ok(), "{}: {told:?}", block.place);
            tried += 1;
        }
    }
    assert!(tried > 1, "{tried}");
}
