//! Why an error is of its class: the rule that holds, with its texts where they stand in a record.

use super::text::{self, LINE_MAX, Markup, escape};
use crate::classify::{Classifier, Explanation, Field, RuleTrace};
use crate::model::{Cluster, Exception, LogRecord, Resource, SeverityNumber, Verdict};

/// How many texts are shown that were found.
const FOUND_MAX: usize = 12;
/// How much is shown around a text that was found, in bytes.
const AROUND_BYTES: usize = 60;

/// What a page tells of it.
pub(super) struct Why {
    pub(super) rule: String,
    pub(super) told: String,
    pub(super) suggested_fix: String,
    pub(super) fixable: bool,
    pub(super) checks: Vec<Check>,
    pub(super) also: Vec<String>,
}

/// One thing that the rule asks for.
pub(super) struct Check {
    pub(super) key: &'static str,
    pub(super) wanted: String,
    pub(super) found: Vec<Markup>,
}

impl Why {
    /// Asks the rules in use of the error's own records. They are kept redacted and cut, and rules change: what was decided when a
    /// record came stands, and where it is not found again that is said.
    pub(super) fn of(cluster: &Cluster, classifier: &Classifier) -> Self {
        let exception = Exception {
            type_name: cluster.detail.error_type.as_bytes(),
            message: b"",
            stacktrace: cluster.detail.stack_trace.as_bytes(),
        };
        let resource = Resource { service_name: cluster.detail.service.as_bytes(), ..Resource::default() };
        let record = |body| LogRecord {
            severity_number: SeverityNumber::ERROR,
            body,
            exception,
            ..LogRecord::default()
        };
        let message = [cluster.detail.message.as_bytes()];
        let bodies = cluster.examples.iter().map(|sample| sample.body.as_bytes()).chain(message);
        let explained = bodies
            .map(|body| (body, classifier.explain(&record(body), &resource)))
            .find(|(_, explanation)| holds(explanation, &cluster.verdict));
        let (told, checks, also) = match &explained {
            Some((body, explanation)) => (
                explained_by(explanation),
                explanation.rule.iter().flat_map(|rule| checks(rule, body, &exception)).collect(),
                explanation.also_hold.clone(),
            ),
            None => (unexplained(&cluster.verdict), Vec::new(), Vec::new()),
        };
        Self {
            rule: text::line(&cluster.verdict.rule, LINE_MAX),
            told: text::line(&told, LINE_MAX * 2),
            suggested_fix: text::line(&cluster.verdict.suggested_fix, LINE_MAX * 4),
            fixable: cluster.verdict.fixable,
            checks,
            also,
        }
    }
}

/// Whether an explanation is of what was decided.
fn holds(explanation: &Explanation, verdict: &Verdict) -> bool {
    match &explanation.rule {
        Some(rule) => *rule.id == *verdict.rule,
        None => &*verdict.rule == Verdict::NO_RULE,
    }
}

fn explained_by(explanation: &Explanation) -> String {
    match &explanation.rule {
        Some(_) => "It is the first of the rules in use that holds.".to_owned(),
        None => format!("{}.", explanation.why),
    }
}

fn unexplained(verdict: &Verdict) -> String {
    match &*verdict.rule {
        Verdict::TOO_MANY => {
            "More distinct errors came than one window keeps apart, and these are counted together."
                .to_owned()
        }
        Verdict::NO_RULE => {
            "No rule held, and severity, exception or text said that it is an error.".to_owned()
        }
        rule => format!(
            "`{rule}` held when a record came. It does not hold for the records that are kept: they are redacted and cut, and rules may have changed."
        ),
    }
}

/// The conditions of which something was found.
fn checks(rule: &RuleTrace, body: &[u8], exception: &Exception<'_>) -> Vec<Check> {
    let met = rule.checks.iter().filter(|check| check.met);
    met.map(|check| Check {
        key: check.key,
        wanted: text::line(&check.wanted, LINE_MAX * 2),
        found: check
            .found
            .iter()
            .take(FOUND_MAX)
            .map(|found| match found.field {
                Field::Body => in_context(body, found.start, found.end),
                Field::ExceptionStacktrace => in_context(exception.stacktrace, found.start, found.end),
                _ => in_context(found.text.as_bytes(), 0, found.text.len()),
            })
            .collect(),
    })
    .collect()
}

/// A text where it stands, marked, with a little of what stands around it.
fn in_context(whole: &[u8], start: usize, end: usize) -> Markup {
    let (start, end) = (start.min(whole.len()), end.clamp(start.min(whole.len()), whole.len()));
    let (from, to) = (start.saturating_sub(AROUND_BYTES), (end + AROUND_BYTES).min(whole.len()));
    let part = |bytes: &[u8]| escape(&text::line(&String::from_utf8_lossy(bytes), LINE_MAX));
    let before = if from > 0 { "…" } else { "" };
    let after = if to < whole.len() { "…" } else { "" };
    Markup::new(format!(
        "{before}{}<mark>{}</mark>{}{after}",
        part(&whole[from..start]),
        part(&whole[start..end]),
        part(&whole[end..to])
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_marked_where_it_stands_and_stays_text() {
        let told = in_context(b"<b>connection refused</b> by db", 3, 21).to_string();
        assert_eq!(told, "&lt;b&gt;<mark>connection refused</mark>&lt;/b&gt; by db");
        let long = format!("{}needle{}", "x".repeat(500), "y".repeat(500));
        let told = in_context(long.as_bytes(), 500, 506).to_string();
        assert!(told.starts_with('…') && told.ends_with('…') && told.len() < 200, "{told}");
        assert_eq!(in_context(b"short", 90, 99).to_string(), "short<mark></mark>");
    }
}
