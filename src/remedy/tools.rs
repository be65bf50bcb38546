//! The tools that Claude is given, and its calls to them as typed values.
//!
//! Every schema is strict: the vendor then makes the model's calls fit it. The calls are checked here all the same.

use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Span;

use super::edits::{Edit, NewFile};
use crate::redact;

/// A call of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// What stands in a folder.
    ListFiles {
        /// The folder; the root where empty.
        path: String,
    },
    /// Where a text occurs.
    SearchCode {
        /// The text, as it stands, in any case.
        query: String,
        /// Only below this folder.
        path: Option<String>,
    },
    /// A file's lines.
    ReadFile {
        /// The file.
        path: String,
        /// From this line, 1 where unset.
        start_line: Option<u64>,
        /// To this line, included.
        end_line: Option<u64>,
    },
    /// The end: a change.
    Submit(Box<SubmitFix>),
    /// The end: no change, and why.
    Decline {
        /// Why.
        reason: String,
    },
}

/// What the model submits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SubmitFix {
    /// The change in one line.
    #[serde(default)]
    pub title: String,
    /// Why the error happens.
    #[serde(default)]
    pub root_cause: String,
    /// What the change does.
    #[serde(default)]
    pub explanation: String,
    /// Changes of files that are there.
    #[serde(default)]
    pub edits: Vec<Edit>,
    /// Files to add.
    #[serde(default)]
    pub new_files: Option<Vec<NewFile>>,
    /// How sure the model is.
    #[serde(default)]
    pub confidence: Value,
    /// How people can see that it works.
    #[serde(default)]
    pub how_to_verify: String,
}

impl Call {
    /// The tool's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ListFiles { .. } => "list_files",
            Self::SearchCode { .. } => "search_code",
            Self::ReadFile { .. } => "read_file",
            Self::Submit(_) => "submit_fix",
            Self::Decline { .. } => "decline",
        }
    }
}

/// The span of a tool that is run, as the semantic conventions for generative AI have it.
pub(super) fn span(name: &'static str, id: &str) -> Span {
    tracing::info_span!(
        "execute_tool",
        otel.name = %format_args!("execute_tool {name}"),
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = name,
        gen_ai.tool.r#type = "function",
        gen_ai.tool.call.id = redact::cut(id, 100),
    )
}

/// Reads a call.
///
/// # Errors
///
/// What is wrong with it, for the model to read.
pub fn read(name: &str, input: &Value) -> Result<Call, String> {
    #[derive(Deserialize)]
    struct Path {
        #[serde(default)]
        path: String,
    }
    #[derive(Deserialize)]
    struct Search {
        query: String,
        path: Option<String>,
    }
    #[derive(Deserialize)]
    struct Read {
        path: String,
        start_line: Option<u64>,
        end_line: Option<u64>,
    }
    #[derive(Deserialize)]
    struct Reason {
        reason: String,
    }
    fn fields<T: for<'de> Deserialize<'de>>(name: &str, input: &Value) -> Result<T, String> {
        T::deserialize(input).map_err(|error| format!("the input of {name} does not fit its schema: {error}"))
    }
    match name {
        "list_files" => fields(name, input).map(|Path { path }| Call::ListFiles { path }),
        "search_code" => fields(name, input).map(|Search { query, path }| Call::SearchCode { query, path }),
        "read_file" => fields(name, input).map(|Read { path, start_line, end_line }| Call::ReadFile {
            path,
            start_line,
            end_line,
        }),
        "submit_fix" => fields(name, input).map(|submitted| Call::Submit(Box::new(submitted))),
        "decline" => fields(name, input).map(|Reason { reason }| Call::Decline { reason }),
        other => Err(format!("there is no tool {}", redact::cut(other, 100))),
    }
}

/// The tools as the Messages API wants them. The same bytes in every request, for the prompt cache.
#[must_use]
pub fn definitions() -> Value {
    json!([
        tool(
            "list_files",
            "Lists a folder of the repository at the commit that is being mended: folders end in `/`, files tell their size in bytes.",
            &json!({"path": text("The folder, relative to the root, without a slash at its end; empty for the root.")}),
        ),
        tool(
            "search_code",
            "Finds a text in the repository's source files, in any case, as it stands (no pattern). Answers `path:line: text`.",
            &json!({
                "query": text("The text."),
                "path": optional("string", "Only below this folder; null for the whole repository."),
            }),
        ),
        tool(
            "read_file",
            "Reads a file's lines as `number: text`, at most 400 in one call. The number and the colon are not part of the file.",
            &json!({
                "path": text("The file, relative to the root."),
                "start_line": optional("integer", "The first line, from 1; null for the first."),
                "end_line": optional("integer", "The last line; null for as far as goes."),
            }),
        ),
        tool(
            "submit_fix",
            "Ends the work with a change. It is checked: every `find` must occur exactly once in its file as the file stands now. \
             If something does not hold, the result says what, and you may submit again.",
            &json!({
                "title": text("The change in one line, in the imperative."),
                "root_cause": text("Why the error happens, with the evidence in the code."),
                "explanation": text("What the change does and why it is enough."),
                "edits": list(&json!({
                    "path": text("The file."),
                    "find": text("The text to replace, copied exactly, with enough around it to occur once."),
                    "replace": text("What takes its place."),
                })),
                "new_files": {
                    "type": ["array", "null"],
                    "description": "Files to add, at most one; null for none.",
                    "items": object(&json!({"path": text("The file."), "content": text("Its whole content.")})),
                },
                "confidence": {
                    "type": "string",
                    "enum": ["low", "medium", "high"],
                    "description": "How sure you are that this mends the error and breaks nothing.",
                },
                "how_to_verify": text("How a person can see that it works: a command, a request, a test."),
            }),
        ),
        tool(
            "decline",
            "Ends the work without a change: the cause is not in this repository, or no change is certain enough.",
            &json!({"reason": text("Why, in a sentence or two, for the people who run the service.")}),
        ),
    ])
}

fn tool(name: &str, description: &str, properties: &Value) -> Value {
    json!({"name": name, "description": description, "strict": true, "input_schema": object(properties)})
}

/// Strict schemas name every property as required and allow no others.
fn object(properties: &Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn list(properties: &Value) -> Value {
    json!({"type": "array", "items": object(properties)})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn optional(kind: &str, description: &str) -> Value {
    json!({"type": [kind, "null"], "description": description})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_and_garbage_is_told() {
        let input = json!({"path": "a.py", "start_line": null, "end_line": 3});
        let call = Call::ReadFile { path: "a.py".into(), start_line: None, end_line: Some(3) };
        assert_eq!(read("read_file", &input), Ok(call));
        for (name, input) in [
            ("read_file", json!({"path": 7})),
            ("read_file", json!(null)),
            ("read_file", json!({"path": "a", "start_line": -1})),
            ("submit_fix", json!({"edits": "all"})),
            ("run_shell", json!({})),
            ("decline", json!({})),
        ] {
            assert!(read(name, &input).is_err(), "{name} {input}");
        }
    }

    #[test]
    fn every_schema_is_strict() {
        fn check(schema: &Value) {
            if let Some(properties) = schema["properties"].as_object() {
                assert_eq!(schema["additionalProperties"], false, "{schema}");
                assert_eq!(schema["required"].as_array().unwrap().len(), properties.len(), "{schema}");
                properties.values().for_each(check);
            }
            if schema["items"].is_object() {
                check(&schema["items"]);
            }
        }
        for tool in definitions().as_array().unwrap() {
            assert_eq!(tool["strict"], true);
            check(&tool["input_schema"]);
        }
    }
}
