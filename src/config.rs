//! Settings: gathered from flags, the environment and `logmend.toml`, checked together, handed to the rooms.
//!
//! Precedence: flag, environment, file, default. Every fault is told at once, each with its key and the mend.
//! Nothing else reads the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::classify::{Catalogue, RulesFile};
use crate::github::RepoName;
use crate::model::{Limits, Token};
use crate::remedy;
use crate::window::Alignment;
use crate::{api, claude, triage};

mod alerts;
mod follow;
mod forward;
mod github;
mod ingest;
mod keys;
mod learn;
mod loki;
mod services;
mod store;
mod telemetry;
mod tokens;
mod written;

pub use keys::{KEYS, Key};
pub use written::{Source, Written, WrittenSetting};

/// Everything that the service is set up with.
#[derive(Debug)]
pub struct Config {
    /// The receivers.
    pub ingest: crate::ingest::Settings,
    /// How much is kept of a matched record.
    pub kept: crate::pipeline::KeptLimits,
    /// How many clusters one window keeps apart; what is past it is counted by service and category.
    pub clusters_per_window_max: usize,
    /// The next hop; `None` where the stream ends here.
    pub forward: Option<crate::forward::Settings>,
    /// The HTTP API.
    pub api: api::Settings,
    /// The store.
    pub store: crate::store::Settings,
    /// How long it keeps what.
    pub retention: crate::store::Retention,
    /// The lock of several replicas.
    pub redis: Option<SecretString>,
    /// For how long one of several replicas leads at a time.
    pub leader_term: Duration,
    /// The rules.
    pub catalogue: Catalogue,
    /// Where they come from and are read again; `None` where they are the built-in ones.
    pub rules_file: Option<RulesFile>,
    /// Windows.
    pub alignment: Alignment,
    /// False: accept and count nothing.
    pub monitoring: bool,
    /// Budgets.
    pub triage: triage::Settings,
    /// Claude; `None` without a key.
    pub claude: Option<claude::Settings>,
    /// GitHub.
    pub github: crate::github::Settings,
    /// What GitHub signs its events with; `None` where it sends none.
    pub webhook_secret: Option<SecretString>,
    /// What is done about errors that no rule knows; off where nobody can be asked.
    pub learn: crate::learn::Mode,
    /// Loki; `None` where nothing is read from there.
    pub loki: Option<crate::loki::Settings>,
    /// Fixes.
    pub remedy: remedy::Settings,
    /// Where logmend's own telemetry goes; `None` where nobody takes it.
    pub telemetry: Option<crate::telemetry::Settings>,
    /// Who is alerted of what.
    pub alerts: crate::alerts::Settings,
    /// What to say once at start.
    pub notes: Vec<String>,
    /// All of it as people wrote it.
    pub written: Written,
}

/// All that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    faults: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.faults.join("\n"))
    }
}

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Flags by key.
    pub flags: BTreeMap<&'static str, String>,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
}

impl Sources {
    /// Flags and file as given, and this process's environment. A value that is not UTF-8 is read lossily.
    #[must_use]
    pub fn of_process(flags: BTreeMap<&'static str, String>, file: Option<PathBuf>) -> Self {
        let environment = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        Self { flags, environment, file }
    }
}

/// Reads and checks all settings.
///
/// # Errors
///
/// [`ConfigError`] with every fault that was found, one sentence a line.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(sources);
    let mut config = reader.config();
    config.written = reader.written();
    if reader.faults.is_empty() { Ok(config) } else { Err(ConfigError { faults: reader.faults }) }
}

/// Where the API of a service with these settings listens, for commands that need nothing else.
///
/// # Errors
///
/// [`ConfigError`] where it cannot be read.
pub fn api_addr(sources: &Sources) -> Result<SocketAddr, ConfigError> {
    let mut reader = Reader::new(sources);
    let addr = reader.api_addr();
    if reader.faults.is_empty() { Ok(addr) } else { Err(ConfigError { faults: reader.faults }) }
}

/// The rules file that is set up, for commands that need nothing else; `None` where the built-in rules are in use.
///
/// # Errors
///
/// [`ConfigError`] where the settings cannot be read as far as that.
pub fn rules_file(sources: &Sources) -> Result<Option<RulesFile>, ConfigError> {
    let reader = Reader::new(sources);
    let file = reader.rules_file().map(|(file, _)| file);
    if reader.faults.is_empty() { Ok(file) } else { Err(ConfigError { faults: reader.faults }) }
}

