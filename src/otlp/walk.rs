//! From a request to its log records: resource → scope → record.
//!
//! Field numbers: opentelemetry-proto 1.11, `logs/v1/logs.proto` and `common/v1/common.proto`.

use super::tally::{Tally, Walked};
use super::value::{AnyValue, key_value};
use super::wire::{Fields, Malformed};
use super::{Limits, Unreadable};
use crate::model::{LogRecord, Resource, Scope, SeverityNumber, UnixNanos};

/// Walks one `ExportLogsServiceRequest` and hands each record to `visit`, with its resource and scope.
///
/// Unknown fields are passed over; text is not checked for UTF-8. Fields may stand in any order: of a field that
/// stands twice the last one counts, and of a resource that stands behind its records they are told all the same.
///
/// Records and attributes are counted as they stand on the wire; nothing is allocated, however many there are.
/// A value that nests too deeply, an id of a wrong length and a severity number that does not exist are passed over:
/// none of them costs more than itself.
///
/// # Errors
///
/// [`Unreadable`] where the framing is broken anywhere in the request, or where it holds more than `limits` allow.
/// `visit` may have seen records by then, though none past the limits: what it gathered is not to be used.
pub fn walk<'a>(
    request: &'a [u8],
    limits: &Limits,
    mut visit: impl FnMut(&Resource<'a>, &Scope<'a>, &LogRecord<'a>),
) -> Result<Walked, Unreadable> {
    let mut tally = Tally::new(limits);
    let mut fields = Fields::new(request, "ExportLogsServiceRequest");
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            tally.envelope()?;
            resource_logs(fields.bytes(value)?, &mut tally, &mut visit)?;
        }
    }
    Ok(tally.walked)
}

fn resource_logs<'a>(
    bytes: &'a [u8],
    tally: &mut Tally,
    visit: &mut impl FnMut(&Resource<'a>, &Scope<'a>, &LogRecord<'a>),
) -> Result<(), Unreadable> {
    // The resource may stand behind its records: one pass over the envelope finds it, a second one reads the records.
    let mut fields = Fields::new(bytes, "ResourceLogs");
    let mut found = Resource::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found = resource(fields.bytes(value)?, tally)?,
            2 | 3 => {
                fields.bytes(value)?;
            }
            _ => {}
        }
    }
    let mut fields = Fields::new(bytes, "ResourceLogs");
    while let Some((number, value)) = fields.next()? {
        if number == 2 {
            tally.envelope()?;
            scope_logs(fields.bytes(value)?, &found, tally, visit)?;
        }
    }
    Ok(())
}

fn scope_logs<'a>(
    bytes: &'a [u8],
    resource: &Resource<'a>,
    tally: &mut Tally,
    visit: &mut impl FnMut(&Resource<'a>, &Scope<'a>, &LogRecord<'a>),
) -> Result<(), Unreadable> {
    let mut fields = Fields::new(bytes, "ScopeLogs");
    let mut found = Scope::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found = scope(fields.bytes(value)?, tally)?,
            2 | 3 => {
                fields.bytes(value)?;
            }
            _ => {}
        }
    }
    let mut fields = Fields::new(bytes, "ScopeLogs");
    while let Some((number, value)) = fields.next()? {
        if number == 2 {
            tally.record()?;
            let record = log_record(fields.bytes(value)?, tally)?;
            visit(resource, &found, &record);
        }
    }
    Ok(())
}

fn resource<'a>(bytes: &'a [u8], tally: &mut Tally) -> Result<Resource<'a>, Unreadable> {
    let mut fields = Fields::new(bytes, "Resource");
    let mut found = Resource { wire: bytes, ..Resource::default() };
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                let (key, value) = key_value(fields.bytes(value)?, tally)?;
                resource_attribute(&mut found, key, value.text());
            }
            2 => {
                fields.number(value)?;
            }
            3 => check_entity_ref(fields.bytes(value)?)?,
            _ => {}
        }
    }
    Ok(found)
}

fn resource_attribute<'a>(resource: &mut Resource<'a>, key: &[u8], text: &'a [u8]) {
    match key {
        b"service.name" => resource.service_name = text,
        b"service.namespace" => resource.service_namespace = text,
        b"service.version" => resource.service_version = text,
        b"deployment.environment.name" => resource.environment = text,
        b"deployment.environment" if resource.environment.is_empty() => resource.environment = text,
        b"vcs.repository.url.full" => resource.vcs_repository_url = text,
        b"vcs.ref.head.revision" => resource.vcs_revision = text,
        b"vcs.ref.head.name" => resource.vcs_ref_name = text,
        b"vcs.repository.name" => resource.vcs_repository_name = text,
        b"vcs.owner.name" => resource.vcs_owner_name = text,
        b"service.instance.id" => resource.service_instance_id = text,
        b"telemetry.sdk.language" => resource.language = text,
        _ => {}
    }
}

fn check_entity_ref(bytes: &[u8]) -> Result<(), Malformed> {
    let mut fields = Fields::new(bytes, "EntityRef");
    while let Some((number, value)) = fields.next()? {
        if (1..=4).contains(&number) {
            fields.bytes(value)?;
        }
    }
    Ok(())
}

