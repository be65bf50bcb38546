//! What the stand-in answers: one scripted turn for each request.

use std::time::Duration;

use serde_json::{Value, json};

/// One answer of the script.
pub struct Turn {
    pub(super) answer: Answer,
    pub(super) delay: Duration,
}

pub(super) enum Answer {
    Message(Message),
    /// Another status, with headers and a body of its own.
    Status(u16, Vec<(String, String)>, Value),
    /// A body as it stands.
    Raw(Value),
    /// A message as a stream that does not come to its end: so many of its events, then a fault, or nothing where it is null.
    Broken(Message, usize, Value),
    /// What follows from the request.
    With(Box<dyn FnOnce(&Value) -> Turn + Send>),
}

/// A message before it gets its ids.
pub(super) struct Message {
    blocks: Vec<Block>,
    stop_reason: String,
    stop_details: Value,
}

enum Block {
    Thinking,
    Text(String),
    ToolUse(String, Value),
    /// A kind that no client knows yet.
    Unknown,
}

impl Turn {
    fn message(blocks: Vec<Block>, stop_reason: &str) -> Self {
        let blocks = std::iter::once(Block::Thinking).chain(blocks).collect();
        let message = Message { blocks, stop_reason: stop_reason.to_owned(), stop_details: Value::Null };
        Answer::Message(message).into()
    }

    /// Claude thinks, with the thought left out as is the default, and uses a tool.
    pub fn tool_use(name: &str, input: Value) -> Self {
        Self::tool_uses(vec![(name, input)])
    }

    /// As [`Turn::tool_use`] with several tools at once.
    pub fn tool_uses(uses: Vec<(&str, Value)>) -> Self {
        let blocks = uses.into_iter().map(|(name, input)| Block::ToolUse(name.to_owned(), input));
        Self::message(blocks.collect(), "tool_use")
    }

    /// Claude speaks and ends its turn.
    pub fn text(text: &str) -> Self {
        Self::stop_reason("end_turn", text)
    }

    /// Claude stops for this reason after `text`; a refusal says why, and has no text.
    pub fn stop_reason(reason: &str, text: &str) -> Self {
        let blocks = if text.is_empty() { Vec::new() } else { vec![Block::Text(text.to_owned())] };
        let mut turn = Self::message(blocks, reason);
        if let (Answer::Message(message), "refusal") = (&mut turn.answer, reason) {
            message.blocks.clear();
            message.stop_details = json!({"type": "refusal", "category": "cyber", "explanation": null});
        }
        turn
    }

    /// Claude uses a tool, and is cut off by the limit of tokens while it does.
    pub fn cut_off(name: &str, input: Value) -> Self {
        Self::message(vec![Block::ToolUse(name.to_owned(), input)], "max_tokens")
    }

    /// The API answers another status.
    pub fn status(status: u16, headers: &[(&str, &str)], body: Value) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Answer::Status(status, headers.collect(), body).into()
    }

    /// The API answers 200 and this body.
    pub fn raw(body: Value) -> Self {
        Answer::Raw(body).into()
    }

    /// As [`Turn::tool_use`], but the stream breaks off after so many events. `fault` is the error that the API tells then;
    /// where it is null the connection ends.
    pub fn broken_stream(name: &str, input: Value, events: usize, fault: Value) -> Self {
        let blocks = vec![Block::Thinking, Block::ToolUse(name.to_owned(), input)];
        let message = Message { blocks, stop_reason: "tool_use".to_owned(), stop_details: Value::Null };
        Answer::Broken(message, events, fault).into()
    }

    /// The answer follows from the request.
    pub fn with(answer: impl FnOnce(&Value) -> Self + Send + 'static) -> Self {
        Answer::With(Box::new(answer)).into()
    }

    /// The same without a thought before it.
    #[must_use]
    pub fn without_thinking(mut self) -> Self {
        if let Answer::Message(message) = &mut self.answer {
            message.blocks.retain(|block| !matches!(block, Block::Thinking));
        }
        self
    }

    /// The same with a block of a kind that the API does not have yet, after the thought.
    #[must_use]
    pub fn with_unknown_block(mut self) -> Self {
        if let Answer::Message(message) = &mut self.answer {
            message.blocks.insert(1.min(message.blocks.len()), Block::Unknown);
        }
        self
    }

    /// The same, but it takes this long.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl From<Answer> for Turn {
    fn from(answer: Answer) -> Self {
        Self { answer, delay: Duration::ZERO }
    }
}

/// A message as it is sent.
pub(super) struct Rendered {
    /// The JSON text of each content block. Keys are in the API's order, which is not that of the alphabet: whoever takes
    /// a block apart and puts it together anew is found out.
    pub blocks: Vec<String>,
    pub body: String,
    /// The same message as the data of the events that it is streamed by, in their order.
    pub events: Vec<String>,
}

impl Message {
    /// The `number`th answer of the stand-in, to `request`, of whose prompt `cached` tokens were seen before.
    pub fn render(&self, number: usize, request: &Value, cached: u64) -> Rendered {
        let blocks: Vec<_> =
            self.blocks.iter().enumerate().map(|(at, block)| block.render(number, at)).collect();
        let content = blocks.join(",");
        let usage = usage(request, cached, content.len());
        let (model, reason, details) = (&request["model"], json!(self.stop_reason), &self.stop_details);
        let body = format!(
            r#"{{"id":"msg_01StandIn{number:04}","type":"message","role":"assistant","model":{model},"content":[{content}],"stop_reason":{reason},"stop_sequence":null,"stop_details":{details},"usage":{usage}}}"#
        );
        let events = self.events(number, request, &blocks, &usage);
        Rendered { blocks, body, events }
    }

