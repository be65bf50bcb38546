//! One log record as borrowed slices of the request that brought it.
//!
//! Text is bytes: OTLP says UTF-8, senders don't always keep to it, and one bad byte must not cost a batch.
//! Whoever keeps a text reads it lossily then.

use super::{SeverityNumber, UnixNanos};

/// What made the records: the resource attributes that we read, empty where absent.
///
/// Names: OpenTelemetry semantic conventions 1.44, "Service", "Deployment", "VCS".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    /// `service.name`
    pub service_name: &'a [u8],
    /// `service.namespace`
    pub service_namespace: &'a [u8],
    /// `service.version`
    pub service_version: &'a [u8],
    /// `deployment.environment.name`, or the older `deployment.environment`
    pub environment: &'a [u8],
    /// `vcs.repository.url.full`
    pub vcs_repository_url: &'a [u8],
    /// `vcs.ref.head.revision`
    pub vcs_revision: &'a [u8],
    /// `vcs.ref.head.name`: the branch or tag
    pub vcs_ref_name: &'a [u8],
    /// `vcs.repository.name`
    pub vcs_repository_name: &'a [u8],
    /// `vcs.owner.name`
    pub vcs_owner_name: &'a [u8],
    /// `service.instance.id`
    pub service_instance_id: &'a [u8],
    /// `telemetry.sdk.language`
    pub language: &'a [u8],
    /// The whole `Resource` message as it stands in the request, for whoever asks for another attribute.
    pub wire: &'a [u8],
}

/// The library that made the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The logger's name, in most SDKs.
    pub name: &'a [u8],
    /// The library's version.
    pub version: &'a [u8],
    /// The whole `InstrumentationScope` message as it stands in the request.
    pub wire: &'a [u8],
}

/// The `exception.*` attributes, empty where absent; of an unfolded record also what stood in their place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exception<'a> {
    /// `exception.type`
    pub type_name: &'a [u8],
    /// `exception.message`
    pub message: &'a [u8],
    /// `exception.stacktrace`
    pub stacktrace: &'a [u8],
}

impl Exception<'_> {
    /// Whether the record carries an exception at all.
    #[must_use]
    pub fn is_present(&self) -> bool {
        !(self.type_name.is_empty() && self.message.is_empty() && self.stacktrace.is_empty())
    }
}

/// Where in the code the record was written: the `code.*` attributes, new names before old, empty where absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodeLocation<'a> {
    /// `code.function.name`, or the older `code.function`
    pub function: &'a [u8],
    /// `code.namespace`: what an older `code.function` belongs to
    pub namespace: &'a [u8],
    /// `code.file.path`, or the older `code.filepath` or `code.filename`
    pub file: &'a [u8],
    /// `code.line.number`, or the older `code.lineno`; 0 where absent
    pub line: u64,
}

/// One log record.
///
/// The walk fills it with what stands on the wire under OpenTelemetry's own names. What loggers tell under names of
/// theirs, in a map or in JSON, is added when the record is unfolded, which most records never are.
///
/// Names and meaning: OpenTelemetry specification, "Logs Data Model".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogRecord<'a> {
    /// When it happened; 0 where the sender does not know.
    pub time: UnixNanos,
    /// When the collecting side saw it; 0 where unset.
    pub observed_time: UnixNanos,
    /// From the wire; unknown where unset.
    pub severity_number: SeverityNumber,
    /// The sender's own word for it.
    pub severity_text: &'a [u8],
    /// The body where it is a text; of an unfolded record the message that the body holds; else empty.
    pub body: &'a [u8],
    /// The body's entries where it is a map: the bytes of a `KeyValueList`.
    pub body_map: &'a [u8],
    /// The message before its values were put in, from an attribute such as `{OriginalFormat}`; empty where unknown.
    pub template: &'a [u8],
    /// Set where the record is an event: `event_name`, or the older attribute `event.name`.
    pub event_name: &'a [u8],
    /// 16 bytes, or absent; another length or all zeros counts as absent.
    pub trace_id: Option<[u8; 16]>,
    /// 8 bytes, or absent, as the trace id.
    pub span_id: Option<[u8; 8]>,
    /// The exception, where there is one.
    pub exception: Exception<'a>,
    /// Where in the code.
    pub code: CodeLocation<'a>,
    /// `log.file.path`, or the older `log.file.name`: the file that it is a line of.
    pub log_file: &'a [u8],
    /// `log.iostream`: the output that it is a line of.
    pub log_iostream: &'a [u8],
    /// How many attributes it has.
    pub attribute_count: u32,
    /// Whether an attribute has a name such as `err` or `stack`, under which loggers tell of an exception.
    pub has_hints: bool,
    /// The whole `LogRecord` message as it stands in the request.
    pub wire: &'a [u8],
}

impl LogRecord<'_> {
    /// Whether it tells of an exception: by the exception's fields, or as an event that is called `exception` or
    /// `….exception`, as OpenTelemetry's conventions for exceptions in logs have it.
    #[must_use]
    pub fn has_exception(&self) -> bool {
        self.exception.is_present()
            || self.event_name == b"exception"
            || self.event_name.ends_with(b".exception")
    }

    /// The severity number, else the one that the severity text tells.
    #[must_use]
    pub fn severity(&self) -> SeverityNumber {
        if self.severity_number.is_unspecified() && !self.severity_text.is_empty() {
            SeverityNumber::from_text(self.severity_text)
        } else {
            self.severity_number
        }
    }

    /// When it happened: its time, else the observed time, else the time it came in.
    ///
    /// A time after `received` is the mistake of a clock and is read as `received`.
    #[must_use]
    pub fn occurred(&self, received: UnixNanos) -> UnixNanos {
        let time = self.time_or_observed();
        if time == UnixNanos::default() { received } else { time.min(received) }
    }

    /// Its time, or where it has none when it was observed; 0 where it has neither.
    #[must_use]
    pub fn time_or_observed(&self) -> UnixNanos {
        if self.time == UnixNanos::default() { self.observed_time } else { self.time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_tells_the_severity_where_no_number_does() {
        let record = LogRecord { severity_text: b"critical", ..LogRecord::default() };
        assert_eq!(record.severity(), SeverityNumber::FATAL);
        let both = LogRecord { severity_number: SeverityNumber::WARN, ..record };
        assert_eq!(both.severity(), SeverityNumber::WARN);
    }

    #[test]
    fn an_event_can_be_an_exception_by_its_name() {
        for (event_name, expected) in
            [("exception", true), ("http.server.exception", true), ("exceptional", false), ("", false)]
        {
            let record = LogRecord { event_name: event_name.as_bytes(), ..LogRecord::default() };
            assert_eq!(record.has_exception(), expected, "{event_name}");
        }
    }

    #[test]
    fn a_record_happened_at_its_time_else_when_it_was_seen_but_never_in_the_future() {
        let now = UnixNanos::from_secs(100);
        let record = LogRecord::default();
        assert_eq!(record.occurred(now), now);
        let seen = LogRecord { observed_time: UnixNanos(7), ..record };
        assert_eq!(seen.occurred(now), UnixNanos(7));
        let timed = LogRecord { time: UnixNanos(5), ..seen };
        assert_eq!(timed.occurred(now), UnixNanos(5));
        let future = LogRecord { time: UnixNanos(u64::MAX), ..record };
        assert_eq!(future.occurred(now), now);
    }
}
