//! The texts of a pull request. Everything in them that a log or a model wrote is redacted and has no effect.

use std::fmt::Write as _;

use super::edits::Submission;
use crate::github::Proposal;
use crate::model::{Cluster, Fix, MASK};
use crate::redact::{self, fence, neutralise_inline, neutralise_markdown};

/// The longest summary in a title; GitHub cuts longer ones in its lists.
const SUMMARY_CHARS_MAX: usize = 72;
/// How much of the evidence is shown; the rest is a call away.
const EVIDENCE_BYTES_MAX: usize = 6 * 1024;

/// The branch: the same for every attempt at one error, so that GitHub refuses a second one.
#[must_use]
pub fn branch(cluster: &Cluster) -> String {
    format!("logmend/{}/{}", cluster.verdict.category, cluster.fingerprint.short())
}

/// The title.
#[must_use]
pub fn title(cluster: &Cluster) -> String {
    format!("[AUTO] Fix {}: {}", cluster.verdict.category, line(&summary(cluster), SUMMARY_CHARS_MAX))
}

/// The error in one line; values read as an ellipsis, since Markdown has a use of its own for the template's mask.
fn summary(cluster: &Cluster) -> String {
    cluster.summary().replace(MASK, "…")
}

/// The commit's message, with the fingerprint as its trailer.
#[must_use]
pub fn commit_message(cluster: &Cluster, submission: &Submission) -> String {
    let title = if submission.title.trim().is_empty() { &summary(cluster) } else { &submission.title };
    let root_cause = redact::redact(&submission.root_cause).into_owned();
    let root_cause = neutralise_markdown(&root_cause);
    format!(
        "{}\n\n{}\n\n{}",
        line(title, SUMMARY_CHARS_MAX),
        root_cause.trim(),
        Proposal::trailer(cluster.fingerprint)
    )
}

/// The body: what happened, why, what changes, the evidence, how to check, and what to look at.
#[must_use]
pub fn body(cluster: &Cluster, submission: &Submission, fix: &Fix) -> String {
    let detail = &cluster.detail;
    let mut body = String::new();
    let _ = write!(
        body,
        "> Written by a machine from log data: review it as you would a stranger's change. It stays a draft until people decide; \
         closing it means that it is not proposed again.\n\n\
         ## What happened\n\n{}\n\n\
         | | |\n| --- | --- |\n| Service | {} |\n| Occurrences | {} |\n| First seen | {} |\n| Last seen | {} |\n| Severity | {}, {} |\n\n",
        line(&summary(cluster), 300),
        line(&service(cluster), 120),
        cluster.count,
        cluster.first_seen,
        cluster.last_seen,
        cluster.verdict.severity,
        cluster.verdict.category,
    );
    let _ = write!(body, "## Root cause\n\n{}\n\n", prose(&submission.root_cause));
    let _ = write!(body, "## What the change does\n\n{}\n\n", prose(&submission.explanation));
    let _ = write!(body, "Files: {}\n\n", files(submission));
    body.push_str("## Evidence\n\n");
    if let Some(sample) = cluster.examples.first() {
        let _ = write!(body, "One record, redacted:\n\n{}\n\n", evidence(&sample.body));
    }
    if !detail.stack_trace.is_empty() {
        let _ = write!(body, "Stack trace, redacted:\n\n{}\n\n", evidence(&detail.stack_trace));
    }
    if !submission.remarks.is_empty() {
        let _ = write!(body, "Not checked: {}\n\n", prose(&submission.remarks.join("; ")));
    }
    let _ = write!(body, "## How to check it\n\n{}\n\n", prose(&submission.how_to_verify));
    body.push_str(
        "## Review\n\n\
         - [ ] The root cause is the one that the code shows\n\
         - [ ] The change mends it and silences nothing\n\
         - [ ] A test fails without the change and passes with it\n\
         - [ ] Nothing else depends on the old behaviour\n\n",
    );
    let _ = write!(
        body,
        "---\nFingerprint `{}` · rule `{}` · base `{}` · confidence {} · {} · {} tokens in, {} out · ${:.2}\n",
        cluster.fingerprint,
        line(&cluster.verdict.rule, 60),
        redact::cut(&fix.base_commit, 12),
        line(&submission.confidence, 40),
        line(&fix.model, 60),
        fix.input_tokens,
        fix.output_tokens,
        fix.cost_usd,
    );
    body
}

