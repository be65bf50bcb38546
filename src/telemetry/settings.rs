//! Where logmend's own telemetry goes, in the words of the OpenTelemetry specification.

use std::time::Duration;

use secrecy::SecretString;

/// Who takes logmend's own telemetry, and as whom it is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who takes its log lines.
    pub logs: Option<Peer>,
    /// Who takes its metrics.
    pub metrics: Option<Peer>,
    /// Who takes its spans.
    pub traces: Option<Peer>,
    /// `service.name`.
    pub service_name: String,
    /// More attributes of the resource.
    pub resource_attributes: Vec<(String, String)>,
    /// How often metrics are sent. Default: a minute, as the OpenTelemetry specification has it.
    pub metrics_interval: Duration,
}

/// Who takes one signal.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The URL that it is sent to: with the path for HTTP, without one for gRPC.
    pub endpoint: String,
    /// How.
    pub protocol: Protocol,
    /// Headers of every request: keys, often.
    pub headers: Vec<(String, SecretString)>,
    /// How long one export may take, its repetitions included. Default: 10 seconds, as the OTLP specification has it.
    pub timeout: Duration,
}

/// How telemetry is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf bodies.
    HttpProtobuf,
}
