//! What `docs/railway.md` names is there: its settings, routes, metrics, codes and commands, and the lines that it has people look for.
//! Its calls are made, and answered.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};

use crate::end_to_end::{mending, repository};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::GitHubStandIn;
use crate::support::service::Service;
use crate::support::{programs, python, server};

const GUIDE: &str = include_str!("../../docs/railway.md");
const API_TOKEN: &str = "rw_api_3f9c";
const INGEST_TOKEN: &str = "rw_ingest_81aa";

/// The lines of its blocks, continued ones joined, and what stands between backticks.
fn code() -> Vec<String> {
    let text = GUIDE.replace("\\\n", " ");
    let (mut code, mut is_block) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            code.push(line.trim().to_owned());
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

/// What a pattern finds in its code, by the pattern's groups.
fn named(pattern: &str) -> Vec<Vec<String>> {
    let pattern = Regex::new(pattern).unwrap();
    let found = |text: &String| {
        let groups = |of: regex::Captures<'_>| {
            of.iter().map(|group| group.map_or("", |group| group.as_str()).to_owned()).collect()
        };
        pattern.captures_iter(text).map(groups).collect::<Vec<_>>()
    };
    let found: Vec<_> = code().iter().flat_map(found).collect();
    assert!(found.len() > 2, "the guide is read wrongly: {pattern} finds {found:?}");
    found
}

