//! What the API takes as tools: names, and schemas in the part of JSON Schema that strict tools may use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Refusal, check, refuse};

/// The keywords that a strict schema may hold.
const KEYWORDS: &[&str] = &[
    "type",
    "properties",
    "required",
    "additionalProperties",
    "description",
    "title",
    "enum",
    "const",
    "items",
    "anyOf",
    "$ref",
    "$defs",
    "default",
    "format",
];

/// The most strict tools, and properties that may be one of several types, in one request.
const STRICT_MAX: usize = 20;
const UNIONS_MAX: usize = 16;

/// The keys that a tool of the caller's own may have.
const TOOL_KEYS: &[&str] = &[
    "name",
    "description",
    "input_schema",
    "strict",
    "cache_control",
    "input_examples",
    "type",
    "eager_input_streaming",
];

/// Checks `tools` of a request.
pub(super) fn tools(tools: &Value) -> Result<(), Refusal> {
    let Some(tools) = tools.as_array() else { return refuse("tools: Input should be a valid list") };
    let mut names = BTreeSet::new();
    let (mut strict, mut unions) = (0, 0);
    for (at, tool) in tools.iter().enumerate() {
        let place = format!("tools.{at}");
        super::known_keys(tool, TOOL_KEYS, &place)?;
        let name = tool["name"].as_str().unwrap_or_default();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        check((1..=128).contains(&name.len()) && name.bytes().all(fits), || {
            format!("{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        })?;
        check(names.insert(name), || "tools: Tool names must be unique.".to_owned())?;
        check(tool["description"].as_str().is_some_and(|text| !text.is_empty()), || {
            format!("{place}.description: Claude is not told what the tool does")
        })?;
        let schema = &tool["input_schema"];
        check(schema["type"] == "object", || format!("{place}.input_schema.type: Input should be 'object'"))?;
        if tool["strict"] == true {
            strict += 1;
            unions += strict_schema(schema, &format!("{place}.input_schema"))?;
        }
    }
    check(strict <= STRICT_MAX && unions <= UNIONS_MAX, || {
        format!("Schema is too complex for compilation: {strict} strict tools, {unions} unions")
    })
}

/// Checks a schema whose values Claude must keep to, and counts its unions.
pub(super) fn strict_schema(schema: &Value, place: &str) -> Result<usize, Refusal> {
    let Some(keywords) = schema.as_object() else {
        return refuse(format!("{place}: a schema must be an object"));
    };
    for keyword in keywords.keys() {
        check(KEYWORDS.contains(&keyword.as_str()), || {
            format!("{place}: property '{keyword}' is not supported in strict schemas")
        })?;
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    if types.contains(&"object") || schema.get("properties").is_some() {
        object(schema, place)?;
    }
    let mut unions = usize::from(types.len() > 1 || schema.get("anyOf").is_some());
    let named = ["properties", "$defs"].into_iter().filter_map(|key| schema[key].as_object()).flatten();
    let nested = schema.get("items").into_iter().chain(schema["anyOf"].as_array().into_iter().flatten());
    let children = named.map(|(name, child)| (name.as_str(), child)).chain(nested.map(|child| ("[]", child)));
    for (name, child) in children {
        unions += strict_schema(child, &format!("{place}.{name}"))?;
    }
    Ok(unions)
}

/// An object is closed and names all its properties.
fn object(schema: &Value, place: &str) -> Result<(), Refusal> {
    check(schema["additionalProperties"] == false, || {
        format!("{place}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    })?;
    let properties: BTreeSet<_> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let required: BTreeSet<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    check(properties == required, || format!("{place}: 'required' must list all properties: {properties:?}"))
}
