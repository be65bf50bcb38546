//! OTLP/gRPC: `opentelemetry.proto.collector.logs.v1.LogsService/Export`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Handler, Refusal};
use crate::model::Token;

/// How long a sender is asked to wait before it sends again: long enough to recover,
/// short enough for SDKs, which give up 10 seconds after their first try.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Concurrent calls on one connection: more than any exporter uses, few enough to bound what one can hold.
const STREAMS_PER_CONNECTION_MAX: u32 = 128;

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Where to listen and what to take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen. Default: `127.0.0.1:4317`, the port that the OTLP specification gives to gRPC.
    pub addr: SocketAddr,
    /// The longest request in bytes, after decompression. Default: 16 MiB, four times what SDKs and Collectors send at most.
    pub request_bytes_max: usize,
    /// What exporters must present.
    pub token: Token,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 4317)),
            request_bytes_max: 16 * 1024 * 1024,
            token: Token::default(),
        }
    }
}

/// Serves exporters on `listener` until `stop` is cancelled; then takes no new call and answers those in hand.
///
/// # Errors
///
/// Where the transport fails as a whole; one bad connection is not that.
pub async fn serve(
    listener: TcpListener,
    settings: &Settings,
    handler: Handler,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let service =
        LogsService { handler, token: settings.token.clone(), request_bytes_max: settings.request_bytes_max };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .max_concurrent_streams(Some(STREAMS_PER_CONNECTION_MAX))
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await
}

#[derive(Clone)]
struct LogsService {
    handler: Handler,
    token: Token,
    request_bytes_max: usize,
}

impl NamedService for LogsService {
    const NAME: &'static str = "opentelemetry.proto.collector.logs.v1.LogsService";
}

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl tonic::codegen::Service<Request<tonic::body::Body>> for LogsService {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Answer<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        if !self.token.admits(request.headers()) {
            let status = Status::unauthenticated("send the ingest token as `authorization: Bearer TOKEN`");
            return Box::pin(async move { Ok(status.into_http()) });
        }
        if request.uri().path() != EXPORT_PATH {
            let status = Status::unimplemented("LogsService has one method, Export");
            return Box::pin(async move { Ok(status.into_http()) });
        }
        let export = Export(Handler::clone(&self.handler));
        let mut grpc = Grpc::new(RawCodec)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(self.request_bytes_max);
        Box::pin(async move { Ok(final_status(grpc.unary(export, request).await)) })
    }
}

/// tonic answers a request that is too large with `OUT_OF_RANGE`, which OTLP clients send again for ever;
/// the OTLP specification asks for `RESOURCE_EXHAUSTED` without a retry delay.
fn final_status(mut response: Response<tonic::body::Body>) -> Response<tonic::body::Body> {
    if let Some(status) = response.headers_mut().get_mut(Status::GRPC_STATUS)
        && status.as_bytes() == b"11"
    {
        *status = http::HeaderValue::from_static("8");
    }
    response
}

struct Export(Handler);

impl UnaryService<Bytes> for Export {
    type Response = Accepted;
    type Future = Answer<Result<tonic::Response<Accepted>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let handled = (self.0)(request.into_inner());
        Box::pin(async move {
            match handled.await {
                Ok(()) => Ok(tonic::Response::new(Accepted)),
                Err(refusal) => Err(status(refusal)),
            }
        })
    }
}

fn status(refusal: Refusal) -> Status {
    match refusal {
        Refusal::Malformed(why) => Status::invalid_argument(why),
        Refusal::Unavailable(why) => {
            let details = ErrorDetails::with_retry_info(Some(RETRY_DELAY));
            Status::with_error_details(Code::Unavailable, why, details)
        }
    }
}

/// Full success: an `ExportLogsServiceResponse` with nothing set, which is no bytes at all.
struct Accepted;

/// Hands a message over as the bytes that it is.
#[derive(Debug, Clone, Copy, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Accepted;
    type Decode = Bytes;
    type Encoder = RawEncoder;
    type Decoder = RawDecoder;

    fn encoder(&mut self) -> RawEncoder {
        RawEncoder
    }

    fn decoder(&mut self) -> RawDecoder {
        RawDecoder
    }
}

struct RawEncoder;

impl Encoder for RawEncoder {
    type Item = Accepted;
    type Error = Status;

    fn encode(&mut self, Accepted: Accepted, _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

struct RawDecoder;

impl Decoder for RawDecoder {
    type Item = Bytes;
    type Error = Status;

    /// Takes the message out of the receive buffer without copying it.
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
