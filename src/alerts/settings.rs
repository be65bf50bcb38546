//! Who is alerted of what, and how often.

use std::collections::BTreeSet;

use super::Secret;
use super::target::{Endpoint, Kind};
use crate::model::AlertRule;

/// Where alerts go, with what it takes to be let in there.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A Slack incoming webhook: its URL is the secret.
    Slack(Endpoint),
    /// Anything that takes JSON, signed.
    Webhook {
        /// Where it listens.
        url: Endpoint,
        /// What the body is signed with.
        secret: Secret,
    },
    /// PagerDuty's Events API v2.
    PagerDuty {
        /// The API's address, without `/v2/enqueue`.
        url: Endpoint,
        /// The integration's key.
        routing_key: Secret,
    },
    /// A Prometheus Alertmanager.
    Alertmanager(Endpoint),
}

impl Destination {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Slack(_) => Kind::Slack,
            Self::Webhook { .. } => Kind::Webhook,
            Self::PagerDuty { .. } => Kind::PagerDuty,
            Self::Alertmanager(_) => Kind::Alertmanager,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Slack(url)
            | Self::Alertmanager(url)
            | Self::Webhook { url, .. }
            | Self::PagerDuty { url, .. } => url,
        }
    }
}

/// Who is alerted of what.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Everybody who is told; nobody where it is empty.
    pub destinations: Vec<Destination>,
    /// What is told. Default: everything.
    pub rules: BTreeSet<AlertRule>,
    /// How many alerts are told in an hour; the others come in a digest. Default 20: more than one in three minutes is not read.
    pub per_hour: u64,
    /// How many times as often as in the week before an error must come. Default 10: loads differ three to five times between
    /// day and night.
    pub rate_factor: u64,
    /// Whether targets may be in private networks. Default: no.
    pub allow_private: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            destinations: Vec::new(),
            rules: AlertRule::chosen_from().iter().copied().collect(),
            per_hour: 20,
            rate_factor: 10,
            allow_private: false,
        }
    }
}
