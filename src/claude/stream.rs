//! An answer that comes in pieces, put together into what it would have been in one.
//!
//! Sources: Claude API documentation, "Streaming messages", and the WHATWG's "Server-sent events". Events and pieces of kinds
//! that are not known are passed over, as the API's versioning asks. Nothing of an answer that was cut is ever handed out.
//!
//! Bounded: what is held of an answer is [`ANSWER_BYTES_MAX`] at most, the line that is being read included.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::block::Assembled;
use super::wire::{Answer, StopReason, Usage};
use super::{ANSWER_BYTES_MAX, ClaudeError};

/// Blocks of one answer: far more than any has.
const BLOCKS_MAX: usize = 1_000;

/// What has come of an answer by now.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The line that is being read.
    line: Vec<u8>,
    /// The data of the event that is being read.
    data: Vec<u8>,
    blocks: Vec<Assembled>,
    /// The bytes of all blocks.
    held: usize,
    stop_reason: StopReason,
    stop_details: Option<Value>,
    usage: Usage,
    is_whole: bool,
}

/// What an event is.
#[derive(Deserialize)]
struct Kind<'e> {
    #[serde(rename = "type", borrow)]
    name: Cow<'e, str>,
}

/// The parts of events. Each stands for itself, since a value that is to stay as it was written cannot be read through an enum.
#[derive(Deserialize)]
struct Begun {
    message: Told,
}

#[derive(Deserialize)]
struct BlockBegun<'e> {
    index: usize,
    #[serde(borrow)]
    content_block: &'e RawValue,
}

#[derive(Deserialize)]
struct PieceCame<'e> {
    index: usize,
    #[serde(borrow)]
    delta: &'e RawValue,
}

#[derive(Deserialize)]
struct Ending {
    delta: Told,
    #[serde(default)]
    usage: Usage,
}

/// What is told of a message, at its begin or its end.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    usage: Usage,
    #[serde(default)]
    stop_reason: Option<StopReason>,
    #[serde(default)]
    stop_details: Option<Value>,
}

