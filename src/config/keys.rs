//! The settings by name: the one list that flags, variables, the file and `--help` come from.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The environment variable.
    pub variable: &'static str,
    /// Whether it is a secret: those have no flag, since other users of a machine can read a program's flags.
    pub secret: bool,
    /// What it is for, with its default.
    pub help: &'static str,
}

impl Key {
    /// The key in `logmend.toml`: the variable in lower case, without `logmend_`.
    #[must_use]
    pub fn file_key(&self) -> String {
        let lower = self.variable.to_ascii_lowercase();
        lower.strip_prefix("logmend_").map_or(lower.clone(), str::to_owned)
    }

    /// The flag's long name: the key with dashes.
    #[must_use]
    pub fn flag(&self) -> String {
        self.file_key().replace('_', "-")
    }
}

const fn key(variable: &'static str, help: &'static str) -> Key {
    Key { variable, secret: false, help }
}

const fn secret(variable: &'static str, help: &'static str) -> Key {
    Key { variable, secret: true, help }
}

/// Every setting there is.
pub const KEYS: &[Key] = &[
    secret("ANTHROPIC_API_KEY", "Claude's key; without it no fixes are written"),
    key("ANTHROPIC_BASE_URL", "Claude's API [default: https://api.anthropic.com]"),
    key("ANTHROPIC_MODEL", "the model that writes fixes [default: claude-opus-5-5]"),
    secret("GITHUB_TOKEN", "GitHub's token; without it no pull requests are opened"),
    key("GITHUB_API_URL", "GitHub's API [default: https://api.github.com]"),
    key("GITHUB_REPOSITORY", "the services' repository, owner/name"),
    key("GITHUB_BASE_BRANCH", "the branch that fixes are for [default: the repository's default branch]"),
    key("ERROR_MONITORING_ENABLED", "false: accept and count nothing [default: true]"),
    key("AUTO_FIX_ENABLED", "false: detect and store alone [default: true]"),
    key("ERROR_MONITOR_INTERVAL", "the window in seconds, 1 to 3600 [default: 300]"),
    key("DATABASE_URL", "the store [default: sqlite://logmend.db]"),
    key("REDIS_URL", "a lock for several replicas; no effect in this version"),
    key("LOKI_ENABLED", "read back from Loki; not in this version [default: false]"),
    key("LOKI_QUERY_URL", "Loki's address; no effect in this version"),
    key("PORT", "the API's port; where it is set listeners bind [::] [default: 8080]"),
    key("LOGMEND_GRPC_ADDR", "where OTLP/gRPC listens [default: 127.0.0.1:4317]"),
    key("LOGMEND_HTTP_ADDR", "where OTLP/HTTP listens; no effect in this version"),
    key("LOGMEND_API_ADDR", "where the API listens [default: 127.0.0.1:8080]"),
    secret("LOGMEND_INGEST_TOKEN", "what exporters must send as a bearer token"),
    secret("LOGMEND_API_TOKEN", "what callers of the API must send as a bearer token"),
    key("LOGMEND_TLS_CERT", "not in this version"),
    key("LOGMEND_TLS_KEY", "not in this version"),
    key("LOGMEND_TLS_CLIENT_CA", "not in this version"),
    key("LOGMEND_FORWARD_ENDPOINT", "not in this version"),
    key("LOGMEND_FORWARD_MODE", "no effect in this version"),
    key("LOGMEND_RULES", "a rules file in place of the built-in catalogue"),
    key("LOGMEND_MAX_FIXES_PER_WINDOW", "fixes begun in one window [default: 1]"),
    key("LOGMEND_MAX_OPEN_PRS", "pull requests that stand open [default: 5]"),
    key("LOGMEND_MAX_PRS_PER_DAY", "pull requests in 24 hours [default: 5]"),
    key("LOGMEND_MAX_USD_PER_FIX", "US dollars for one fix [default: 2]"),
    key("LOGMEND_MAX_USD_PER_DAY", "US dollars in 24 hours [default: 20]"),
    key("LOGMEND_MAX_USD_PER_MONTH", "US dollars in 30 days [default: 200]"),
    key("LOGMEND_MIN_EVENTS", "occurrences before a fix is tried [default: 1]"),
];
