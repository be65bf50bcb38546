//! The GitHub App that is installed on the repository: it proves itself by what it signs, and is given tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::Reply;
use super::shapes::{NAME, OWNER, Shapes};

/// The App's id.
pub const ID: u64 = 424_242;
/// Its private key, made for these tests; nothing knows it but the stand-in.
pub const PRIVATE_KEY: &str = include_str!("app.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("app.pub.pem");

/// The App's installation on the account that owns the repository.
const INSTALLATION: u64 = 51;
/// The longest that a proof may hold, in seconds; GitHub documents ten minutes.
const PROOF_SECS_MAX: i64 = 600;
/// How long a token holds, in seconds.
const TOKEN_SECS: i64 = 3_600;

/// The tokens that were given, and what is to be said of those that hold no more.
#[derive(Default)]
pub struct Installed {
    granted: Vec<String>,
    /// Those from here on still hold.
    revoked: usize,
}

#[derive(Deserialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: Value,
}

/// Whether a request is one that the App makes as itself.
pub fn is_asked_as_app(path: &str) -> bool {
    path.starts_with("/app/") || path == format!("/repos/{OWNER}/{NAME}/installation")
}

/// Why a proof is none, in GitHub's words.
pub fn refused(proof: &str) -> Option<&'static str> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp"]);
    let key = DecodingKey::from_rsa_pem(PUBLIC_KEY).unwrap();
    let Ok(read) = jsonwebtoken::decode::<Claims>(proof, &key, &validation) else {
        return Some("A JSON web token could not be decoded");
    };
    let (claims, now) = (read.claims, jiff::Timestamp::now().as_second());
    if claims.iss.as_u64().or_else(|| claims.iss.as_str()?.parse().ok()) != Some(ID) {
        return Some("'Issuer' claim ('iss') must be an Integer");
    }
    if claims.iat > now {
        return Some(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        );
    }
    (claims.exp > now + PROOF_SECS_MAX).then_some("'Expiration time' claim ('exp') is too far in the future")
}

impl Installed {
    /// Whether a token holds; `None` for one that was never given.
    pub fn holds(&self, token: &str) -> Option<bool> {
        let at = self.granted.iter().position(|granted| granted == token)?;
        Some(at >= self.revoked)
    }

    /// How many tokens were given.
    pub fn granted(&self) -> usize {
        self.granted.len()
    }

    /// None of the tokens holds any more.
    pub fn revoke(&mut self) {
        self.revoked = self.granted.len();
    }

    /// `GET …/installation`.
    pub fn installation(shapes: &Shapes) -> Reply {
        let api = &shapes.base_url;
        Reply::new(
            200,
            json!({
                "id": INSTALLATION, "account": shapes.user(OWNER, "Organization"), "repository_selection": "selected",
                "access_tokens_url": format!("{api}/app/installations/{INSTALLATION}/access_tokens"),
                "repositories_url": format!("{api}/installation/repositories"),
                "html_url": format!("{api}/html/organizations/{OWNER}/settings/installations/{INSTALLATION}"),
                "app_id": ID, "app_slug": "logmend", "client_id": "Iv23liSTANDIN", "target_id": 4_201,
                "target_type": "Organization", "permissions": permissions(), "events": [],
                "created_at": "2026-01-05T08:00:00Z", "updated_at": "2026-01-05T08:00:00Z", "single_file_name": null,
                "has_multiple_single_files": false, "single_file_paths": [], "suspended_by": null, "suspended_at": null,
            }),
        )
    }

    /// `POST /app/installations/{id}/access_tokens`.
    pub fn grant(&mut self, installation: &str, body: &Value, shapes: &Shapes) -> Reply {
        if installation != INSTALLATION.to_string() {
            return Reply::not_found();
        }
        if body.get("repositories").is_some_and(|names| *names != json!([NAME])) {
            return Reply::error(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            );
        }
        // The form that GitHub began to roll out in April 2026: long, with dots.
        let token = format!("ghs_{ID}_{}.{}", self.granted.len(), "eyJhbGciOi.aB3-_xYz".repeat(27));
        self.granted.push(token.clone());
        let ends = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + TOKEN_SECS).unwrap();
        Reply::new(
            201,
            json!({
                "token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "permissions": permissions(), "repository_selection": "selected", "repositories": [shapes.repository()],
            }),
        )
    }
}

fn permissions() -> Value {
    json!({"contents": "write", "pull_requests": "write", "metadata": "read", "checks": "read", "statuses": "read",
        "actions": "read", "issues": "write"})
}
