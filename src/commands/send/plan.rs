//! What is asked for: the flags of `logmend send`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Command, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::super::lines::is_stdin;
/// Records of a request where nobody says otherwise: what the Collector's batches are set to in `otel-collector.yaml`.
const BATCH: u32 = 1_000;

/// With a rate, requests go out at least so many times a second unless `--batch` says otherwise: one large request
/// a minute would tell nothing about a receiver's latency.
const REQUESTS_PER_SECOND_MIN: u64 = 10;

/// How records travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// OTLP/gRPC
    #[value(name = "grpc")]
    Grpc,
    /// OTLP/HTTP with protobuf bodies
    #[value(name = "http/protobuf")]
    HttpProtobuf,
    /// OTLP/HTTP with JSON bodies
    #[value(name = "http/json")]
    HttpJson,
}

impl Protocol {
    /// The name as flags and the report write it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
        }
    }
}

/// How bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Compression {
    /// As they are
    None,
    /// What every OTLP receiver takes
    Gzip,
    /// What logmend and Collectors take besides
    Zstd,
}

impl Compression {
    /// The name in `grpc-encoding` and `Content-Encoding`; `None` where nothing is said.
    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// What a file's lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// By the first line that is not empty
    Auto,
    /// Text; a stack trace stays with the line before it
    Lines,
    /// A JSON object a line
    Json,
    /// An OTLP/JSON export request a line, as the Collector's file exporter writes
    Otlp,
}

/// What `logmend send` is asked to do.
#[derive(Debug, Clone, Args)]
pub(super) struct Plan {
    /// Log files, one after the other, also compressed by gzip or zstd, or patterns of their names; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,

    // Not a doc comment: there a URL would be a link.
    #[arg(
        long,
        value_name = "URL",
        help = "The receiver [default: http://127.0.0.1:4317, or :4318 for http/…]; for http/… /v1/logs is added where it is missing"
    )]
    pub(super) endpoint: Option<String>,

    /// How to speak to it
    #[arg(long, value_enum, default_value = "grpc")]
    pub(super) protocol: Protocol,

    /// How to compress requests
    #[arg(long, value_enum, default_value = "none")]
    pub(super) compression: Compression,

    /// A header of every request, such as "authorization=Bearer TOKEN"; may be repeated
    #[arg(long = "header", value_name = "KEY=VALUE", value_parser = header)]
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,

    /// service.name of the records [default: the file's name without its ending]; OTLP lines keep their own
    #[arg(long, value_name = "NAME")]
    pub(super) service: Option<String>,

    /// What the files' lines are
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) format: Format,

    /// Records a request [default: 1000, or what 100 ms bring with --rate]; an OTLP line stays one request
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub(super) batch: Option<u32>,

    /// Records a second, 0 as fast as they are taken; latency then counts from when a request was due, so that a slow
    /// receiver cannot hide the requests that it delayed
    #[arg(long, value_name = "RECORDS_PER_SECOND", default_value_t = 0)]
    pub(super) rate: u64,

    /// Send the files so many times; no repetition is byte for byte the one before: text lines get the time of sending,
    /// other records keep their time and get a new observed time
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) repeat: u64,

    /// Connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(super) connections: u32,

    /// Requests under way on each connection (HTTP/1.1 takes a socket for each)
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(super) concurrency: u32,

    /// How long to wait for an answer, such as 10s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(super) timeout: Duration,

    /// How often a request is sent again where OTLP allows it, before sending ends
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) retries: u32,
}

/// Where `logmend send` stands on the command line.
pub(in crate::commands) fn command_line() -> Command {
    Plan::augment_args(Command::new("send"))
        .about("Replay log files over OTLP to any receiver, and measure how it answers")
        .after_help(
            "Exit code: 0 when every record was acknowledged; 1 when something was rejected, refused or not acknowledged; \
             130 when interrupted.\nTLS: https:// endpoints are checked against the system's authorities, or those of SSL_CERT_FILE. \
             Proxies are not used.",
        )
}

impl Plan {
    /// Records of one request at most.
    pub(super) fn batch_records(&self) -> usize {
        let batch = self.batch.unwrap_or_else(|| match self.rate {
            0 => BATCH,
            rate => u32::try_from(rate / REQUESTS_PER_SECOND_MIN).unwrap_or(BATCH).clamp(1, BATCH),
        });
        batch as usize
    }

