//! The settings of alerts: who is told, of what, and how often.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use super::Reader;
use crate::alerts::{Destination, Endpoint, Settings};
use crate::model::AlertRule;

const SLACK: &str = "LOGMEND_SLACK_WEBHOOK_URL";
const WEBHOOK: &str = "LOGMEND_WEBHOOK_URL";
const WEBHOOK_SECRET: &str = "LOGMEND_WEBHOOK_SECRET";
const ROUTING_KEY: &str = "LOGMEND_PAGERDUTY_ROUTING_KEY";
const PAGERDUTY: &str = "LOGMEND_PAGERDUTY_URL";
const ALERTMANAGER: &str = "LOGMEND_ALERTMANAGER_URL";
const RULES: &str = "LOGMEND_ALERT_RULES";

/// PagerDuty's own address; accounts in the EU have another.
const PAGERDUTY_DEFAULT: &str = "https://events.pagerduty.com";

impl Reader<'_> {
    /// Alerts; nobody is told where no target is set.
    pub(super) fn alerts(&mut self) -> Settings {
        let default = Settings::default();
        let allow_private = self.flag("LOGMEND_ALERT_ALLOW_PRIVATE", default.allow_private);
        let settings = Settings {
            destinations: self.destinations(allow_private),
            rules: self.alert_rules(&default.rules),
            per_hour: self.whole("LOGMEND_ALERTS_PER_HOUR", 1, 1_000, default.per_hour),
            rate_factor: self.whole("LOGMEND_ALERT_RATE_FACTOR", 2, 1_000, default.rate_factor),
            allow_private,
        };
        if settings.destinations.is_empty()
            && let Some((_, origin)) = self.text(RULES)
        {
            self.notes.push(format!("{origin} has no effect: nobody is set up who is alerted"));
        }
        settings
    }

    fn destinations(&mut self, allow_private: bool) -> Vec<Destination> {
        let slack = self.alert_endpoint(SLACK, allow_private).map(Destination::Slack);
        let webhook = self.webhook(allow_private);
        let pagerduty = self.pagerduty(allow_private);
        let alertmanager = self.alert_endpoint(ALERTMANAGER, allow_private).map(Destination::Alertmanager);
        [slack, webhook, pagerduty, alertmanager].into_iter().flatten().collect()
    }

    /// A URL of a target. It may be a secret: what is wrong with it is told without it.
    fn alert_endpoint(&mut self, variable: &'static str, allow_private: bool) -> Option<Endpoint> {
        let (_, origin) = self.text(variable)?;
        let url = self.secret(variable)?;
        match Endpoint::parse(url.expose_secret(), allow_private) {
            Ok(endpoint) => Some(endpoint),
            Err(error) => {
                self.fault(format!("{origin} {error}"));
                None
            }
        }
    }

    fn webhook(&mut self, allow_private: bool) -> Option<Destination> {
        let (url, secret) = (self.text(WEBHOOK), self.text(WEBHOOK_SECRET));
        if url.is_some() && secret.is_none() {
            self.fault(format!(
                "{WEBHOOK} is set but {WEBHOOK_SECRET} is not; set it to a random text, by which the webhook knows that it is logmend who calls"
            ));
        }
        if url.is_none() && secret.is_some() {
            self.fault(format!(
                "{WEBHOOK_SECRET} is set but {WEBHOOK} is not; set it to where alerts are sent"
            ));
        }
        let (url, secret) = (self.alert_endpoint(WEBHOOK, allow_private), self.secret(WEBHOOK_SECRET));
        Some(Destination::Webhook { url: url?, secret: secret? })
    }

    fn pagerduty(&mut self, allow_private: bool) -> Option<Destination> {
        let routing_key = self.secret(ROUTING_KEY);
        let given = self.text(PAGERDUTY).is_some();
        if given && self.text(ROUTING_KEY).is_none() {
            self.fault(format!(
                "{PAGERDUTY} is set but {ROUTING_KEY} is not; set it to the key of an Events API v2 integration"
            ));
        }
        let routing_key = routing_key?;
        let url = if given {
            self.alert_endpoint(PAGERDUTY, allow_private)?
        } else {
            Endpoint::parse(PAGERDUTY_DEFAULT, allow_private).ok()?
        };
        Some(Destination::PagerDuty { url, routing_key })
    }

    fn alert_rules(&mut self, default: &BTreeSet<AlertRule>) -> BTreeSet<AlertRule> {
        let names: Vec<_> = AlertRule::chosen_from().iter().map(|rule| rule.as_str()).collect();
        let want = format!("names of {}, parted by commas", names.join(", "));
        let read = |name: &str| {
            let rule: AlertRule = name.trim().parse().ok()?;
            AlertRule::chosen_from().contains(&rule).then_some(rule)
        };
        self.parse(RULES, &want, |text| text.split(',').map(read).collect())
            .unwrap_or_else(|| default.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Sources, load};
    use super::*;

    fn config(environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load(&Sources { environment, ..Sources::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn every_target_is_set_up_by_its_variables() {
        let config = config(&[
            (SLACK, "https://hooks.slack.com/services/T0/B0/s3cret"),
            (WEBHOOK, "https://example.com/hook?k=s3cret"),
            (WEBHOOK_SECRET, "s3cret"),
            (ROUTING_KEY, "s3cret"),
            (ALERTMANAGER, "http://10.0.0.9:9093"),
            ("LOGMEND_ALERT_ALLOW_PRIVATE", "true"),
            (RULES, "new, rate"),
            ("LOGMEND_ALERTS_PER_HOUR", "7"),
        ])
        .unwrap();
        let places: Vec<_> = config.alerts.destinations.iter().map(|to| to.endpoint().place()).collect();
        assert_eq!(places, ["hooks.slack.com", "example.com", "events.pagerduty.com", "10.0.0.9:9093"]);
        assert_eq!(config.alerts.rules, [AlertRule::New, AlertRule::Rate].into());
        assert_eq!((config.alerts.per_hour, config.alerts.rate_factor), (7, 10));
        let shown = format!("{config:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_fault_is_told_with_the_mend_and_without_the_secret() {
        for (environment, expected) in [
            (&[(SLACK, "hooks.slack.com/s3cret")][..], "must be a URL that begins with https://"),
            (
                &[(SLACK, "https://127.0.0.1/s3cret")],
                "LOGMEND_SLACK_WEBHOOK_URL leads into a private network",
            ),
            (
                &[(ALERTMANAGER, "http://localhost:9093")],
                "set LOGMEND_ALERT_ALLOW_PRIVATE=true if that is meant",
            ),
            (
                &[(WEBHOOK, "https://a.example/s3cret")],
                "LOGMEND_WEBHOOK_SECRET is not; set it to a random text",
            ),
            (&[(WEBHOOK_SECRET, "s3cret")], "LOGMEND_WEBHOOK_URL is not; set it to where alerts are sent"),
            (&[(PAGERDUTY, "https://events.eu.pagerduty.com")], "LOGMEND_PAGERDUTY_ROUTING_KEY is not"),
            (&[(RULES, "new,old")], "it must be names of new, regressed, rate,"),
            (&[(RULES, "digest")], "it must be names of"),
            (&[("LOGMEND_ALERT_RATE_FACTOR", "1")], "a whole number from 2 to 1000"),
        ] {
            let told = config(environment).unwrap_err();
            assert!(told.contains(expected) && !told.contains("s3cret"), "{told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}
