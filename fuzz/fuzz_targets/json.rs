//! The JSON reader: what it writes is a request that the walk and prost accept, and no longer than the text.
#![no_main]

use logmend::otlp::{Limits, transcode};
use logmend::proto::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;

/// prost refuses messages that nest deeper than 100; 16 maps are 48 messages.
const LIMITS: Limits = Limits { records_max: 1_000, attributes_max: 10_000, depth_max: 16 };

libfuzzer_sys::fuzz_target!(|json: &[u8]| {
    let Ok(transcoded) = transcode(json, &LIMITS) else { return };
    let request = &transcoded.bytes;
    assert!(request.len() <= json.len(), "{} bytes became {}", json.len(), request.len());
    let decoded = ExportLogsServiceRequest::decode(&request[..]);
    assert!(decoded.is_ok() || std::str::from_utf8(json).is_err(), "{decoded:?}");
    logmend_fuzz::check(request, &LIMITS);
});