fn service(cluster: &Cluster) -> String {
    let detail = &cluster.detail;
    let version = if detail.service_version.is_empty() {
        String::new()
    } else {
        format!(" {}", detail.service_version)
    };
    let environment =
        if detail.environment.is_empty() { String::new() } else { format!(" ({})", detail.environment) };
    format!("{}{version}{environment}", detail.service)
}

fn files(submission: &Submission) -> String {
    let names = submission.files.iter().map(|file| format!("`{}`", line(&file.path, 200)));
    names.collect::<Vec<_>>().join(", ")
}

fn line(text: &str, chars_max: usize) -> String {
    neutralise_inline(&redact::redact(text), chars_max)
}

fn prose(text: &str) -> String {
    let text = neutralise_markdown(&redact::redact(text));
    if text.trim().is_empty() { "Nothing was said.".to_owned() } else { text.trim().to_owned() }
}

fn evidence(text: &str) -> String {
    let cut = redact::cut(text, EVIDENCE_BYTES_MAX);
    fence(&redact::redact(cut))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{FixStatus, UnixNanos};
    use crate::remedy::edits::ChangedFile;
    use crate::remedy::prompt::tests::hostile_cluster;

    fn submission() -> Submission {
        Submission {
            title: "Read a missing total as zero @octocat".into(),
            root_cause: "`charge` indexes `order['total']`. Thanks @octocat, fixes #1. <script>x</script>"
                .into(),
            explanation: "Reads it with a default. See [docs](https://evil.example).".into(),
            how_to_verify: "- run `pytest`\n- order without a total".into(),
            confidence: "high".into(),
            files: vec![ChangedFile {
                path: "app/pay.py".into(),
                before: Some("a\n".into()),
                after: "b\n".into(),
                executable: false,
            }],
            ..Submission::default()
        }
    }

    fn fix() -> Fix {
        let cluster = hostile_cluster();
        Fix {
            id: "abababababab-1".into(),
            fingerprint: cluster.fingerprint,
            error_id: cluster.fingerprint,
            error_message: cluster.summary(),
            error_category: cluster.verdict.category,
            severity: cluster.verdict.severity,
            status: FixStatus::Generating,
            reason: String::new(),
            tries: 1,
            analysis: String::new(),
            proposed_fix: String::new(),
            code_changes: BTreeMap::new(),
            submission: None,
            repository: "acme/shop".into(),
            base_commit: "0123456789abcdef".into(),
            branch: String::new(),
            pr_url: None,
            created_at: UnixNanos(1),
            generated_at: None,
            ended_at: None,
            model: "claude-opus-5-5".into(),
            input_tokens: 12_000,
            output_tokens: 900,
            cost_usd: 0.421,
        }
    }

    #[test]
    fn what_could_not_be_checked_is_told() {
        let unchecked =
            Submission { remarks: vec!["whether `a.py` still parses".to_owned()], ..submission() };
        let body = body(&hostile_cluster(), &unchecked, &fix());
        assert!(body.contains("Not checked: whether `a.py` still parses"), "{body}");
    }

    #[test]
    fn a_pull_request_reads_well_and_has_no_effect() {
        let (cluster, submission) = (hostile_cluster(), submission());
        assert_eq!(branch(&cluster), "logmend/internal_error/abababababab");
        assert_eq!(title(&cluster), "[AUTO] Fix internal_error: KeyError: no …");
        let body = body(&cluster, &submission, &fix());
        insta::assert_snapshot!(body);
        let message = commit_message(&cluster, &submission);
        assert!(message.ends_with(&format!("\n\nLogmend-Fingerprint: {}", cluster.fingerprint)), "{message}");
        for effect in
            ["@octocat", "fixes #1", "<img", "<script", "](http", "jane@example.com", "hunter2", "\u{1b}"]
        {
            assert!(!body.contains(effect) && !message.contains(effect), "{effect}");
        }
    }
}
