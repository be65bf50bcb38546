//! `GET /metrics`, as Prometheus scrapes it. What stands in it is made elsewhere.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::openapi::{Problems, Unhandled};

/// Makes the text of all metrics, as they are when it is asked.
#[derive(Clone)]
pub struct MetricsText {
    content_type: &'static str,
    text: Arc<dyn Fn() -> String + Send + Sync>,
}

impl MetricsText {
    /// Metrics that `text` makes, in a format of this type.
    pub fn new(content_type: &'static str, text: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { content_type, text: Arc::new(text) }
    }
}

impl fmt::Debug for MetricsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsText")
    }
}

#[utoipa::path(get, path = "/metrics", tag = "meta", responses((status = 200, description = "Metrics, as Prometheus reads them", body = String, content_type = "text/plain"), Problems, Unhandled))]
pub(super) async fn text(State(state): State<super::State>) -> Response {
    ([(header::CONTENT_TYPE, state.metrics.content_type)], (state.metrics.text)()).into_response()
}