struct Reader<'s> {
    sources: &'s Sources,
    file: BTreeMap<String, String>,
    /// `[[github]]` of the file.
    github_tables: Vec<github::Table>,
    /// The tables of single services in the file.
    services: Option<toml::Table>,
    /// The tables of the file, as they stand there.
    tables: toml::Table,
    /// What settings are that nobody wrote, as far as it was asked for.
    defaults: BTreeMap<&'static str, String>,
    /// The tables of tokens in the file.
    tokens: Option<toml::Table>,
    faults: Vec<String>,
    notes: Vec<String>,
}

impl<'s> Reader<'s> {
    fn new(sources: &'s Sources) -> Self {
        let mut reader = Self {
            sources,
            file: BTreeMap::new(),
            github_tables: Vec::new(),
            services: None,
            tables: toml::Table::new(),
            defaults: BTreeMap::new(),
            tokens: None,
            faults: Vec::new(),
            notes: Vec::new(),
        };
        if let Some(path) = &sources.file {
            reader.read_file(path);
        }
        reader.refuse_unknown_variables();
        reader
    }

    fn read_file(&mut self, path: &Path) {
        let name = path.display();
        let table = match std::fs::read_to_string(path) {
            Err(error) => {
                return self
                    .faults
                    .push(format!("--config: cannot read {name}: {error}; name a file that exists"));
            }
            Ok(text) => match text.parse::<toml::Table>() {
                Err(error) => {
                    return self.faults.push(format!("{name} is no TOML: {}", toml_fault(&text, &error)));
                }
                Ok(table) => table,
            },
        };
        for (key, value) in table {
            if key == github::TABLES || value.is_table() {
                self.tables.insert(key.clone(), value.clone());
            }
            if key == github::TABLES {
                match github::tables(&name.to_string(), value) {
                    Ok(tables) => self.github_tables.extend(tables),
                    Err(fault) => self.faults.push(fault),
                }
                continue;
            }
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
                    value.to_string()
                }
                toml::Value::Table(services) if key == services::KEY => {
                    self.services = Some(services);
                    continue;
                }
                toml::Value::Table(tokens) if key == tokens::KEY => {
                    self.tokens = Some(tokens);
                    continue;
                }
                _ => {
                    self.faults.push(format!("{name}: {key} must be a text, a number or true or false"));
                    continue;
                }
            };
            if KEYS.iter().any(|known| known.file_key() == key) {
                self.file.insert(key, value);
            } else {
                let hint = similar_name(&key, KEYS.iter().map(Key::file_key));
                self.faults.push(format!("{name}: there is no setting {key}{hint}"));
            }
        }
    }

    /// A misspelt variable of ours must not pass in silence; other programs' variables are none of our business.
    fn refuse_unknown_variables(&mut self) {
        let ours = |name: &str| name.starts_with("LOGMEND_") || name.starts_with("ERROR_MONITOR");
        let known: BTreeSet<_> = KEYS.iter().map(|key| key.variable).collect();
        for name in self.sources.environment.keys().filter(|name| ours(name)) {
            if !known.contains(name.as_str()) {
                let hint = similar_name(name, known.iter().map(ToString::to_string));
                self.faults.push(format!("{name}: there is no such setting{hint}; unset it"));
            }
        }
    }

    /// The text of a setting and where it came from. An empty variable counts as unset, as shells and platforms leave them.
    fn text(&self, variable: &'static str) -> Option<(String, String)> {
        let key = KEYS.iter().find(|key| key.variable == variable)?;
        let flag = self.sources.flags.get(variable).map(|value| (value, format!("--{}", key.flag())));
        let environment = || self.sources.environment.get(variable).map(|value| (value, variable.to_owned()));
        let file = || self.file.get(&key.file_key()).map(|value| (value, key.file_key()));
        flag.or_else(environment)
            .or_else(file)
            .map(|(value, origin)| (value.trim().to_owned(), origin))
            .filter(|(value, _)| !value.is_empty())
    }

    fn parse<T>(
        &mut self,
        variable: &'static str,
        want: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let (text, origin) = self.text(variable)?;
        let value = read(&text);
        if value.is_none() {
            self.fault(format!("{origin} is `{text}`; it must be {want}"));
        }
        value
    }

    /// Notes a fault; one that several settings share is told once.
    fn fault(&mut self, fault: String) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn typed<T: FromStr>(&mut self, variable: &'static str, want: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let (text, origin) = self.text(variable)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.faults.push(format!("{origin} is `{text}`: {error}; it must be {want}"));
                None
            }
        }
    }

    /// Notes what a setting is where nobody wrote it.
    fn note_default(&mut self, variable: &'static str, default: impl fmt::Display) {
        self.defaults.insert(variable, default.to_string());
    }

    fn flag(&mut self, variable: &'static str, default: bool) -> bool {
        self.note_default(variable, default);
        self.parse(variable, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
        .unwrap_or(default)
    }

    fn whole(&mut self, variable: &'static str, min: u64, max: u64, default: u64) -> u64 {
        self.note_default(variable, default);
        let want = format!("a whole number from {min} to {max}");
        self.parse(variable, &want, |text| text.parse().ok().filter(|n| (min..=max).contains(n)))
            .unwrap_or(default)
    }

    fn dollars(&mut self, variable: &'static str, default: f64) -> f64 {
        self.note_default(variable, default);
        self.parse(variable, "an amount of US dollars from 0 to 100000, such as 2 or 0.50", |text| {
            text.parse().ok().filter(|usd: &f64| (0.0..=100_000.0).contains(usd))
        })
        .unwrap_or(default)
    }

    fn url(&mut self, variable: &'static str, default: &str) -> String {
        self.note_default(variable, default);
        self.parse(variable, "a URL that begins with https:// or http://", |text| {
            let uri: http::Uri = text.parse().ok()?;
            let fits = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
            fits.then(|| text.trim_end_matches('/').to_owned())
        })
        .unwrap_or_else(|| default.to_owned())
    }

    /// A key or token; its value is never told.
    fn secret(&mut self, variable: &'static str) -> Option<SecretString> {
        let (text, origin) = self.text(variable)?;
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Some(SecretString::from(text))
        } else {
            self.faults.push(format!(
                "{origin} holds a character that no key has (a space, a line break or a letter outside ASCII); set it again"
            ));
            None
        }
    }

    fn config(&mut self) -> Config {
        let claude = self.claude();
        let triage = self.triage();
        let repository: Option<RepoName> = self.typed("GITHUB_REPOSITORY", "owner/name, such as acme/shop");
        let github = self.github();
        let services = self.services(repository.is_some());
        let remedy = remedy::Settings {
            repository,
            base_branch: self.text("GITHUB_BASE_BRANCH").map(|(branch, _)| branch),
            services,
            limits: triage.limits.clone(),
            silence: Duration::from_secs(self.whole("LOGMEND_FIX_WATCH_SECS", 1, 2_592_000, 86_400)),
        };
        self.note_what_is_off(claude.is_some(), remedy.has_repository(), github.may_write());
        let monitoring = self.flag("ERROR_MONITORING_ENABLED", true);
        let tokens = self.tokens();
        let (ingest, api_addr) = (self.ingest(&tokens), self.api_addr());
        let listeners = [ingest.grpc_addr, ingest.http_addr, api_addr];
        let store = self.store();
        Config {
            forward: self.forward(monitoring, &listeners),
            ingest,
            kept: self.kept(),
            clusters_per_window_max: self.clusters_per_window_max(),
            api: api::Settings {
                addr: api_addr,
                token: Token::new(self.secret("LOGMEND_API_TOKEN")),
                tokens,
            },
            redis: self.redis(&store),
            leader_term: self.leader_term(),
            store,
            retention: self.retention(),
            catalogue: self.catalogue(),
            rules_file: self.rules_file().map(|(file, _)| file),
            alignment: Alignment::new(Duration::from_secs(self.whole(
                "ERROR_MONITOR_INTERVAL",
                1,
                3_600,
                300,
            ))),
            monitoring,
            learn: self.learn(claude.is_some(), triage.auto_fix),
            claude,
            loki: self.loki(monitoring),
            github,
            webhook_secret: self.webhook_secret(),
            remedy,
            telemetry: self.telemetry(&listeners),
            alerts: self.alerts(),
            triage,
            notes: std::mem::take(&mut self.notes),
            written: Written::default(),
        }
    }

    fn claude(&mut self) -> Option<claude::Settings> {
        let base_url = self.url("ANTHROPIC_BASE_URL", claude::DEFAULT_BASE_URL);
        let model =
            self.text("ANTHROPIC_MODEL").map_or_else(|| claude::DEFAULT_MODEL.to_owned(), |(model, _)| model);
        if !claude::price::is_known(&model) {
            self.faults.push(format!(
                "ANTHROPIC_MODEL is `{model}`, whose price is not known here, so its budget could not be kept; it must be one of {}",
                claude::price::known_models().join(", ")
            ));
        }
        let api_key = self.secret("ANTHROPIC_API_KEY")?;
        Some(claude::Settings { base_url, api_key: api_key.into(), model, tally: Arc::default() })
    }

    fn triage(&mut self) -> triage::Settings {
        let default = triage::Settings::default();
        triage::Settings {
            auto_fix: self.flag("AUTO_FIX_ENABLED", default.auto_fix),
            fixes_per_window_max: u32::try_from(self.whole("LOGMEND_MAX_FIXES_PER_WINDOW", 0, 100, 1))
                .unwrap_or(1),
            limits: self.spending_limits().into(),
            quiet: Duration::from_hours(24 * self.whole("LOGMEND_QUIET_DAYS", 1, 365, 7)),
            occurrences_min: self.whole("LOGMEND_MIN_EVENTS", 1, 1_000_000_000, default.occurrences_min),
        }
    }

    fn spending_limits(&mut self) -> Limits {
        let default = Limits::default();
        let mut count = |variable, default| self.whole(variable, 0, 1_000, default);
        let pull_requests_per_hour = count("LOGMEND_MAX_PRS_PER_HOUR", default.pull_requests_per_hour);
        let pull_requests_per_day = count("LOGMEND_MAX_PRS_PER_DAY", default.pull_requests_per_day);
        let open_pull_requests = count("LOGMEND_MAX_OPEN_PRS", default.open_pull_requests);
        let open_pull_requests_per_repository =
            count("LOGMEND_MAX_OPEN_PRS_PER_REPO", default.open_pull_requests_per_repository);
        Limits {
            usd_per_fix: self.dollars("LOGMEND_MAX_USD_PER_FIX", default.usd_per_fix),
            usd_per_day: self.dollars("LOGMEND_MAX_USD_PER_DAY", default.usd_per_day),
            usd_per_month: self.dollars("LOGMEND_MAX_USD_PER_MONTH", default.usd_per_month),
            pull_requests_per_hour,
            pull_requests_per_day,
            open_pull_requests,
            open_pull_requests_per_repository,
            ..default
        }
    }

    fn catalogue(&mut self) -> Catalogue {
        let Some((file, origin)) = self.rules_file() else { return Catalogue::built_in() };
        file.load().unwrap_or_else(|faults| {
            let path = file.path().display();
            self.faults
                .extend(faults.lines().map(|fault| format!("{origin}: the rules file {path}: {fault}")));
            Catalogue::built_in()
        })
    }

    fn rules_file(&self) -> Option<(RulesFile, String)> {
        self.text("LOGMEND_RULES").map(|(path, origin)| (RulesFile::at(path), origin))
    }

    /// `PORT` is how platforms say where the public port is: with it listeners are reachable from outside.
    fn addr(&mut self, variable: &'static str, default: SocketAddr) -> SocketAddr {
        let given =
            self.parse(variable, "an address and port, such as 127.0.0.1:4317 or [::]:4317", |text| {
                text.parse().ok()
            });
        let on_platform = self.sources.environment.contains_key("PORT");
        let ip = if on_platform { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { default.ip() };
        let default = SocketAddr::new(ip, default.port());
        self.note_default(variable, default);
        given.unwrap_or(default)
    }

    fn api_addr(&mut self) -> SocketAddr {
        let default = api::Settings::default().addr;
        let port = self.whole("PORT", 0, 65_535, u64::from(default.port()));
        let default = SocketAddr::new(default.ip(), u16::try_from(port).unwrap_or(default.port()));
        self.addr("LOGMEND_API_ADDR", default)
    }

    fn note_what_is_off(&mut self, claude: bool, repository: bool, token: bool) {
        if !claude {
            self.notes
                .push("ANTHROPIC_API_KEY is not set: errors are detected, no fixes are written".to_owned());
        } else if !repository {
            self.notes.push("GITHUB_REPOSITORY is not set: there is no source to write fixes for, errors are detected alone".to_owned());
        } else if !token {
            self.notes.push(
                "GITHUB_TOKEN is not set, nor is a GitHub App: fixes are stored, no pull requests are opened"
                    .to_owned(),
            );
        }
    }
}

/// What is wrong with a TOML file, and where. The parser's own words show the line, which may hold a secret.
fn toml_fault(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", 1 + before.matches('\n').count(), error.message())
}

/// `; did you mean X?` where a known name is close by.
fn similar_name(given: &str, known: impl Iterator<Item = String>) -> String {
    let given = given.to_ascii_lowercase();
    known
        .map(|name| {
            (similar::TextDiff::from_chars(given.as_str(), name.to_ascii_lowercase().as_str()).ratio(), name)
        })
        .filter(|(ratio, _)| *ratio > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests;
