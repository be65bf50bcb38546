//! The shapes of a request and an answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// A request to the Messages API.
#[derive(Debug, Serialize)]
pub struct Request<'a> {
    /// The model.
    pub model: &'a str,
    /// The longest answer in tokens, thinking included.
    pub max_tokens: u32,
    /// Marks the last block for the prompt cache by itself: what is before it is read back at a twentieth of the price. Writing
    /// to the cache costs a quarter more, so a single question goes without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<Value>,
    /// Who the model is and what it may do.
    pub system: &'a Value,
    /// The model decides how long it thinks.
    pub thinking: Value,
    /// How hard it tries.
    pub output_config: Value,
    /// It chooses a tool by itself: these models take nothing else. Null where there are no tools.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub tool_choice: Value,
    /// An opaque id, for the vendor's abuse detection.
    pub metadata: Value,
    /// What it can call; null where it is to answer in words.
    #[serde(skip_serializing_if = "is_null")]
    pub tools: &'a Value,
    /// The conversation so far; it only ever grows.
    pub messages: &'a [Message],
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it has")]
fn is_null(value: &&Value) -> bool {
    value.is_null()
}

/// One turn of the conversation. Its blocks are JSON as it was written or received.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    role: &'static str,
    content: Vec<Box<RawValue>>,
}

impl Message {
    /// What we say, as blocks.
    ///
    /// # Errors
    ///
    /// Where a block cannot be written as JSON, which no value of [`Value`] is.
    pub fn user(blocks: &[Value]) -> Result<Self, serde_json::Error> {
        Ok(Self { role: "user", content: blocks.iter().map(to_raw_value).collect::<Result<_, _>>()? })
    }

    /// What the model said, unchanged.
    #[must_use]
    pub fn assistant(content: Vec<Box<RawValue>>) -> Self {
        Self { role: "assistant", content }
    }
}

/// An answer of the Messages API. What is not read here is still in its blocks.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// The model that answered.
    #[serde(default)]
    pub model: String,
    /// The blocks, as they came.
    pub content: Vec<Box<RawValue>>,
    /// Why the model stopped.
    #[serde(default)]
    pub stop_reason: StopReason,
    /// More on a refusal.
    #[serde(default)]
    pub stop_details: Option<Value>,
    /// What it used up.
    #[serde(default)]
    pub usage: Usage,
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It has said what it had to say.
    EndTurn,
    /// The answer was cut at `max_tokens`.
    MaxTokens,
    /// It met a stop sequence; none is ever set.
    StopSequence,
    /// It waits for results of tools.
    ToolUse,
    /// It paused and goes on when it is sent its own turn back.
    PauseTurn,
    /// It will not answer this.
    Refusal,
    /// The conversation is too long for it.
    ModelContextWindowExceeded,
    /// Anything newer.
    #[default]
    #[serde(other)]
    Unknown,
}

impl StopReason {
    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::MaxTokens => "max_tokens",
            Self::StopSequence => "stop_sequence",
            Self::ToolUse => "tool_use",
            Self::PauseTurn => "pause_turn",
            Self::Refusal => "refusal",
            Self::ModelContextWindowExceeded => "model_context_window_exceeded",
            Self::Unknown => "unknown",
        }
    }
}

/// What one answer used up, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Usage {
    /// Read anew.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// Written to the cache, of either lifetime.
    #[serde(default)]
    pub cache_creation_input_tokens: Option<u64>,
    /// Read from the cache.
    #[serde(default)]
    pub cache_read_input_tokens: Option<u64>,
    /// Answered, thinking included.
    #[serde(default)]
    pub output_tokens: Option<u64>,
}

impl Usage {
    /// Takes over what is told anew: numbers of a stream are totals, and those that did not change may be left out.
    pub(super) fn replace_by(&mut self, newer: Self) {
        self.input_tokens = newer.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens =
            newer.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = newer.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens = newer.output_tokens.or(self.output_tokens);
    }

    /// Everything that was read, from wherever.
    #[must_use]
    pub fn input_total(&self) -> u64 {
        self.uncached_input() + self.cache_read_input_tokens.unwrap_or(0)
    }

    /// Everything that was read and did not come from the cache.
    #[must_use]
    pub fn uncached_input(&self) -> u64 {
        self.input_tokens.unwrap_or(0) + self.cache_creation_input_tokens.unwrap_or(0)
    }
}

/// One block of an answer, as far as it is acted upon.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A call that waits for a result.
    ToolUse {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
        /// What it is called with.
        input: Value,
    },
    /// Thinking, text, or a kind that nothing here knows.
    Other,
}

impl Block {
    /// Reads a block; one that cannot be read is [`Block::Other`].
    #[must_use]
    pub fn read(raw: &RawValue) -> Self {
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "type")]
            kind: String,
            id: Option<String>,
            name: Option<String>,
            #[serde(default)]
            input: Value,
        }
        match serde_json::from_str::<Head>(raw.get()) {
            Ok(Head { kind, id: Some(id), name: Some(name), input }) if kind == "tool_use" => {
                Self::ToolUse { id, name, input }
            }
            _ => Self::Other,
        }
    }
}