impl Stream {
    /// Takes the next bytes, cut wherever the network cut them.
    ///
    /// # Errors
    ///
    /// Where the API tells of a fault within the stream, or sends what it does not document.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), ClaudeError> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.check_size()?;
            let line = std::mem::take(&mut self.line);
            self.take_line(line.strip_suffix(b"\r").unwrap_or(&line))?;
        }
        self.line.extend_from_slice(rest);
        self.check_size()
    }

    /// A fault in the midst of an answer: what was read and written by then is paid for.
    fn broken(&self, fault: ClaudeError) -> ClaudeError {
        match fault {
            ClaudeError::Busy { .. } if self.usage.input_tokens.is_some() => {
                ClaudeError::Network(format!("the answer broke off: {fault}"))
            }
            fault => fault,
        }
    }

    /// Whether the answer has come to its end; what follows is of no matter.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The answer.
    ///
    /// # Errors
    ///
    /// [`ClaudeError::Network`] where the stream ended before the answer did.
    pub(super) fn answer(self) -> Result<Answer, ClaudeError> {
        if !self.is_whole {
            return Err(ClaudeError::Network("the stream ended before the answer did".to_owned()));
        }
        let content = self.blocks.into_iter().map(Assembled::finish).collect::<Result<_, _>>();
        Ok(Answer {
            content: content.map_err(|error| malformed(&error))?,
            stop_reason: self.stop_reason,
            stop_details: self.stop_details,
            usage: self.usage,
        })
    }

    fn check_size(&self) -> Result<(), ClaudeError> {
        if self.line.len() + self.data.len() + self.held > ANSWER_BYTES_MAX {
            return Err(ClaudeError::Malformed(format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), ClaudeError> {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return if data.is_empty() || self.is_whole { Ok(()) } else { self.take_event(&data) };
        }
        // The name of an event stands in its data too; comments, ids and times to come back are of no use here.
        let Some(data) = line.strip_prefix(b"data:") else { return Ok(()) };
        if !self.data.is_empty() {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
        self.check_size()
    }

    fn take_event(&mut self, data: &[u8]) -> Result<(), ClaudeError> {
        let kind: Kind = read(data)?;
        match &*kind.name {
            "message_start" => self.usage = read::<Begun>(data)?.message.usage,
            "content_block_start" => {
                let BlockBegun { index, content_block } = read(data)?;
                if index != self.blocks.len() || index >= BLOCKS_MAX {
                    return Err(ClaudeError::Malformed(format!("block {index} begins out of turn")));
                }
                self.held += content_block.get().len();
                self.blocks.push(Assembled::begin(content_block).map_err(|error| malformed(&error))?);
            }
            "content_block_delta" => {
                let PieceCame { index, delta } = read(data)?;
                self.held += delta.get().len();
                let block = self.blocks.get_mut(index).ok_or_else(|| {
                    ClaudeError::Malformed(format!("a piece came for block {index}, which has not begun"))
                })?;
                block.add(delta).map_err(|error| malformed(&error))?;
            }
            "message_delta" => {
                let Ending { delta, usage } = read(data)?;
                self.stop_reason = delta.stop_reason.unwrap_or(self.stop_reason);
                self.stop_details = delta.stop_details.or(self.stop_details.take());
                self.usage.replace_by(usage);
            }
            "message_stop" => self.is_whole = true,
            "error" => return Err(self.broken(told(data))),
            // `ping`, `content_block_stop`, and whatever comes to be.
            _ => {}
        }
        self.check_size()
    }
}

fn read<'e, T: Deserialize<'e>>(data: &'e [u8]) -> Result<T, ClaudeError> {
    serde_json::from_slice(data).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> ClaudeError {
    ClaudeError::Malformed(error.to_string())
}

/// A fault after the status 200 was sent: what the answer would have been, had it come at once. The status of each kind is
/// documented under "Errors".
fn told(data: &[u8]) -> ClaudeError {
    let json: Value = serde_json::from_slice(data).unwrap_or_default();
    let status = match json["error"]["type"].as_str().unwrap_or_default() {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    ClaudeError::of_answer(status, &HeaderMap::new(), data)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(data: &Value) -> String {
        format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
    }

    /// The blocks of an answer as the API sends them in one, and in pieces of a few characters.
    fn blocks() -> (Vec<&'static str>, Vec<Value>) {
        let whole = vec![
            r#"{"type":"thinking","thinking":"Let me see é\n","signature":"c2lnbmF0dXJl"}"#,
            r#"{"type":"text","text":"It \"fails\"."}"#,
            r#"{"type":"waypoint","zenith":1.50,"area": {"y": null, "b": [ ]}}"#,
            r#"{"type":"tool_use","id":"toolu_1","name":"read_file","input":{"path": "src/a.rs", "end":1.50,"a":null},"caller":{"type":"direct"}}"#,
            r#"{"type":"tool_use","id":"toolu_2","name":"look","input":{}}"#,
        ];
        let delta = |index: usize, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
        let stop = |index: usize| json!({"type": "content_block_stop", "index": index});
        let pieces = vec![
            delta(0, json!({"type": "thinking_delta", "thinking": "Let me "})),
            delta(0, json!({"type": "thinking_delta", "thinking": "see é\n"})),
            delta(0, json!({"type": "signature_delta", "signature": "c2lnbmF0dXJl"})),
            stop(0),
            delta(1, json!({"type": "text_delta", "text": "It \"fa"})),
            delta(1, json!({"type": "text_delta", "text": "ils\"."})),
            delta(1, json!({"type": "new_delta", "x": 1})),
            stop(1),
            stop(2),
            delta(3, json!({"type": "input_json_delta", "partial_json": ""})),
            delta(3, json!({"type": "input_json_delta", "partial_json": "{\"path\": \"src/"})),
            delta(3, json!({"type": "input_json_delta", "partial_json": "a.rs\", \"end\":1.50,\"a\":null}"})),
            stop(3),
            stop(4),
        ];
        (whole, pieces)
    }

    /// The stream of that answer, with events in it that mean nothing to us.
    fn streamed() -> String {
        let usage = json!({"input_tokens": 3, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1});
        let mut text = event(
            &json!({"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": usage}}),
        );
        text += ": a comment\r\n\r\n";
        text += &event(&json!({"type": "ping"}));
        let begun = [
            r#"{"type":"thinking","thinking":"","signature":""}"#,
            r#"{"type":"text","text":""}"#,
            r#"{"type":"waypoint","zenith":1.50,"area": {"y": null, "b": [ ]}}"#,
            r#"{"type":"tool_use","id":"toolu_1","name":"read_file","input":{},"caller":{"type":"direct"}}"#,
            r#"{"type":"tool_use","id":"toolu_2","name":"look","input":{}}"#,
        ];
        let (_, pieces) = blocks();
        for (index, block) in begun.iter().enumerate() {
            text.push_str("event: content_block_start\r\ndata:{\"type\":\"content_block_start\",\"index\":");
            text.push_str(&index.to_string());
            text.push_str(",\r\ndata: \"content_block\":");
            text.push_str(block);
            text.push_str("}\r\n\r\n");
            for piece in pieces.iter().filter(|piece| piece["index"] == index) {
                text += &event(piece);
            }
            text += &event(&json!({"type": "a_new_event", "index": "?"}));
        }
        text += &event(
            &json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 99}}),
        );
        text + &event(&json!({"type": "message_stop"}))
    }

    fn answer_of(pieces: &[&[u8]]) -> Result<Answer, ClaudeError> {
        let mut stream = Stream::default();
        for piece in pieces {
            stream.take(piece)?;
        }
        stream.answer()
    }

    #[test]
    fn pieces_become_what_the_answer_would_have_been_in_one() {
        let answer = answer_of(&[streamed().as_bytes()]).unwrap();
        let content: Vec<_> = answer.content.iter().map(|block| block.get()).collect();
        assert_eq!(content, blocks().0);
        assert_eq!(answer.stop_reason, StopReason::ToolUse);
        let expected = Usage {
            input_tokens: Some(3),
            cache_creation_input_tokens: Some(5),
            cache_read_input_tokens: Some(7),
            output_tokens: Some(99),
        };
        assert_eq!(answer.usage, expected);
    }

    #[test]
    fn a_stream_that_is_cut_anywhere_is_no_answer() {
        let text = streamed();
        let end = text.find("event: message_stop").unwrap()
            + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".len();
        for cut in 0..end {
            let error = answer_of(&[&text.as_bytes()[..cut]]).unwrap_err();
            assert!(error.is_transient(), "{cut}: {error}");
        }
    }

    #[test]
    fn a_fault_after_the_status_is_what_it_would_have_been_as_one() {
        let fault = |kind: &str| {
            let data =
                json!({"type": "error", "error": {"type": kind, "message": "m"}, "request_id": "req_1"});
            let begun = streamed();
            let end = begun.find("content_block_stop").unwrap();
            let end = begun[..end].rfind("\n\n").unwrap() + 2;
            answer_of(&[&begun.as_bytes()[..end], event(&data).as_bytes()]).unwrap_err()
        };
        for kind in ["overloaded_error", "api_error", "rate_limit_error", "timeout_error", "a_new_error"] {
            assert!(fault(kind).is_transient(), "{kind}");
        }
        assert!(matches!(fault("authentication_error"), ClaudeError::Key { .. }));
        assert!(matches!(fault("invalid_request_error"), ClaudeError::Refused { .. }));
        assert!(fault("overloaded_error").to_string().contains("req_1"));
    }

    #[test]
    fn what_is_not_documented_ends_it() {
        for text in [
            "data: {\n\n",
            "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{}}\n\n",
            "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":[]}\n\n",
            "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{}}\n\n",
            "data: {\"type\":\"content_block_start\"}\n\n",
            "data: [1]\n\n",
        ] {
            assert!(matches!(answer_of(&[text.as_bytes()]), Err(ClaudeError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn what_is_held_is_bounded() {
        let long = "x".repeat(1 << 20);
        let begin = event(
            &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        );
        let delta = event(
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": long}}),
        );
        for repeated in [long.clone(), format!("data: {long}\n"), delta] {
            let mut stream = Stream::default();
            stream.take(begin.as_bytes()).unwrap();
            let refused = (0..10).find_map(|_| stream.take(repeated.as_bytes()).err());
            assert!(matches!(refused, Some(ClaudeError::Malformed(_))), "{}", &repeated[..20]);
        }
        // What is passed over is not held.
        let mut stream = Stream::default();
        for _ in 0..20 {
            stream.take(event(&json!({"type": "a_new_event", "x": long})).as_bytes()).unwrap();
        }
    }

    proptest::proptest! {
        #[test]
        fn it_is_of_no_matter_where_the_network_cuts(cuts in proptest::collection::vec(0..2_000_usize, 0..20)) {
            let text = streamed();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for cut in cuts {
                pieces.push(&text.as_bytes()[from..cut]);
                from = cut;
            }
            pieces.push(&text.as_bytes()[from..]);
            let answer = answer_of(&pieces).unwrap();
            let content: Vec<_> = answer.content.iter().map(|block| block.get()).collect();
            proptest::prop_assert_eq!(content, blocks().0);
        }

        #[test]
        fn no_stream_panics(at in 0..2_000_usize, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
            let mut text = streamed().into_bytes();
            let at = at.min(text.len());
            let end = (at + bytes.len()).min(text.len());
            text.splice(at..end, bytes);
            let _ = answer_of(&[&text]);
        }
    }
}
