//! The standard gRPC services beside OTLP's: health, and reflection so that grpcurl can look around.

use std::time::Duration;

use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tonic::codegen::Service as _;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::{Body, Reason, Refusal, grpc};

/// Where health is asked for once: the one gRPC path that needs no token, since orchestrators' probes cannot send one.
/// A watch does need it: whoever watches holds a connection for as long as it likes.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

const HEALTH: &str = "/grpc.health.v1.Health/";

const LOGS_SERVICE: &str = "opentelemetry.proto.collector.logs.v1.LogsService";

/// A probe's message is the name of a service; it comes without a token.
const HEALTH_BYTES_MAX: usize = 1024;

/// Messages of these services are names: no more is read of one.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The services; clones share them.
#[derive(Clone)]
pub(super) struct Services {
    routes: Routes,
    health: HealthReporter,
    /// How long a call may take to come in.
    body_timeout: Duration,
}

impl Services {
    /// Serving from the start.
    ///
    /// # Errors
    ///
    /// Where the compiled-in descriptors cannot be read, which no request decides.
    pub(super) async fn new(body_timeout: Duration) -> Result<Self, tonic_reflection::server::Error> {
        let (health, service) = health_reporter();
        health.set_service_status("", ServingStatus::Serving).await;
        health.set_service_status(LOGS_SERVICE, ServingStatus::Serving).await;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(crate::proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let routes = Routes::new(service.max_decoding_message_size(HEALTH_BYTES_MAX))
            .add_service(reflection().build_v1()?.max_decoding_message_size(MESSAGE_BYTES_MAX))
            .add_service(reflection().build_v1alpha()?.max_decoding_message_size(MESSAGE_BYTES_MAX))
            .prepare();
        Ok(Self { routes, health, body_timeout })
    }

    /// Whether a path needs no token.
    pub(super) fn is_open(path: &str) -> bool {
        path == HEALTH_CHECK
    }

    /// Whether a path is of one of these services.
    pub(super) fn has(path: &str) -> bool {
        path.starts_with(HEALTH) || path.starts_with("/grpc.reflection.v1")
    }

    /// Tells health's callers that the service is on its way down, and ends their watches: they would keep it from stopping.
    pub(super) async fn stop_serving(&self) {
        let mut health = self.health.clone();
        for service in ["", LOGS_SERVICE] {
            health.set_service_status(service, ServingStatus::NotServing).await;
            // Without its status a watch ends, once it has told the last one; whoever asks now is told the same.
            health.clear_service_status(service).await;
            health.set_service_status(service, ServingStatus::NotServing).await;
        }
    }

    pub(super) async fn call(&self, request: http::Request<Incoming>) -> Response<Body> {
        let mut routes = self.routes.clone();
        match tokio::time::timeout(self.body_timeout, routes.call(request)).await {
            Ok(Ok(response)) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
            Ok(Err(never)) => match never {},
            Err(_) => {
                grpc::refused(&Refusal::new(Reason::TimedOut, "the call did not come in whole in time"))
            }
        }
    }
}
