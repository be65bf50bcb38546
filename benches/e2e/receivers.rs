//! Who takes the requests.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::load::LITERALS;
use super::process::{GENERATOR, RECEIVER, Server, answers, free_port, listens};

/// One of them, in one configuration.
pub(crate) struct Receiver {
    pub(crate) name: &'static str,
    folder: PathBuf,
    kind: Kind,
}

enum Kind {
    Logmend { rules: bool, forwards: Option<&'static str> },
    Collector { program: String, forwards: bool },
    Rotel { program: String },
}

impl Receiver {
    /// All that are there. Where all `must` be there, one that is not is an error.
    pub(crate) fn all(folder: &Path, must: bool) -> Vec<Self> {
        let of = |name, kind| Self { name, folder: folder.to_owned(), kind };
        let mut all = vec![
            of("logmend, 64 literals", Kind::Logmend { rules: true, forwards: None }),
            of("logmend, built-in rules", Kind::Logmend { rules: false, forwards: None }),
            of(
                "logmend, 64 literals, errors to a sink",
                Kind::Logmend { rules: true, forwards: Some("matched") },
            ),
            of(
                "logmend, 64 literals, all but copies to a sink",
                Kind::Logmend { rules: true, forwards: Some("deduplicated") },
            ),
        ];
        let mut peer = |variable: &str, kinds: &dyn Fn(String) -> Vec<Self>| {
            let Ok(program) = std::env::var(variable) else {
                assert!(!must, "{variable} is not set; `. scripts/peers.sh` sets it");
                println!("left out: {variable} is not set; `. scripts/peers.sh` sets it");
                return;
            };
            all.extend(kinds(program));
        };
        peer("LOGMEND_OTELCOL", &|program| {
            let collector = |name, forwards| of(name, Kind::Collector { program: program.clone(), forwards });
            vec![
                collector("Collector, 64 literals", false),
                collector("Collector, 64 literals, errors but copies to a sink", true),
            ]
        });
        peer("LOGMEND_ROTEL", &|program| vec![of("rotel, to nowhere, no literals", Kind::Rotel { program })]);
        all
    }

    /// A fresh process, on a core of its own or not.
    pub(crate) fn start(&self, pinned: bool) -> Server {
        let core = pinned.then_some(RECEIVER);
        match &self.kind {
            Kind::Logmend { rules, forwards } => {
                let sink = forwards.map(|_| sink(&self.folder, pinned));
                let mut settings = Vec::new();
                if *rules {
                    settings.push(("LOGMEND_RULES", rules_file(&self.folder)));
                }
                if let (Some(sink), Some(mode)) = (&sink, forwards) {
                    settings.push(("LOGMEND_FORWARD_ENDPOINT", sink.endpoint.clone()));
                    settings.push(("LOGMEND_FORWARD_MODE", (*mode).to_owned()));
                }
                let mut server = logmend(&self.folder, &settings, core);
                server.with.extend(sink.map(|sink| Box::new(sink) as _));
                server
            }
            Kind::Collector { program, forwards } => {
                let sink = forwards.then(|| sink(&self.folder, pinned));
                let port = free_port();
                let to = sink.as_ref().map_or(String::new(), |sink| sink.endpoint.replace("http://", ""));
                let file = self.folder.join("collector.yaml");
                std::fs::write(&file, collector(port, &to)).unwrap();
                let mut command = Command::new(program);
                command.arg("--config").arg(file).env("GOMAXPROCS", if pinned { "1" } else { "2" });
                let endpoint = format!("http://127.0.0.1:{port}");
                let mut server = Server::start(&command, core, endpoint, || listens(port));
                server.with.extend(sink.map(|sink| Box::new(sink) as _));
                server
            }
            Kind::Rotel { program } => {
                let [grpc, http] = [free_port(), free_port()];
                let mut command = Command::new(program);
                command.args(["start", "--exporter", "blackhole", "--otlp-grpc-endpoint"]);
                command
                    .arg(format!("127.0.0.1:{grpc}"))
                    .arg("--otlp-http-endpoint")
                    .arg(format!("127.0.0.1:{http}"));
                Server::start(&command, core, format!("http://127.0.0.1:{grpc}"), || listens(grpc))
            }
        }
    }
}

/// logmend as it starts by itself, with a database of its own.
fn logmend(folder: &Path, settings: &[(&str, String)], core: Option<&str>) -> Server {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let [grpc, http, api] = [free_port(), free_port(), free_port()];
    let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
    let listen = |port: u16| format!("127.0.0.1:{port}");
    command
        .env("DATABASE_URL", format!("sqlite://{}/logmend.db", folder.path().display()))
        .envs([
            ("LOGMEND_GRPC_ADDR", listen(grpc)),
            ("LOGMEND_HTTP_ADDR", listen(http)),
            ("LOGMEND_API_ADDR", listen(api)),
        ])
        .envs(settings.iter().map(|(name, value)| (name, value)));
    let endpoint = format!("http://127.0.0.1:{grpc}");
    let mut server = Server::start(&command, core, endpoint, || answers(api, "/health/ready"));
    server.with.push(Box::new(folder));
    server
}

/// Acknowledges at once and does nothing: a logmend that counts nothing.
fn sink(folder: &Path, pinned: bool) -> Server {
    logmend(folder, &[("ERROR_MONITORING_ENABLED", "false".to_owned())], pinned.then_some(GENERATOR))
}

/// A rule for each literal.
fn rules_file(folder: &Path) -> String {
    let rule = |(number, literal): (usize, &&str)| {
        format!(
            "[[rule]]\nid = \"literal-{number}\"\ncategory = \"internal_error\"\nseverity = \"high\"\nfixable = true\n\
             suggested_fix = \"Look where it is thrown.\"\nany = [{literal:?}]\n\n"
        )
    };
    let file = folder.join("rules.toml");
    std::fs::write(&file, LITERALS.iter().enumerate().map(rule).collect::<String>()).unwrap();
    file.display().to_string()
}

/// `collector.yaml` with its places filled.
fn collector(port: u16, sink: &str) -> String {
    let all = LITERALS.map(regular_expression).join("|");
    let categories = LITERALS.chunks(8).enumerate().map(|(number, literals)| {
        let any = literals.iter().map(|literal| regular_expression(literal)).collect::<Vec<_>>().join("|");
        format!("          - 'set(log.attributes[\"category\"], \"category-{number}\") where IsMatch(log.body, \"(?i){any}\")'\n")
    });
    include_str!("collector.yaml")
        .replace("ALL", &all)
        .replace("          CATEGORIES\n", &categories.collect::<String>())
        .replace("SINK", if sink.is_empty() { "127.0.0.1:1" } else { sink })
        .replace("EXPORTER", if sink.is_empty() { "nop" } else { "otlp" })
        .replace("PORT", &port.to_string())
}

/// The literals hold nothing that OTTL's strings and YAML's take for something else but dots, colons and dashes.
fn regular_expression(literal: &str) -> String {
    literal.replace('.', "[.]")
}
