//! OTLP/gRPC: one call of `LogsService/Export` with the request as the bytes that it is.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use secrecy::ExposeSecret as _;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Extensions, Request, Status};

use super::outcome::{ANSWER_BYTES_MAX, Outcome};
use super::{Compression, Headers, Settings, SetupError, Tls};

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// A connection that is made with the first call and anew after each failure.
#[derive(Debug, Clone)]
pub(super) struct Client {
    channel: Channel,
    headers: Headers,
    compression: Compression,
    timeout: Duration,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let mut endpoint = Endpoint::from_shared(settings.endpoint.clone())
            .and_then(|endpoint| endpoint.user_agent(super::hop::USER_AGENT))
            .map_err(SetupError::new)?
            .connect_timeout(settings.timeout / 2)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10));
        if settings.endpoint.starts_with("https://") {
            endpoint = endpoint.tls_config(tls(&settings.tls)).map_err(SetupError::new)?;
        }
        Ok(Self {
            channel: endpoint.connect_lazy(),
            headers: settings.headers.clone(),
            compression: settings.compression,
            timeout: settings.timeout,
        })
    }

    pub(super) async fn call(&self, bytes: Bytes) -> Outcome {
        match self.export(bytes).await {
            Ok(answer) => Outcome::accepted(answer),
            Err(status) => Outcome::of_status(&status),
        }
    }

    async fn export(&self, bytes: Bytes) -> Result<Bytes, Status> {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        if self.compression == Compression::Gzip {
            grpc = grpc.send_compressed(CompressionEncoding::Gzip);
        }
        let metadata = MetadataMap::from_headers(self.headers.map());
        let mut request = Request::from_parts(metadata, Extensions::default(), bytes);
        request.set_timeout(self.timeout);
        grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
        let path = http::uri::PathAndQuery::from_static(EXPORT_PATH);
        grpc.unary(request, path, RawCodec).await.map(tonic::Response::into_inner)
    }
}

fn tls(tls: &Tls) -> ClientTlsConfig {
    let config = match &tls.certificate {
        None => ClientTlsConfig::new().with_native_roots(),
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
    };
    match &tls.client {
        None => config,
        Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key.expose_secret())),
    }
}

/// Hands messages over as the bytes that they are.
#[derive(Debug, Clone, Copy)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.reserve(message.len());
        into.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
