//! Redis: whether it answers and does what the leader's lock needs.

use super::report::Line;
use crate::config::Config;
use crate::leader;

const PEER: &str = "redis";

pub(super) async fn check(config: &Config) -> Line {
    let Some(url) = &config.redis else {
        return Line::off(
            PEER,
            "REDIS_URL is not set, or of no use with SQLite: the store alone decides which replica leads",
        );
    };
    match leader::look(url).await {
        Ok(looked) => {
            let led = if looked.is_led { "a replica leads" } else { "no replica leads" };
            Line::ok(PEER, format!("PING, SET NX PX and scripts work; {led}"))
        }
        Err(error) => Line::failed(PEER, format!("{error}; look at REDIS_URL and the user's rights")),
    }
}