/// The code in the first cells of the rows below a table's head.
fn table(head: &str) -> Vec<String> {
    let (_, rows) = GUIDE.split_once(&format!("{head}\n")).unwrap_or_else(|| panic!("no table {head}"));
    let rows = rows.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_setting_is_one() {
    let known: BTreeSet<_> = logmend::config::KEYS.iter().map(|key| key.variable).collect();
    // Of the log, and of Railway.
    let others = ["RUST_LOG", "RAILWAY_PRIVATE_DOMAIN"];
    for name in named(r"\bPORT\b|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b").iter().map(|of| of[0].as_str()) {
        assert!(known.contains(name) || others.contains(&name), "there is no setting {name}");
    }
}

#[test]
fn every_command_and_flag_is_one() {
    for of in named(r"\blogmend ((?:rules )?[a-z]+)([^|]*)") {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
        let help = command.args(of[1].split(' ')).arg("--help").env_clear().output().unwrap();
        assert!(help.status.success(), "there is no command {:?}", of[1]);
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in of[2].split(' ').filter(|word| word.starts_with("--")) {
            assert!(
                help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")),
                "{flag} of {of:?}"
            );
        }
    }
}

/// A service as it stands on Railway: on all addresses, and behind tokens.
struct Deployed {
    service: Service,
    client: reqwest::Client,
}

impl Deployed {
    async fn start() -> Self {
        let tokens = [("LOGMEND_API_TOKEN", API_TOKEN), ("LOGMEND_INGEST_TOKEN", INGEST_TOKEN)];
        let settings = [&tokens[..], &[("LOGMEND_API_ADDR", "[::]:0")]].concat();
        Self { service: Service::start(&settings).await, client: server::client() }
    }

    /// Where it is reached from this machine.
    fn url(&self) -> String {
        let url = self.service.api_url();
        format!("http://127.0.0.1:{}", url.rsplit(':').next().unwrap())
    }

    async fn ask(&self, method: Method, path: &str) -> (u16, String) {
        let asked = self.client.request(method, self.url() + path).bearer_auth(API_TOKEN);
        let answer = asked.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// Every call that it names is made: with the parameters that are described, and to a good end.
async fn check_calls(deployed: &Deployed, openapi: &Value, id: &str) {
    for of in named(r"^ask '?(/[^' ?]*)\??([^' ]*)'?( -X POST)?") {
        let (path, query, is_post) = (&of[1], &of[2], !of[3].is_empty());
        let method = if is_post { "post" } else { "get" };
        let described = &openapi["paths"][path][method];
        assert!(described.is_object(), "{method} {path} is not described");
        let parameters = described["parameters"].to_string();
        for name in query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name) {
            assert!(
                parameters.contains(&format!("\"name\":\"{name}\"")),
                "{path} has no {name}: {parameters}"
            );
        }
        let path = format!("{path}?{}", query.replace("error_id=ID", &format!("error_id={id}")));
        let (status, body) = deployed.ask(if is_post { Method::POST } else { Method::GET }, &path).await;
        // Without a key of Claude's a fix cannot be asked for, and that is said.
        let is_good =
            status == 200 || path.contains("generate-for-error") && body.contains("ANTHROPIC_API_KEY");
        assert!(is_good, "{method} {path}: {status}: {body}");
    }
}

async fn check_routes(deployed: &Deployed, openapi: &Value) {
    for of in named(r"/(?:error-monitor|health|metrics|webhooks)[A-Za-z0-9_/{}-]*") {
        assert!(openapi["paths"][&of[0]].is_object(), "there is no route {}", of[0]);
    }
    for page in ["/send-logs", "/pipeline"] {
        assert!(GUIDE.contains(&format!("`{page}`")), "{page}");
        let (status, body) = deployed.ask(Method::GET, page).await;
        assert_eq!(status, 200, "{page}: {body}");
    }
}

async fn check_metrics(deployed: &Deployed) {
    let (_, metrics) = deployed.ask(Method::GET, "/metrics").await;
    let types: BTreeSet<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for of in named(r#"(\()?\b((?:logmend|otelcol|process)_[a-z_]*)(?:\{([a-z]+="[a-z_]+")\})?(\||\))?"#) {
        let (name, label) = (of[2].as_str(), &of[3]);
        // In a pattern for grep the beginning of a name will do.
        let is_pattern = !of[1].is_empty() || !of[4].is_empty();
        assert!(
            types.contains(name) || is_pattern && metrics.contains(&format!("\n{name}")),
            "no metric {name}"
        );
        let has_label = |line: &str| line.starts_with(name) && line.contains(label);
        assert!(metrics.lines().any(has_label), "{name} has no {label}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_metric_and_code_is_there() {
    let deployed = Deployed::start().await;
    assert!(!deployed.service.logs().contains("without a token"), "{}", deployed.service.logs());

    // The record of one's own, sent as the guide says.
    let (_, block) = GUIDE.split_once("```sh\necho ").unwrap();
    let sent = block.split("\nask ").next().unwrap();
    let mut shell = Command::new("sh");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_logmend")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    shell.args(["-ec", &format!("echo {sent}")]).env_clear();
    shell.envs([
        ("PATH", path.as_str()),
        ("LOGMEND", &deployed.url()),
        ("LOGMEND_INGEST_TOKEN", INGEST_TOKEN),
    ]);
    programs::run(shell).await;
    let recent = deployed.get("/error-monitor/errors/recent?service=railway-test").await;
    assert_eq!(recent["count"], 1, "{recent:#}");

    deployed.ask(Method::POST, "/error-monitor/monitor/stop").await;
    let openapi = deployed.get("/openapi.json").await;
    check_calls(&deployed, &openapi, recent["errors"][0]["id"].as_str().unwrap()).await;
    check_routes(&deployed, &openapi).await;
    check_metrics(&deployed).await;
    let paused = deployed.get("/error-monitor/audit?action=stop").await;
    assert_eq!((&paused["count"], &paused["audit"][0]["actor"]), (&json!(1), &json!("api")), "{paused:#}");

    let codes: BTreeSet<_> = table("| `no_fix` | what to do |").into_iter().collect();
    let described: Vec<String> =
        serde_json::from_value(openapi["components"]["schemas"]["NoFix"]["enum"].clone()).unwrap();
    assert_eq!(codes, described.into_iter().collect());

    let (_, example) = GUIDE.split_once("```json\n").unwrap();
    let example: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
    let status = deployed.get("/error-monitor/autonomous/status").await;
    for key in example["monitor"].as_object().unwrap().keys() {
        assert!(status["monitor"].get(key).is_some(), "{key} in {status:#}");
    }
}

/// The text of a line without the places that vary.
fn fixed_parts(line: &str) -> Vec<String> {
    let varying = Regex::new(r"\[(?:category|error|reason)\]|\b[NX]\b").unwrap();
    varying.split(line).map(str::to_owned).collect()
}

fn is_printed(log: &str, parts: &[String]) -> bool {
    log.lines().any(|line| {
        let mut rest = Some(line);
        for part in parts {
            rest = rest.and_then(|rest| rest.split_once(part.as_str())).map(|(_, behind)| behind);
        }
        rest.is_some()
    })
}

/// A service that mends what one failing application logs.
async fn mend(turns: Vec<Turn>, until: &str) -> Service {
    let github = GitHubStandIn::start(&repository()).await;
    let claude = ClaudeStandIn::start(turns).await;
    let service = Service::mending(&github, &claude, &[("LOGMEND_API_ADDR", "[::]:0")]).await;
    python::run(&python::script("emit.py"), &[&service.grpc_url(), "payments", "1"]).await;
    let client = server::client();
    let port = service.api_url().rsplit(':').next().unwrap().to_owned();
    let scan =
        client.post(format!("http://127.0.0.1:{port}/error-monitor/monitor/scan")).send().await.unwrap();
    assert!(scan.status().is_success(), "{scan:?}");
    service.wait_for_log(until, 1).await;
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_that_people_look_for_are_printed() {
    let refused =
        json!({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}});
    let mended = mend(mending(), "Fix created").await;
    let failed = mend(vec![Turn::status(401, &[], refused)], "it is tried again").await;
    let log = mended.logs() + &failed.logs();
    let lines = [table("shows, at a start:\n\n| line | |"), table("as time goes by:\n\n| line | |")].concat();
    assert_eq!(lines.len(), 8, "{lines:?}");
    for line in lines {
        // A machine without IPv6 has all addresses of IPv4 in its place.
        let instead = fixed_parts(&line.replace("[::]", "0.0.0.0"));
        assert!(
            is_printed(&log, &fixed_parts(&line)) || is_printed(&log, &instead),
            "{line} is not in\n{log}"
        );
    }
    let port = mended.api_url().rsplit(':').next().unwrap().to_owned();
    let url = format!("http://127.0.0.1:{port}/error-monitor/audit?action=write_fix");
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
    let told: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(told["count"], 1, "{told:#}");
}
