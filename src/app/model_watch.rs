//! Asks Claude's API about the model, at the start, once a day and when the key is replaced: what is wrong is said in the log and by health, before a
//! fix fails by it.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::claude::{ClaudeError, Client};

/// How often it is asked; models end on a day that is told months before.
const EVERY: Duration = Duration::from_hours(24);
/// How long until it is asked again where there was no answer.
const AGAIN: Duration = Duration::from_mins(1);

/// Asks until `stop` is cancelled; `told` is told what is wrong. Nobody waits for it.
pub(super) async fn run(claude: Client, told: watch::Sender<Option<String>>, stop: CancellationToken) {
    let mut key = claude.key_changes();
    loop {
        let (trouble, next) = look(&claude).await;
        if let Some(trouble) = trouble.as_ref().filter(|trouble| told.borrow().as_ref() != Some(trouble)) {
            tracing::warn!("{trouble}");
        }
        told.send_if_modified(|known| {
            let is_new = *known != trouble;
            *known = trouble;
            is_new
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(next) => {}
            // The client holds the key's other end.
            _ = key.changed() => {}
        }
    }
}

/// What is wrong, and when to look again. That the API is busy is wrong nowhere: each call waits for it by itself.
async fn look(claude: &Client) -> (Option<String>, Duration) {
    match claude.model_news().await {
        Ok(news) => (news.trouble(claude.model()), EVERY),
        Err(ClaudeError::Busy { .. }) => (None, AGAIN),
        Err(error @ ClaudeError::Network(_)) => (Some(error.to_string()), AGAIN),
        // A key or a model that is refused stays so until there is another.
        Err(error) => (Some(error.to_string()), EVERY),
    }
}
