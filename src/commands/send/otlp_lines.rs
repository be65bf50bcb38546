//! Lines that are OTLP/JSON export requests, as the Collector's file exporter writes them.

use prost::Message as _;

use crate::otlp::{Limits, transcode};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;

/// The request of a line.
///
/// # Errors
///
/// Why the line is none: no OTLP/JSON, or of traces or metrics.
pub(super) fn request(line: &[u8]) -> Result<ExportLogsServiceRequest, String> {
    let transcoded = transcode(line, &Limits::default()).map_err(|error| error.to_string())?;
    let request =
        ExportLogsServiceRequest::decode(&transcoded.bytes[..]).map_err(|error| error.to_string())?;
    let mut scopes = request.resource_logs.iter().flat_map(|logs| &logs.scope_logs);
    if scopes.all(|logs| logs.log_records.is_empty()) {
        return Err("it holds no log records".to_owned());
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_what_is_none_is_told() {
        let line = br#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[{"timeUnixNano":"7","traceId":"0af7651916cd43dd8448eb211c80319c"}]}]}]}"#;
        let record = &request(line).unwrap().resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!((record.time_unix_nano, record.trace_id.len()), (7, 16));
        for line in [&b"{"[..], b"[]", b"{}", br#"{"resourceSpans":[]}"#, br#"{"resourceLogs":[{}]}"#] {
            assert!(request(line).is_err(), "{}", String::from_utf8_lossy(line));
        }
    }
}
