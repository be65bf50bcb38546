//! The style, the script and the icon: compiled in, each under an address that changes with its content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer::{hash, tagged};

/// A year: the address of another version is another one.
const CACHED: &str = "public, max-age=31536000, immutable";

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Where pages find them.
#[derive(Debug, Clone)]
pub(super) struct Assets {
    pub(super) style: String,
    pub(super) script: String,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: format!("/assets/style.css?v={}", hash(STYLE.as_bytes())),
    script: format!("/assets/script.js?v={}", hash(SCRIPT.as_bytes())),
});

/// The addresses of this build.
pub(super) fn current() -> &'static Assets {
    &ASSETS
}

/// `GET /assets/{name}`.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (text, content_type) = match name.as_str() {
        "style.css" => (STYLE, "text/css; charset=utf-8"),
        "script.js" => (SCRIPT, "text/javascript; charset=utf-8"),
        "icon.svg" => (ICON, "image/svg+xml"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    tagged(&hash(text.as_bytes()), text, content_type, CACHED, &headers)
}
