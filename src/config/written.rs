//! The settings as people wrote them: which text each has, and where it comes from.

use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::{KEYS, Key, Reader};

/// What stands in the place of a secret.
const MASK: &str = "********";

/// Where a setting's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// `logmend.toml`.
    File,
    /// Nobody set it.
    Default,
}

/// One setting.
#[derive(Clone)]
pub struct WrittenSetting {
    /// Its names.
    pub key: Key,
    /// Where its value comes from.
    pub source: Source,
    /// Any of them may hold a password that nobody knows of, so that all are kept as secrets are.
    value: Option<SecretString>,
    /// Whether its default is another one than the manual's, which the environment decides.
    is_unusual: bool,
}

impl WrittenSetting {
    /// Its value with what is secret of it masked; `None` where it has none.
    #[must_use]
    pub fn shown(&self) -> Option<Cow<'_, str>> {
        let value = self.value.as_ref()?.expose_secret();
        Some(if self.key.secret { MASK.into() } else { without_password(value) })
    }

    /// Whether [`WrittenSetting::shown`] is not its value.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        let value = self.value.as_ref().map(ExposeSecret::expose_secret);
        self.shown().as_deref() != value
    }

    /// Whether reading it again takes more than leaving it out.
    #[must_use]
    pub fn must_be_written(&self) -> bool {
        self.value.is_some() && (self.source != Source::Default || self.is_unusual)
    }

    fn is_as(&self, other: &Self) -> bool {
        let value = |of: &Self| of.value.as_ref().map(|value| value.expose_secret().to_owned());
        value(self) == value(other)
    }
}

/// All settings in the order of [`KEYS`], and the tables of `logmend.toml`.
#[derive(Clone, Default)]
pub struct Written {
    settings: Vec<WrittenSetting>,
    tables: toml::Table,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("settings", &self.settings.len()).finish_non_exhaustive()
    }
}

impl Written {
    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &[WrittenSetting] {
        &self.settings
    }

    /// The tables `[services.NAME]` and `[[github]]` of `logmend.toml`. The latter may hold tokens.
    #[must_use]
    pub fn tables(&self) -> &toml::Table {
        &self.tables
    }

    /// The variables of the settings that another one has other values for.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.settings.iter().zip(&other.settings);
        pairs.filter(|(own, other)| !own.is_as(other)).map(|(own, _)| own.key.variable).collect()
    }

    /// Takes over these settings as another one has them.
    pub fn take_over(&mut self, other: &Self, variables: &[&str]) {
        for (own, other) in self.settings.iter_mut().zip(&other.settings) {
            if variables.contains(&own.key.variable) {
                own.clone_from(other);
            }
        }
    }
}

impl Reader<'_> {
    /// What was read, after all of it was asked for.
    pub(super) fn written(&self) -> Written {
        let settings = KEYS.iter().map(|key| self.setting(*key)).collect();
        Written { settings, tables: self.tables.clone() }
    }

    fn setting(&self, key: Key) -> WrittenSetting {
        let text = self.text(key.variable).map(|(text, _)| SecretString::from(text));
        let source = match &text {
            None => Source::Default,
            Some(_) if self.sources.flags.contains_key(key.variable) => Source::Flag,
            Some(_) if self.sources.environment.contains_key(key.variable) => Source::Environment,
            Some(_) => Source::File,
        };
        let (used, usual) = (self.defaults.get(key.variable).map(String::as_str), key.default());
        let default = used.or(usual).map(SecretString::from);
        let is_unusual = source == Source::Default && used.is_some() && used != usual;
        WrittenSetting { key, source, value: text.or(default), is_unusual }
    }
}

