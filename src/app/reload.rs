//! Settings that are read again while the service runs: what may change does, for all who hold it; the rest is named.
//!
//! [`Live`] values, and what holds such, are with the rooms; this file has them too and sets them. A setting that is to be
//! taken over in this way is one more name in [`LIVE`], and one more line in [`Reload::take`].

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use tokio::sync::watch;

use super::App;
use super::listeners::open_door_warning;
use crate::classify::{Catalogue, Rules, RulesFile};
use crate::config::{self, Config, Sources, Written};
use crate::forward::Headers;
use crate::github::GitHub;
use crate::model::{Limits, Live, Token, Tokens};
use crate::{claude, triage};

/// The settings that are taken over without a restart.
const LIVE: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "GITHUB_API_URL",
    "GITHUB_TOKEN",
    "GITHUB_APP_ID",
    "GITHUB_APP_PRIVATE_KEY",
    "LOGMEND_GITHUB_ACCOUNTS",
    "LOGMEND_INGEST_TOKEN",
    "LOGMEND_API_TOKEN",
    "LOGMEND_TOKENS",
    "LOGMEND_FORWARD_HEADERS",
    "LOGMEND_RULES",
    "LOGMEND_MAX_FIXES_PER_WINDOW",
    "LOGMEND_MAX_OPEN_PRS",
    "LOGMEND_MAX_OPEN_PRS_PER_REPO",
    "LOGMEND_MAX_PRS_PER_HOUR",
    "LOGMEND_MAX_PRS_PER_DAY",
    "LOGMEND_MAX_USD_PER_FIX",
    "LOGMEND_MAX_USD_PER_DAY",
    "LOGMEND_MAX_USD_PER_MONTH",
    "LOGMEND_MIN_EVENTS",
    "LOGMEND_QUIET_DAYS",
    "LOGMEND_ALERT_RULES",
    "LOGMEND_ALERTS_PER_HOUR",
    "LOGMEND_ALERT_RATE_FACTOR",
];

/// The rules file and what it held when it was taken over.
pub(super) type RulesFrom = (Option<RulesFile>, Catalogue);

/// What of the running service can be set anew.
#[derive(Debug)]
pub(super) struct Reload {
    /// What the service goes by. A std mutex, held while two lists are compared.
    written: Mutex<Written>,
    services: crate::remedy::places::Services,
    api_tokens: Live<Tokens>,
    ingest_token: Token,
    limits: Live<Limits>,
    pub(super) triage: Live<triage::Settings>,
    pub(super) alerts: Live<crate::alerts::Settings>,
    claude: Option<claude::Settings>,
    /// The next hop's endpoint, and what is sent to it.
    forward: Option<(String, Headers)>,
    github: Option<GitHub>,
    opens_pull_requests: bool,
    rules: Rules,
    pub(super) rules_from: Live<RulesFrom>,
    /// Why changed settings are not used; `None` where those of the file are.
    told: watch::Sender<Option<String>>,
}

/// What came of one reading.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    changed: Vec<&'static str>,
    needs_restart: Vec<&'static str>,
}

impl Reload {
    /// Over what `config` set up; `rules` and `github` are those in use.
    pub(super) fn of(
        config: &Config,
        rules: Rules,
        github: Option<GitHub>,
        api_tokens: Live<Tokens>,
        told: watch::Sender<Option<String>>,
    ) -> Self {
        Self {
            written: Mutex::new(config.written.clone()),
            services: config.remedy.services.clone(),
            api_tokens,
            ingest_token: config.ingest.token.clone(),
            limits: config.triage.limits.clone(),
            triage: config.triage.clone().into(),
            alerts: config.alerts.clone().into(),
            claude: config.claude.clone(),
            forward: config.forward.as_ref().map(|hop| (hop.endpoint.clone(), hop.headers.clone())),
            github,
            opens_pull_requests: config.github.may_write(),
            rules,
            rules_from: (config.rules_file.clone(), config.catalogue.clone()).into(),
            told,
        }
    }

    /// Takes over what may change. Nothing is taken where anything of it cannot be used.
    fn take(&self, newer: &Config) -> anyhow::Result<Taken> {
        let github = self.github_of(newer)?;
        self.rules.set_catalogue(newer.catalogue.clone())?;
        if let (Some(known), Some(newer)) = (&self.github, &github) {
            known.follow(newer);
        }
        let are_tokens_new = self.take_tokens(newer);
        self.alerts.set(newer.alerts.clone());
        self.take_budgets(newer);
        let mut taken = self.take_names(newer);
        if are_tokens_new {
            taken.changed.push("who is let into the API");
        }
        let rules_from = (newer.rules_file.clone(), newer.catalogue.clone());
        if self.rules_from.with(|from| *from != rules_from) {
            self.rules_from.set(rules_from);
            taken.changed.push("the rules");
        }
        if self.services != newer.remedy.services {
            taken.needs_restart.push("what is said of single services ([services.NAME])");
        }
        Ok(taken)
    }

    /// A client as the newer settings say, where there is one that may follow it.
    fn github_of(&self, newer: &Config) -> anyhow::Result<Option<GitHub>> {
        let follows = self.github.is_some() && self.opens_pull_requests == newer.github.may_write();
        Ok(if follows { Some(GitHub::new(&newer.github)?) } else { None })
    }

