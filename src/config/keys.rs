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

    /// The default that the help names; `None` where it names none, or none that could be written.
    #[must_use]
    pub fn default(&self) -> Option<&'static str> {
        let (_, default) = self.help.rsplit_once("[default: ")?;
        // A value is one word, but for a query in braces; else it says in words how the default comes about.
        default.strip_suffix(']').filter(|text| !text.contains(' ') || text.starts_with('{'))
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
    key("GITHUB_APP_ID", "the id of a GitHub App, in place of a token"),
    secret("GITHUB_APP_PRIVATE_KEY", "the App's private key: PEM text, or the path of its file"),
    key(
        "LOGMEND_GITHUB_ACCOUNTS",
        "a TOML file of [[github]] tables: repositories with credentials of their own",
    ),
    key("GITHUB_API_URL", "GitHub's API [default: https://api.github.com]"),
    key("GITHUB_REPOSITORY", "the services' repository, owner/name"),
    key("GITHUB_BASE_BRANCH", "the branch that fixes are for [default: the repository's default branch]"),
    key(
        "LOGMEND_SERVICES",
        "TOML file of [services.NAME] tables: repository, branch, reviewers and more of single services; none by default",
    ),
    secret(
        "GITHUB_WEBHOOK_SECRET",
        "what GitHub signs its events with; without it there is no /webhooks/github",
    ),
    key("ERROR_MONITORING_ENABLED", "false: accept and count nothing [default: true]"),
    key("AUTO_FIX_ENABLED", "false: detect and store alone [default: true]"),
    key("ERROR_MONITOR_INTERVAL", "the window in seconds, 1 to 3600 [default: 300]"),
    key("DATABASE_URL", "the store [default: sqlite://logmend.db]"),
    secret("REDIS_URL", "a lock that spares several replicas work"),
    key("LOGMEND_LEADER_TERM", "seconds until another replica leads after a crash, 3 to 300 [default: 15]"),
    key("LOGMEND_KEEP_WINDOWS_DAYS", "for how long windows and errors are kept, 1 to 3650 [default: 30]"),
    key("LOGMEND_KEEP_SAMPLES_DAYS", "for how long examples are kept, 1 to 3650 [default: 7]"),
    key("LOGMEND_KEEP_AUDIT_DAYS", "for how long the audit trail is kept, 1 to 3650 [default: 365]"),
    key("LOGMEND_KEEP_DIGESTS_SECS", "for how long a counted request is known, 60 to 86400 [default: 600]"),
    key("LOKI_ENABLED", "true: read from Loki what was missed, and lines around an error [default: false]"),
    key("LOKI_QUERY_URL", "Loki's address, such as http://loki:3100"),
    key("LOKI_TENANT", "Loki's tenant, for X-Scope-OrgID; none by default"),
    secret("LOKI_TOKEN", "the bearer token that Loki's gateway asks for; none by default"),
    key("LOKI_QUERY", r#"the LogQL query of the logs that are read [default: {service_name=~".+"}]"#),
    key("PORT", "the API's port; where it is set listeners bind [::] [default: 8080]"),
    key("LOGMEND_GRPC_ADDR", "where OTLP/gRPC listens [default: 127.0.0.1:4317]"),
    key("LOGMEND_HTTP_ADDR", "where OTLP/HTTP listens [default: 127.0.0.1:4318]"),
    key("LOGMEND_API_ADDR", "where the API listens [default: 127.0.0.1:8080]"),
    secret("LOGMEND_INGEST_TOKEN", "what exporters must send as a bearer token"),
    secret("LOGMEND_API_TOKEN", "what callers of the API must send as a bearer token"),
    secret(
        "LOGMEND_TOKENS",
        "more tokens, NAME:SCOPE:SHA256 with a comma between two, as `logmend token` shows; [tokens.NAME] tables in the file",
    ),
    key("LOGMEND_TLS_CERT", "PEM file of the OTLP listeners' certificate; plain text without it"),
    key("LOGMEND_TLS_KEY", "PEM file of its private key"),
    key("LOGMEND_TLS_CLIENT_CA", "PEM file of the authorities whose certificates exporters must present"),
    key("LOGMEND_MAX_REQUEST_BYTES", "the longest request, also decompressed [default: 16777216]"),
    key("LOGMEND_MAX_IN_FLIGHT_BYTES", "bytes of all requests in hand [default: 67108864]"),
    key("LOGMEND_MAX_RECORDS", "log records in one request [default: 50000]"),
    key("LOGMEND_MAX_ATTRIBUTES", "attributes and list elements in one request [default: 500000]"),
    key("LOGMEND_MAX_DEPTH", "how deep values nest before they are cut [default: 64]"),
    key("LOGMEND_MAX_STREAMS", "concurrent calls on one connection [default: 128]"),
    key("LOGMEND_MAX_CONNECTIONS", "connections of one listener [default: 1024]"),
    key("LOGMEND_HEADER_TIMEOUT", "seconds for a request's head [default: 10]"),
    key("LOGMEND_BODY_TIMEOUT", "seconds for a request's body [default: 30]"),
    key("LOGMEND_IDLE_TIMEOUT", "seconds that a connection may rest [default: 60]"),
    key("LOGMEND_HANDLER_TIMEOUT", "seconds for the work on a request [default: 10]"),
    key(
        "LOGMEND_MAX_CLUSTERS_PER_WINDOW",
        "errors that one window keeps apart, 100 to 1000000; more are counted by service and category [default: 10000]",
    ),
    key("LOGMEND_KEPT_ATTRIBUTES", "attributes kept of an example [default: 128]"),
    key("LOGMEND_KEPT_VALUE_BYTES", "bytes kept of an attribute's value [default: 4096]"),
    key("LOGMEND_KEPT_BODY_BYTES", "bytes kept of an example's body [default: 16384]"),
    key("LOGMEND_KEPT_FRAMES", "frames kept of a stack trace [default: 64]"),
    key("LOGMEND_FORWARD_ENDPOINT", "the next hop's URL; without it the stream ends here"),
    key("LOGMEND_FORWARD_MODE", "what goes on: all, matched or deduplicated [default: all]"),
    key("LOGMEND_FORWARD_PROTOCOL", "grpc or http/protobuf [default: as port and path of the URL say]"),
    secret("LOGMEND_FORWARD_HEADERS", "headers for the next hop: name=value,name=value, percent-encoded"),
    key("LOGMEND_FORWARD_COMPRESSION", "none or gzip [default: none]"),
    key("LOGMEND_FORWARD_TIMEOUT", "milliseconds that the next hop has for a request [default: 8000]"),
    key("LOGMEND_FORWARD_CERTIFICATE", "PEM file of the authorities that the next hop's certificate is of"),
    key("LOGMEND_FORWARD_CLIENT_CERTIFICATE", "PEM file of our certificate for the next hop"),
    key("LOGMEND_FORWARD_CLIENT_KEY", "PEM file of its private key"),
    key("LOGMEND_RULES", "a rules file in place of the built-in catalogue, read again when it changes"),
    key("LOGMEND_LEARN", "rules for unknown errors: off, propose or auto [default: propose]"),
    key("LOGMEND_MAX_FIXES_PER_WINDOW", "fixes begun in one window [default: 1]"),
    key("LOGMEND_MAX_OPEN_PRS", "pull requests that stand open [default: 5]"),
    key("LOGMEND_MAX_OPEN_PRS_PER_REPO", "pull requests that stand open in one repository [default: 5]"),
    key("LOGMEND_MAX_PRS_PER_HOUR", "pull requests in an hour [default: 2]"),
    key("LOGMEND_MAX_PRS_PER_DAY", "pull requests in 24 hours [default: 5]"),
    key("LOGMEND_MAX_USD_PER_FIX", "US dollars for one fix [default: 2]"),
    key("LOGMEND_MAX_USD_PER_DAY", "US dollars in 24 hours [default: 20]"),
    key("LOGMEND_MAX_USD_PER_MONTH", "US dollars in 30 days [default: 200]"),
    key("LOGMEND_MIN_EVENTS", "occurrences before a fix is tried [default: 1]"),
    key("LOGMEND_QUIET_DAYS", "days without its error before a merged change is said to hold [default: 7]"),
    key(
        "LOGMEND_FIX_WATCH_SECS",
        "seconds of silence after a change's deployment until its error counts as fixed, 1 to 2592000 [default: 86400]",
    ),
    secret("LOGMEND_SLACK_WEBHOOK_URL", "a Slack incoming webhook that is alerted; none by default"),
    secret("LOGMEND_WEBHOOK_URL", "a webhook of your own that is alerted; none by default"),
    secret("LOGMEND_WEBHOOK_SECRET", "what its requests are signed with"),
    secret(
        "LOGMEND_PAGERDUTY_ROUTING_KEY",
        "the key of a PagerDuty integration that is alerted; none by default",
    ),
    key("LOGMEND_PAGERDUTY_URL", "PagerDuty's Events API [default: https://events.pagerduty.com]"),
    secret("LOGMEND_ALERTMANAGER_URL", "an Alertmanager that is alerted, such as http://alertmanager:9093"),
    key(
        "LOGMEND_ALERT_RULES",
        "what is told [default: new,regressed,rate,fix_opened,fix_merged,fix_failed,budget,refusing]",
    ),
    key("LOGMEND_ALERTS_PER_HOUR", "alerts in an hour, 1 to 1000; others come in a digest [default: 20]"),
    key("LOGMEND_ALERT_RATE_FACTOR", "times as often as usual that an error comes, 2 to 1000 [default: 10]"),
    key("LOGMEND_ALERT_ALLOW_PRIVATE", "true: targets may be in private networks [default: false]"),
    key("OTEL_EXPORTER_OTLP_ENDPOINT", "who takes logmend's own logs, metrics and traces; off when unset"),
    key("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "who takes the logs, where it is another; the whole URL"),
    key("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "who takes the metrics, where it is another; the whole URL"),
    key("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "who takes the traces, where it is another; the whole URL"),
    key(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "grpc or http/protobuf [default: grpc on port 4317, else http/protobuf]",
    ),
    key("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "the same, for the logs"),
    key("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "the same, for the metrics"),
    key("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "the same, for the traces"),
    secret("OTEL_EXPORTER_OTLP_HEADERS", "headers of logmend's own telemetry: name=value,name=value"),
    secret("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "the same, for the logs"),
    secret("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "the same, for the metrics"),
    secret("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "the same, for the traces"),
    key("OTEL_EXPORTER_OTLP_TIMEOUT", "milliseconds that one export may take [default: 10000]"),
    key("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "the same, for the logs"),
    key("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "the same, for the metrics"),
    key("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "the same, for the traces"),
    key("OTEL_METRIC_EXPORT_INTERVAL", "milliseconds between two exports of metrics [default: 60000]"),
    key("OTEL_SERVICE_NAME", "the service.name of logmend's own telemetry [default: logmend]"),
    key("OTEL_RESOURCE_ATTRIBUTES", "more attributes of its resource: name=value,name=value"),
    key("OTEL_SDK_DISABLED", "true: none of logmend's own telemetry is sent [default: false]"),
];
