//! One question to Claude, and what its answer says.

use serde::Deserialize;
use serde_json::json;

use super::draft::Draft;
use super::prompt;
use crate::claude::{
    Answer, Block, ClaudeError, Client, Message, Request, Settings, StopReason, data, price,
};
use crate::model::Expense;
use crate::purse::{Purse, PurseError};
use crate::redact;
use crate::store::Sighting;

/// The model that is asked: naming an error is easy, and this one costs a fortieth of the one that writes fixes.
pub const MODEL: &str = "claude-haiku-5-5";
/// The longest answer, thinking included.
const MAX_TOKENS: u32 = 4_000;

/// Asks for rules.
#[derive(Debug, Clone)]
pub struct Asker {
    client: Client,
}

/// A question that can be asked.
#[derive(Debug, Clone)]
pub struct Question {
    text: String,
    /// For the vendor's abuse detection: an opaque id.
    user_id: String,
}

/// What came of a question.
#[derive(Debug)]
pub struct Reply {
    /// The draft, or why there is none.
    pub draft: Result<Draft, String>,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// What it cost, in US dollars.
    pub cost_usd: f64,
}

impl Question {
    /// The question about an error.
    #[must_use]
    pub fn about(sighting: &Sighting) -> Self {
        let text = prompt::message(sighting, data::nonce());
        Self { text, user_id: sighting.fingerprint.to_string() }
    }

    /// What it may cost at most, in US dollars.
    #[must_use]
    pub fn usd_max(&self) -> f64 {
        price::reserve_usd(MODEL, self.input_tokens_max(), MAX_TOKENS)
    }

    fn input_tokens_max(&self) -> u64 {
        let fixed = prompt::system().to_string().len() + prompt::tools().to_string().len();
        // Three bytes a token is fewer than any text of ours has.
        (fixed + self.text.len()) as u64 / 3
    }
}

impl Asker {
    /// One that asks through the API of `claude`, whatever model that names for fixes.
    ///
    /// # Errors
    ///
    /// Where the HTTP client cannot be built.
    pub fn new(claude: &Settings) -> Result<Self, ClaudeError> {
        let settings = Settings { model: MODEL.to_owned(), ..claude.clone() };
        Ok(Self { client: Client::new(&settings)? })
    }

    /// Asks once; there is no conversation. It is paid from `purse`, for the proposal of this id.
    ///
    /// # Errors
    ///
    /// [`PurseError`].
    pub async fn ask(
        &self,
        question: &Question,
        purse: &Purse,
        proposal_id: &str,
    ) -> Result<Reply, PurseError> {
        let said = Message::user(&[json!({"type": "text", "text": question.text})])
            .map_err(|error| ClaudeError::Client(error.to_string()))?;
        let request = Request {
            model: MODEL,
            max_tokens: MAX_TOKENS,
            cache_control: None,
            system: &prompt::system(),
            thinking: json!({"type": "adaptive"}),
            output_config: json!({"effort": "low"}),
            tool_choice: json!({"type": "auto"}),
            metadata: json!({"user_id": question.user_id}),
            tools: &prompt::tools(),
            messages: &[said],
        };
        let tokens_max = question.input_tokens_max();
        let answer = purse.ask(&self.client, &request, tokens_max, Expense::Rule, proposal_id).await?;
        Ok(Reply {
            input_tokens: answer.usage.input_total(),
            output_tokens: answer.usage.output_tokens.unwrap_or(0),
            cost_usd: price::cost_usd(MODEL, &answer.usage),
            draft: read(&answer),
        })
    }
}

/// The draft of an answer, or why there is none. The first call counts.
fn read(answer: &Answer) -> Result<Draft, String> {
    #[derive(Deserialize)]
    struct Declined {
        reason: String,
    }
    match answer.stop_reason {
        StopReason::MaxTokens => return Err("the model's answer was longer than may be".to_owned()),
        StopReason::Refusal => return Err("the model refused".to_owned()),
        _ => {}
    }
    let call = answer.content.iter().find_map(|raw| match Block::read(raw) {
        Block::ToolUse { name, input, .. } => Some((name, input)),
        Block::Other => None,
    });
    let Some((name, input)) = call else {
        return Err("the model proposed no rule".to_owned());
    };
    match name.as_str() {
        prompt::PROPOSE => Draft::deserialize(&input).map_err(|error| {
            format!("the proposed rule does not fit its schema: {}", one_line(&error.to_string()))
        }),
        prompt::DECLINE => Err(match Declined::deserialize(&input) {
            Ok(declined) => format!("the model declined: {}", one_line(&declined.reason)),
            Err(_) => "the model declined".to_owned(),
        }),
        other => Err(format!("the model called {}, which there is not", one_line(other))),
    }
}

/// Words of the model's, as people may read them.
fn one_line(text: &str) -> String {
    let text = redact::redact(&redact::plain(redact::cut(text, 600))).into_owned();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    redact::cut(&line, 300).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::learn::draft::tests::draft;
    use crate::learn::trial::tests::sighting;

    fn answer(stop_reason: &str, content: &Value) -> Answer {
        serde_json::from_value(json!({"stop_reason": stop_reason, "content": content})).unwrap()
    }

    fn call(name: &str, input: &Value) -> Value {
        json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": input})
    }

    #[test]
    fn answers_are_read_and_whatever_else_comes_is_told() {
        let proposed = json!({
            "category": "Validation_Error", "severity": "HIGH", "fixable": true, "literals": ["Ledger sheet"],
            "suggested_fix": draft(&[]).suggested_fix,
        });
        let thought = json!({"type": "thinking", "thinking": "", "signature": "x"});
        let read_of = |stop, content| read(&answer(stop, &content));
        assert_eq!(
            read_of("tool_use", json!([thought, call("propose_rule", &proposed)])),
            Ok(draft(&["Ledger sheet"]))
        );
        for (stop, content, why) in [
            ("end_turn", json!([thought]), "proposed no rule"),
            ("end_turn", json!([]), "proposed no rule"),
            ("refusal", json!([call("propose_rule", &proposed)]), "refused"),
            ("max_tokens", json!([call("propose_rule", &proposed)]), "longer than may be"),
            (
                "tool_use",
                json!([call("propose_rule", &json!({"literals": "all"}))]),
                "does not fit its schema",
            ),
            ("tool_use", json!([call("decline", &json!({"reason": "no\nwords"}))]), "declined: no words"),
            ("tool_use", json!([call("run", &json!({}))]), "called run"),
        ] {
            let told = read_of(stop, content).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn the_longest_question_costs_less_than_a_cent() {
        let long = "x".repeat(100_000);
        let mut sighting = sighting(1, "internal_error", 17, &[&long, &long, &long, &long]);
        sighting.message.clone_from(&long);
        sighting.error_type = long;
        let usd = Question::about(&sighting).usd_max();
        assert!((0.002..0.004).contains(&usd), "{usd}");
    }
}
