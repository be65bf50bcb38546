//! `logmend demo`: the main job on a bundled log, with nothing to set up.

mod collector;
mod replay;
mod show;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::TypedValueParser as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use self::collector::Collector;
use super::{EXIT_CONFIG, complain, runtime};
use crate::app::App;
use crate::config::{self, Config, Sources};
use crate::model::{Cluster, Token};
use crate::shutdown;
use crate::store::Store;
use crate::telemetry::{self, Output, Providers};
use crate::triage::{self, Standings};

/// How long the demo waits for fixes that were begun, where keys are set: as long as one may take.
const FIXES_AWAITED: Duration = Duration::from_mins(15);

/// Where `logmend demo` stands on the command line.
pub(super) fn command_line() -> Command {
    Command::new("demo")
        .about("Show the main job on a bundled log: nothing to set up, free ports, a store of its own")
        .after_help(
            "With ANTHROPIC_API_KEY and GITHUB_REPOSITORY set, Claude writes a fix; with GITHUB_TOKEN besides, it is opened as a\n\
             draft pull request.",
        )
        .arg(
            Arg::new("exit")
                .long("exit")
                .action(ArgAction::SetTrue)
                .help("End when the result is printed, in place of leaving the API running"),
        )
        .arg(
            Arg::new("collector")
                .long("collector")
                .value_name("PATH")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("")
                .value_parser(clap::builder::OsStringValueParser::new().map(PathBuf::from))
                .help("Send the log through an OpenTelemetry Collector: this one, or otelcol-contrib or otelcol on the PATH"),
        )
}

/// What the demo is asked for besides the settings.
struct Wishes {
    /// End once the result is printed.
    exit: bool,
    /// The Collector that the log goes through.
    collector: Option<PathBuf>,
}

/// Runs the demo.
#[must_use]
pub fn main(sources: &Sources, matches: &ArgMatches) -> ExitCode {
    let collector = matches.get_one::<PathBuf>("collector");
    let collector = match collector.map(|given| collector::find(given, sources)).transpose() {
        Ok(collector) => collector,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitCode::FAILURE;
        }
    };
    let wishes = Wishes { exit: matches.get_flag("exit"), collector };
    let filter = sources.environment.get("RUST_LOG").map_or("warn", String::as_str);
    telemetry::init(Output::Stderr, Some(filter), &Providers::default());
    let folder = match tempfile_folder() {
        Ok(folder) => folder,
        Err(error) => {
            complain(&format!(
                "cannot make a folder for the demo's store: {error}; set TMPDIR to one that can be written"
            ));
            return ExitCode::FAILURE;
        }
    };
    let config = match config::load(&overridden(sources, &folder)) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let outcome = runtime()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(demo(config, &wishes, &folder)));
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(%error, folder = %folder.display(), "the demo's folder was not removed");
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The demo keeps to itself: free ports, a store of its own, one long window. Keys and budgets are taken as they are set.
fn overridden(sources: &Sources, folder: &Path) -> Sources {
    let mut flags = sources.flags.clone();
    let store = format!("sqlite://{}", folder.join("demo.db").display());
    for (variable, value) in [
        ("LOGMEND_GRPC_ADDR", "127.0.0.1:0"),
        ("LOGMEND_HTTP_ADDR", "127.0.0.1:0"),
        ("LOGMEND_API_ADDR", "127.0.0.1:0"),
        ("ERROR_MONITOR_INTERVAL", "3600"),
        ("OTEL_SDK_DISABLED", "true"),
        ("ERROR_MONITORING_ENABLED", "true"),
        ("DATABASE_URL", store.as_str()),
    ] {
        flags.entry(variable).or_insert_with(|| value.to_owned());
    }
    Sources { flags, environment: sources.environment.clone(), file: sources.file.clone() }
}

