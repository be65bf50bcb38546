//! The next hop: whether it takes an export request without records.

use super::report::Line;
use crate::config::Config;
use crate::forward::NextHop;
use crate::telemetry;

const PEER: &str = "next hop";

pub(super) async fn check(config: &Config) -> Line {
    let Some(settings) = &config.forward else {
        return Line::off(PEER, "LOGMEND_FORWARD_ENDPOINT is not set: the stream ends here");
    };
    let endpoint = &settings.endpoint;
    let hop = match NextHop::new(settings, telemetry::now) {
        Ok(hop) => hop,
        Err(error) => {
            return Line::failed(PEER, format!("{endpoint}: {error}; look at the URL and the PEM files"));
        }
    };
    hop.probe().await;
    let trouble = hop.trouble().borrow().clone();
    match trouble {
        None => Line::ok(PEER, format!("{endpoint} takes an empty request")),
        Some(why) => Line::failed(
            PEER,
            format!("{endpoint}: {why}; look at LOGMEND_FORWARD_ENDPOINT and LOGMEND_FORWARD_HEADERS"),
        ),
    }
}
