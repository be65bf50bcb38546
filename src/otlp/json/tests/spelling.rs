//! Random requests, and the many ways to spell one in JSON.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;

pub(super) fn request() -> impl Strategy<Value = ExportLogsServiceRequest> {
    vec(resource_logs(), 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn resource_logs() -> impl Strategy<Value = ResourceLogs> {
    (option::of(resource()), vec(scope_logs(), 0..3), ".{0,3}")
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url })
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), any::<u32>(), vec(entity_ref(), 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn entity_ref() -> impl Strategy<Value = EntityRef> {
    (".{0,3}", ".{0,3}", vec(".{0,3}", 0..3), vec(".{0,3}", 0..3)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    )
}

fn scope_logs() -> impl Strategy<Value = ScopeLogs> {
    let scope = (".{0,3}", ".{0,3}", attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    );
    (option::of(scope), vec(log_record(), 0..4), ".{0,3}")
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url })
}

fn log_record() -> impl Strategy<Value = LogRecord> {
    let id = |length| prop_oneof![Just(Vec::new()), vec(any::<u8>(), length)];
    let times = (any::<u64>(), any::<u64>(), prop_oneof![0..25, any::<i32>()]);
    let texts = (".{0,10}", ".{0,200}");
    let rest = (option::of(any_value()), attributes(), any::<u32>(), any::<u32>(), id(16), id(8));
    (times, texts, rest).prop_map(|(times, texts, rest)| LogRecord {
        time_unix_nano: times.0,
        observed_time_unix_nano: times.1,
        severity_number: times.2,
        severity_text: texts.0,
        event_name: texts.1,
        body: rest.0,
        attributes: rest.1,
        dropped_attributes_count: rest.2,
        flags: rest.3,
        trace_id: rest.4,
        span_id: rest.5,
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(key_value(any_value()), 0..3)
}

fn key_value(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = KeyValue> {
    let strindex = prop_oneof![4 => Just(0), 1 => any::<i32>()];
    (".{0,5}", option::of(value), strindex).prop_map(|(key, value, key_strindex)| KeyValue {
        key,
        value,
        key_strindex,
    })
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    // JSON knows one NaN.
    let double = any::<f64>().prop_map(|double| if double.is_nan() { f64::NAN } else { double });
    let leaf = prop_oneof![
        Just(None),
        ".{0,20}".prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|truth| Some(Value::BoolValue(truth))),
        any::<i64>().prop_map(|int| Some(Value::IntValue(int))),
        double.prop_map(|double| Some(Value::DoubleValue(double))),
        vec(any::<u8>(), 0..10).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        any::<i32>().prop_map(|index| Some(Value::StringValueStrindex(index))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| value(Value::ArrayValue(ArrayValue { values }))),
            vec(key_value(inner), 0..4).prop_map(|values| value(Value::KvlistValue(KeyValueList { values }))),
        ]
    })
}

/// A way to spell: 0 is the specification's, any other number a mixture of all that a sender might do.
pub(super) struct Spelling(pub(super) u64);

impl Spelling {
    /// Whether to do something odd this time.
    fn odd(&mut self) -> bool {
        // xorshift64, which stays at 0.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 & 2 != 0
    }

    fn object<const N: usize>(&mut self, members: [(&str, Json); N]) -> Json {
        let mut object = Map::new();
        for (key, value) in members {
            let is_default = value == json!("") || value == json!([]) || value == json!(0);
            let is_set_by_presence = key.ends_with("Value");
            let value = match value {
                Json::Null if !self.odd() => continue,
                _ if is_default && !is_set_by_presence && !self.odd() => continue,
                _ if is_default && !is_set_by_presence && self.odd() => Json::Null,
                value => value,
            };
            let key = if self.odd() { snake_case(key) } else { key.to_owned() };
            object.insert(key, value);
        }
        if self.odd() {
            object.insert("unknown".into(), json!([{"body": [[null]]}, "\u{1f600}", -1.5e300]));
        }
        Json::Object(object)
    }

    fn list<T>(&mut self, of: &[T], mut one: impl FnMut(&mut Self, &T) -> Json) -> Json {
        of.iter().map(|element| one(self, element)).collect()
    }

    /// A number: in quotes where the specification wants them, or where the sender is odd.
    fn int(&mut self, int: impl Into<i128>, quoted: bool) -> Json {
        let int = int.into();
        if quoted != self.odd() {
            return json!(int.to_string());
        }
        u64::try_from(int).map_or_else(|_| json!(i64::try_from(int).unwrap()), |int| json!(int))
    }

    fn hex(&mut self, bytes: &[u8]) -> Json {
        let is_upper = self.odd();
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap();
        let hex: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        json!(if is_upper { hex.to_uppercase() } else { hex })
    }

    fn severity(&mut self, number: i32) -> Json {
        match crate::proto::logs::v1::SeverityNumber::try_from(number) {
            Ok(known) if self.odd() => json!(known.as_str_name()),
            _ => self.int(number, false),
        }
    }

