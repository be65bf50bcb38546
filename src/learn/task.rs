//! Drives a [`Study`] by the windows' ends.

use tokio_util::sync::CancellationToken;

use super::Study;
use crate::leader::{Leadership, Terms};
use crate::model::UnixNanos;
use crate::store::Store;

/// Studies each window when it is over, as long as this process leads, until `stop` is cancelled. Of windows that end while one is studied, the latest is
/// studied next. A failure is told and the next window is tried.
pub async fn run(
    study: Study,
    store: Store,
    terms: Terms,
    clock: fn() -> UnixNanos,
    stop: CancellationToken,
) {
    let studying = |leadership: Leadership| {
        let (study, mut window) = (study.led_by(&leadership), store.window());
        async move {
            if let Err(error) = study.resume().await {
                tracing::warn!("claims to ask about errors were not given back: {error}");
            }
            // The store lives as long as this task.
            while window.changed().await.is_ok() {
                if let Err(error) = study.study(clock()).await {
                    tracing::warn!("nothing was learned from this window: {error}");
                }
            }
        }
    };
    Box::pin(terms.while_leading(stop, studying)).await;
}
