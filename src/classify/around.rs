//! What a rule asks of what stands around a record's text: its service and its attributes.
//!
//! Only rules that the text made candidates come here, so a record that matches nothing pays nothing for it.

use super::rule::{AttributeIs, Conditions};
use crate::model::{LogRecord, Resource};
use crate::otlp::{self, Value};

/// How much of a value is compared, in bytes: more than a rules file can ask for.
const VALUE_BYTES_MAX: usize = 1024;

impl Conditions {
    /// Whether service and attributes are as the rule asks.
    pub(super) fn hold_around(&self, record: &LogRecord<'_>, resource: &Resource<'_>) -> bool {
        self.is_of_service(resource)
            && have_all(&self.attributes, |visit| otlp::attributes(record, visit))
            && have_all(&self.resource_attributes, |visit| otlp::resource_attributes(resource, visit))
    }

    /// Whether the record's service is one of those that are asked for.
    pub(super) fn is_of_service(&self, resource: &Resource<'_>) -> bool {
        self.services.is_empty() || self.services.iter().any(|name| name.matches(resource.service_name))
    }
}

/// Whether each of the attributes is found with a value that is asked for. Of an attribute that stands twice, either counts.
pub(super) fn have_all(asked: &[AttributeIs], attributes: impl Fn(&mut dyn FnMut(&[u8], Value<'_>))) -> bool {
    asked.iter().all(|asked| {
        let mut found = false;
        attributes(&mut |key, value| {
            found = found || (key == asked.key.as_bytes() && asked.allows(&value.to_text(VALUE_BYTES_MAX)));
        });
        found
    })
}

impl AttributeIs {
    fn allows(&self, value: &[u8]) -> bool {
        self.one_of.iter().any(|wanted| wanted.as_bytes() == value)
    }
}
