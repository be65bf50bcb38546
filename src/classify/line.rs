//! One line to try rules on: what a person types, or a rules file says that a rule must or must not hold for.

use prost::Message as _;

use crate::model::{Exception, LogRecord, Resource, SeverityNumber};
use crate::otlp::Unfolded;
use crate::proto::common::v1::{AnyValue, KeyValue, any_value};
use crate::proto::{logs, resource};

/// A log record as a person writes one down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The body.
    pub body: String,
    /// `exception.type`
    pub exception_type: String,
    /// `exception.message`
    pub exception_message: String,
    /// Unspecified where nothing is said: a bare line.
    pub severity_number: SeverityNumber,
    /// `service.name`
    pub service: String,
    /// Attributes of the record, as texts.
    pub attributes: Vec<(String, String)>,
    /// Attributes of the resource, as texts.
    pub resource_attributes: Vec<(String, String)>,
}

impl Line {
    /// Shows it as the record that the service would see, unfolded where it is JSON.
    pub fn show<T>(&self, see: impl FnOnce(&LogRecord<'_>, &Resource<'_>) -> T) -> T {
        let attributes = pairs(&self.attributes);
        let body = Some(text(&self.body));
        let record =
            logs::v1::LogRecord { body, attributes, ..logs::v1::LogRecord::default() }.encode_to_vec();
        let attributes = pairs(&self.resource_attributes);
        let resource =
            resource::v1::Resource { attributes, ..resource::v1::Resource::default() }.encode_to_vec();
        let record = LogRecord {
            severity_number: self.severity_number,
            body: self.body.as_bytes(),
            exception: Exception {
                type_name: self.exception_type.as_bytes(),
                message: self.exception_message.as_bytes(),
                stacktrace: b"",
            },
            wire: &record,
            ..LogRecord::default()
        };
        let resource =
            Resource { service_name: self.service.as_bytes(), wire: &resource, ..Resource::default() };
        see(&Unfolded::new(&record).record(), &resource)
    }
}

fn pairs(pairs: &[(String, String)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(String, String)| KeyValue {
        key: key.clone(),
        value: Some(text(value)),
        ..KeyValue::default()
    };
    pairs.iter().map(pair).collect()
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}
