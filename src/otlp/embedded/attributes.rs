//! All attributes of a record, as an example of a cluster shows them.

use super::super::value::{AnyValue, Entries, body};
use super::names::{self, Part, Place};
use super::object::{Object, Value, looks_like_json};
use crate::model::{LogRecord, Resource};

/// Shows the attributes of a record, then the other entries of a body that is a map or JSON. What is shown elsewhere is left
/// out: the message, the exception that loggers tell of, its trace.
pub fn attributes(record: &LogRecord<'_>, mut visit: impl FnMut(&[u8], Value<'_>)) {
    for (key, value) in Entries::of_record(record.wire) {
        match (names::place(key), value) {
            (Some(Place::Part(Part::Stacktrace)), _) | (Some(Place::Error), AnyValue::Map(_)) => {}
            _ => visit(key, Value::of_wire(value)),
        }
    }
    match body(record.wire) {
        AnyValue::Map(list) => of_body(Object::Map(list), true, &mut visit),
        AnyValue::String(text) | AnyValue::Bytes(text) => of_json(text, true, &mut visit),
        _ => {}
    }
}

/// Shows the attributes of a resource.
pub fn resource_attributes(resource: &Resource<'_>, mut visit: impl FnMut(&[u8], Value<'_>)) {
    // Its attributes have the field number that a map's entries have.
    for (key, value) in Entries::of_map(resource.wire) {
        visit(key, Value::of_wire(value));
    }
}

fn of_json(text: &[u8], may_wrap: bool, visit: &mut dyn FnMut(&[u8], Value<'_>)) {
    if looks_like_json(text) {
        of_body(Object::Json(&String::from_utf8_lossy(text)), may_wrap, visit);
    }
}

fn of_body(object: Object<'_>, may_wrap: bool, visit: &mut dyn FnMut(&[u8], Value<'_>)) {
    // A text that is no JSON after all is shown whole as the body.
    if !object.each(|_, _| {}) {
        return;
    }
    object.each(|key, value| match (names::place(key), value.text()) {
        (Some(Place::Message(_)), Some(text)) if may_wrap => of_json(&text, false, visit),
        (Some(Place::Message(_)), Some(_)) | (Some(Place::Error | Place::Part(_)), _) => {}
        _ => visit(key, value),
    });
}