fn tempfile_folder() -> std::io::Result<PathBuf> {
    let name = format!("logmend-demo-{}-{}", std::process::id(), telemetry::now().0);
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

async fn demo(config: Config, wishes: &Wishes, folder: &Path) -> anyhow::Result<()> {
    let fixes_are_written = config.claude.is_some() && config.remedy.repository.is_some();
    let api_token = config.api.token.clone();
    let ingest_token = config.ingest.token.clone();
    let app = App::start(config).await?;
    let (grpc, api) = (app.grpc_addr, app.api_addr);
    show::line(&format!("logmend takes OTLP/gRPC on {grpc} and answers on http://{api}"));

    let lines = replay::bundled()?;
    let sent = lines.len();
    let _collector = if let Some(program) = &wishes.collector {
        Some(send_through(program, folder, grpc, &ingest_token, lines).await?)
    } else {
        show::line(&format!(
            "replaying {sent} log lines of a web shop through an OpenTelemetry SDK exporter ..."
        ));
        replay::send(lines, grpc, &ingest_token, telemetry::now()).await?;
        None
    };

    let scanned = scan(api, &api_token).await?;
    let clusters = clusters(&app.store).await?;
    show::clusters(&clusters, sent, &scanned);
    if fixes_are_written {
        show::fixes(&awaited_fixes(&app.store).await?);
    } else if let Some(first) = triage::rank(clusters, 1, &Standings::default()).first() {
        show::proposal(first);
    }
    if !wishes.exit {
        show::line(&format!(
            "\nThe dashboard goes on: http://{api}/ (Ctrl-C ends it; OTLP exporters may point at http://{grpc})"
        ));
        tokio::select! {
            signal = shutdown::requested() => signal?,
            () = app.died() => {}
        }
    }
    app.stop().await;
    Ok(())
}

/// Sends the log to a Collector in front of logmend, and waits until logmend has all of it.
async fn send_through(
    program: &Path,
    folder: &Path,
    logmend: SocketAddr,
    token: &Token,
    lines: Vec<replay::Line>,
) -> anyhow::Result<Collector> {
    show::line(&format!("starting {} with otel-collector.yaml ...", program.display()));
    let mut collector = Collector::start(program, folder, logmend, token).await?;
    let sent = lines.len();
    show::line(&format!(
        "replaying {sent} log lines of a web shop: OpenTelemetry SDK exporter → Collector on {} → logmend ...",
        collector.grpc
    ));
    replay::send(lines, collector.grpc, &Token::default(), telemetry::now()).await?;
    collector.wait_until_sent(sent).await?;
    Ok(collector)
}

/// Closes the window as people would: over the API.
async fn scan(api: SocketAddr, token: &Token) -> anyhow::Result<Value> {
    let mut request = reqwest::Client::new().post(format!("http://{api}/error-monitor/monitor/scan"));
    if let Some(value) = token.authorization() {
        request = request.header("authorization", value);
    }
    let response = request.send().await.context("the API did not answer")?;
    response.error_for_status()?.json().await.context("the API's answer is no JSON")
}

async fn clusters(store: &Store) -> anyhow::Result<Vec<Cluster>> {
    let mut clusters = store.clusters(crate::store::ClusterFilter::default()).await?;
    clusters.sort_by_key(|cluster| {
        (std::cmp::Reverse(cluster.verdict.severity), std::cmp::Reverse(cluster.count), cluster.fingerprint)
    });
    Ok(clusters)
}

async fn awaited_fixes(store: &Store) -> anyhow::Result<Vec<crate::model::Fix>> {
    show::line("Claude is writing a fix ...");
    let finished = async {
        while !store.unfinished_fixes().await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok::<_, crate::store::StoreError>(())
    };
    match tokio::time::timeout(FIXES_AWAITED, finished).await {
        Ok(finished) => finished?,
        Err(_) => show::line("it takes longer than a fix may take; this is how it stands:"),
    }
    Ok(store.fixes().await?)
}
