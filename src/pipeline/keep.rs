//! What is kept of a matched record: redacted, and cut to bounds that apply to nothing else.

use std::collections::BTreeMap;

use super::Cuts;
use crate::fingerprint::{self, Analysis};
use crate::model::samples::{Values, ValuesOf};
use crate::model::{ClusterDetail, Frame, LogRecord, Resource, Sample, UnixNanos};
use crate::{otlp, redact};

/// How much of a matched record is kept: enough to see what failed, little enough that a hostile record costs nothing.
/// A record is classified and named by all of it; these bounds are on what goes to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptLimits {
    /// How many attributes of an example. Default: 128, OpenTelemetry's `AttributeCountLimit`.
    pub attributes_max: usize,
    /// How much of an attribute's value, in bytes. Default: 4 KiB, which holds a SQL statement or a short document.
    pub value_bytes_max: usize,
    /// How much of a key or another name, in bytes. Default: 256; names of semantic conventions have up to 60.
    pub name_bytes_max: usize,
    /// How much of an example's body, in bytes. Default: 16 KiB, the longest line that container runtimes keep whole.
    pub body_bytes_max: usize,
    /// How much of a stack trace, in bytes. Default: 16 KiB, some 150 lines.
    pub stack_trace_bytes_max: usize,
    /// How many frames, from the innermost. Default: 64, as many as a person would ever look at.
    pub frames_max: usize,
}

impl Default for KeptLimits {
    fn default() -> Self {
        Self {
            attributes_max: 128,
            value_bytes_max: 4 * 1024,
            name_bytes_max: 256,
            body_bytes_max: 16 * 1024,
            stack_trace_bytes_max: 16 * 1024,
            frames_max: 64,
        }
    }
}

impl KeptLimits {
    /// What the store keeps of a cluster: redacted and bounded.
    pub(super) fn detail(
        &self,
        analysis: Analysis,
        resource: &Resource<'_>,
        record: &LogRecord<'_>,
    ) -> ClusterDetail {
        let trace = trace(&analysis, record);
        let name = |text| kept(text, self.name_bytes_max);
        let named_by_message = analysis.frames.is_empty();
        ClusterDetail {
            service: self.service(resource),
            error_type: name(analysis.error_type.as_bytes()),
            message: kept(analysis.message.as_bytes(), self.body_bytes_max),
            frames: self.frames(analysis.frames, record),
            stack_trace: kept(trace, self.stack_trace_bytes_max),
            service_version: name(resource.service_version),
            environment: name(resource.environment),
            vcs_repository_url: name(resource.vcs_repository_url),
            vcs_revision: name(resource.vcs_revision),
            vcs_ref_name: name(resource.vcs_ref_name),
            service_namespace: name(resource.service_namespace),
            language: name(resource.language),
            named_by_message,
        }
    }

    /// What [`detail`](Self::detail) cuts.
    pub(super) fn cuts_of_detail(&self, analysis: &Analysis, record: &LogRecord<'_>) -> Cuts {
        let is_cut = trace(analysis, record).len() > self.stack_trace_bytes_max
            || analysis.frames.len() > self.frames_max;
        Cuts { stack_traces: is_cut.into(), ..Cuts::default() }
    }

    /// What [`sample`](Self::sample) cuts.
    pub(super) fn cuts_of_sample(&self, record: &LogRecord<'_>) -> Cuts {
        let mut cuts = Cuts { bodies: (said(record).len() > self.body_bytes_max).into(), ..Cuts::default() };
        let mut kept = 0;
        otlp::attributes(record, |_, value| {
            if kept < self.attributes_max {
                kept += 1;
                let bound = self.value_bytes_max;
                cuts.values += u64::from(value.to_text(bound + 1).len() > bound);
            } else {
                cuts.attributes += 1;
            }
        });
        cuts
    }

    /// The service's name, as it may be shown.
    pub(super) fn service(&self, resource: &Resource<'_>) -> String {
        let service = kept(resource.service_name, self.name_bytes_max);
        if service.is_empty() { "unknown_service".to_owned() } else { service }
    }

    /// The trace's frames; without a trace, the place where the record was written stands for them.
    fn frames(&self, mut frames: Vec<Frame>, record: &LogRecord<'_>) -> Vec<Frame> {
        if frames.is_empty() {
            frames.extend(fingerprint::written_at(&record.code));
        }
        frames.truncate(self.frames_max);
        for frame in &mut frames {
            frame.file = kept(frame.file.as_bytes(), self.name_bytes_max);
            frame.function = kept(frame.function.as_bytes(), self.name_bytes_max);
        }
        frames
    }

    /// One record as an example.
    pub(super) fn sample(&self, record: &LogRecord<'_>, occurred: UnixNanos) -> Sample {
        let text = said(record);
        let trace_id = record.trace_id.map(|id| format!("{:032x}", u128::from_be_bytes(id)));
        Sample {
            occurred,
            body: kept(text, self.body_bytes_max),
            trace_id: trace_id.unwrap_or_default(),
            attributes: self.attributes(record),
        }
    }

    /// What the record would show as an example, read before anything is redacted: most records show nothing new.
    pub(super) fn values(&self, record: &LogRecord<'_>) -> Values {
        let mut values = ValuesOf::default().text(said(record));
        otlp::attributes(record, |key, value| values.attribute(key, &value.to_text(self.name_bytes_max)));
        values.finish()
    }

    /// Of two attributes of one name the first is kept.
    fn attributes(&self, record: &LogRecord<'_>) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        otlp::attributes(record, |key, value| {
            if attributes.len() < self.attributes_max {
                let key = kept(key, self.name_bytes_max);
                let text = value.to_text(self.value_bytes_max * 2);
                let value = kept_under(&key, &text, self.value_bytes_max);
                attributes.entry(key).or_insert(value);
            }
        });
        attributes
    }
}

/// Where the trace of a record stands.
fn trace<'a>(analysis: &Analysis, record: &LogRecord<'a>) -> &'a [u8] {
    if record.exception.stacktrace.is_empty() && analysis.has_trace {
        record.body
    } else {
        record.exception.stacktrace
    }
}

/// The text of an example.
fn said<'a>(record: &LogRecord<'a>) -> &'a [u8] {
    let said = fingerprint::without_repeated_trace(record.body, record.exception.stacktrace);
    [said, record.exception.message, record.exception.stacktrace]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// A text as it may be kept: read lossily, cut, without control codes, without secrets.
///
/// The cut comes first, generously, so that a gigabyte costs nothing, and last, so that the bound holds.
fn kept(text: &[u8], bytes_max: usize) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(bytes_max * 2)]);
    let text = redact::plain(&text);
    redact::cut(&redact::redact(&text), bytes_max).to_owned()
}

/// The value of a name, which may say that the value is secret.
fn kept_under(name: &str, value: &[u8], bytes_max: usize) -> String {
    let value = kept(value, bytes_max);
    let named = format!("{name}=\"{value}\"");
    let safe = redact::redact(&named);
    let unnamed = safe.strip_prefix(name).and_then(|rest| rest.strip_prefix("=\"")?.strip_suffix('"'));
    redact::cut(unnamed.unwrap_or(&value), bytes_max).to_owned()
}

#[cfg(test)]
mod tests;
