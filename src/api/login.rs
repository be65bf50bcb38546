//! People exchange a token for a session, and end it. For forms and for scripts.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Access, is_cross_site};
use super::error::Problem;
use super::openapi::{self, Changing, Problems, Unhandled};
use super::sessions::{self, SESSION_SECS};
use crate::model::{KnownToken, TokenScope, UnixNanos};

/// The longest body that is read: a token and its name.
const BODY_BYTES_MAX: usize = 4_096;

/// What people present.
#[derive(Deserialize, ToSchema)]
pub(super) struct Login {
    token: String,
}

/// A session that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    name: String,
    scope: TokenScope,
    expires_at: UnixNanos,
}

/// A session that has ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ended {
    status: &'static str,
}

/// `POST /login`, with `{"token": …}` or a form's `token=…`. A form is sent on to the dashboard, or back to try again.
#[utoipa::path(post, path = "/login", tag = "sessions", request_body(content((Login = "application/json"), (Login = "application/x-www-form-urlencoded"))), responses((status = 200, description = "A session has begun; its cookie is set", body = Session), (status = 303, description = "The same, for a form"), (status = 413, description = "The body is too long", body = openapi::Problem, content_type = "application/problem+json"), Changing, Problems, Unhandled))]
pub(super) async fn login(
    State(state): State<super::State>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let (form, secure) = (is_form(&head.headers), is_secure(&head.headers));
    let began = async {
        let token = token(&access, &head, body).await?;
        let now = (state.clock)();
        let cookie = access.sessions().begin(&token, secure, now).await?;
        Ok::<_, Problem>((token, cookie, UnixNanos(now.0 + UnixNanos::from_secs(SESSION_SECS).0)))
    };
    match began.await {
        Ok((_, cookie, _)) if form => with_cookie(see("/"), &cookie),
        Ok((KnownToken { name, scope, .. }, cookie, expires_at)) => {
            with_cookie(Json(Session { name, scope, expires_at }).into_response(), &cookie)
        }
        Err(problem) if form && problem.is_of(StatusCode::UNAUTHORIZED) => see("/login?error=token"),
        Err(problem) => problem.into_response(),
    }
}

/// `POST /logout`.
#[utoipa::path(post, path = "/logout", tag = "sessions", responses((status = 200, description = "The session has ended; its cookie is taken back", body = Ended), (status = 303, description = "The same, for a form"), Problems, Unhandled))]
pub(super) async fn logout(request: Request) -> Response {
    let (head, _) = request.into_parts();
    if is_cross_site(&head) {
        return cross_site().into_response();
    }
    let ended = sessions::end(is_secure(&head.headers));
    let answer = if is_form(&head.headers) {
        see("/login")
    } else {
        Json(Ended { status: "logged_out" }).into_response()
    };
    with_cookie(answer, &ended)
}

/// The token that a login presents, where it may read at least.
async fn token(access: &Access, head: &Parts, body: Body) -> Result<KnownToken, Problem> {
    // Another site's form must not put a session of its own into the browser.
    if is_cross_site(head) {
        return Err(cross_site());
    }
    if !access.is_locked() {
        return Err(Problem::conflict(
            "no token is set, so nobody needs to log in; LOGMEND_API_TOKEN sets one",
        ));
    }
    let form = is_form(&head.headers);
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a login may have {BODY_BYTES_MAX} bytes"))
    })?;
    let login: Option<Login> =
        if form { serde_urlencoded::from_bytes(&body).ok() } else { serde_json::from_slice(&body).ok() };
    let login = login.ok_or_else(|| {
        Problem::bad_request("send {\"token\": \"…\"} as JSON, or a form with the field `token`")
    })?;
    let known = access.tokens().get().find(login.token.trim()).cloned();
    let known = known.filter(|token| token.scope >= TokenScope::Read);
    known.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "no such token may read"))
}

fn cross_site() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "calls from another site's page are refused")
}

fn see(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.starts_with(b"application/x-www-form-urlencoded")
}

/// Whether the browser speaks TLS to the proxy before us. Who says so of itself only gets a cookie that it sends less often.
fn is_secure(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}