/// A URL without its password, wherever that stands; any other text as it is. What is in doubt is taken for the password.
fn without_password(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let mut shown = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:{MASK}@{host}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    };
    if let Some(at) = shown.to_ascii_lowercase().find("password=") {
        let value = at + "password=".len();
        let end = shown[value..].find('&').map_or(shown.len(), |end| value + end);
        shown.replace_range(value..end, MASK);
    }
    if shown == text { text.into() } else { shown.into() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Sources, load};

    fn config(environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Config {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let flags: BTreeMap<_, _> = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let environment = environment.iter().map(owned).collect();
        load(&Sources { environment, flags, file: None }).unwrap()
    }

    fn of<'w>(written: &'w Written, variable: &str) -> &'w WrittenSetting {
        written.settings.iter().find(|setting| setting.key.variable == variable).unwrap()
    }

    #[test]
    fn each_value_says_where_it_comes_from_and_hides_what_is_secret() {
        let environment = [
            ("LOGMEND_MIN_EVENTS", "3"),
            ("ANTHROPIC_API_KEY", "sk-ant-s3cret"),
            ("DATABASE_URL", "postgres://me:s3cr@t/x@db:5432/logmend?sslmode=require"),
            ("PORT", "9000"),
        ];
        let written = config(&environment, &[("ERROR_MONITOR_INTERVAL", "60")]).written;
        let shown = |variable: &str| {
            let setting = of(&written, variable);
            (setting.shown().map(Cow::into_owned), setting.source, setting.must_be_written())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(shown("LOGMEND_MIN_EVENTS"), (some("3"), Source::Environment, true));
        assert_eq!(shown("ERROR_MONITOR_INTERVAL"), (some("60"), Source::Flag, true));
        assert_eq!(shown("ANTHROPIC_API_KEY"), (some(MASK), Source::Environment, true));
        assert_eq!(shown("LOGMEND_MAX_OPEN_PRS"), (some("5"), Source::Default, false));
        assert_eq!(shown("LOGMEND_GRPC_ADDR"), (some("[::]:4317"), Source::Default, true));
        assert_eq!(shown("GITHUB_APP_ID"), (None, Source::Default, false));
        let database = of(&written, "DATABASE_URL");
        assert_eq!(
            database.shown().unwrap(),
            format!("postgres://me:{MASK}@db:5432/logmend?sslmode=require")
        );
        assert!(database.is_masked() && !of(&written, "LOGMEND_MIN_EVENTS").is_masked());
        assert!(!format!("{written:?}").contains("s3cr"));
    }

    #[test]
    fn passwords_in_urls_are_masked() {
        for (text, expected) in [
            ("sqlite://a.db", "sqlite://a.db".to_owned()),
            ("postgres://me@db/x", "postgres://me@db/x".to_owned()),
            ("postgres://me:p:w@db/x", format!("postgres://me:{MASK}@db/x")),
            (
                "postgres://db/x?user=me&Password=pw&a=b",
                format!("postgres://db/x?user=me&Password={MASK}&a=b"),
            ),
            ("no url: a@b", "no url: a@b".to_owned()),
        ] {
            assert_eq!(without_password(text), expected);
        }
    }

    /// The manual's defaults are those that are used.
    #[test]
    fn what_help_says_of_defaults_is_true() {
        let on = [
            ("LOGMEND_FORWARD_ENDPOINT", "http://collector:4317"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
            ("LOKI_ENABLED", "true"),
            ("LOKI_QUERY_URL", "http://loki:3100"),
        ];
        for setting in config(&on, &[]).written.settings {
            assert!(!setting.is_unusual, "{}: {:?}", setting.key.variable, setting.shown());
        }
    }

    #[test]
    fn what_differs_is_named_and_can_be_taken_over() {
        let mut one = config(&[("LOGMEND_MIN_EVENTS", "3")], &[]).written;
        let other = config(&[("LOGMEND_API_TOKEN", "t"), ("LOGMEND_MAX_OPEN_PRS", "5")], &[]).written;
        assert_eq!(one.differing(&other), ["LOGMEND_API_TOKEN", "LOGMEND_MIN_EVENTS"]);
        one.take_over(&other, &["LOGMEND_API_TOKEN"]);
        assert_eq!(one.differing(&other), ["LOGMEND_MIN_EVENTS"]);
    }
}
