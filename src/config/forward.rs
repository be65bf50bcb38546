//! The settings of the next hop: `LOGMEND_FORWARD_…`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretSlice;

use super::Reader;
use crate::forward::{Headers, Protocol, Settings, Tls};

const ENDPOINT: &str = "LOGMEND_FORWARD_ENDPOINT";
const CERTIFICATE: &str = "LOGMEND_FORWARD_CERTIFICATE";
const CLIENT_CERTIFICATE: &str = "LOGMEND_FORWARD_CLIENT_CERTIFICATE";
const CLIENT_KEY: &str = "LOGMEND_FORWARD_CLIENT_KEY";

/// What is of use with an endpoint alone.
const OTHERS: [&str; 8] = [
    "LOGMEND_FORWARD_MODE",
    "LOGMEND_FORWARD_PROTOCOL",
    "LOGMEND_FORWARD_HEADERS",
    "LOGMEND_FORWARD_COMPRESSION",
    "LOGMEND_FORWARD_TIMEOUT",
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
];

impl Reader<'_> {
    /// The next hop; `own` are the addresses that this service listens on.
    pub(super) fn forward(&mut self, monitoring: bool, own: &[SocketAddr]) -> Option<Settings> {
        let Some((endpoint, origin)) = self.text(ENDPOINT) else {
            for (_, origin) in OTHERS.iter().filter_map(|variable| self.text(variable)).collect::<Vec<_>>() {
                self.faults
                    .push(format!("{origin} is set but {ENDPOINT} is not; set that too, or unset this"));
            }
            return None;
        };
        let uri = self.forward_uri(&endpoint, &origin, own);
        let mode = self.typed("LOGMEND_FORWARD_MODE", "all, matched or deduplicated").unwrap_or_default();
        let protocol = self.typed("LOGMEND_FORWARD_PROTOCOL", "grpc or http/protobuf");
        let protocol = protocol.or_else(|| uri.as_ref().map(Protocol::of_endpoint)).unwrap_or(Protocol::Grpc);
        let timeout = u64::try_from(Settings::TIMEOUT.as_millis()).unwrap_or(8_000);
        let settings = Settings {
            mode,
            protocol,
            headers: self.forward_headers(),
            compression: self.typed("LOGMEND_FORWARD_COMPRESSION", "none or gzip").unwrap_or_default(),
            timeout: Duration::from_millis(self.whole("LOGMEND_FORWARD_TIMEOUT", 100, 60_000, timeout)),
            tls: self.forward_tls(uri.as_ref()),
            endpoint,
        };
        let uri = uri?;
        if protocol == Protocol::Grpc && !matches!(uri.path(), "" | "/") {
            self.faults.push(format!(
                "{origin} has the path {}, and gRPC has none; take it away, or set LOGMEND_FORWARD_PROTOCOL to http/protobuf",
                uri.path()
            ));
        }
        if !monitoring {
            self.notes.push("ERROR_MONITORING_ENABLED is false: every record goes on as it is".to_owned());
        }
        Some(settings)
    }

    /// A URL of http or https, without credentials, that does not lead back here.
    fn forward_uri(&mut self, endpoint: &str, origin: &str, own: &[SocketAddr]) -> Option<http::Uri> {
        let uri = endpoint.parse::<http::Uri>().ok();
        let uri =
            uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        // A URL may hold a password, so that a wrong one is not repeated.
        let fault = match &uri {
            None => "must be a URL that begins with https:// or http://, such as http://collector:4317",
            Some(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                "holds credentials; put them into LOGMEND_FORWARD_HEADERS, such as authorization=Bearer%20TOKEN"
            }
            Some(uri) if uri.query().is_some() => "has a query, which no OTLP endpoint has; take it away",
            Some(uri) if own.iter().any(|own| leads_to(uri, *own)) => {
                "is where logmend itself listens: the stream would go in circles; name the next hop"
            }
            Some(_) => return uri,
        };
        self.faults.push(format!("{origin} {fault}"));
        None
    }

    fn forward_headers(&mut self) -> Headers {
        let Some((text, origin)) = self.text("LOGMEND_FORWARD_HEADERS") else { return Headers::default() };
        Headers::parse(&text).unwrap_or_else(|error| {
            let want = "write name=value,name=value with percent-encoded values, such as authorization=Bearer%20TOKEN";
            self.faults.push(format!("{origin}: {error}; {want}"));
            Headers::default()
        })
    }

    fn forward_tls(&mut self, uri: Option<&http::Uri>) -> Tls {
        let given: Vec<_> = [CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY]
            .into_iter()
            .filter_map(|variable| Some((variable, self.text(variable)?)))
            .collect();
        let has = |wanted| given.iter().any(|(variable, _)| *variable == wanted);
        if uri.is_some_and(|uri| uri.scheme_str() == Some("http")) {
            for (_, (_, origin)) in &given {
                self.faults
                    .push(format!("{origin} is set but {ENDPOINT} begins with http://; make it https://"));
            }
        }
        for (one, other) in [(CLIENT_CERTIFICATE, CLIENT_KEY), (CLIENT_KEY, CLIENT_CERTIFICATE)] {
            if has(one) && !has(other) {
                self.faults.push(format!("{one} is set but {other} is not; the two go together"));
            }
        }
        let certificate = self.pem(CERTIFICATE, "certificate", is_certificates);
        let client_certificate = self.pem(CLIENT_CERTIFICATE, "certificate", is_certificates);
        let client_key =
            self.pem(CLIENT_KEY, "private key", |pem| PrivateKeyDer::from_pem_slice(pem).is_ok());
        Tls { certificate, client: client_certificate.zip(client_key.map(SecretSlice::from)) }
    }

    /// The bytes of a PEM file that holds what it should.
    fn pem(&mut self, variable: &'static str, what: &str, holds: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let (path, origin) = self.text(variable)?;
        match std::fs::read(&path) {
            Ok(pem) if holds(&pem) => return Some(pem),
            Ok(_) => {
                self.faults.push(format!("{origin}: {path} holds no {what} in PEM; name a file that does"));
            }
            Err(error) => {
                self.faults
                    .push(format!("{origin}: cannot read {path}: {error}; name a file that can be read"));
            }
        }
        None
    }
}

fn is_certificates(pem: &[u8]) -> bool {
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}

/// Whether a URL names this address. Host names other than `localhost` are not looked up.
fn leads_to(uri: &http::Uri, own: SocketAddr) -> bool {
    let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let ip = if host == "localhost" { Some(own.ip()) } else { host.parse::<IpAddr>().ok() };
    let same_machine = |ip: IpAddr| ip == own.ip() || ip.is_loopback() && own.ip().is_unspecified();
    own.port() != 0
        && uri.port_u16().unwrap_or(default_port) == own.port()
        && ip.is_some_and(|ip| same_machine(ip) || ip.is_unspecified())
}
