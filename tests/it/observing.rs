//! What operators watch: the trace of a window's end down to the pull request, and a dashboard and alerts that ask for nothing
//! which the service does not tell.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::end_to_end::{mending, repository};
use crate::support::backend::Backend;
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::GitHubStandIn;
use crate::support::service::Service;
use crate::support::spans::Span;
use crate::support::{otlp, programs, python, server};

/// What the log says of the customer, the key's text, and what Claude is told and answers: none of it belongs into telemetry.
const NEVER_TOLD: [&str; 5] =
    ["customer1@example.com", "tok_a1b2", "sk-ant-api03", "order.get", "Read a missing amount"];

/// How long the fix may take on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

struct World {
    github: GitHubStandIn,
    claude: ClaudeStandIn,
    backend: Backend,
    service: Service,
}

impl World {
    /// A service that has taken in errors of a Python application, closed its window and had one mended.
    async fn with_a_fix() -> Self {
        let github = GitHubStandIn::start(&repository()).await;
        let fault = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        let overloaded = Turn::status(529, &[("retry-after", "0")], fault);
        let claude = ClaudeStandIn::start([overloaded].into_iter().chain(mending()).collect()).await;
        let backend = Backend::start().await;
        let service = Service::mending(
            &github,
            &claude,
            &[
                // The script of Claude's answers is for the fix alone.
                ("LOGMEND_LEARN", "off"),
                ("LOGMEND_FORWARD_ENDPOINT", &format!("{}/v1/logs", backend.url())),
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{}/v1/traces", backend.url())),
                ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
                ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ],
        )
        .await;
        let script = python::script("emit.py");
        python::run(&script, &[&service.grpc_url(), "payments", "3"]).await;
        let long = otlp::record(17, &format!("KeyError: no sku {}", "x".repeat(20_000)));
        otlp::export(&service.grpc_url(), otlp::request("checkout", vec![long])).await.unwrap();
        service.post("/error-monitor/monitor/scan").await;
        let fix = service.finished_fix(PATIENCE).await;
        assert_eq!(fix["status"], "draft", "{fix:#}");
        Self { github, claude, backend, service }
    }

    /// All spans, once the service has ended and sent the last of them.
    async fn spans(self) -> Vec<Span> {
        let (status, _) = self.service.terminate().await;
        assert!(status.success());
        assert_eq!(self.github.violations(), Vec::<String>::new());
        assert_eq!(self.claude.violations(), Vec::<String>::new());
        self.backend.spans()
    }
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| {
        let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
        panic!("no span {name}: {names:?}")
    })
}

/// The names of a span and of all that it stands in, from the inside out.
fn path(spans: &[Span], span: &Span) -> Vec<String> {
    let mut names = vec![span.name.clone()];
    let mut at = span;
    while let Some(parent) = spans.iter().find(|of| of.id == at.parent) {
        names.push(parent.name.clone());
        at = parent;
    }
    names
}

/// From the window's end to the pull request it is one trace, in the words of the semantic conventions, and it tells nothing of
/// what was logged, asked or answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_windows_end_is_one_trace_down_to_the_pull_request() {
    let spans = World::with_a_fix().await.spans().await;
    let (window, triage) = (named(&spans, "close_window"), named(&spans, "triage"));
    assert_eq!((triage.attribute("clusters"), triage.attribute("fixes_started")), ("2", "1"), "{triage:?}");
    assert_eq!(path(&spans, triage), ["triage", "close_window"]);
    let fix = named(&spans, "write_fix");
    assert_eq!((fix.attribute("logmend.fix.status"), fix.is_error), ("draft", false), "{fix:?}");
    assert_eq!(fix.links, std::slice::from_ref(&triage.id), "it links to where it was begun");
    assert_eq!(path(&spans, fix), ["write_fix", "triage", "close_window"]);

    let mut asked: Vec<_> = spans.iter().filter(|span| span.name == "chat claude-opus-5-5").collect();
    let at = asked.iter().position(|span| span.is_error).unwrap();
    let overloaded = asked.remove(at);
    assert_eq!(overloaded.attribute("error.type"), "529", "{overloaded:?}");
    assert_eq!(asked.len(), 3);
    for span in asked {
        let expected =
            ["chat claude-opus-5-5", "invoke_agent logmend", "write_fix", "triage", "close_window"];
        assert_eq!(path(&spans, span), expected);
        assert!(span.is_client && !span.is_error && span.trace == window.trace, "{span:?}");
        for (key, value) in [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "anthropic"),
            ("gen_ai.request.model", "claude-opus-5-5"),
            ("gen_ai.response.model", "claude-opus-5-5"),
            ("gen_ai.request.max_tokens", "16000"),
            ("gen_ai.response.finish_reasons", "tool_use"),
            ("server.address", "127.0.0.1"),
        ] {
            assert_eq!(span.attribute(key), value, "{key}: {span:?}");
        }
        for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "server.port"] {
            assert!(span.attribute(key).parse::<u64>().unwrap() > 0, "{key}: {span:?}");
        }
        assert!(span.attribute("gen_ai.response.id").starts_with("msg_"), "{span:?}");
    }
    let tool = named(&spans, "execute_tool read_file");
    assert_eq!(tool.attribute("gen_ai.tool.name"), "read_file");
    assert!(tool.attribute("gen_ai.tool.call.id").starts_with("toolu_"), "{tool:?}");
    named(&spans, "execute_tool submit_fix");
    for span in &spans {
        let told = format!("{span:?}");
        for never in NEVER_TOLD {
            assert!(!told.contains(never), "{never}: {told}");
        }
    }
    check_github(&spans, window);
}