    /// Whether other tokens let callers into the API than before.
    fn take_tokens(&self, newer: &Config) -> bool {
        let tokens = newer.api.known_tokens();
        let is_same = self.api_tokens.with(|known| known.iter().eq(tokens.iter()));
        // Those who listen to events are sent away where they change.
        if !is_same {
            self.api_tokens.set(tokens);
        }
        self.ingest_token.follow(&newer.ingest.token);
        if let Some((own, newer)) = self.same_claude(newer) {
            own.follow(newer);
        }
        if let Some((own, newer)) = self.same_next_hop(newer) {
            own.follow(newer);
        }
        !is_same
    }

    /// The keys of Claude's API, where both are for one address: what is meant for another must not be told to this one.
    fn same_claude<'c>(
        &'c self,
        newer: &'c Config,
    ) -> Option<(&'c Live<SecretString>, &'c Live<SecretString>)> {
        let (own, newer) = (self.claude.as_ref()?, newer.claude.as_ref()?);
        (own.base_url == newer.base_url).then_some((&own.api_key, &newer.api_key))
    }

    /// The headers for the next hop, where both are for one endpoint.
    fn same_next_hop<'c>(&'c self, newer: &'c Config) -> Option<(&'c Headers, &'c Headers)> {
        let ((endpoint, headers), newer) = (self.forward.as_ref()?, newer.forward.as_ref()?);
        (*endpoint == newer.endpoint).then_some((headers, &newer.headers))
    }

    fn take_budgets(&self, newer: &Config) {
        self.limits.follow(&newer.triage.limits);
        // Whether fixes are written decides which tasks there are.
        let auto_fix = self.triage.with(|settings| settings.auto_fix);
        let limits = self.limits.clone();
        self.triage.set(triage::Settings { auto_fix, limits, ..newer.triage.clone() });
    }

    /// Which settings differ from those that the service goes by, which it does by the former from now on.
    fn take_names(&self, newer: &Config) -> Taken {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let differing = written.differing(&newer.written);
        let (changed, needs_restart): (Vec<_>, Vec<_>) = differing
            .into_iter()
            .partition(|variable| LIVE.contains(variable) && self.can_take(variable, newer));
        written.take_over(&newer.written, &changed);
        Taken { changed, needs_restart }
    }

    /// Whether a part that the setting is of was set up at the start, and still is: tasks come and go with the process alone.
    fn can_take(&self, variable: &str, newer: &Config) -> bool {
        match variable {
            "ANTHROPIC_API_KEY" => self.same_claude(newer).is_some(),
            "LOGMEND_FORWARD_HEADERS" => self.same_next_hop(newer).is_some(),
            "GITHUB_API_URL"
            | "GITHUB_TOKEN"
            | "GITHUB_APP_ID"
            | "GITHUB_APP_PRIVATE_KEY"
            | "LOGMEND_GITHUB_ACCOUNTS" => self.opens_pull_requests == newer.github.may_write(),
            _ => true,
        }
    }
}

impl App {
    /// Watches the rules file that the settings name, and the one that they name after they are read again.
    pub(super) fn start_rules(&self, reload: &Reload, rules: Rules, told: watch::Sender<Option<String>>) {
        let (mut from, stop) = (reload.rules_from.changes(), self.edges_stop.clone());
        self.edge("the watch over the rules file", async move {
            while !stop.is_cancelled() {
                let (file, loaded) = from.borrow_and_update().clone();
                told.send_replace(None);
                let watching = async {
                    match file {
                        Some(file) => {
                            file.keep_fresh(rules.clone(), loaded, told.clone(), stop.clone()).await;
                        }
                        None => stop.cancelled().await,
                    }
                };
                tokio::select! {
                    () = watching => {}
                    // The settings name another file, or what was read of it is another.
                    Ok(()) = from.changed() => {}
                }
            }
            Ok(())
        });
    }

    /// Reads the settings again and takes over what may change, while connections, requests and the open window go on. Where
    /// anything is wrong with them the former ones stay, all of them, and the log and the health say so.
    pub async fn reload(&self, sources: &Sources) {
        let (sources, reload) = (sources.clone(), Arc::clone(&self.reload));
        // Files are read, and an automaton is built, which takes milliseconds.
        let read = tokio::task::spawn_blocking(move || reload.read(&sources)).await;
        // Only where the runtime is on its way down, or by a defect.
        if let Err(error) = read {
            tracing::error!("the settings were not read again: {error}");
        }
    }
}

impl Reload {
    fn read(&self, sources: &Sources) {
        let taken = config::load(sources).map_err(anyhow::Error::from);
        match taken.and_then(|config| Ok((self.take(&config)?, config))) {
            Ok((taken, config)) => self.tell_taken(&taken, &config),
            Err(error) => self.tell_refused(&format!("{error:#}")),
        }
    }

    fn tell_refused(&self, faults: &str) {
        for fault in faults.lines() {
            tracing::warn!("the changed settings are not used, the former ones stay: {fault}");
        }
        let first = faults.lines().next().unwrap_or_default();
        self.told.send_replace(Some(format!("the changed settings are not used: {first}")));
    }

    fn tell_taken(&self, taken: &Taken, config: &Config) {
        self.told.send_replace(None);
        let changed = if taken.changed.is_empty() { "none".to_owned() } else { taken.changed.join(", ") };
        tracing::info!(
            "the settings and the files that they name were read again; changed settings: {changed}"
        );
        for name in &taken.needs_restart {
            tracing::warn!("{name} differs from what the service runs with, and needs a restart");
        }
        if let Some(warning) = open_door_warning(config) {
            tracing::warn!("{warning}");
        }
    }
}
