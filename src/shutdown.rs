//! When to stop, and when to read the settings again: the signals that ask for it.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM or SIGINT.
///
/// Cancel-safe. Called again, it waits for the next signal: a second one means "now".
///
/// # Errors
///
/// Where the handlers cannot be set.
pub async fn requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// SIGHUP, as it comes: from now on it asks for the settings to be read again, and ends nothing.
///
/// # Errors
///
/// Where the handler cannot be set.
pub fn hangups() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
