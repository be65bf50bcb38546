//! Headers as `OTEL_EXPORTER_OTLP_HEADERS` spells them: `name=value,name=value`, values percent-encoded.
//!
//! Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter", "Specifying headers via environment variables"
//! (W3C Baggage without its properties).

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::Live;

/// Names that the transports set themselves.
const OURS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers for the next hop, which people may replace while the service runs: clones are of the same ones. Their values are
/// never printed.
#[derive(Debug, Clone, Default)]
pub struct Headers(Live<HeaderMap>);

/// Why headers cannot be read. The message names a header at most, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeaders {
    /// An entry is no `name=value`.
    #[error("entry {0} is no name=value")]
    NoPair(usize),
    /// The name is none that HTTP allows.
    #[error("entry {0} has a name that no header can have")]
    Name(usize),
    /// The name is one that the transport sets.
    #[error("{0} is set by the transport")]
    Ours(HeaderName),
    /// The value holds what no header can, once decoded.
    #[error("the value of {0} is no percent-encoded visible text")]
    Value(HeaderName),
}

impl Headers {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`InvalidHeaders`], for the first entry that is none.
    pub fn parse(text: &str) -> Result<Self, InvalidHeaders> {
        let mut headers = HeaderMap::new();
        for (at, entry) in text.split(',').enumerate().filter(|(_, entry)| !entry.trim().is_empty()) {
            let (name, value) = entry.split_once('=').ok_or(InvalidHeaders::NoPair(at + 1))?;
            let name: HeaderName = name.trim().parse().map_err(|_| InvalidHeaders::Name(at + 1))?;
            if OURS.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
                return Err(InvalidHeaders::Ours(name));
            }
            let decoded = percent_decoded(value.trim());
            let Some(mut value) = decoded.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()) else {
                return Err(InvalidHeaders::Value(name));
            };
            // Neither Debug nor HPACK's table keeps a sensitive value.
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(Self(headers.into()))
    }

    /// As the clients take them, for each call anew.
    pub(super) fn map(&self) -> HeaderMap {
        self.0.get()
    }

    /// Sends from now on what another one holds.
    pub fn follow(&self, other: &Self) {
        self.0.follow(&other.0);
    }
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_values_decoded() {
        let headers = Headers::parse("authorization=Bearer%20a%3Db, x-scope-orgid = tenant1 ,").unwrap();
        assert_eq!(headers.map()["authorization"], "Bearer a=b");
        assert_eq!(headers.map()["x-scope-orgid"], "tenant1");
        assert!(!format!("{headers:?}").contains("tenant1"));
        let holder = headers.clone();
        headers.follow(&Headers::parse("").unwrap());
        assert!(holder.map().is_empty());
    }

    #[test]
    fn what_is_no_header_is_refused_without_its_value() {
        let check = |text: &str, expected: &str| {
            let told = Headers::parse(text).unwrap_err().to_string();
            assert!(told.contains(expected) && !told.contains("s3cret"), "{told}");
        };
        check("a=1,s3cret", "entry 2 is no name=value");
        check("b c=s3cret", "entry 1 has a name");
        check("authorization=s3cret%0aX", "the value of authorization");
        check("authorization=s3cret%2", "the value of authorization");
        check("Content-Type=s3cret", "content-type is set by the transport");
        check("grpc-timeout=s3cret", "grpc-timeout is set by the transport");
    }
}
