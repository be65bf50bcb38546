//! `logmend run`: the service.

use std::process::ExitCode;

use super::{EXIT_CONFIG, complain, runtime};
use crate::app::App;
use crate::config::{self, Config, Sources};
use crate::shutdown;
use crate::telemetry::{self, Output};

/// Runs the service until a signal asks it to stop.
#[must_use]
pub fn main(sources: &Sources) -> ExitCode {
    let config = match config::load(sources) {
        Ok(config) => config,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    telemetry::init(Output::Stdout, sources.environment.get("RUST_LOG").map(String::as_str));
    match runtime() {
        Ok(runtime) => runtime.block_on(serve(config)),
        Err(error) => {
            complain(&format!("cannot start threads: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> ExitCode {
    let app = match App::start(config).await {
        Ok(app) => app,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let asked = tokio::select! {
        signal = shutdown::requested() => signal.is_ok(),
        () = app.died() => false,
    };
    tracing::info!("stopping: new requests are refused, those in hand are committed and answered");
    tokio::select! {
        () = app.stop() => {}
        _ = shutdown::requested() => tracing::warn!("a second signal: stopping at once"),
    }
    tracing::info!("stopped");
    if asked { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