    fn double(&mut self, double: f64) -> Json {
        match () {
            () if double.is_nan() => json!("NaN"),
            () if double.is_infinite() => json!(if double > 0.0 { "Infinity" } else { "-Infinity" }),
            () if self.odd() => json!(double.to_string()),
            () => json!(double),
        }
    }

    pub(super) fn request(&mut self, request: &ExportLogsServiceRequest) -> Json {
        let resource_logs = self.list(&request.resource_logs, Self::resource_logs);
        self.object([("resourceLogs", resource_logs)])
    }

    fn resource_logs(&mut self, logs: &ResourceLogs) -> Json {
        let members = [
            ("resource", logs.resource.as_ref().map_or(Json::Null, |resource| self.resource(resource))),
            ("scopeLogs", self.list(&logs.scope_logs, Self::scope_logs)),
            ("schemaUrl", json!(logs.schema_url)),
        ];
        self.object(members)
    }

    fn resource(&mut self, resource: &Resource) -> Json {
        let members = [
            ("attributes", self.list(&resource.attributes, Self::key_value)),
            ("droppedAttributesCount", self.int(resource.dropped_attributes_count, false)),
            ("entityRefs", self.list(&resource.entity_refs, Self::entity_ref)),
        ];
        self.object(members)
    }

    fn entity_ref(&mut self, entity: &EntityRef) -> Json {
        self.object([
            ("schemaUrl", json!(entity.schema_url)),
            ("type", json!(entity.r#type)),
            ("idKeys", json!(entity.id_keys)),
            ("descriptionKeys", json!(entity.description_keys)),
        ])
    }

    fn scope_logs(&mut self, logs: &ScopeLogs) -> Json {
        let members = [
            ("scope", logs.scope.as_ref().map_or(Json::Null, |scope| self.scope(scope))),
            ("logRecords", self.list(&logs.log_records, Self::log_record)),
            ("schemaUrl", json!(logs.schema_url)),
        ];
        self.object(members)
    }

    fn scope(&mut self, scope: &InstrumentationScope) -> Json {
        let members = [
            ("name", json!(scope.name)),
            ("version", json!(scope.version)),
            ("attributes", self.list(&scope.attributes, Self::key_value)),
            ("droppedAttributesCount", self.int(scope.dropped_attributes_count, false)),
        ];
        self.object(members)
    }

    fn log_record(&mut self, record: &LogRecord) -> Json {
        let members = [
            ("timeUnixNano", self.int(record.time_unix_nano, true)),
            ("observedTimeUnixNano", self.int(record.observed_time_unix_nano, true)),
            ("severityNumber", self.severity(record.severity_number)),
            ("severityText", json!(record.severity_text)),
            ("body", record.body.as_ref().map_or(Json::Null, |body| self.any_value(body))),
            ("attributes", self.list(&record.attributes, Self::key_value)),
            ("droppedAttributesCount", self.int(record.dropped_attributes_count, false)),
            ("flags", self.int(record.flags, false)),
            ("traceId", self.hex(&record.trace_id)),
            ("spanId", self.hex(&record.span_id)),
            ("eventName", json!(record.event_name)),
        ];
        self.object(members)
    }

    fn key_value(&mut self, attribute: &KeyValue) -> Json {
        let members = [
            ("key", json!(attribute.key)),
            ("value", attribute.value.as_ref().map_or(Json::Null, |value| self.any_value(value))),
            ("keyStrindex", self.int(attribute.key_strindex, false)),
        ];
        self.object(members)
    }

    fn any_value(&mut self, value: &AnyValue) -> Json {
        let member = match &value.value {
            None => return self.object([]),
            Some(Value::StringValue(text)) => ("stringValue", json!(text)),
            Some(Value::BoolValue(truth)) => ("boolValue", json!(truth)),
            Some(Value::IntValue(int)) => ("intValue", self.int(*int, true)),
            Some(Value::DoubleValue(double)) => ("doubleValue", self.double(*double)),
            Some(Value::ArrayValue(array)) => {
                let values = self.list(&array.values, Self::any_value);
                ("arrayValue", self.object([("values", values)]))
            }
            Some(Value::KvlistValue(map)) => {
                let values = self.list(&map.values, Self::key_value);
                ("kvlistValue", self.object([("values", values)]))
            }
            Some(Value::BytesValue(bytes)) => {
                let odd = self.odd();
                (
                    "bytesValue",
                    json!(if odd { URL_SAFE_NO_PAD.encode(bytes) } else { STANDARD.encode(bytes) }),
                )
            }
            Some(Value::StringValueStrindex(index)) => ("stringValueStrindex", self.int(*index, false)),
        };
        // A strindex is set by its presence, as the values are.
        if member.0 == "stringValueStrindex" { json!({member.0: member.1}) } else { self.object([member]) }
    }
}

fn snake_case(key: &str) -> String {
    key.chars().fold(String::new(), |mut snake, c| {
        if c.is_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
        snake
    })
}
