//! Log records as exporters send them, over OTLP/gRPC.

use std::marker::PhantomData;

use bytes::{Buf, BufMut};
use logmend::proto::collector::logs::v1::logs_service_client::LogsServiceClient;
use logmend::proto::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use logmend::proto::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use logmend::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use logmend::proto::resource::v1::Resource;
use prost::Message;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// A Python traceback whose innermost frame is the application's.
pub const TRACEBACK: &str = r#"Traceback (most recent call last):
  File "/app/shop/server.py", line 88, in handle
    return checkout(request)
  File "/usr/lib/python3.13/site-packages/tracing/wrap.py", line 12, in wrapper
    return function(*args)
  File "/app/shop/cart.py", line 41, in checkout
    raise ValueError(f"bad total {total}")
ValueError: bad total
"#;

/// The severity number of ERROR.
const ERROR: i32 = 17;

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }
}

/// An attribute that is a text.
pub fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(value)), ..KeyValue::default() }
}

/// A record of now.
pub fn record(severity_number: i32, body: &str) -> LogRecord {
    let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap();
    LogRecord {
        time_unix_nano: now,
        observed_time_unix_nano: now,
        severity_number,
        body: Some(text(body)),
        ..LogRecord::default()
    }
}

/// A record of an exception, as the semantic conventions put it into attributes.
pub fn exception_record(kind: &str, message: &str, stacktrace: &str) -> LogRecord {
    let attributes = vec![
        attribute("exception.type", kind),
        attribute("exception.message", message),
        attribute("exception.stacktrace", stacktrace),
    ];
    LogRecord { attributes, ..record(ERROR, &format!("request failed: {message}")) }
}

/// A request with all records of one service.
pub fn request(service: &str, records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let resource = Resource { attributes: vec![attribute("service.name", service)], ..Resource::default() };
    let scope = InstrumentationScope { name: "tests".to_owned(), ..InstrumentationScope::default() };
    let scope_logs = ScopeLogs { scope: Some(scope), log_records: records, ..ScopeLogs::default() };
    let logs =
        ResourceLogs { resource: Some(resource), scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![logs] }
}

/// A channel to `url`. A service that is not there is `UNAVAILABLE`, as SDKs see it.
async fn connect(url: &str) -> Result<Channel, Status> {
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
    endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))
}

/// No record may be rejected: what the tests send is either taken or refused whole.
fn taken(response: &ExportLogsServiceResponse) {
    let rejected = response.partial_success.as_ref().map_or(0, |partial| partial.rejected_log_records);
    assert_eq!(rejected, 0, "{response:?}");
}

/// Sends a request and waits for its answer.
pub async fn export(url: &str, request: ExportLogsServiceRequest) -> Result<(), Status> {
    let mut client = LogsServiceClient::new(connect(url).await?);
    client.export(request).await.map(|response| taken(response.get_ref()))
}

/// As [`export`], compressed.
pub async fn export_gzip(url: &str, request: ExportLogsServiceRequest) -> Result<(), Status> {
    let client = LogsServiceClient::new(connect(url).await?);
    let mut client = client.send_compressed(CompressionEncoding::Gzip);
    client.export(request).await.map(|response| taken(response.get_ref()))
}

/// As [`export`], with a bearer token.
pub async fn export_with_token(
    url: &str,
    request: ExportLogsServiceRequest,
    token: &str,
) -> Result<(), Status> {
    let mut client = LogsServiceClient::new(connect(url).await?);
    let mut request = Request::new(request);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    client.export(request).await.map(|response| taken(response.get_ref()))
}

/// Sends bytes in place of a request.
pub async fn export_bytes(url: &str, bytes: Vec<u8>) -> Result<(), Status> {
    Connected::to(url).await?.export(bytes).await
}

/// A connection that is kept from request to request.
pub struct Connected(tonic::client::Grpc<Channel>);

impl Connected {
    /// Connects to `url`.
    pub async fn to(url: &str) -> Result<Self, Status> {
        Ok(Self(tonic::client::Grpc::new(connect(url).await?)))
    }

    /// Sends bytes in place of a request.
    pub async fn export(&mut self, bytes: Vec<u8>) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = Verbatim::<ExportLogsServiceResponse>(PhantomData);
        let answer = self.0.unary(Request::new(bytes), EXPORT_PATH.parse().unwrap(), codec).await;
        answer.map(|response| taken(response.get_ref()))
    }
}

/// Sends bytes as they are, and decodes the answer.
struct Verbatim<T>(PhantomData<T>);

impl<T: Message + Default + 'static> Codec for Verbatim<T> {
    type Encode = Vec<u8>;
    type Decode = T;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(PhantomData)
    }

    fn decoder(&mut self) -> Self {
        Self(PhantomData)
    }
}

impl<T> Encoder for Verbatim<T> {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl<T: Message + Default> Decoder for Verbatim<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        T::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
