//! The receivers' settings.

use std::path::PathBuf;
use std::time::Duration;

use super::Reader;
use crate::ingest::{Bounds, Settings, TlsSettings};
use crate::model::{Token, Tokens};
use crate::otlp::Limits;
use crate::pipeline::KeptLimits;
use crate::window::Dedupe;

/// `OTLP`'s own recommendation for the longest request, and the most that is taken here.
const REQUEST_BYTES_HIGHEST: u64 = 64 * 1024 * 1024;

impl Reader<'_> {
    pub(super) fn ingest(&mut self, tokens: &Tokens) -> Settings {
        let default = Settings::default();
        Settings {
            grpc_addr: self.addr("LOGMEND_GRPC_ADDR", default.grpc_addr),
            http_addr: self.addr("LOGMEND_HTTP_ADDR", default.http_addr),
            token: Token::new(self.secret("LOGMEND_INGEST_TOKEN")).or(tokens.clone()),
            tls: self.tls(),
            bounds: self.bounds(),
        }
    }

    fn tls(&mut self) -> Option<TlsSettings> {
        let file = |variable| self.text(variable).map(|(path, _)| PathBuf::from(path));
        let (certificate, key) = (file("LOGMEND_TLS_CERT"), file("LOGMEND_TLS_KEY"));
        let client_authority = file("LOGMEND_TLS_CLIENT_CA");
        match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsSettings { certificate, key, client_authority }),
            (None, None) if client_authority.is_none() => None,
            (certificate, _) => {
                let missing = if certificate.is_none() { "LOGMEND_TLS_CERT" } else { "LOGMEND_TLS_KEY" };
                self.faults.push(format!(
                    "{missing} is not set, but another LOGMEND_TLS_ setting is; set certificate and key, or none of them"
                ));
                None
            }
        }
    }

    fn bounds(&mut self) -> Bounds {
        let default = Bounds::default();
        let bounds = Bounds {
            request_bytes_max: self.count(
                "LOGMEND_MAX_REQUEST_BYTES",
                1_024,
                REQUEST_BYTES_HIGHEST,
                default.request_bytes_max,
            ),
            bytes_in_flight_max: self.count(
                "LOGMEND_MAX_IN_FLIGHT_BYTES",
                1 << 20,
                1 << 32,
                default.bytes_in_flight_max,
            ),
            limits: self.limits(),
            streams_max: u32::try_from(self.count("LOGMEND_MAX_STREAMS", 1, 10_000, 128)).unwrap_or(128),
            connections_max: self.count("LOGMEND_MAX_CONNECTIONS", 1, 100_000, default.connections_max),
            header_timeout: self.seconds("LOGMEND_HEADER_TIMEOUT", default.header_timeout),
            body_timeout: self.seconds("LOGMEND_BODY_TIMEOUT", default.body_timeout),
            idle_timeout: self.seconds("LOGMEND_IDLE_TIMEOUT", default.idle_timeout),
            handler_timeout: self.seconds("LOGMEND_HANDLER_TIMEOUT", default.handler_timeout),
        };
        // A request is held as it came in and decompressed.
        if bounds.bytes_in_flight_max < bounds.request_bytes_max.saturating_mul(2) {
            self.faults.push(format!(
                "LOGMEND_MAX_IN_FLIGHT_BYTES is {}; it must be at least twice LOGMEND_MAX_REQUEST_BYTES, which is {}",
                bounds.bytes_in_flight_max, bounds.request_bytes_max
            ));
        }
        bounds
    }

    fn limits(&mut self) -> Limits {
        let default = Limits::default();
        Limits {
            records_max: self.whole("LOGMEND_MAX_RECORDS", 1, 10_000_000, default.records_max),
            attributes_max: self.whole("LOGMEND_MAX_ATTRIBUTES", 1, 100_000_000, default.attributes_max),
            depth_max: u8::try_from(self.whole("LOGMEND_MAX_DEPTH", 1, 100, default.depth_max.into()))
                .unwrap_or(default.depth_max),
        }
    }

    /// What is kept of a matched record.
    pub(super) fn kept(&mut self) -> KeptLimits {
        let default = KeptLimits::default();
        let mut bytes = |variable, default| self.count(variable, 64, 1 << 20, default);
        KeptLimits {
            value_bytes_max: bytes("LOGMEND_KEPT_VALUE_BYTES", default.value_bytes_max),
            body_bytes_max: bytes("LOGMEND_KEPT_BODY_BYTES", default.body_bytes_max),
            attributes_max: self.count("LOGMEND_KEPT_ATTRIBUTES", 0, 10_000, default.attributes_max),
            frames_max: self.count("LOGMEND_KEPT_FRAMES", 1, 1_000, default.frames_max),
            ..default
        }
    }

    /// Below 100 a single service could not be told apart from its neighbours; above a million memory is no longer small.
    pub(super) fn clusters_per_window_max(&mut self) -> usize {
        self.count("LOGMEND_MAX_CLUSTERS_PER_WINDOW", 100, 1_000_000, Dedupe::CLUSTERS_MAX)
    }

    fn count(&mut self, variable: &'static str, min: u64, max: u64, default: usize) -> usize {
        usize::try_from(self.whole(variable, min, max, default as u64)).unwrap_or(default)
    }

    fn seconds(&mut self, variable: &'static str, default: Duration) -> Duration {
        self.note_default(variable, default.as_secs_f64());
        self.parse(variable, "a number of seconds from 0.1 to 3600, such as 10", |text| {
            text.parse().ok().filter(|secs| (0.1..=3_600.0).contains(secs)).map(Duration::from_secs_f64)
        })
        .unwrap_or(default)
    }
}
