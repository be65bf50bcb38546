//! Somebody who is alerted: what goes there, and where that is.

use std::fmt;

use reqwest::Url;
use serde::Serialize;

use super::Secret;
use super::client::{ClientFault, Outgoing, client};
use super::content::Notice;
use super::private::{is_local_name, is_private};
use super::settings::Destination;
use super::{alertmanager, pagerduty, slack, webhook};
use crate::model::AlertRule;

/// Which kind of target; there is one of each at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Slack incoming webhook.
    Slack,
    /// A webhook that takes our JSON.
    Webhook,
    /// PagerDuty.
    PagerDuty,
    /// Alertmanager.
    Alertmanager,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Slack, Self::Webhook, Self::PagerDuty, Self::Alertmanager];

    /// The name in JSON, metrics and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Webhook => "webhook",
            Self::PagerDuty => "pagerduty",
            Self::Alertmanager => "alertmanager",
        }
    }

    /// Whether it is told of such an alert. Nobody is called out of bed for a pull request; a channel that people read is not told
    /// that something is over.
    pub(super) fn takes(self, rule: AlertRule, is_over: bool) -> bool {
        match self {
            Self::Slack => !is_over,
            Self::PagerDuty => {
                !matches!(rule, AlertRule::FixOpened | AlertRule::FixMerged | AlertRule::FixFailed)
            }
            Self::Webhook | Self::Alertmanager => true,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a URL cannot be a target's. The URL itself is not repeated: it may be the secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidEndpoint {
    /// It is none.
    #[error("must be a URL that begins with https:// or http://")]
    NotAUrl,
    /// It leads into a private network.
    #[error(
        "leads into a private network; name a public address, or set LOGMEND_ALERT_ALLOW_PRIVATE=true if that is meant"
    )]
    Private,
}

/// Where a target listens. It is never shown whole: paths, queries and passwords of such URLs are secrets.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// Reads a URL. Addresses are looked at now, names at each connection, unless private networks are allowed.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`].
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, InvalidEndpoint> {
        let url = Url::parse(text).map_err(|_| InvalidEndpoint::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidEndpoint::NotAUrl);
        }
        let host = url.host_str().ok_or(InvalidEndpoint::NotAUrl)?;
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let inside = literal.map_or_else(|| is_local_name(host), is_private);
        if inside && !allow_private {
            return Err(InvalidEndpoint::Private);
        }
        Ok(Self { url })
    }

    /// Host and port, which are no secret.
    #[must_use]
    pub fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The whole URL.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The URL of a route below it.
    pub(super) fn route(&self, route: &str) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/');
        // People also copy the whole of it.
        let path = format!("{}{route}", base.strip_suffix(route).unwrap_or(base));
        url.set_path(&path);
        url
    }

    /// The parts of it that must not be told.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let path = Some(self.url.path()).filter(|path| path.len() > 1);
        [path, self.url.query(), self.url.password()].into_iter().flatten()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.place())
    }
}

/// A target with its own client.
#[derive(Debug, Clone)]
pub(super) struct Target {
    to: Destination,
    client: reqwest::Client,
}

impl Target {
    pub(super) fn new(to: Destination, allow_private: bool) -> Result<Self, ClientFault> {
        Ok(Self { to, client: client(allow_private)? })
    }

    pub(super) fn kind(&self) -> Kind {
        self.to.kind()
    }

    pub(super) fn place(&self) -> String {
        self.to.endpoint().place()
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// The request that tells of something.
    pub(super) fn request(&self, notice: &Notice<'_>) -> Outgoing {
        match &self.to {
            Destination::Slack(url) => Outgoing::new(url.url().clone(), &slack::message(notice)),
            Destination::Webhook { url, secret } => webhook::request(url.url().clone(), secret, notice),
            Destination::PagerDuty { url, routing_key } => {
                Outgoing::new(url.route("/v2/enqueue"), &pagerduty::event(routing_key, notice))
            }
            Destination::Alertmanager(url) => alertmanager::request(url, std::slice::from_ref(notice)),
        }
    }

    /// The request that tells again of all that lasts, where the target forgets it otherwise.
    pub(super) fn reminder(&self, lasting: &[Notice<'_>]) -> Option<Outgoing> {
        match &self.to {
            Destination::Alertmanager(url) => Some(alertmanager::request(url, lasting)),
            _ => None,
        }
    }

    /// What must not be told of it.
    pub(super) fn hide(&self, text: &str) -> String {
        use secrecy::ExposeSecret;
        let secret = match &self.to {
            Destination::Webhook { secret, .. } => Some(secret),
            Destination::PagerDuty { routing_key, .. } => Some(routing_key),
            _ => None,
        };
        let hidden = self.to.endpoint().secrets().chain(secret.map(Secret::expose_secret));
        hidden.fold(text.to_owned(), |text, secret| text.replace(secret, "[REDACTED:target]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_lead_inside_are_refused_however_they_are_written() {
        for inside in [
            "http://127.0.0.1/x",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1:8080/",
            "http://[::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://localhost/",
            "https://user:pw@LOCALHOST./",
            "http://169.254.169.254/latest/meta-data",
            "http://1.1.1.1@10.0.0.1/",
        ] {
            assert_eq!(Endpoint::parse(inside, false).err(), Some(InvalidEndpoint::Private), "{inside}");
            assert!(Endpoint::parse(inside, true).is_ok(), "{inside}");
        }
        for wrong in
            ["", "hooks.slack.com", "ftp://a.example/", "http://", "https:///x", "file:///etc/passwd"]
        {
            let parsed = Endpoint::parse(wrong, false);
            assert!(parsed.is_err() || parsed.is_ok_and(|of| of.place() == "x"), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_shows_its_host_alone() {
        let url = "https://u:pw@hooks.slack.com:8443/services/T0/B0/s3cret?k=v";
        let endpoint = Endpoint::parse(url, false).unwrap();
        assert_eq!(format!("{endpoint:?}"), "Endpoint(hooks.slack.com:8443)");
        assert_eq!(endpoint.secrets().collect::<Vec<_>>(), ["/services/T0/B0/s3cret", "k=v", "pw"]);
        let base = Endpoint::parse("http://am.example/prefix/", false).unwrap();
        assert_eq!(base.route("/api/v2/alerts").as_str(), "http://am.example/prefix/api/v2/alerts");
        let whole = Endpoint::parse("https://events.eu.pagerduty.com/v2/enqueue", false).unwrap();
        assert_eq!(whole.route("/v2/enqueue").as_str(), "https://events.eu.pagerduty.com/v2/enqueue");
    }
}