fn scope<'a>(bytes: &'a [u8], tally: &mut Tally) -> Result<Scope<'a>, Unreadable> {
    let mut fields = Fields::new(bytes, "InstrumentationScope");
    let mut found = Scope { wire: bytes, ..Scope::default() };
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found.name = fields.bytes(value)?,
            2 => found.version = fields.bytes(value)?,
            3 => {
                key_value(fields.bytes(value)?, tally)?;
            }
            4 => {
                fields.number(value)?;
            }
            _ => {}
        }
    }
    Ok(found)
}

#[inline]
fn log_record<'a>(bytes: &'a [u8], tally: &mut Tally) -> Result<LogRecord<'a>, Unreadable> {
    let mut fields = Fields::new(bytes, "LogRecord");
    let mut record = LogRecord { wire: bytes, ..LogRecord::default() };
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => record.time = UnixNanos(fields.fixed64(value)?),
            2 => record.severity_number = SeverityNumber::from_wire(fields.number(value)?),
            3 => record.severity_text = fields.bytes(value)?,
            5 => body(&mut record, AnyValue::parse(fields.bytes(value)?, tally)?),
            6 => {
                record.attribute_count = record.attribute_count.saturating_add(1);
                let (key, value) = key_value(fields.bytes(value)?, tally)?;
                record_attribute(&mut record, key, value);
            }
            7 => {
                fields.number(value)?;
            }
            8 => {
                fields.fixed32(value)?;
            }
            9 => record.trace_id = id(fields.bytes(value)?, tally),
            10 => record.span_id = id(fields.bytes(value)?, tally),
            11 => record.observed_time = UnixNanos(fields.fixed64(value)?),
            12 => record.event_name = fields.bytes(value)?,
            _ => {}
        }
    }
    Ok(record)
}

/// Bytes are read as a text: collectors that were told of no encoding send lines so.
///
/// A body that stands twice is one body in parts (Protocol Buffers documentation, "Encoding", "Last One Wins"): an empty part
/// takes nothing away.
fn body<'a>(record: &mut LogRecord<'a>, value: AnyValue<'a>) {
    if value == AnyValue::Empty {
        return;
    }
    (record.body, record.body_map) = Default::default();
    match value {
        AnyValue::String(text) | AnyValue::Bytes(text) => record.body = text,
        AnyValue::Map(entries) => record.body_map = entries,
        _ => {}
    }
}

/// Most keys are of no interest here: their first letter decides.
#[inline]
fn record_attribute<'a>(record: &mut LogRecord<'a>, key: &[u8], value: AnyValue<'a>) {
    match key.first() {
        Some(b'e') => error_attribute(record, key, value),
        Some(b'c') => code_attribute(record, key, value),
        Some(b's' | b't') => record.has_hints |= key.starts_with(b"stack") || key.starts_with(b"throw"),
        Some(b'l') => log_attribute(record, key, value),
        Some(b'{' | b'm') => template_attribute(record, key, value),
        _ => {}
    }
}

fn error_attribute<'a>(record: &mut LogRecord<'a>, key: &[u8], value: AnyValue<'a>) {
    match key {
        b"exception.type" => record.exception.type_name = value.text(),
        b"exception.message" => record.exception.message = value.text(),
        b"exception.stacktrace" => record.exception.stacktrace = value.text(),
        b"event.name" if record.event_name.is_empty() => record.event_name = value.text(),
        _ => record.has_hints |= key.starts_with(b"err") || key.starts_with(b"exc"),
    }
}

/// Where a line was read: OpenTelemetry semantic conventions 1.44, "Log file", "I/O stream".
fn log_attribute<'a>(record: &mut LogRecord<'a>, key: &[u8], value: AnyValue<'a>) {
    match key {
        b"log.file.path" => record.log_file = value.text(),
        b"log.file.name" if record.log_file.is_empty() => record.log_file = value.text(),
        b"log.iostream" => record.log_iostream = value.text(),
        _ => template_attribute(record, key, value),
    }
}

/// What bridges call the message before its values were put in: that of .NET, the Collector's drain processor, that of
/// Java, and Serilog's.
fn template_attribute<'a>(record: &mut LogRecord<'a>, key: &[u8], value: AnyValue<'a>) {
    if let b"{OriginalFormat}" | b"log.record.template" | b"log.body.template" | b"message_template.text" =
        key
    {
        record.template = value.text();
    }
}

/// The stable names win over the older ones, whichever stands first.
fn code_attribute<'a>(record: &mut LogRecord<'a>, key: &[u8], value: AnyValue<'a>) {
    let code = &mut record.code;
    match (key, value) {
        (b"code.function.name", value) => code.function = value.text(),
        (b"code.file.path", value) => code.file = value.text(),
        (b"code.line.number", AnyValue::Int(line)) => code.line = u64::try_from(line).unwrap_or(0),
        (b"code.namespace", value) => code.namespace = value.text(),
        (b"code.function", value) if code.function.is_empty() => code.function = value.text(),
        (b"code.filepath" | b"code.filename", value) if code.file.is_empty() => code.file = value.text(),
        (b"code.lineno", AnyValue::Int(line)) if code.line == 0 => {
            code.line = u64::try_from(line).unwrap_or(0);
        }
        _ => {}
    }
}

/// An id of a wrong length or of zeros alone says "none"; it never costs the record.
fn id<const N: usize>(bytes: &[u8], tally: &mut Tally) -> Option<[u8; N]> {
    let found: Option<[u8; N]> = bytes.try_into().ok();
    tally.walked.ids_dropped += u64::from(found.is_none() && !bytes.is_empty());
    found.filter(|id| id.iter().any(|byte| *byte != 0))
}

#[cfg(test)]
mod tests;
