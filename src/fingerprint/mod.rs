//! What makes two records one error: stack frames, message templates, and the 128-bit id made of them.
//!
//! A record and its resource come in, an [`Analysis`] goes out. Nothing here knows rules, other records, time
//! or configuration, so a record has the same fingerprint on every replica and in every order. Texts are not
//! redacted here; whoever keeps them does that.

mod families;
mod frames;
mod identity;
mod placeholders;
mod repeated;
mod template;

use std::borrow::Cow;

pub use families::{Known, families};
pub use frames::is_frame;
pub use identity::{By, Inputs, inputs, last_segment};
pub use repeated::without_repeated_trace;
pub use template::template;

use self::frames::Trace;
use crate::model::{CodeLocation, Exception, Fingerprint, Frame, LogRecord, Resource};

/// The version of the algorithm, part of every fingerprint: a change that moves records between clusters raises it.
pub const ALGORITHM_VERSION: u8 = 3;

/// How much of a text is searched for a stack trace, in bytes. Real traces are a tenth of it; a longer text
/// keeps its two ends, since the innermost frame stands first in some languages and last in Python.
const TRACE_BYTES_MAX: usize = 64 * 1024;

/// How many frames are kept, from the innermost: as many as a person would ever look at. The fingerprint is made before.
const FRAMES_MAX: usize = 64;

/// How much of a message is searched for an exception's own, in bytes.
const REPEATED_BYTES_MAX: usize = 4 * 1024;

/// How much of an exception's type is kept, in bytes.
const TYPE_BYTES_MAX: usize = 256;

/// What one record says about the error behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The id of the error.
    pub fingerprint: Fingerprint,
    /// `exception.type`, else the type that the trace names; empty where neither does. At most 256 bytes.
    pub error_type: String,
    /// The message with what varies masked, at most 1,000 bytes: of the record's own template, else of the body up to its
    /// trace, else of the exception.
    pub message: String,
    /// The frames of the trace that failed, innermost first, at most 64.
    pub frames: Vec<Frame>,
    /// Whether the record holds a stack trace, in its attribute or its body.
    pub has_trace: bool,
}

/// Reads a record's exception, trace and message, and names the error by them.
#[must_use]
pub fn analyze(record: &LogRecord<'_>, resource: &Resource<'_>) -> Analysis {
    let said = without_repeated_trace(record.body, record.exception.stacktrace);
    let body = bounded(said);
    let stacktrace = bounded(record.exception.stacktrace);
    let in_body = if body.trim_end().contains('\n') { frames::parse(&body) } else { None };
    let lead = in_body.as_ref().map_or(said, |trace| body[..trace.start].as_bytes());
    let trace = frames::parse(&stacktrace).or(in_body);
    let error_type = error_type(&record.exception, trace.as_ref());
    let message = message(record.template, lead, &record.exception, trace.as_ref());
    let has_trace = trace.is_some() || !stacktrace.trim().is_empty();
    let (types, mut frames) = trace.map(|trace| (trace.types, trace.frames)).unwrap_or_default();
    let causes = types.get(1..).unwrap_or_default();
    let fingerprint = identity::fingerprint(resource.service_name, &error_type, causes, &frames, &message);
    frames.truncate(FRAMES_MAX);
    Analysis { fingerprint, error_type, message, frames, has_trace }
}

/// The type as the SDK sent it, else as the trace tells it.
fn error_type(exception: &Exception<'_>, trace: Option<&Trace>) -> String {
    let sent = String::from_utf8_lossy(&exception.type_name[..exception.type_name.len().min(TYPE_BYTES_MAX)]);
    let parsed = || trace.and_then(|trace| trace.types.first()).map_or("", String::as_str);
    let name = if sent.trim().is_empty() { parsed() } else { sent.trim() };
    name[..name.floor_char_boundary(TYPE_BYTES_MAX)].to_owned()
}

/// The template of the first text that says something: the record's own template, what stands before the body's trace (and,
/// where there are no frames, the exception's message behind it), the exception's message, the message that the trace begins with.
fn message(own: &[u8], lead: &[u8], exception: &Exception<'_>, trace: Option<&Trace>) -> String {
    if !own.is_empty() {
        let own = masked(own);
        if placeholders::says_something(&own) {
            return own;
        }
    }
    // Without frames the exception's own words tell errors apart that one line of code logs: `query failed` is none of them.
    let told = exception.message.trim_ascii();
    if trace.is_none() && !lead.is_empty() && !told.is_empty() && !repeats(lead, told) {
        let lead = masked(lead);
        return template::of_text(&format!("{lead}: {}", masked(told)));
    }
    let of_trace = trace.map_or(&b""[..], |trace| trace.message.as_bytes());
    [lead, exception.message, of_trace]
        .into_iter()
        .map(masked)
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// Whether a message holds an exception's own, as loggers that write `failed: {error}` have it. Both are read as far as a
/// template goes.
fn repeats(lead: &[u8], told: &[u8]) -> bool {
    let (lead, told) = (
        bounded(&lead[..lead.len().min(REPEATED_BYTES_MAX)]).into_owned(),
        bounded(&told[..told.len().min(REPEATED_BYTES_MAX / 2)]).into_owned(),
    );
    lead.contains(&told)
}

/// The template of a message, or of a template that was sent in its place: one statement gives the same for both.
fn masked(message: &[u8]) -> String {
    let message = bounded(message);
    template::of_text(&placeholders::without_names(&message))
}

/// Where the record was written, as far as it says so. It shows where to look where there is no trace, and is no part of the
/// fingerprint: lines move with every change above them.
#[must_use]
pub fn written_at(code: &CodeLocation<'_>) -> Option<Frame> {
    if code.file.is_empty() && code.function.is_empty() {
        return None;
    }
    let (namespace, function) =
        (String::from_utf8_lossy(code.namespace), String::from_utf8_lossy(code.function));
    let function = if namespace.is_empty() || function.is_empty() || function.starts_with(&*namespace) {
        function.into_owned()
    } else {
        format!("{namespace}.{function}")
    };
    Some(frames::at(&String::from_utf8_lossy(code.file), code.line, function))
}

/// The text as UTF-8 within [`TRACE_BYTES_MAX`].
fn bounded(text: &[u8]) -> Cow<'_, str> {
    if text.len() <= TRACE_BYTES_MAX {
        // Tried first since it checks plain ASCII many bytes at a time.
        return std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed);
    }
    let (head, tail) = (&text[..TRACE_BYTES_MAX / 2], &text[text.len() - TRACE_BYTES_MAX / 2..]);
    Cow::Owned(format!("{}\n{}", String::from_utf8_lossy(head), String::from_utf8_lossy(tail)))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_traces;
