//! The texts of a pull request. Everything in them that a log or a model wrote is redacted and has no effect.

use std::fmt::Write as _;

use super::edits::Submission;
use super::evidence::{Revision, Told, is_conventional};
use super::places::Service;
use crate::github::Proposal;
use crate::model::{Cluster, Fix, MASK};
use crate::redact::{self, fence, neutralise_inline, neutralise_markdown};

/// The longest summary in a title; GitHub cuts longer ones in its lists.
const SUMMARY_CHARS_MAX: usize = 72;
/// How much of the evidence is shown; the rest is a call away.
const EVIDENCE_BYTES_MAX: usize = 6 * 1024;
/// Labels of every pull request.
const LABELS: [&str; 2] = ["auto", "logmend"];
/// Entries that are shown of what was left out.
const LEFT_OUT_MAX: usize = 8;

/// The branch: the same for every attempt at one error, so that GitHub refuses a second one.
#[must_use]
pub fn branch(cluster: &Cluster) -> String {
    format!("logmend/{}/{}", cluster.verdict.category, cluster.fingerprint.short())
}

/// The branch of one attempt: what people asked for after a closed pull request has its own, as the old one keeps its name.
#[must_use]
pub fn branch_of_attempt(cluster: &Cluster, attempt: u32) -> String {
    let branch = branch(cluster);
    if attempt <= 1 { branch } else { format!("{branch}-{attempt}") }
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

/// The labels: ours, and those of the settings.
#[must_use]
pub fn labels(service: &Service) -> Vec<String> {
    let mut labels: Vec<String> = LABELS.map(str::to_owned).into();
    for label in &service.labels {
        if !labels.iter().any(|known| known.eq_ignore_ascii_case(label)) {
            labels.push(label.clone());
        }
    }
    labels
}

/// The commit's message, in the repository's own style, with the fingerprint as its trailer.
#[must_use]
pub fn commit_message(cluster: &Cluster, submission: &Submission, told: &Told) -> String {
    let title = if submission.title.trim().is_empty() { &summary(cluster) } else { &submission.title };
    let root_cause = redact::redact(&submission.root_cause).into_owned();
    let root_cause = neutralise_markdown(&root_cause);
    format!(
        "{}\n\n{}\n\n{}",
        line(&subject(title.trim(), told.is_conventional), SUMMARY_CHARS_MAX),
        root_cause.trim(),
        Proposal::trailer(cluster.fingerprint)
    )
}

/// `fix: read a missing total as zero` where a history is written so.
fn subject(title: &str, as_conventional: bool) -> String {
    if !as_conventional || is_conventional(title) {
        return title.to_owned();
    }
    let mut chars = title.chars();
    let first = chars
        .next()
        .map(|c| if chars.as_str().starts_with(char::is_lowercase) { c.to_ascii_lowercase() } else { c });
    format!("fix: {}{}", first.map_or_else(String::new, String::from), chars.as_str())
}

/// The body: what happened, why, what changes, how to check, what it rests on, and what to look at. Long evidence is folded.
#[must_use]
pub fn body(cluster: &Cluster, submission: &Submission, fix: &Fix, told: &Told, service: &Service) -> String {
    let mut body = String::new();
    let _ = write!(
        body,
        "> Written by a machine from log data: review it as you would a stranger's change. It stays a draft until people decide; \
         closing it means that it is not proposed again.\n\n\
         ## What happened\n\n{}\n\n{}\n",
        line(&summary(cluster), 300),
        facts(cluster, submission, told),
    );
    let _ = write!(body, "## Root cause\n\n{}\n\n", prose(&submission.root_cause));
    let _ = write!(body, "## What the change does\n\n{}\n\n", prose(&submission.explanation));
    let _ = write!(body, "Files: {}\n\n", files(submission));
    if !submission.remarks.is_empty() {
        let _ = write!(body, "Not checked: {}\n\n", prose(&submission.remarks.join("; ")));
    }
    let _ = write!(body, "## How to check it\n\n{}\n\n", prose(&submission.how_to_verify));
    if let Some(command) = &service.test_command {
        // The operator's own words, to be copied: nothing is put into them.
        let _ = write!(body, "The service's tests:\n\n```sh\n{}\n```\n\n", redact::redact(command));
    }
    body.push_str(
        "## Review\n\n\
         - [ ] The root cause is the one that the code shows\n\
         - [ ] The change mends it and silences nothing\n\
         - [ ] A test fails without the change and passes with it\n\
         - [ ] Nothing else depends on the old behaviour\n\n",
    );
    body.push_str(&evidence(cluster, told));
    body.push_str(&left_out(told));
    let _ = write!(
        body,
        "---\nFingerprint `{}` · rule `{}` · base `{}` · {} · {} tokens in, {} out · ${:.2}\n",
        cluster.fingerprint,
        line(&cluster.verdict.rule, 60),
        redact::cut(&fix.base_commit, 12),
        line(&fix.model, 60),
        fix.input_tokens,
        fix.output_tokens,
        fix.cost_usd,
    );
    body
}

/// What can be said in a table.
fn facts(cluster: &Cluster, submission: &Submission, told: &Told) -> String {
    let mut table = format!("| | |\n| --- | --- |\n| Service | {} |\n", line(&service(cluster), 120));
    let _ = write!(table, "| Occurrences | {}", cluster.count);
    if let Some(counts) = &told.counts {
        let _ = write!(
            table,
            "; `{}` in the 24 hours up to the last, {} at most in one",
            line(&counts.sparkline, 24),
            counts.peak
        );
    }
    let _ = write!(
        table,
        " |\n| First seen | {} |\n| Last seen | {} |\n| Severity | {}, {} |\n",
        cluster.first_seen, cluster.last_seen, cluster.verdict.severity, cluster.verdict.category,
    );
    if let Some((place, function)) = told.frames.first() {
        let function =
            if function.is_empty() { String::new() } else { format!(" in `{}`", line(function, 120)) };
        let _ = writeln!(table, "| Where | `{}`{function} |", line(place, 200));
    }
    let _ = writeln!(table, "| Code that ran | {} |", revision(&told.revision));
    if let Some(suspect) = &told.suspect {
        let _ = writeln!(
            table,
            "| Suspect commit | {} of {}: {} (the newest change of `{}` before the error was first seen) |",
            line(redact::cut(&suspect.sha, 12), 12),
            line(&suspect.date, 40),
            line(&suspect.subject, 100),
            line(&suspect.path, 200),
        );
    }
    let _ = writeln!(table, "| Confidence | {} |", line(&submission.confidence, 40));
    table
}

fn revision(revision: &Revision) -> String {
    match revision {
        Revision::Deployed { commit, tag, behind } => {
            let tag = tag.as_ref().map_or_else(String::new, |tag| format!(" (tag `{}`)", line(tag, 100)));
            let behind = match behind {
                Some(0) => ", the base of this change".to_owned(),
                Some(1) => ", 1 commit behind the base of this change".to_owned(),
                Some(commits) => format!(", {commits} commits behind the base of this change"),
                None => ", on another branch than the base of this change".to_owned(),
            };
            format!("`{}`{tag}{behind}", line(redact::cut(commit, 12), 12))
        }
        Revision::Assumed { why } => format!("assumed to be the base of this change: {}", line(why, 120)),
    }
}

/// Folded, since it is long.
fn evidence(cluster: &Cluster, told: &Told) -> String {
    let mut text = "## Evidence\n\n".to_owned();
    let mut fold = |name: &str, content: &str| {
        let cut = redact::cut(content, EVIDENCE_BYTES_MAX);
        let fenced = fence(&redact::redact(cut));
        let _ = write!(text, "<details><summary>{name}</summary>\n\n{fenced}\n\n</details>\n\n");
    };
    if let Some(sample) = cluster.examples.first() {
        fold("One record, redacted", &sample.body);
    }
    if !cluster.detail.stack_trace.is_empty() {
        fold("Stack trace, redacted", &cluster.detail.stack_trace);
    }
    if told.frames.len() > 1 {
        let frames: Vec<_> = told
            .frames
            .iter()
            .map(|(place, function)| format!("{place} {function}").trim().to_owned())
            .collect();
        fold("Frames in this repository", &frames.join("\n"));
    }
    text
}

fn left_out(told: &Told) -> String {
    let mut entries: Vec<String> =
        told.left_out.iter().take(LEFT_OUT_MAX).map(|entry| line(entry, 300)).collect();
    if told.related > 0 {
        entries.push(format!(
            "other errors of the service in the same window, shown to the model and not meant by this change: {}",
            told.related
        ));
    }
    if entries.is_empty() {
        return String::new();
    }
    format!("## Considered and left out\n\n- {}\n\n", entries.join("\n- "))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{FixStatus, UnixNanos};
    use crate::remedy::edits::ChangedFile;
    use crate::remedy::evidence::{Counts, Suspect};
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

    /// Evidence whose texts try everything too.
    fn told() -> Told {
        Told {
            revision: Revision::Deployed {
                commit: "fedcba9876543210fedcba9876543210fedcba98".into(),
                tag: Some("v1.4.2".into()),
                behind: Some(3),
            },
            frames: vec![
                ("app/pay.py:2".into(), "charge".into()),
                ("app/web.py:7".into(), "<script>x</script>".into()),
            ],
            suspect: Some(Suspect {
                sha: "aaaabbbbccccddddeeeeffff0000111122223333".into(),
                date: "2025-11-16T09:00:00Z".into(),
                subject: "Charge orders twice as fast, thanks @octocat | fixes #1 <img src=x>".into(),
                path: "app/pay.py".into(),
            }),
            counts: Some(Counts {
                sparkline: "·················▁··▄█··".into(), peak: 80
            }),
            left_out: vec![
                "app/pay.py changed since it was deployed".into(),
                "the frame /srv/@octocat/x.py:3 has no file in the repository".into(),
            ],
            related: 2,
            owners: Vec::new(),
            is_conventional: true,
        }
    }

    /// Without evidence there is no word of it, and a history in another style is gone on with in that.
    #[test]
    fn what_is_not_known_is_not_spoken_of() {
        let (cluster, submission, told) = (hostile_cluster(), submission(), Told::default());
        let body = body(&cluster, &submission, &fix(), &told, &Service::default());
        for absent in ["Suspect", "Considered", "Where", "24 hours", "The service's tests"] {
            assert!(!body.contains(absent), "{absent}");
        }
        assert!(body.contains("| Code that ran | assumed to be the base of this change"), "{body}");
        let message = commit_message(&cluster, &submission, &told);
        assert!(message.starts_with("Read a missing total as zero"), "{message}");
        for (title, expected) in [
            ("Read a total", "fix: read a total"),
            ("HTTP 500 on charge", "fix: HTTP 500 on charge"),
            ("fix(pay): read a total", "fix(pay): read a total"),
            ("", "fix: "),
        ] {
            assert_eq!(subject(title, true), expected);
        }
    }

    #[test]
    fn what_could_not_be_checked_is_told() {
        let unchecked =
            Submission { remarks: vec!["whether `a.py` still parses".to_owned()], ..submission() };
        let body = body(&hostile_cluster(), &unchecked, &fix(), &Told::default(), &Service::default());
        assert!(body.contains("Not checked: whether `a.py` still parses"), "{body}");
    }

    #[test]
    fn a_pull_request_reads_well_and_has_no_effect() {
        let (cluster, submission) = (hostile_cluster(), submission());
        assert_eq!(branch(&cluster), "logmend/internal_error/abababababab");
        assert_eq!(title(&cluster), "[AUTO] Fix internal_error: KeyError: no …");
        let told = told();
        let service = Service {
            labels: vec!["team-pay".into(), "AUTO".into()],
            test_command: Some("pytest tests/pay".into()),
            ..Service::default()
        };
        assert_eq!(labels(&service), ["auto", "logmend", "team-pay"]);
        let body = body(&cluster, &submission, &fix(), &told, &service);
        insta::assert_snapshot!(body);
        let message = commit_message(&cluster, &submission, &told);
        assert!(message.starts_with("fix: read a missing total as zero"), "{message}");
        assert!(message.ends_with(&format!("\n\nLogmend-Fingerprint: {}", cluster.fingerprint)), "{message}");
        for effect in
            ["@octocat", "fixes #1", "<img", "<script", "](http", "jane@example.com", "hunter2", "\u{1b}"]
        {
            assert!(!body.contains(effect) && !message.contains(effect), "{effect}");
        }
    }
}
