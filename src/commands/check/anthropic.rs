//! Claude: whether the key is good and the model there, by the Models API, which costs nothing.

use super::clock;
use super::report::Line;
use crate::claude::{ClaudeError, Client, Lifecycle};
use crate::config::Config;

const PEER: &str = "anthropic";

pub(super) async fn check(config: &Config) -> Line {
    let Some(settings) = &config.claude else {
        return Line::off(PEER, "ANTHROPIC_API_KEY is not set: no fixes are written");
    };
    let (model, base_url) = (&settings.model, &settings.base_url);
    let client = match Client::new(settings) {
        Ok(client) => client,
        Err(error) => return Line::failed(PEER, format!("{error}; look at ANTHROPIC_BASE_URL")),
    };
    let news = match client.model_news().await {
        Ok(news) => news,
        Err(error) => return Line::failed(PEER, format!("{base_url}: {error}{}", mend(&error))),
    };
    let line = match (news.trouble(model), news.lifecycle) {
        (Some(trouble), Lifecycle::Retired) => Line::failed(PEER, trouble),
        (Some(trouble), _) => Line::warning(PEER, trouble),
        (None, Lifecycle::Active) => Line::ok(PEER, format!("the key is good, the model {model} is active")),
        (None, _) => {
            Line::ok(PEER, format!("{base_url} answers, and does not tell how the model {model} stands"))
        }
    };
    line.told_time(news.told_at.map(clock::ahead))
}

/// What to look at, where the error does not say so itself.
fn mend(error: &ClaudeError) -> &'static str {
    match error {
        ClaudeError::Unreached(_) | ClaudeError::Network(_) | ClaudeError::Malformed(_) => {
            "; look at ANTHROPIC_BASE_URL and the network"
        }
        ClaudeError::Refused { .. } => "; look at ANTHROPIC_MODEL",
        _ => "",
    }
}
