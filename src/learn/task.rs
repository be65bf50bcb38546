//! Drives a [`Study`] by the windows' ends.

use tokio_util::sync::CancellationToken;

use super::Study;
use crate::model::UnixNanos;
use crate::store::Store;

/// Studies each window when it is over, until `stop` is cancelled. Of windows that end while one is studied, the latest is
/// studied next. A failure is told and the next window is tried.
pub async fn run(study: Study, store: Store, clock: fn() -> UnixNanos, stop: CancellationToken) {
    let studying = async {
        let mut window = store.window();
        // The store lives as long as this task.
        while window.changed().await.is_ok() {
            if let Err(error) = study.study(clock()).await {
                tracing::warn!("nothing was learned from this window: {error}");
            }
        }
    };
    tokio::select! {
        () = studying => stop.cancelled().await,
        () = stop.cancelled() => {}
    }
}
