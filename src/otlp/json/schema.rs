//! The messages of an OTLP logs request: their keys in JSON, their field numbers on the wire.
//!
//! Source: opentelemetry-proto 1.11, as `proto/` has it.

use super::scalar::Scalar;
use Counted::{Attribute, Envelope, Nothing, Record};
use Kind::{Base64, Deeper, Hex, Many, One, Text, Texts};

/// A message type.
pub(super) struct Message {
    pub(super) name: &'static str,
    /// All fields are one `oneof`: each takes the place of the one before.
    pub(super) is_oneof: bool,
    fields: &'static [Field],
}

/// A field of a message.
pub(super) struct Field {
    pub(super) number: u32,
    /// The key, in `lowerCamelCase`.
    pub(super) name: &'static str,
    snake_case: &'static str,
    pub(super) kind: Kind,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Texts,
    Base64,
    /// An id of this many bytes.
    Hex(usize),
    Scalar(Scalar),
    One(&'static Message),
    /// A message that holds values in turn: one level deeper.
    Deeper(&'static Message),
    Many(&'static Message, Counted),
}

/// What an element of a list counts as.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    Nothing,
    Envelope,
    Record,
    Attribute,
}

impl Message {
    /// The field of this key, in `lowerCamelCase` or in `snake_case`.
    pub(super) fn field(&self, key: &[u8]) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name.as_bytes() == key || field.snake_case.as_bytes() == key)
    }
}

const fn field(number: u32, name: &'static str, snake_case: &'static str, kind: Kind) -> Field {
    Field { number, name, snake_case, kind }
}

const fn message(name: &'static str, fields: &'static [Field]) -> Message {
    Message { name, is_oneof: false, fields }
}

pub(super) static REQUEST: Message = message(
    "ExportLogsServiceRequest",
    &[field(1, "resourceLogs", "resource_logs", Many(&RESOURCE_LOGS, Envelope))],
);

static RESOURCE_LOGS: Message = message(
    "ResourceLogs",
    &[
        field(1, "resource", "resource", One(&RESOURCE)),
        field(2, "scopeLogs", "scope_logs", Many(&SCOPE_LOGS, Envelope)),
        field(3, "schemaUrl", "schema_url", Text),
    ],
);

static RESOURCE: Message = message(
    "Resource",
    &[
        field(1, "attributes", "attributes", Many(&KEY_VALUE, Attribute)),
        field(2, "droppedAttributesCount", "dropped_attributes_count", Kind::Scalar(Scalar::Uint32)),
        field(3, "entityRefs", "entity_refs", Many(&ENTITY_REF, Nothing)),
    ],
);

static ENTITY_REF: Message = message(
    "EntityRef",
    &[
        field(1, "schemaUrl", "schema_url", Text),
        field(2, "type", "type", Text),
        field(3, "idKeys", "id_keys", Texts),
        field(4, "descriptionKeys", "description_keys", Texts),
    ],
);

static SCOPE_LOGS: Message = message(
    "ScopeLogs",
    &[
        field(1, "scope", "scope", One(&SCOPE)),
        field(2, "logRecords", "log_records", Many(&LOG_RECORD, Record)),
        field(3, "schemaUrl", "schema_url", Text),
    ],
);

static SCOPE: Message = message(
    "InstrumentationScope",
    &[
        field(1, "name", "name", Text),
        field(2, "version", "version", Text),
        field(3, "attributes", "attributes", Many(&KEY_VALUE, Attribute)),
        field(4, "droppedAttributesCount", "dropped_attributes_count", Kind::Scalar(Scalar::Uint32)),
    ],
);

static LOG_RECORD: Message = message(
    "LogRecord",
    &[
        field(1, "timeUnixNano", "time_unix_nano", Kind::Scalar(Scalar::Fixed64)),
        field(11, "observedTimeUnixNano", "observed_time_unix_nano", Kind::Scalar(Scalar::Fixed64)),
        field(2, "severityNumber", "severity_number", Kind::Scalar(Scalar::Severity)),
        field(3, "severityText", "severity_text", Text),
        field(5, "body", "body", One(&ANY_VALUE)),
        field(6, "attributes", "attributes", Many(&KEY_VALUE, Attribute)),
        field(7, "droppedAttributesCount", "dropped_attributes_count", Kind::Scalar(Scalar::Uint32)),
        field(8, "flags", "flags", Kind::Scalar(Scalar::Fixed32)),
        field(9, "traceId", "trace_id", Hex(16)),
        field(10, "spanId", "span_id", Hex(8)),
        field(12, "eventName", "event_name", Text),
    ],
);

static KEY_VALUE: Message = message(
    "KeyValue",
    &[
        field(1, "key", "key", Text),
        field(2, "value", "value", One(&ANY_VALUE)),
        field(3, "keyStrindex", "key_strindex", Kind::Scalar(Scalar::Int32)),
    ],
);

static ANY_VALUE: Message = Message {
    name: "AnyValue",
    is_oneof: true,
    fields: &[
        field(1, "stringValue", "string_value", Text),
        field(2, "boolValue", "bool_value", Kind::Scalar(Scalar::Bool)),
        field(3, "intValue", "int_value", Kind::Scalar(Scalar::Int64)),
        field(4, "doubleValue", "double_value", Kind::Scalar(Scalar::Double)),
        field(5, "arrayValue", "array_value", Deeper(&ARRAY_VALUE)),
        field(6, "kvlistValue", "kvlist_value", Deeper(&KEY_VALUE_LIST)),
        field(7, "bytesValue", "bytes_value", Base64),
        field(8, "stringValueStrindex", "string_value_strindex", Kind::Scalar(Scalar::Int32)),
    ],
};

static ARRAY_VALUE: Message =
    message("ArrayValue", &[field(1, "values", "values", Many(&ANY_VALUE, Attribute))]);

static KEY_VALUE_LIST: Message =
    message("KeyValueList", &[field(1, "values", "values", Many(&KEY_VALUE, Attribute))]);
