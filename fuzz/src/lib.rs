//! What must hold for every request, whatever it came through.

use logmend::model::LogRecord as Walked;
use logmend::otlp::{Limits, walk};
use logmend::proto::collector::logs::v1::ExportLogsServiceRequest;
use logmend::proto::common::v1::any_value::Value;
use logmend::proto::logs::v1::LogRecord;
use prost::Message;

/// No bound but that on depth.
pub const UNBOUNDED: Limits = Limits { records_max: u64::MAX, attributes_max: u64::MAX, depth_max: 64 };

/// Walks a request: nothing panics, and where prost accepts it the walk does too, with the same records.
pub fn check(request: &[u8], limits: &Limits) {
    let mut records = Vec::new();
    let walked = walk(request, limits, |_, _, record| records.push(*record));
    let Ok(decoded) = ExportLogsServiceRequest::decode(request) else { return };
    let walked = walked.expect("what prost accepts, the walk accepts");
    assert_eq!(walked.records, records.len() as u64);
    let scopes = decoded.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    let expected: Vec<_> = scopes.flat_map(|scope| &scope.log_records).collect();
    assert_eq!(records.len(), expected.len(), "records");
    for (record, expected) in records.iter().zip(expected) {
        check_record(record, expected);
    }
}

fn check_record(record: &Walked<'_>, expected: &LogRecord) {
    assert_eq!(record.time.0, expected.time_unix_nano, "time");
    assert_eq!(record.observed_time.0, expected.observed_time_unix_nano, "observed time");
    let known = u8::try_from(expected.severity_number).ok().filter(|number| *number <= 24);
    assert_eq!(record.severity_number.get(), known.unwrap_or(0), "severity number");
    assert_eq!(record.severity_text, expected.severity_text.as_bytes(), "severity text");
    // Older senders put the name into an attribute; it stands in where there is no other.
    if !expected.event_name.is_empty() {
        assert_eq!(record.event_name, expected.event_name.as_bytes(), "event name");
    }
    assert_eq!(record.trace_id, id(&expected.trace_id), "trace id");
    assert_eq!(record.span_id, id(&expected.span_id), "span id");
    if let Some(Value::StringValue(text)) = expected.body.as_ref().and_then(|body| body.value.as_ref()) {
        assert_eq!(record.body, text.as_bytes(), "body");
    }
}

/// An id of a wrong length or of zeros is none.
fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok().filter(|id| *id != [0; N])
}
