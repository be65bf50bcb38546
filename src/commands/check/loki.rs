//! Loki: whether it answers the query that the settings name, for the tenant and with the token that they name.

use super::report::Line;
use crate::config::Config;
use crate::loki::Client;
use crate::telemetry;

const PEER: &str = "loki";

pub(super) async fn check(config: &Config) -> Line {
    let Some(settings) = &config.loki else {
        return Line::off(PEER, "LOKI_ENABLED is not true: what is missed is not read back");
    };
    let client = match Client::new(settings.clone(), telemetry::now) {
        Ok(client) => client,
        Err(error) => return Line::failed(PEER, format!("{error}; look at LOKI_QUERY_URL")),
    };
    client.look().await;
    let trouble = client.trouble().borrow().clone();
    match trouble {
        None => Line::ok(PEER, format!("{} is ready and answers {}", settings.query_url, settings.query)),
        Some(why) => Line::failed(PEER, format!("{}: {why}; look at LOKI_QUERY_URL", settings.query_url)),
    }
}
