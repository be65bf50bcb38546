//! Where the stream goes on to, what of it, and how.

use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretSlice;

use super::Headers;
use crate::model::UnknownName;

/// The next hop.
#[derive(Debug)]
pub struct Settings {
    /// Its URL, `http://` or `https://`.
    pub endpoint: String,
    /// What goes on.
    pub mode: Mode,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Sent with every request: most often a token.
    pub headers: Headers,
    /// Default: none. The next hop is a Collector on the same machine or network in most pipelines, and gzip costs some
    /// 20 ms of a core for each MiB; over the internet it is worth that.
    pub compression: Compression,
    /// How long one request may take, connecting and splitting included. Default: 8 seconds, below the 10 that a whole
    /// request has here and in SDKs, so that the sender gets an answer.
    pub timeout: Duration,
    /// Certificates for an `https://` URL.
    pub tls: Tls,
}

impl Settings {
    /// The default of [`Settings::timeout`].
    pub const TIMEOUT: Duration = Duration::from_secs(8);
}

/// Whom to trust and who we are, in PEM.
#[derive(Debug, Default)]
pub struct Tls {
    /// The authorities that the next hop's certificate is of; the machine's own where `None`.
    pub certificate: Option<Vec<u8>>,
    /// Our certificate and its key, for mutual TLS.
    pub client: Option<(Vec<u8>, SecretSlice<u8>)>,
}

/// What goes on to the next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Every record; those that matched are annotated.
    #[default]
    All,
    /// Only the records that matched, annotated.
    Matched,
    /// Every record, but of each cluster only the first one in each window, and a summary of the others at its end.
    Deduplicated,
}

impl FromStr for Mode {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        one_of(name, "all, matched, deduplicated", &[Self::All, Self::Matched, Self::Deduplicated])
    }
}

/// How the next hop is spoken to; the names are those of `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf bodies.
    Http,
}

impl Protocol {
    /// What a URL says by itself: the specification's port or path of OTLP/HTTP, else gRPC.
    #[must_use]
    pub fn of_endpoint(endpoint: &::http::Uri) -> Self {
        let is_http = endpoint.port_u16() == Some(4318) || endpoint.path().ends_with("/v1/logs");
        if is_http { Self::Http } else { Self::Grpc }
    }
}

impl FromStr for Protocol {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        one_of(name, "grpc, http/protobuf", &[Self::Grpc, Self::Http])
    }
}

/// How request bodies are compressed; the names are those of `OTEL_EXPORTER_OTLP_COMPRESSION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// They are not.
    #[default]
    None,
    /// gzip, which every OTLP receiver takes.
    Gzip,
}

impl FromStr for Compression {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        one_of(name, "none, gzip", &[Self::None, Self::Gzip])
    }
}

/// The value that stands where its name does in `names`.
fn one_of<T: Copy>(name: &str, names: &'static str, values: &[T]) -> Result<T, UnknownName> {
    let given = name.trim().to_ascii_lowercase();
    let found = names.split(", ").zip(values).find(|(known, _)| *known == given);
    found.map(|(_, value)| *value).ok_or_else(|| UnknownName { given: name.to_owned(), allowed: names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_otel() {
        assert_eq!("Deduplicated".parse(), Ok(Mode::Deduplicated));
        assert_eq!("http/protobuf".parse(), Ok(Protocol::Http));
        assert_eq!("gzip".parse(), Ok(Compression::Gzip));
        assert!("http/json".parse::<Protocol>().is_err());
        assert_eq!(
            "some".parse::<Mode>().unwrap_err().to_string(),
            "`some` is not one of all, matched, deduplicated"
        );
    }

    #[test]
    fn the_port_or_the_path_of_http_says_so() {
        let of = |url: &str| Protocol::of_endpoint(&url.parse().unwrap());
        assert_eq!(of("http://collector:4317"), Protocol::Grpc);
        assert_eq!(of("https://collector.example"), Protocol::Grpc);
        assert_eq!(of("http://collector:4318"), Protocol::Http);
        assert_eq!(of("https://collector.example/otlp/v1/logs"), Protocol::Http);
    }
}
