//! `OTEL_*`: where logmend's own telemetry goes, in the variables that the OpenTelemetry specification gives to every
//! program ("OTLP Exporter", "SDK environment variables"). They are read only where an endpoint is set.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;

use super::Reader;
use crate::telemetry::{self, Peer, Protocol, Settings};

/// The variables of one signal, each of which stands before the general one.
struct Signal {
    endpoint: &'static str,
    protocol: &'static str,
    headers: &'static str,
    timeout: &'static str,
    /// What is added to the general endpoint, over HTTP.
    path: &'static str,
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const LOGS: Signal = Signal {
    endpoint: "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    protocol: "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
    headers: "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
    timeout: "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
    path: "/v1/logs",
};
const METRICS: Signal = Signal {
    endpoint: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    protocol: "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    headers: "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    timeout: "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
    path: "/v1/metrics",
};
const TRACES: Signal = Signal {
    endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    protocol: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    headers: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    timeout: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    path: "/v1/traces",
};

/// The port that the OTLP specification gives to gRPC.
const GRPC_PORT: u16 = 4317;

impl Reader<'_> {
    /// Where logmend's own telemetry goes, and never to one of its own `listeners`.
    pub(super) fn telemetry(&mut self, listeners: &[SocketAddr]) -> Option<Settings> {
        let asked = [ENDPOINT, LOGS.endpoint, METRICS.endpoint, TRACES.endpoint];
        if asked.iter().all(|variable| self.text(variable).is_none()) || self.flag("OTEL_SDK_DISABLED", false)
        {
            return None;
        }
        Some(Settings {
            logs: self.peer(&LOGS, listeners),
            metrics: self.peer(&METRICS, listeners),
            traces: self.peer(&TRACES, listeners),
            service_name: self
                .text("OTEL_SERVICE_NAME")
                .map_or_else(|| "logmend".to_owned(), |(name, _)| name),
            resource_attributes: self.pairs("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default(),
            metrics_interval: Duration::from_millis(self.whole(
                "OTEL_METRIC_EXPORT_INTERVAL",
                1,
                86_400_000,
                60_000,
            )),
        })
    }

    fn peer(&mut self, signal: &Signal, listeners: &[SocketAddr]) -> Option<Peer> {
        let is_general = self.text(signal.endpoint).is_none();
        let variable = if is_general { ENDPOINT } else { signal.endpoint };
        let (base, _) = self.text(variable)?;
        let (host, port) = self.endpoint(variable)?;
        if let Some(listener) = telemetry::own_listener(&host, port, listeners) {
            self.fault(format!(
                "{variable} is `{base}`, which is logmend's own listener on {listener}: it would read its own log for ever; name a Collector or another backend, or unset it"
            ));
            return None;
        }
        let protocol = self.protocol(signal, port);
        let base = base.trim_end_matches('/');
        let endpoint = match protocol {
            Protocol::HttpProtobuf if is_general => format!("{base}{}", signal.path),
            _ => base.to_owned(),
        };
        let headers = self.either(signal.headers, "OTEL_EXPORTER_OTLP_HEADERS");
        let timeout = self.either(signal.timeout, "OTEL_EXPORTER_OTLP_TIMEOUT");
        Some(Peer {
            endpoint,
            protocol,
            headers: self.headers(headers),
            timeout: Duration::from_millis(self.whole(timeout, 1, 600_000, 10_000)),
        })
    }

    /// Host and port of an endpoint. One that holds a password is refused without telling it.
    fn endpoint(&mut self, variable: &'static str) -> Option<(String, u16)> {
        let (text, origin) = self.text(variable)?;
        if text.contains('@') {
            self.fault(format!(
                "{origin} holds a user or a password; take them out and put `authorization=Basic%20…` into OTEL_EXPORTER_OTLP_HEADERS"
            ));
            return None;
        }
        let want = "a URL that begins with http:// or https://, such as http://collector:4317";
        self.parse(variable, want, |text| {
            let uri: http::Uri = text.parse().ok()?;
            let port = match uri.scheme_str() {
                Some("http") => 80,
                Some("https") => 443,
                _ => return None,
            };
            Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(port)))
        })
    }

    /// The specification's default is `http/protobuf`; at gRPC's own port it could only fail.
    fn protocol(&mut self, signal: &Signal, port: u16) -> Protocol {
        let variable = self.either(signal.protocol, "OTEL_EXPORTER_OTLP_PROTOCOL");
        let default = if port == GRPC_PORT { Protocol::Grpc } else { Protocol::HttpProtobuf };
        let given = self.parse(variable, "grpc or http/protobuf", |text| match text {
            "grpc" => Some(Protocol::Grpc),
            "http/protobuf" => Some(Protocol::HttpProtobuf),
            _ => None,
        });
        given.unwrap_or(default)
    }

    /// A signal's own variable where it is set, the general one otherwise.
    fn either(&self, own: &'static str, general: &'static str) -> &'static str {
        if self.text(own).is_some() { own } else { general }
    }

    /// Headers; their values are never told.
    fn headers(&mut self, variable: &'static str) -> Vec<(String, SecretString)> {
        let pairs = self.pairs(variable).unwrap_or_default();
        let is_header = |(name, value): &(String, String)| {
            name.parse::<http::HeaderName>().is_ok() && value.parse::<http::HeaderValue>().is_ok()
        };
        if !pairs.iter().all(is_header) {
            self.fault(format!(
                "{variable} holds what cannot stand in a header; write name=value,name=value"
            ));
        }
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), SecretString::from(value)))
            .collect()
    }

    /// `name=value,name=value`, the values percent-encoded: the form of W3C Baggage, which the specification asks for.
    fn pairs(&mut self, variable: &'static str) -> Option<Vec<(String, String)>> {
        let (text, origin) = self.text(variable)?;
        let pairs = text.split(',').filter(|pair| !pair.trim().is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let (name, value) = (name.trim(), decoded(value.trim())?);
            (!name.is_empty()).then(|| (name.to_owned(), value))
        });
        let pairs: Option<Vec<_>> = pairs.collect();
        if pairs.is_none() {
            self.fault(format!(
                "{origin} cannot be read; write name=value,name=value, with %2C for a comma in a value"
            ));
        }
        pairs
    }
}

/// Percent-decoding (RFC 3986, section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
