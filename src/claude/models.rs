//! What the API tells about the model: asked at the start, since it costs nothing and shows whether the key is good.
//!
//! Source: Claude API documentation, "Get a model".

use serde::Deserialize;

use super::{ClaudeError, Client, network, whole};
use crate::model::UnixNanos;
use crate::redact;

/// How long the API may take to tell about a model.
const AWAITED: std::time::Duration = std::time::Duration::from_secs(30);

/// Where a model is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// In use.
    Active,
    /// It answers still, but has an end.
    Deprecated,
    /// It answers no more.
    Retired,
    /// Anything newer, or a server that does not tell.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What is told about a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ModelNews {
    /// Where it is in its life.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// When it ends, where that is planned.
    #[serde(default)]
    retires_at: Option<String>,
    /// What time it is by the API's clock.
    #[serde(skip)]
    pub told_at: Option<UnixNanos>,
}

impl ModelNews {
    /// What a person should do something about; `None` where nothing is wrong.
    #[must_use]
    pub fn trouble(&self, model: &str) -> Option<String> {
        let day = self.retires_at.as_deref().map(|at| redact::cut(&redact::plain(at), 10).to_owned());
        match self.lifecycle {
            Lifecycle::Retired => Some(format!(
                "the model {model} is retired and answers no more: set ANTHROPIC_MODEL to another"
            )),
            Lifecycle::Deprecated => {
                let until = day.map_or_else(String::new, |day| format!(" and is retired on {day}"));
                Some(format!("the model {model} is deprecated{until}: set ANTHROPIC_MODEL to a newer one"))
            }
            Lifecycle::Active | Lifecycle::Unknown => None,
        }
    }
}

impl Client {
    /// What the API tells about the model that is asked. A server that is only like the API may not know the route; then
    /// nothing is told.
    ///
    /// # Errors
    ///
    /// [`ClaudeError`]; the call is made once.
    pub async fn model_news(&self) -> Result<ModelNews, ClaudeError> {
        #[derive(Deserialize)]
        struct Refused {
            error: Kind,
        }
        #[derive(Deserialize)]
        struct Kind {
            #[serde(rename = "type")]
            name: String,
        }
        let path = format!("/v1/models/{}", self.model());
        let response =
            self.call(reqwest::Method::GET, &path).timeout(AWAITED).send().await.map_err(network)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = whole(response).await?;
        if status.is_success() {
            let news: ModelNews = serde_json::from_slice(&bytes).unwrap_or_default();
            return Ok(ModelNews { told_at: UnixNanos::of_date_header(&headers), ..news });
        }
        let is_the_apis =
            serde_json::from_slice::<Refused>(&bytes).is_ok_and(|told| told.error.name == "not_found_error");
        if status == http::StatusCode::NOT_FOUND && !is_the_apis {
            return Ok(ModelNews::default());
        }
        Err(ClaudeError::of_answer(status, &headers, &bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_model_is_told_with_the_mend() {
        let trouble = |json: &str| serde_json::from_str::<ModelNews>(json).unwrap().trouble("claude-x");
        assert_eq!(trouble(r#"{"lifecycle": "active", "retires_at": null}"#), None);
        assert_eq!(trouble(r#"{"lifecycle": "a_new_one"}"#), None);
        assert_eq!(trouble("{}"), None);
        let told = trouble(r#"{"lifecycle": "deprecated", "retires_at": "2026-11-30T00:00:00Z"}"#).unwrap();
        assert_eq!(
            told,
            "the model claude-x is deprecated and is retired on 2026-11-30: set ANTHROPIC_MODEL to a newer one"
        );
        assert!(trouble(r#"{"lifecycle": "deprecated"}"#).unwrap().contains("is deprecated: set"));
        assert!(trouble(r#"{"lifecycle": "retired"}"#).unwrap().contains("answers no more"));
    }
}
