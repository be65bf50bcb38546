//! `GET /openapi.json`: the API as OpenAPI 3.1, made of what stands beside the code. `tests/it/api_openapi.rs` holds real answers
//! against it, and looks that no route is left out.

mod params;
mod problems;
mod shapes;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    alerts, audit, events, fixes, handling, health, login, metrics, monitor, outcomes, patterns, rules,
    webhooks,
};

pub(super) use params::{AuditQuery, ErrorQuery, FixQuery, RecentQuery};
pub(super) use problems::{Changing, Problem, Problems, Unhandled};
pub(super) use shapes::{
    Alerted, AlertsTried, Allowed, Dashboard, Decided, Health, Live, OneError, Outcomes, Ready, Rules,
    Scanned, Separated, Status, Switched,
};

/// All of it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "logmend",
        description = "Errors that logmend found in a stream of logs, the fixes that it wrote, and what people say of both. \
            Without a token in the settings reading is open, and changing calls come from the machine that logmend runs on.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        health::live,
        health::ready,
        health::components,
        monitor::status,
        monitor::dashboard,
        monitor::scan,
        monitor::start,
        monitor::stop,
        patterns::recent,
        patterns::critical,
        patterns::fixable,
        patterns::unclassified,
        patterns::all,
        patterns::one,
        patterns::separate,
        patterns::rejoin,
        handling::ignore,
        handling::resolve,
        handling::reopen,
        fixes::generate_for_error,
        fixes::generate_batch,
        fixes::list,
        fixes::one,
        rules::list,
        rules::approve,
        rules::reject,
        rules::revoke,
        outcomes::list,
        outcomes::allow,
        alerts::list,
        alerts::test,
        audit::list,
        events::listen,
        metrics::text,
        login::login,
        login::logout,
        webhooks::github,
        describe,
    ),
    modifiers(&Tokens),
    security((), ("bearer" = []), ("key" = []), ("session" = [])),
)]
struct Api;

/// The ways in which a call presents a token.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let schemes = [
            ("bearer", SecurityScheme::Http(bearer)),
            ("key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key")))),
            ("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("logmend_session")))),
        ];
        let components = api.components.get_or_insert_default();
        components.security_schemes.extend(schemes.map(|(name, scheme)| (name.to_owned(), scheme.into())));
    }
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "meta", responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value), Unhandled))]
pub(super) async fn describe() -> Response {
    let text = Api::openapi().to_json().unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
