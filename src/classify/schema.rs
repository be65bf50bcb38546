//! The JSON Schema of rules files, made of the keys and bounds that the reader has, so that the two cannot drift apart.
//!
//! Editors take it by `#:schema PATH` in a file's first line (Taplo and what is built on it) or by their settings.

use serde_json::{Map, Value, json};

use super::catalogue::{
    CONDITION_LITERALS_MAX, ID_BYTES_MAX, LITERAL_BYTES_MAX, LITERAL_BYTES_MIN, NEAR_BYTES_MAX, RULES_MAX,
    SUGGESTED_FIX_CHARS_MAX,
};
use super::source::keys::{KEYS, SEVERITIES, Shape};
use crate::model::Severity;

/// The schema as a text, as `docs/rules.schema.json` holds it.
#[must_use]
pub fn text() -> String {
    format!("{:#}", schema())
}

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut properties = Map::new();
    for key in &KEYS {
        let mut property = shape(key.shape);
        property["description"] = key.doc.into();
        properties.insert(key.name.to_owned(), property);
    }
    let required: Vec<_> = KEYS.iter().filter(|key| key.required).map(|key| key.name).collect();
    let asks = ["any", "all", "near", "exception_types"].map(|key| json!({ "required": [key] }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "logmend rules file",
        "description": "Rules that say which log records are errors and of what kind; the first that holds wins. The manual is docs/rules.md.",
        "type": "object",
        "additionalProperties": false,
        "required": ["rule"],
        "properties": {
            "rule": {
                "description": "The rules, in the order in which they are tried.",
                "type": "array",
                "minItems": 1,
                "maxItems": RULES_MAX,
                "items": { "$ref": "#/$defs/rule" },
            },
        },
        "$defs": {
            "rule": {
                "type": "object",
                "additionalProperties": false,
                "required": required,
                "anyOf": asks,
                "properties": properties,
            },
            "literal": literal(),
            "line": line(),
            "value": { "type": ["string", "number", "boolean"] },
        },
    })
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Id => {
            json!({ "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": ID_BYTES_MAX })
        }
        Shape::Category => json!({ "type": "string", "pattern": "^[a-z0-9_]{1,48}$" }),
        Shape::Severity => {
            let names: Vec<_> = (0..=4).rev().filter_map(Severity::from_rank).map(Severity::as_str).collect();
            json!({ "enum": names })
        }
        Shape::MinSeverity => json!({ "enum": SEVERITIES.map(|(name, _)| name), "default": "warn" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Sentence => json!({ "type": "string", "minLength": 1, "maxLength": SUGGESTED_FIX_CHARS_MAX }),
        Shape::Literals => list(&json!({ "$ref": "#/$defs/literal" })),
        Shape::ExceptionTypes | Shape::Services => list(&text_of(LITERAL_BYTES_MAX)),
        Shape::Near => list(&near()),
        Shape::Attributes => attributes(),
        Shape::Lines => list(&json!({ "$ref": "#/$defs/line" })),
    }
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "maxItems": CONDITION_LITERALS_MAX, "items": items })
}

fn text_of(length_max: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": length_max })
}

fn literal() -> Value {
    json!({
        "anyOf": [
            { "type": "string", "minLength": LITERAL_BYTES_MIN, "maxLength": LITERAL_BYTES_MAX },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["text"],
                "properties": {
                    "text": text_of(LITERAL_BYTES_MAX),
                    "word": {
                        "description": "Whether it must stand alone: no letter, digit or `_` touches it.",
                        "type": "boolean",
                    },
                },
            },
        ],
    })
}

fn near() -> Value {
    let literal = json!({ "$ref": "#/$defs/literal" });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["first", "second", "within"],
        "properties": {
            "first": literal,
            "second": literal,
            "within": {
                "description": "Bytes from the end of the one to the beginning of the other, at most.",
                "type": "integer",
                "minimum": 0,
                "maximum": NEAR_BYTES_MAX,
            },
        },
    })
}

fn attributes() -> Value {
    let value = json!({ "$ref": "#/$defs/value" });
    let several = json!({ "type": "array", "minItems": 1, "items": value });
    json!({ "type": "object", "additionalProperties": { "anyOf": [value, several] } })
}

fn line() -> Value {
    let text = json!({ "type": "string" });
    let pairs = json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/value" } });
    json!({
        "anyOf": [
            { "description": "A body; of unknown severity.", "type": "string", "minLength": 1 },
            {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "body": text,
                    "exception_type": text,
                    "exception_message": text,
                    "severity": { "enum": SEVERITIES.map(|(name, _)| name) },
                    "service": text,
                    "attributes": pairs,
                    "resource_attributes": pairs,
                },
            },
        ],
    })
}

#[cfg(test)]
mod tests;
