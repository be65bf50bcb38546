//! OTLP/JSON of an export request.
//!
//! Source: OTLP specification, "JSON Protobuf Encoding": ids in hex, enums as numbers, 64-bit integers as strings, bytes in
//! base64, names in lowerCamelCase, fields that hold nothing left out.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

/// Appends the request as OTLP/JSON.
///
/// # Errors
///
/// Never in practice: it is written into memory, from messages that have no key but texts.
pub(super) fn encode(request: &ExportLogsServiceRequest, into: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(into, &Json(request))
}

/// A message that is written as an object.
trait Message {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error>;
}

struct Json<'m, T>(&'m T);

impl<T: Message> Serialize for Json<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields(serializer.serialize_map(None)?);
        self.0.write(&mut fields)?;
        fields.0.end()
    }
}

struct List<'m, T>(&'m [T]);

impl<T: Message> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Json))
    }
}

/// Writes the fields of a message that hold something.
struct Fields<M>(M);

impl<M: SerializeMap> Fields<M> {
    fn put(&mut self, name: &str, holds: bool, value: impl Serialize) -> Result<(), M::Error> {
        if holds { self.0.serialize_entry(name, &value) } else { Ok(()) }
    }

    fn text(&mut self, name: &str, text: &str) -> Result<(), M::Error> {
        self.put(name, !text.is_empty(), text)
    }

    fn number<N: Serialize + Default + PartialEq>(&mut self, name: &str, number: N) -> Result<(), M::Error> {
        let holds = number != N::default();
        self.put(name, holds, number)
    }

    fn long(&mut self, name: &str, number: u64) -> Result<(), M::Error> {
        self.put(name, number != 0, number.to_string())
    }

    fn id(&mut self, name: &str, id: &[u8]) -> Result<(), M::Error> {
        let mut hex = String::with_capacity(id.len() * 2);
        for byte in id {
            // Writing into a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        self.text(name, &hex)
    }

    fn message(&mut self, name: &str, message: Option<&impl Message>) -> Result<(), M::Error> {
        message.map_or(Ok(()), |message| self.put(name, true, Json(message)))
    }

    fn list(&mut self, name: &str, list: &[impl Message]) -> Result<(), M::Error> {
        self.put(name, !list.is_empty(), List(list))
    }
}

impl Message for ExportLogsServiceRequest {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.list("resourceLogs", &self.resource_logs)
    }
}

impl Message for ResourceLogs {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.message("resource", self.resource.as_ref())?;
        fields.list("scopeLogs", &self.scope_logs)?;
        fields.text("schemaUrl", &self.schema_url)
    }
}

impl Message for Resource {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)
    }
}

impl Message for ScopeLogs {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.message("scope", self.scope.as_ref())?;
        fields.list("logRecords", &self.log_records)?;
        fields.text("schemaUrl", &self.schema_url)
    }
}

impl Message for InstrumentationScope {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.text("name", &self.name)?;
        fields.text("version", &self.version)?;
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)
    }
}

impl Message for LogRecord {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.long("timeUnixNano", self.time_unix_nano)?;
        fields.long("observedTimeUnixNano", self.observed_time_unix_nano)?;
        fields.number("severityNumber", self.severity_number)?;
        fields.text("severityText", &self.severity_text)?;
        fields.message("body", self.body.as_ref())?;
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)?;
        fields.number("flags", self.flags)?;
        fields.id("traceId", &self.trace_id)?;
        fields.id("spanId", &self.span_id)?;
        fields.text("eventName", &self.event_name)
    }
}

impl Message for KeyValue {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.text("key", &self.key)?;
        fields.message("value", self.value.as_ref())
    }
}

impl Message for AnyValue {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        use any_value::Value;
        match &self.value {
            None | Some(Value::StringValueStrindex(_)) => Ok(()),
            Some(Value::StringValue(text)) => fields.put("stringValue", true, text),
            Some(Value::BoolValue(flag)) => fields.put("boolValue", true, flag),
            Some(Value::IntValue(number)) => fields.put("intValue", true, number.to_string()),
            Some(Value::DoubleValue(number)) if number.is_finite() => fields.put("doubleValue", true, number),
            Some(Value::DoubleValue(number)) => fields.put("doubleValue", true, not_finite(*number)),
            Some(Value::BytesValue(bytes)) => fields.put("bytesValue", true, BASE64_STANDARD.encode(bytes)),
            Some(Value::ArrayValue(array)) => fields.message("arrayValue", Some(array)),
            Some(Value::KvlistValue(list)) => fields.message("kvlistValue", Some(list)),
        }
    }
}

impl Message for ArrayValue {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.list("values", &self.values)
    }
}

impl Message for KeyValueList {
    fn write<M: SerializeMap>(&self, fields: &mut Fields<M>) -> Result<(), M::Error> {
        fields.list("values", &self.values)
    }
}

fn not_finite(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::records::{attribute, string};
    use super::*;
    use crate::proto::common::v1::any_value::Value as Any;

    fn shown(record: LogRecord) -> Value {
        let scope_logs = ScopeLogs { log_records: vec![record], ..ScopeLogs::default() };
        let resource_logs = ResourceLogs { scope_logs: vec![scope_logs], ..ResourceLogs::default() };
        let request = ExportLogsServiceRequest { resource_logs: vec![resource_logs] };
        let mut json = Vec::new();
        encode(&request, &mut json).unwrap();
        let whole: Value = serde_json::from_slice(&json).unwrap();
        whole["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
    }

    #[test]
    fn a_record_is_spelled_as_otlp_asks() {
        let record = LogRecord {
            time_unix_nano: u64::MAX,
            severity_number: 17,
            severity_text: "ERROR".to_owned(),
            body: Some(string("lost \"it\"\n".to_owned())),
            attributes: vec![attribute("user", string("a".to_owned()))],
            flags: 1,
            trace_id: vec![0x0a; 16],
            span_id: vec![0xff; 8],
            ..LogRecord::default()
        };
        let expected = json!({
            "timeUnixNano": "18446744073709551615",
            "severityNumber": 17,
            "severityText": "ERROR",
            "body": {"stringValue": "lost \"it\"\n"},
            "attributes": [{"key": "user", "value": {"stringValue": "a"}}],
            "flags": 1,
            "traceId": "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
            "spanId": "ffffffffffffffff",
        });
        assert_eq!(shown(record), expected);
    }

    #[test]
    fn every_kind_of_value_is_spelled_as_otlp_asks() {
        for (value, expected) in [
            (None, json!({})),
            (Some(Any::BoolValue(false)), json!({"boolValue": false})),
            (Some(Any::IntValue(i64::MIN)), json!({"intValue": "-9223372036854775808"})),
            (Some(Any::DoubleValue(1.5)), json!({"doubleValue": 1.5})),
            (Some(Any::DoubleValue(f64::NAN)), json!({"doubleValue": "NaN"})),
            (Some(Any::DoubleValue(f64::NEG_INFINITY)), json!({"doubleValue": "-Infinity"})),
            (Some(Any::BytesValue(vec![1, 2])), json!({"bytesValue": "AQI="})),
            (Some(Any::ArrayValue(ArrayValue { values: vec![] })), json!({"arrayValue": {}})),
            (
                Some(Any::KvlistValue(KeyValueList { values: vec![attribute("k", string("v".to_owned()))] })),
                json!({"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}),
            ),
        ] {
            let body = Some(AnyValue { value });
            assert_eq!(shown(LogRecord { body, ..LogRecord::default() })["body"], expected);
        }
    }
}
