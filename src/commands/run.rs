//! `logmend run`: the service.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::signal::unix::Signal;

use super::print_config::print_config;
use super::{EXIT_CONFIG, EXIT_NOT_NOW, complain, runtime, systemd};
use crate::app::App;
use crate::config::{self, Config, Sources};
use crate::shutdown;
use crate::store::StoreError;
use crate::telemetry::{self, Output, Providers};

/// How long the last of logmend's own telemetry may take to be sent.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// The command line of `logmend run`.
pub(super) fn command_line() -> Command {
    Command::new("run")
        .about("Run the service (the default)")
        .after_help(
            "SIGTERM and SIGINT end it in order, a second one at once. SIGHUP has it read again the file of settings, the\n\
             rules, and the files that settings name; what cannot change while it runs is named in the log.\n\n\
             Exit code: 0 after a signal, 75 where the store does not answer at the start, 78 where the settings are wrong.",
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Print the settings, each with where it comes from, secrets masked, and end"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["toml", "json"])
                .default_value("toml")
                .requires("print-config")
                .help("How to print them; the TOML can be read back by --config"),
        )
}

/// Runs the service until a signal asks it to stop, or prints its settings.
#[must_use]
pub fn main(sources: &Sources, matches: Option<&ArgMatches>) -> ExitCode {
    let config = match config::load(sources) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if let Some(matches) = matches.filter(|matches| matches.get_flag("print-config")) {
        let format = matches.get_one::<String>("format").map_or("toml", String::as_str);
        print_config(&config.written, format);
        return ExitCode::SUCCESS;
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let own = {
        let _connections_live_here = runtime.enter();
        config.telemetry.as_ref().map(Providers::new).transpose()
    };
    let own = match own {
        Ok(providers) => providers.unwrap_or_default(),
        Err(error) => {
            complain(&format!(
                "OTEL_EXPORTER_OTLP_ENDPOINT: {:#}; name another one, or unset it",
                anyhow::Error::from(error)
            ));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    telemetry::init(Output::Stdout, sources.environment.get("RUST_LOG").map(String::as_str), &own);
    runtime.block_on(async {
        let exit = serve(config, sources, &own).await;
        own.shutdown(FLUSH_MAX).await;
        exit
    })
}

async fn serve(config: Config, sources: &Sources, own: &Providers) -> ExitCode {
    // Before anything else: a service manager may send one at any time, and it ends a process that has no handler.
    let hangups = match shutdown::hangups() {
        Ok(hangups) => hangups,
        Err(error) => {
            complain(&format!("cannot listen for SIGHUP: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let app = match App::start(config).await {
        Ok(app) => app,
        Err(error) => {
            complain(&format!("{error:#}"));
            let passes = error.chain().filter_map(|cause| cause.downcast_ref::<StoreError>());
            let passes = passes.last().is_some_and(StoreError::may_pass);
            return ExitCode::from(if passes { EXIT_NOT_NOW } else { EXIT_CONFIG });
        }
    };
    own.observe(&app.metrics);
    systemd::ready();
    let asked = tokio::select! {
        signal = shutdown::requested() => signal.is_ok(),
        () = app.died() => false,
        () = reload_on(hangups, &app, sources) => false,
        () = systemd::keep_alive() => false,
    };
    systemd::stopping();
    tracing::info!("stopping: new requests are refused, those in hand are committed and answered");
    tokio::select! {
        () = app.stop() => {}
        () = systemd::keep_alive() => {}
        _ = shutdown::requested() => tracing::warn!("a second signal: stopping at once"),
    }
    tracing::info!("stopped");
    if asked { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Has the settings read again at each SIGHUP, for as long as it is awaited.
async fn reload_on(mut hangups: Signal, app: &App, sources: &Sources) {
    while hangups.recv().await.is_some() {
        app.reload(sources).await;
    }
    // No more signals can come.
    std::future::pending::<()>().await;
}