    /// The message as it is streamed: begun without content, each block begun without what comes in pieces, and the totals
    /// at its end.
    fn events(&self, number: usize, request: &Value, blocks: &[String], usage: &Value) -> Vec<String> {
        let (model, reason, details) = (&request["model"], json!(self.stop_reason), &self.stop_details);
        let (mut first, mut last) = (usage.clone(), usage.clone());
        first["output_tokens"] = json!(1);
        for told_at_the_start_alone in ["cache_creation", "service_tier"] {
            last.as_object_mut().unwrap().remove(told_at_the_start_alone);
        }
        let mut events = vec![format!(
            r#"{{"type":"message_start","message":{{"id":"msg_01StandIn{number:04}","type":"message","role":"assistant","model":{model},"content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{first}}}}}"#
        )];
        for (index, (block, whole)) in self.blocks.iter().zip(blocks).enumerate() {
            let (begun, pieces) = block.pieces(number, index, whole);
            events
                .push(format!(r#"{{"type":"content_block_start","index":{index},"content_block":{begun}}}"#));
            if index == 0 {
                events.push(r#"{"type": "ping"}"#.to_owned());
            }
            events.extend(
                pieces.iter().map(|piece| {
                    format!(r#"{{"type":"content_block_delta","index":{index},"delta":{piece}}}"#)
                }),
            );
            events.push(format!(r#"{{"type":"content_block_stop","index":{index}}}"#));
        }
        events.push(format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":{reason},"stop_sequence":null,"stop_details":{details},"container":null}},"usage":{last}}}"#
        ));
        events.push(r#"{"type":"message_stop"}"#.to_owned());
        events
    }
}

/// The data of events as they are sent.
pub(super) fn sent(events: &[String]) -> String {
    let name =
        |event: &str| serde_json::from_str::<Value>(event).unwrap()["type"].as_str().unwrap().to_owned();
    let texts: Vec<_> =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect();
    texts.concat()
}

/// A text in pieces of some characters, as tokens come.
fn in_pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(7).map(|piece| piece.iter().collect()).collect()
}

impl Block {
    fn render(&self, number: usize, at: usize) -> String {
        match self {
            Self::Thinking => {
                format!(r#"{{"type":"thinking","thinking":"","signature":"{}"}}"#, signature(number))
            }
            Self::Text(text) => format!(r#"{{"type":"text","text":{}}}"#, json!(text)),
            Self::ToolUse(name, input) => format!(
                r#"{{"type":"tool_use","id":"toolu_01StandIn{number:04}x{at}","name":{},"input":{input},"caller":{{"type":"direct"}}}}"#,
                json!(name)
            ),
            Self::Unknown => format!(
                r#"{{"type":"waypoint_20270101","zenith":1.50,"label":"caf\u00e9 {number}","area": {{"y": null, "b": [ ] }}}}"#
            ),
        }
    }
}

impl Block {
    /// The block as it begins and the pieces that follow; a tool's input begins with an empty piece.
    fn pieces(&self, number: usize, at: usize, whole: &str) -> (String, Vec<String>) {
        match self {
            Self::Thinking => (
                r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
                vec![format!(r#"{{"type":"signature_delta","signature":"{}"}}"#, signature(number))],
            ),
            Self::Text(text) => {
                let piece = |piece: &String| format!(r#"{{"type":"text_delta","text":{}}}"#, json!(piece));
                (r#"{"type":"text","text":""}"#.to_owned(), in_pieces(text).iter().map(piece).collect())
            }
            Self::ToolUse(name, input) => {
                let begun = Self::ToolUse(name.clone(), json!({})).render(number, at);
                let pieces = [vec![String::new()], in_pieces(&input.to_string())].concat();
                let piece = |piece: &String| {
                    format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, json!(piece))
                };
                (begun, pieces.iter().map(piece).collect())
            }
            Self::Unknown => (whole.to_owned(), Vec::new()),
        }
    }
}

/// What proves that a thought is Claude's own, in the shape that the API gives it.
fn signature(number: usize) -> String {
    use base64::Engine;
    let bytes: Vec<u8> =
        (0..96_usize).map(|at| u8::try_from((at * 37 + number * 11) % 251).unwrap_or_default()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Roughly the tokens of a text.
pub(super) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes / 4).unwrap_or_default() + 1
}

/// The tokens of a request's prompt.
pub(super) fn prompt_tokens(request: &Value) -> u64 {
    let prompt = ["system", "tools", "messages"].map(|key| request[key].to_string().len());
    tokens(prompt.iter().sum())
}

/// With caching the new part of the prompt is written and the old part read; without it all of it is input.
fn usage(request: &Value, cached: u64, answer_bytes: usize) -> Value {
    let prompt = prompt_tokens(request);
    let marked = request.to_string().contains("\"cache_control\"");
    let (input, written, read) =
        if marked { (3, prompt.saturating_sub(cached), cached) } else { (prompt, 0, 0) };
    let thinking = 42;
    json!({
        "input_tokens": input, "cache_creation_input_tokens": written, "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens(answer_bytes) + thinking, "output_tokens_details": {"thinking_tokens": thinking},
        "server_tool_use": null, "service_tier": "standard",
    })
}
