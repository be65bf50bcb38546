//! What calls are refused with: RFC 9457 problem details.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// Why a call was not answered as asked. Some kinds have members of their own, such as `matches` and `not_started`.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Problem {
    /// `about:blank`: the status tells the kind.
    #[schema(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and how it is mended.
    detail: String,
}

/// What every reading call may be refused with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes")]
pub(in crate::api) enum Problems {
    /// A parameter cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    Bad(Problem),
    /// There is no token, or it is not known.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The token's scope is another one, or the call is not made from where it may be.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The store holds what cannot be read.
    #[response(status = 500, content_type = "application/problem+json")]
    Broken(Problem),
    /// The store does not answer.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What a call may be refused with beside, where it changes something or names an error by the beginning of its id.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes")]
pub(in crate::api) enum Changing {
    /// As things stand this cannot be done; or the beginning of an id means several errors, which `matches` lists.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
}

/// What any address may be refused with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes")]
pub(in crate::api) enum Unhandled {
    /// The address does not take this method.
    #[response(status = 405, content_type = "application/problem+json")]
    Method(Problem),
}
