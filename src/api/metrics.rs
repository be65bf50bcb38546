//! `GET /metrics`, as Prometheus scrapes it. What stands in it is made elsewhere.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::openapi::{Problems, Unhandled};

/// Makes the text of all metrics, as they are when it is asked.
#[derive(Clone)]
pub struct MetricsText {
    content_type: &'static str,
    prepare: Arc<Prepare>,
    text: Arc<dyn Fn() -> String + Send + Sync>,
}

type Prepare = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl MetricsText {
    /// Metrics that `text` makes, in a format of this type.
    pub fn new(content_type: &'static str, text: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { content_type, prepare: Arc::new(|| Box::pin(async {})), text: Arc::new(text) }
    }

    /// The same, after something is done first, such as reading what takes longer to read.
    #[must_use]
    pub fn after<P>(self, prepare: impl Fn() -> P + Send + Sync + 'static) -> Self
    where
        P: Future<Output = ()> + Send + 'static,
    {
        Self { prepare: Arc::new(move || Box::pin(prepare())), ..self }
    }
}

impl fmt::Debug for MetricsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsText")
    }
}

#[utoipa::path(get, path = "/metrics", tag = "meta", responses((status = 200, description = "Metrics, as Prometheus reads them", body = String, content_type = "text/plain"), Problems, Unhandled))]
pub(super) async fn text(State(state): State<super::State>) -> Response {
    (state.metrics.prepare)().await;
    ([(header::CONTENT_TYPE, state.metrics.content_type)], (state.metrics.text)()).into_response()
}