    /// The receiver's address: scheme, host and port, and for HTTP the path.
    ///
    /// # Errors
    ///
    /// Where the endpoint is no URL that this protocol can speak to.
    pub(super) fn target(&self) -> anyhow::Result<Uri> {
        let given = match (&self.endpoint, self.protocol) {
            (Some(endpoint), _) => endpoint.as_str(),
            (None, Protocol::Grpc) => "http://127.0.0.1:4317",
            (None, _) => "http://127.0.0.1:4318",
        };
        let spelled = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        let uri: Uri = spelled.parse().with_context(|| format!("--endpoint: `{given}` is no URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            bail!("--endpoint: `{given}` is no http:// or https:// URL");
        }
        let path = uri.path().trim_end_matches('/');
        match self.protocol {
            Protocol::Grpc if path.is_empty() => Ok(uri),
            Protocol::Grpc => bail!(
                "--endpoint: `{given}` has a path, which gRPC does not take; use --protocol http/protobuf"
            ),
            _ if path.ends_with("/v1/logs") => Ok(uri),
            _ => with_path(&uri, &format!("{path}/v1/logs")),
        }
    }

    /// The headers of every request.
    pub(super) fn header_map(&self) -> HeaderMap {
        self.headers.iter().cloned().collect()
    }

    /// The service that a file's records are of.
    pub(super) fn service_of(&self, file: &Path) -> String {
        let is_compressed = file.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
        let named = if is_compressed { file.file_stem().map(Path::new) } else { Some(file) };
        let stem = named.filter(|_| !is_stdin(file)).and_then(Path::file_stem).map(OsStr::to_string_lossy);
        self.service.clone().or_else(|| stem.map(Into::into)).unwrap_or_else(|| "unknown_service".to_owned())
    }
}

fn with_path(uri: &Uri, path: &str) -> anyhow::Result<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}

fn header(given: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = given.split_once('=').ok_or("it must be KEY=VALUE")?;
    let name = name.trim().parse::<HeaderName>().map_err(|_| "the key cannot be a header's name")?;
    let mut value = value.trim().parse::<HeaderValue>().map_err(|_| "the value cannot stand in a header")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn duration(given: &str) -> Result<Duration, String> {
    let spelled =
        if given.bytes().all(|b| b.is_ascii_digit()) { format!("{given}s") } else { given.to_owned() };
    let time =
        spelled.parse::<jiff::SignedDuration>().map_err(|_| "it must be a time such as 10s or 500ms")?;
    Duration::try_from(time)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "it must be more than 0".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    fn plan(flags: &str) -> Plan {
        let words = std::iter::once("send").chain(flags.split_whitespace());
        Plan::from_arg_matches(&command_line().try_get_matches_from(words).unwrap()).unwrap()
    }

    #[test]
    fn endpoints_are_spelled_out_for_the_protocol() {
        for (flags, expected) in [
            ("f", "http://127.0.0.1:4317/"),
            ("f --protocol http/json", "http://127.0.0.1:4318/v1/logs"),
            ("f --endpoint collector:14317", "http://collector:14317/"),
            ("f --endpoint https://h --protocol http/protobuf", "https://h/v1/logs"),
            ("f --endpoint http://h/otlp/ --protocol http/protobuf", "http://h/otlp/v1/logs"),
            ("f --endpoint http://h/v1/logs --protocol http/protobuf", "http://h/v1/logs"),
        ] {
            assert_eq!(plan(flags).target().unwrap().to_string(), expected, "{flags}");
        }
        for flags in [
            "f --endpoint http://h/v1/logs",
            "f --endpoint ftp://h",
            "f --endpoint http://",
            "f --endpoint a\u{7f}b",
        ] {
            let error = plan(flags).target().unwrap_err().to_string();
            assert!(error.starts_with("--endpoint: "), "{flags}: {error}");
        }
    }

    #[test]
    fn a_slow_rate_sends_small_requests() {
        for (flags, expected) in [
            ("f", 1_000),
            ("f --batch 7", 7),
            ("f --rate 5", 1),
            ("f --rate 500", 50),
            ("f --rate 100000", 1_000),
            ("f --rate 500 --batch 500", 500),
        ] {
            assert_eq!(plan(flags).batch_records(), expected, "{flags}");
        }
    }

    #[test]
    fn services_are_named_after_files() {
        let named = plan("f --service shop");
        for (plan, file, expected) in [
            (&plan("f"), "/var/log/checkout.log", "checkout"),
            (&plan("f"), "checkout", "checkout"),
            (&plan("f"), "/var/log/checkout.log.gz", "checkout"),
            (&plan("f"), "checkout.zst", "checkout"),
            (&plan("-"), "-", "unknown_service"),
            (&named, "/var/log/checkout.log", "shop"),
        ] {
            assert_eq!(plan.service_of(std::path::Path::new(file)), expected);
        }
    }

    #[test]
    fn headers_and_times_are_read_or_refused() {
        let (name, value) = header("Authorization=Bearer a=b").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer a=b"));
        assert!(header("authorization").is_err() && header("a b=c").is_err());
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "soon", "0s", "-1s"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
