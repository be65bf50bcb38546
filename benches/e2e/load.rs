//! What is sent: a file of OTLP requests, and the literals that its errors hold.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// One file.
pub(crate) struct Load {
    pub(crate) file: PathBuf,
    pub(crate) records: usize,
}

/// What errors hold, and what rules and the Collector's configuration ask for.
pub(crate) const LITERALS: [&str; 64] = [
    "connection refused",
    "connection reset by peer",
    "connection timed out",
    "broken pipe",
    "no route to host",
    "too many open files",
    "no space left on device",
    "out of memory",
    "deadlock detected",
    "lock wait timeout exceeded",
    "duplicate key value",
    "foreign key constraint",
    "relation does not exist",
    "syntax error at or near",
    "remaining connection slots",
    "could not serialize access",
    "statement timeout",
    "read-only transaction",
    "nullpointerexception",
    "arrayindexoutofbounds",
    "classcastexception",
    "illegalstateexception",
    "stackoverflowerror",
    "outofmemoryerror",
    "noclassdeffounderror",
    "concurrentmodification",
    "numberformatexception",
    "keyerror:",
    "attributeerror:",
    "zerodivisionerror",
    "modulenotfounderror",
    "unicodedecodeerror",
    "recursionerror",
    "is not a function",
    "cannot read properties of",
    "unhandledpromiserejection",
    "maximum call stack size",
    "econnrefused",
    "etimedout",
    "eaddrinuse",
    "nil pointer dereference",
    "index out of range",
    "concurrent map writes",
    "context deadline exceeded",
    "panicked at",
    "segmentation fault",
    "nullreferenceexception",
    "invalidoperationexception",
    "undefined method",
    "nomethoderror",
    "certificate has expired",
    "certificate verify failed",
    "tls handshake",
    "name or service not known",
    "temporary failure in name resolution",
    "502 bad gateway",
    "503 service unavailable",
    "504 gateway timeout",
    "429 too many requests",
    "access denied",
    "authentication failed",
    "token has expired",
    "oomkilled",
    "crashloopbackoff",
];

const REQUEST_RECORDS: usize = 1_000;
const SHARDS: usize = 3;

impl Load {
    /// Records that say nothing of their severity; one in `every` is an error, none where it is 0.
    pub(crate) fn write(folder: &Path, records: usize, every: usize) -> Self {
        Self::of(folder, records, every, "scanned", 0, 0)
    }

    /// The same where all but the errors are INFO, and these ERROR.
    pub(crate) fn gated(folder: &Path, records: usize, every: usize) -> Self {
        Self::of(folder, records, every, "gated", 9, 17)
    }

    fn of(folder: &Path, records: usize, every: usize, name: &str, info: u8, error: u8) -> Self {
        let file = folder.join(format!("{name}-{every}.jsonl"));
        let mut out = BufWriter::new(File::create(&file).unwrap());
        for first in (0..records).step_by(REQUEST_RECORDS) {
            let records = (first..(first + REQUEST_RECORDS).min(records)).map(|number| {
                // Errors come spread over the request.
                let is_error = every > 0 && number % every == every / 2;
                let body = if is_error { failure(number / every) } else { success(number) };
                record(number, &body, if is_error { error } else { info })
            });
            writeln!(out, "{}", request(&records.collect::<Vec<_>>())).unwrap();
        }
        out.flush().unwrap();
        Self { file, records }
    }
}

fn failure(number: usize) -> String {
    let (literal, shard) = (LITERALS[number % LITERALS.len()], number / LITERALS.len() % SHARDS);
    let part = ["checkout", "catalogue", "shipping"][shard];
    padded(format!("{part}: request {number} could not be completed: {literal}"))
}

fn success(number: usize) -> String {
    let (took, shard) = (number * 7 % 400, number % 16);
    padded(format!(
        "GET /cart/{number} served in {took} ms to user {} from cache shard {shard}",
        number * 31 % 90_000
    ))
}

/// As long as lines of services are on average.
fn padded(mut body: String) -> String {
    while body.len() < 200 {
        body.push_str(" correlation=7f3a91c2");
    }
    body.truncate(200);
    body
}

fn record(number: usize, body: &str, severity: u8) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    json!({
        "timeUnixNano": (1_764_150_000_000_000_000 + number as u64).to_string(),
        "severityNumber": severity,
        "body": {"stringValue": body},
        "attributes": [
            text("http.request.method", "GET"), text("http.route", "/cart/{id}"),
            text("user.id", &format!("user-{}", number % 997)), text("thread.name", &format!("worker-{}", number % 64)),
            text("code.function.name", "shop.cart.checkout"), text("session.id", &format!("{number:016x}")),
        ],
    })
}

fn request(records: &[Value]) -> Value {
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeLogs": [{"scope": {"name": "shop"}, "logRecords": records}],
    }]})
}
