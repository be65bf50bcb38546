//! What stands around every page: where one is, what is degraded, and how it looks.

use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::assets::{self, Assets};
use super::{text, words};
use crate::api;

/// The places that the header leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Errors,
    Windows,
    Fixes,
    Pipeline,
    Send,
}

impl Place {
    const IN_HEADER: [(Self, &'static str, &'static str); 5] = [
        (Self::Errors, "/", "Errors"),
        (Self::Windows, "/windows", "Windows"),
        (Self::Fixes, "/fixes", "Fixes"),
        (Self::Pipeline, "/pipeline", "Pipeline"),
        (Self::Send, "/send-logs", "Send logs"),
    ];
}

/// A link of the header.
pub(super) struct Link {
    pub(super) href: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

/// A part of the service that is not as it should be.
pub(super) struct Notice {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) detail: String,
}

/// The frame of a page.
pub(super) struct Shell {
    pub(super) title: String,
    pub(super) links: Vec<Link>,
    pub(super) theme: Option<&'static str>,
    pub(super) notices: Vec<Notice>,
    pub(super) assets: &'static Assets,
    pub(super) version: &'static str,
    /// Whether there is somebody to log out.
    pub(super) logged_in: bool,
    /// Whether the page looks for news.
    pub(super) live: bool,
}

impl Shell {
    /// The frame of a page of the running service.
    pub(super) async fn of(state: &api::State, place: Place, title: &str, headers: &HeaderMap) -> Self {
        let health = api::health(state).await;
        Self {
            links: links(Some(place)),
            notices: notices(&health),
            theme: theme(headers),
            logged_in: cookie(headers, "logmend_session").is_some(),
            live: true,
            ..Self::bare(title)
        }
    }

    /// The frame of a page for whoever is not let in, or when nothing answers.
    pub(super) fn bare(title: &str) -> Self {
        Self {
            title: text::line(title, text::LINE_MAX),
            links: Vec::new(),
            theme: None,
            notices: Vec::new(),
            assets: assets::current(),
            version: env!("CARGO_PKG_VERSION"),
            logged_in: false,
            live: false,
        }
    }

    /// The same in the colours that the reader chose.
    pub(super) fn seen_by(self, headers: &HeaderMap) -> Self {
        Self { theme: theme(headers), ..self }
    }

    /// The same with the header's links, of none of which it is.
    pub(super) fn with_links(self) -> Self {
        Self { links: links(None), ..self }
    }

    /// The same without looking for news.
    pub(super) fn at_rest(self) -> Self {
        Self { live: false, ..self }
    }
}

fn links(here: Option<Place>) -> Vec<Link> {
    Place::IN_HEADER
        .into_iter()
        .map(|(place, href, name)| Link { href, name, is_here: Some(place) == here })
        .collect()
}

/// The components that are degraded or paused, each with what health says of it.
fn notices(health: &Value) -> Vec<Notice> {
    let Some(components) = health["components"].as_object() else { return Vec::new() };
    let troubled = components
        .iter()
        .filter(|(_, part)| matches!(part["status"].as_str(), Some("degraded" | "paused" | "unknown")));
    troubled
        .map(|(name, part)| {
            let detail = part["detail"].as_str().unwrap_or_default();
            Notice {
                name: words::component(name),
                status: part["status"].as_str().unwrap_or_default().to_owned(),
                detail: text::line(detail, text::LINE_MAX * 2),
            }
        })
        .collect()
}

fn theme(headers: &HeaderMap) -> Option<&'static str> {
    match cookie(headers, "theme")? {
        "dark" => Some("dark"),
        "light" => Some("light"),
        _ => None,
    }
}

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_reader_chooses_the_colours_by_a_cookie() {
        for (sent, expected) in [
            ("theme=dark", Some("dark")),
            ("a=b; theme=light; c=d", Some("light")),
            ("theme=\"><script>", None),
            ("themes=dark", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::COOKIE, sent.parse().unwrap())]);
            assert_eq!(theme(&headers), expected, "{sent}");
        }
    }

    #[test]
    fn what_is_degraded_is_told_and_what_is_not_set_up_is_not() {
        let health = json!({"components": {
            "store": {"status": "ok"},
            "next_hop": {"status": "degraded", "detail": "no answer\u{202e}"},
            "loki": {"status": "disabled", "detail": "LOKI_ENABLED is not true"},
        }});
        let told: Vec<_> = notices(&health).into_iter().map(|of| (of.name, of.detail)).collect();
        assert_eq!(told, [("Next hop".to_owned(), "no answer\\u{202e}".to_owned())]);
    }
}
