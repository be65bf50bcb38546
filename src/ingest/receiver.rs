//! One door and all routes of the receivers, the same on every listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

use super::export::Exports;
use super::services::Services;
use super::{Accepted, Body, Bounds, Handler, Mended, Reason, Refusal, Refusals, grpc, http as otlp_http};
use crate::model::{Token, Transport};

/// The receivers behind their door; clones share everything.
#[derive(Clone)]
pub struct Receiver {
    exports: Exports,
    services: Services,
    token: Token,
    refusals: Arc<Refusals>,
    stopping: Arc<AtomicBool>,
}

impl Receiver {
    /// A receiver that hands requests to `handler`. Work on them is spawned on `work`; once `stopping` is set,
    /// requests are refused for later.
    ///
    /// # Errors
    ///
    /// Where the descriptors that reflection shows cannot be read, which no request decides.
    pub async fn new(
        handler: Handler,
        token: Token,
        bounds: &Bounds,
        work: TaskTracker,
        stopping: Arc<AtomicBool>,
    ) -> Result<Self, tonic_reflection::server::Error> {
        Ok(Self {
            exports: Exports::new(handler, bounds, work),
            services: Services::new(bounds.body_timeout).await?,
            token,
            refusals: Arc::default(),
            stopping,
        })
    }

    /// Requests refused since the start.
    #[must_use]
    pub fn refusals(&self) -> &Arc<Refusals> {
        &self.refusals
    }

    /// What was mended in JSON requests since the start.
    #[must_use]
    pub fn mended(&self) -> &Mended {
        self.exports.mended()
    }

    /// Bytes of all requests in hand.
    #[must_use]
    pub fn bytes_in_flight(&self) -> usize {
        self.exports.bytes_in_flight()
    }

    /// Tells health's callers that the service is on its way down.
    pub async fn stop_serving(&self) {
        self.services.stop_serving().await;
    }

    /// Whether a call is the receivers', where they share a port with others.
    #[must_use]
    pub fn takes<B>(&self, request: &Request<B>) -> bool {
        grpc::is_grpc(request.headers()) || request.uri().path().starts_with("/v1/")
    }

    /// Answers one call.
    pub async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        if grpc::is_grpc(request.headers()) { self.grpc(request).await } else { self.http(request).await }
    }

    async fn grpc(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        let outcome = if Services::is_open(path) {
            return self.services.call(request).await;
        } else if let Err(refusal) = self.admit(&request) {
            Err(refusal)
        } else if Services::has(path) {
            return self.services.call(request).await;
        } else if path == grpc::EXPORT_PATH {
            grpc::export(&self.exports, request).await
        } else {
            Err(Refusal::new(Reason::Unimplemented, "logmend takes logs alone: LogsService/Export"))
        };
        match self.counted(outcome, Transport::Grpc) {
            Ok(accepted) => grpc::accepted(&accepted),
            Err(refusal) => grpc::refused(&refusal),
        }
    }

    async fn http(&self, request: Request<Incoming>) -> Response<Body> {
        let spelling = otlp_http::spelling(request.headers());
        let outcome = if let Err(refusal) = self.admit(&request) {
            Err(refusal)
        } else if request.uri().path() == otlp_http::LOGS_PATH {
            otlp_http::export(&self.exports, request).await
        } else {
            Err(Refusal::new(Reason::Unimplemented, "logmend takes logs alone: POST /v1/logs"))
        };
        match (self.counted(outcome, Transport::Http), spelling) {
            (Ok(accepted), Some(spelling)) => otlp_http::accepted(&accepted, spelling),
            // Nothing is accepted whose spelling is unknown.
            (Ok(accepted), None) => otlp_http::accepted(&accepted, super::export::Spelling::Json),
            (Err(refusal), spelling) => otlp_http::refused(&refusal, spelling),
        }
    }

    /// The door: before any route, and before a byte of the body.
    fn admit<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        if !self.token.admits(request.headers()) {
            let why = "send the ingest token as `authorization: Bearer TOKEN`";
            return Err(Refusal::new(Reason::Unauthenticated, why));
        }
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Refusal::new(Reason::Stopping, "logmend is stopping; send again"));
        }
        Ok(())
    }

    fn counted(&self, outcome: Result<Accepted, Refusal>, transport: Transport) -> Result<Accepted, Refusal> {
        outcome.inspect_err(|refusal| {
            self.refusals.count(transport, refusal.reason);
            tracing::debug!(
                reason = refusal.reason.name(),
                transport = transport.name(),
                "refused: {}",
                refusal.why
            );
        })
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("token", &self.token).finish_non_exhaustive()
    }
}