/// Every call to GitHub is named by a template of GitHub's own description, in place of its address.
fn check_github(spans: &[Span], window: &Span) {
    let called: Vec<_> = spans.iter().filter(|span| span.attributes.contains_key("url.template")).collect();
    let description = std::fs::read_to_string(python::github_openapi()).unwrap();
    let description: Value = serde_json::from_str(&description).unwrap();
    for span in &called {
        let (method, template) = (span.attribute("http.request.method"), span.attribute("url.template"));
        let operation = &description["paths"][template][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {template} is not GitHub's");
        assert_eq!(span.name, format!("{method} {template}"));
        assert!(span.is_client);
        let status: u16 = span.attribute("http.response.status_code").parse().unwrap();
        assert_eq!(span.is_error, status >= 400, "{span:?}");
        assert!(span.attribute("server.port").parse::<u16>().is_ok(), "{span:?}");
        assert!(!span.attributes.contains_key("url.full") && !span.attributes.contains_key("url.path"));
    }
    let opened = named(spans, "POST /repos/{owner}/{repo}/pulls");
    assert_eq!(opened.trace, window.trace);
    assert_eq!(path(spans, opened)[1..], ["write_fix", "triage", "close_window"]);
}

/// What a scrape tells: the labels of each name, with the values that each label has; and all of it as text.
#[derive(Default)]
struct Told(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>, String);

impl Told {
    async fn of(service: &Service) -> Self {
        let response = server::client().get(service.api_url() + "/metrics").send().await.unwrap();
        let text = response.text().await.unwrap();
        let mut told = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let known = told.0.entry(name.to_owned()).or_default();
            for pair in labels.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty()) {
                let (key, value) = pair.split_once('=').unwrap();
                known.entry(key.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
            }
        }
        told.1 = text;
        told
    }

    /// The same, once what stands in the store was read after the pull request was opened.
    async fn with_a_pull_request(service: &Service) -> Self {
        let begun = Instant::now();
        loop {
            let told = Self::of(service).await;
            if told.1.contains("logmend_pull_requests{outcome=\"open\"} 1\n") {
                return told;
            }
            assert!(begun.elapsed() < PATIENCE, "no pull request is told of:\n{}", told.1);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What of a query is not there: names, labels, values of labels. `job` and `instance` are Prometheus' own.
    fn missing(&self, read: &Value) -> Vec<String> {
        let own = |label: &str| matches!(label, "job" | "instance");
        let (mut missing, mut known) = (Vec::new(), BTreeSet::new());
        for selector in read["selectors"].as_array().into_iter().flatten() {
            let metric = selector["metric"].as_str().unwrap();
            let Some(labels) = self.0.get(metric) else {
                missing.push(metric.to_owned());
                continue;
            };
            known.extend(labels.keys().cloned());
            let asked = selector["labels"].as_array().into_iter().flatten().map(|of| of.as_str().unwrap());
            missing.extend(
                asked
                    .filter(|of| !own(of) && !labels.contains_key(*of))
                    .map(|of| format!("{metric}{{{of}}}")),
            );
            let equal = selector["equal"].as_object().unwrap().iter().filter(|(label, _)| !own(label));
            missing.extend(equal.filter_map(|(label, value)| {
                let value = value.as_str().unwrap();
                let is_there = value.contains('$') || labels.get(label).is_some_and(|of| of.contains(value));
                (!is_there).then(|| format!("{metric}{{{label}={value:?}}}"))
            }));
        }
        let grouping = read["grouping"].as_array().into_iter().flatten().map(|of| of.as_str().unwrap());
        missing.extend(grouping.filter(|of| !own(of) && !known.contains(*of)).map(|of| format!("by {of}")));
        missing
    }
}

/// One fix was asked for in three calls that were answered, cost something and led to a pull request.
fn check_numbers(text: &str) {
    for line in [
        "logmend_claude_calls_total{kind=\"fix\",model=\"claude-opus-5-5\",outcome=\"answered\"} 3",
        "logmend_claude_calls_total{kind=\"rule\",model=\"claude-haiku-5-5\",outcome=\"answered\"} 0",
        "logmend_fixes{status=\"draft\"} 1",
        "logmend_pull_requests{outcome=\"open\"} 1",
        "logmend_pull_requests{outcome=\"merged\"} 0",
        "logmend_claude_call_seconds_count 3",
        "logmend_truncations_total{part=\"body\"} 1",
    ] {
        assert!(text.lines().any(|of| of == line), "{line} is not in\n{text}");
    }
    for series in ["logmend_claude_usd_total{kind=\"fix\"", "logmend_budget_used_usd{period=\"day\"}"] {
        let line = text.lines().find(|line| line.starts_with(series)).unwrap();
        assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() > 0.0, "{line}");
    }
}

/// A file of `deploy/`.
fn deployed(path: &str) -> String {
    format!("{}/deploy/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// The queries of a dashboard, with its variables as Grafana fills them in.
fn queries(dashboard: &Value) -> Vec<String> {
    match dashboard {
        Value::Object(fields) => {
            let own = fields.get("expr").and_then(Value::as_str).map(|expr| {
                expr.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$__interval", "1m")
            });
            own.into_iter().chain(fields.values().flat_map(queries)).collect()
        }
        Value::Array(all) => all.iter().flat_map(queries).collect(),
        _ => Vec::new(),
    }
}

/// What Prometheus' own parser says of each query.
async fn read(queries: &[String]) -> Vec<Value> {
    let lines: Vec<_> = queries.iter().map(|query| json!(query).to_string()).collect();
    let lines = lines.join("\n");
    let told = programs::attempt(Command::new(programs::prepared("LOGMEND_PROMQL")), &lines);
    told.await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rules, once Prometheus' own checks have passed them.
async fn rules() -> Vec<Value> {
    let mut check = Command::new(programs::prepared("LOGMEND_PROMQL"));
    check.arg(deployed("prometheus/alerts.yaml"));
    programs::run(check).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every query of the dashboard and of the alerts is one that Prometheus takes, and every name and label in it is told by a
/// service that has seen some traffic and written a fix.
#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_alerts_ask_for_what_is_told() {
    let world = World::with_a_fix().await;
    let dashboard = std::fs::read_to_string(deployed("grafana/logmend.json")).unwrap();
    let mut asked = queries(&serde_json::from_str(&dashboard).unwrap());
    assert!(asked.len() > 20, "{asked:?}");
    let rules = rules().await;
    assert!(rules.len() > 8);
    for rule in &rules {
        for annotation in ["summary", "description"] {
            let text = rule["annotations"][annotation].as_str().unwrap_or_default();
            assert!(text.ends_with('.'), "{}: {annotation} is a sentence: {text:?}", rule["alert"]);
        }
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{rule}");
    }
    asked.extend(rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()));

    let told = Told::with_a_pull_request(&world.service).await;
    check_numbers(&told.1);
    let mut faults = Vec::new();
    for (query, read) in asked.iter().zip(read(&asked).await) {
        if let Some(error) = read["error"].as_str() {
            faults.push(format!("{query}: {error}"));
        }
        let missing = told.missing(&read);
        if !missing.is_empty() {
            faults.push(format!("{query}: {missing:?} are not told"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
