//! The schema says what the reader does: of the same files.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::classify::source::keys::{LINE_KEYS, LITERAL_KEYS, NEAR_KEYS};
use crate::classify::{BUILT_IN, Catalogue};

/// What editors are pointed at is what the code says. `logmend rules schema > docs/rules.schema.json` writes it anew.
#[test]
fn the_file_in_docs_is_what_the_code_says() {
    let file = include_str!("../../../docs/rules.schema.json");
    assert_eq!(file.trim_end(), text(), "write it anew with `logmend rules schema`");
}

#[test]
fn its_tables_have_the_keys_that_the_reader_takes() {
    let keys = |pointer: &str| -> BTreeSet<String> {
        schema().pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    let known = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(keys("/$defs/rule/properties"), known(&KEYS.each_ref().map(|key| key.name)));
    assert_eq!(keys("/$defs/rule/properties/near/items/properties"), known(&NEAR_KEYS));
    assert_eq!(keys("/$defs/literal/anyOf/1/properties"), known(&LITERAL_KEYS));
    assert_eq!(keys("/$defs/line/anyOf/1/properties"), known(&LINE_KEYS));
}

/// Whether a value fits the schema, for the words that the schema uses.
fn fits(schema: &Value, value: &Value) -> bool {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(name) => &self::schema()["$defs"][name.strip_prefix("#/$defs/").unwrap()],
        None => schema,
    };
    schema.as_object().unwrap().iter().all(|(word, asked)| match word.as_str() {
        "type" => match asked {
            Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
            kind => is_of(kind, value),
        },
        "enum" => asked.as_array().unwrap().contains(value),
        "anyOf" => asked.as_array().unwrap().iter().any(|schema| fits(schema, value)),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(asked, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= asked.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= asked.as_u64().unwrap()),
        "minLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 >= asked.as_u64().unwrap())
        }
        "maxLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 <= asked.as_u64().unwrap())
        }
        "minimum" => value.as_f64().is_none_or(|number| number >= asked.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= asked.as_f64().unwrap()),
        "pattern" => value
            .as_str()
            .is_none_or(|text| regex::Regex::new(asked.as_str().unwrap()).unwrap().is_match(text)),
        "required" => value.as_object().is_none_or(|object| {
            asked.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| asked.get(key).is_none_or(|schema| fits(schema, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = |key: &String| schema.get("properties").is_some_and(|known| known.get(key).is_some());
            object.iter().filter(|(key, _)| !known(key)).all(|(_, value)| match asked {
                Value::Bool(allowed) => *allowed,
                schema => fits(schema, value),
            })
        }),
        "$schema" | "title" | "description" | "default" | "$defs" => true,
        other => panic!("the test does not know the word {other}"),
    })
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the test does not know the kind {other}"),
    }
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn it_takes_the_built_in_rules() {
    for file in BUILT_IN {
        assert!(fits(&schema(), &as_json(file.text)), "{}", file.name);
    }
}

/// Files that differ in one line: reader and schema refuse the same ones.
#[test]
fn it_refuses_what_the_reader_refuses() {
    let rule = "id = \"a-b\"\ncategory = \"unknown\"\nseverity = \"low\"\nfixable = false\nsuggested_fix = \"Mend it now.\"\nany = [\"aa\"]\n";
    for (line, by, allowed) in [
        ("", "", true),
        ("id = \"a-b\"", "id = \"A\"", false),
        ("id = \"a-b\"", "", false),
        ("category = \"unknown\"", "category = \"my_kind\"", true),
        ("category = \"unknown\"", "category = \"My kind\"", false),
        ("severity = \"low\"", "severity = \"awful\"", false),
        ("fixable = false", "fixable = \"no\"", false),
        ("suggested_fix = \"Mend it now.\"", "suggested_fix = \"\"", false),
        ("any = [\"aa\"]", "", false),
        ("any = [\"aa\"]", "any = [\"a\"]", false),
        ("any = [\"aa\"]", "any = [{ text = \"a\", word = true }]", true),
        ("any = [\"aa\"]", "any = \"aa\"", false),
        ("any = [\"aa\"]", "none = [\"aa\"]", false),
        ("any = [\"aa\"]", "exception_types = [\"KeyError\"]", true),
        ("any = [\"aa\"]", "near = [{ first = \"aa\", second = \"bb\", within = 3 }]", true),
        ("any = [\"aa\"]", "near = [{ first = \"aa\", second = \"bb\", within = 3000 }]", false),
        ("any = [\"aa\"]", "near = [{ first = \"aa\", second = \"bb\" }]", false),
        ("fixable = false", "fixable = false\nmin_severity = \"info\"", true),
        ("fixable = false", "fixable = false\nmin_severity = \"INFO\"", false),
        ("fixable = false", "fixable = false\nservices = [\"shop-*\"]", true),
        ("fixable = false", "fixable = false\nattributes = { \"a.b\" = 7, c = [\"d\", true] }", true),
        ("fixable = false", "fixable = false\nattributes = { a.b = 7 }", false),
        ("fixable = false", "fixable = false\nmust = [\"x\", { body = \"y\", severity = \"warn\" }]", true),
        ("fixable = false", "fixable = false\nmust = [{ text = \"y\" }]", false),
        ("fixable = false", "fixable = false\nseen = true", false),
    ] {
        let text = format!("[[rule]]\n{}", rule.replacen(line, by, 1));
        assert_eq!(Catalogue::parse(&text).is_ok(), allowed, "the reader: {by}");
        assert_eq!(fits(&schema(), &as_json(&text)), allowed, "the schema: {by}");
    }
}
