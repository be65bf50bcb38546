//! `logmend run`: the service.

use std::process::ExitCode;
use std::time::Duration;

use super::{EXIT_CONFIG, EXIT_NOT_NOW, complain, runtime, systemd};
use crate::app::App;
use crate::config::{self, Config, Sources};
use crate::shutdown;
use crate::store::StoreError;
use crate::telemetry::{self, Output, Providers};

/// How long the last of logmend's own telemetry may take to be sent.
const FLUSH_MAX: Duration = Duration::from_secs(2);

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
        let exit = serve(config, &own).await;
        own.shutdown(FLUSH_MAX).await;
        exit
    })
}

async fn serve(config: Config, own: &Providers) -> ExitCode {
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
