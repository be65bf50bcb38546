//! What CI says of a commit, and what a failed check has printed.

use std::time::Duration;

use http::{Method, StatusCode, header};
use serde::Deserialize;

use super::names::segment;
use super::{GitHub, GitHubError, RepoName};
use crate::redact;

/// Pages that are read of check runs, of statuses and of workflows, of a hundred each. Where there are more, that is told.
const PAGES_MAX: u32 = 3;
const PER_PAGE: usize = 100;
/// How much of a check's name is kept.
const NAME_BYTES_MAX: usize = 120;
/// Annotations of one failed check that are shown.
const ANNOTATIONS_MAX: usize = 20;
/// How much of a job's log is read in search of its end, and how much of the end is kept. It says why a job failed.
const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;
const TAIL_BYTES_MAX: usize = 16 * 1024;
const TAIL_LINES_MAX: usize = 200;
/// How long a log may take. It is not worth more: a repair does without.
const LOG_TIME_MAX: Duration = Duration::from_mins(1);

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It has not ended, or in a way that is not known here.
    Running,
    /// It passed, or says nothing.
    Green,
    /// It failed, was cancelled, or waits for somebody.
    Red,
    /// It stands for checks that could not be read: they may not be, or are too many.
    Unread,
}

/// Where a check was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A check run; of GitHub Actions, where its id is that of a job.
    Run {
        /// GitHub's id of it.
        id: u64,
        /// Whether there is a job of that id.
        has_job: bool,
    },
    /// A commit status, or a whole workflow where check runs may not be read: they show nothing more.
    Other,
}

/// One check of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name, bounded. Whoever writes workflows chose it.
    pub name: String,
    /// How it stands.
    pub state: CheckState,
    /// Where it was read.
    pub origin: Origin,
}

#[derive(Deserialize)]
struct Runs {
    check_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    name: String,
    conclusion: Option<String>,
    app: Option<App>,
}

#[derive(Deserialize)]
struct App {
    slug: Option<String>,
}

#[derive(Deserialize)]
struct Workflows {
    workflow_runs: Vec<Workflow>,
}

#[derive(Deserialize)]
struct Workflow {
    name: Option<String>,
    conclusion: Option<String>,
}

#[derive(Deserialize)]
struct Statuses {
    #[serde(default)]
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

#[derive(Deserialize, Default)]
struct Output {
    title: Option<String>,
    summary: Option<String>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct RunInFull {
    #[serde(default)]
    output: Output,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    path: String,
    #[serde(default)]
    start_line: u64,
    message: Option<String>,
}

/// The conclusions of check runs and workflow runs ("REST API endpoints for check runs").
fn concluded(conclusion: Option<&str>) -> CheckState {
    match conclusion {
        Some("success" | "neutral" | "skipped") => CheckState::Green,
        Some("failure" | "timed_out" | "action_required" | "cancelled" | "startup_failure" | "stale") => {
            CheckState::Red
        }
        _ => CheckState::Running,
    }
}

fn name(text: &str) -> String {
    redact::cut(&redact::plain(text), NAME_BYTES_MAX).to_owned()
}

fn unread(what: &str) -> Check {
    Check { name: what.to_owned(), state: CheckState::Unread, origin: Origin::Other }
}

/// What may not be read stands there as a check of its own.
fn readable(read: Result<Vec<Check>, GitHubError>, what: &str) -> Result<Vec<Check>, GitHubError> {
    match read {
        Err(error) if is_forbidden(&error) => {
            tracing::debug!(%error, "{what} are not read");
            Ok(vec![unread(what)])
        }
        other => other,
    }
}

fn is_forbidden(error: &GitHubError) -> bool {
    matches!(error, GitHubError::Refused { status, .. }
        if matches!(*status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND))
}

impl GitHub {
    /// Every check of a commit: check runs and statuses. Where check runs may not be read, as with fine-grained tokens, the
    /// runs of workflows stand for them; what may not be read at all is there as [`CheckState::Unread`].
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn checks(&self, repository: &RepoName, commit: &str) -> Result<Vec<Check>, GitHubError> {
        let mut checks = match self.check_runs(repository, commit).await {
            Err(error) if is_forbidden(&error) => {
                readable(self.workflow_runs(repository, commit).await, "check runs (`Checks` or `Actions`)")?
            }
            other => other?,
        };
        checks.extend(readable(self.statuses(repository, commit).await, "commit statuses")?);
        Ok(checks)
    }

    async fn check_runs(&self, repository: &RepoName, commit: &str) -> Result<Vec<Check>, GitHubError> {
        let mut checks = Vec::new();
        for page in 1..=PAGES_MAX {
            let rest = format!("/commits/{}/check-runs?per_page={PER_PAGE}&page={page}", segment(commit));
            let Runs { check_runs } = self.get(&repository.route(&rest)).await?;
            let is_last = check_runs.len() < PER_PAGE;
            checks.extend(check_runs.into_iter().map(|run| {
                let has_job = run.app.and_then(|app| app.slug).as_deref() == Some("github-actions");
                Check {
                    name: name(&run.name),
                    state: concluded(run.conclusion.as_deref()),
                    origin: Origin::Run { id: run.id, has_job },
                }
            }));
            if is_last {
                return Ok(checks);
            }
        }
        checks.push(unread("further check runs"));
        Ok(checks)
    }

    async fn workflow_runs(&self, repository: &RepoName, commit: &str) -> Result<Vec<Check>, GitHubError> {
        let check = |run: Workflow| Check {
            name: name(run.name.as_deref().unwrap_or("workflow")),
            state: concluded(run.conclusion.as_deref()),
            origin: Origin::Other,
        };
        let mut checks = Vec::new();
        for page in 1..=PAGES_MAX {
            let rest = format!("/actions/runs?head_sha={}&per_page={PER_PAGE}&page={page}", segment(commit));
            let Workflows { workflow_runs } = self.get(&repository.route(&rest)).await?;
            let is_last = workflow_runs.len() < PER_PAGE;
            checks.extend(workflow_runs.into_iter().map(check));
            if is_last {
                return Ok(checks);
            }
        }
        checks.push(unread("further workflows"));
        Ok(checks)
    }

    async fn statuses(&self, repository: &RepoName, commit: &str) -> Result<Vec<Check>, GitHubError> {
        let check = |status: Status| Check {
            name: name(&status.context),
            state: match status.state.as_str() {
                "success" => CheckState::Green,
                "failure" | "error" => CheckState::Red,
                _ => CheckState::Running,
            },
            origin: Origin::Other,
        };
        let mut checks = Vec::new();
        for page in 1..=PAGES_MAX {
            let rest = format!("/commits/{}/status?per_page={PER_PAGE}&page={page}", segment(commit));
            let Statuses { statuses } = self.get(&repository.route(&rest)).await?;
            let is_last = statuses.len() < PER_PAGE;
            checks.extend(statuses.into_iter().map(check));
            if is_last {
                return Ok(checks);
            }
        }
        checks.push(unread("further commit statuses"));
        Ok(checks)
    }

    /// What a failed check has to say: its summary, its annotations, the end of its log. Whoever pushes to the repository wrote
    /// it: it is neither redacted nor harmless.
    ///
    /// # Errors
    ///
    /// [`GitHubError`] where GitHub is busy; what may not be read is left out.
    pub async fn failing_output(&self, repository: &RepoName, check: &Check) -> Result<String, GitHubError> {
        let Origin::Run { id, has_job } = check.origin else { return Ok(String::new()) };
        let mut told = Vec::new();
        let run: RunInFull = self.get(&repository.route(&format!("/check-runs/{id}"))).await?;
        let RunInFull { output: Output { title, summary, text } } = run;
        told.extend([title, summary, text].into_iter().flatten());
        let rest = format!("/check-runs/{id}/annotations?per_page={ANNOTATIONS_MAX}");
        match self.get::<Vec<Annotation>>(&repository.route(&rest)).await {
            Ok(annotations) => told.extend(
                annotations
                    .into_iter()
                    .take(ANNOTATIONS_MAX)
                    .map(|of| format!("{}:{}: {}", of.path, of.start_line, of.message.unwrap_or_default())),
            ),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => tracing::debug!(%error, "annotations are not read"),
        }
        if has_job {
            match self.log_tail(repository, id).await {
                Ok(tail) => told.push(tail),
                Err(error) => tracing::debug!(%error, "the job's log is not read"),
            }
        }
        told.retain(|text| !text.trim().is_empty());
        Ok(told.join("\n"))
    }

    /// The end of a job's log. GitHub answers with a signed address on another host, which is asked without our token.
    async fn log_tail(&self, repository: &RepoName, job: u64) -> Result<String, GitHubError> {
        let path = repository.route(&format!("/actions/jobs/{job}/logs"));
        let call = format!("GET {path}");
        let (parts, body) = self.tried(&call, Method::GET, &path, None, Some(repository)).await?;
        if !parts.status.is_redirection() {
            return Err(GitHubError::of_answer(call, parts.status, &parts.headers, &body));
        }
        let network = |error: reqwest::Error| {
            // The address is a secret for as long as it is valid.
            GitHubError::Network { call: call.clone(), why: error.without_url().to_string() }
        };
        let malformed = |why: &str| GitHubError::Malformed { call: call.clone(), why: why.to_owned() };
        let location = parts.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| malformed("it names no address"))?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LOG_TIME_MAX)
            .build()
            .map_err(network)?;
        let mut answer = client.get(location).send().await.map_err(network)?;
        if !answer.status().is_success() {
            return Err(malformed("the log is not there"));
        }
        let (mut tail, mut read) = (Vec::new(), 0);
        while let Some(chunk) = answer.chunk().await.map_err(network)? {
            read += chunk.len();
            tail.extend_from_slice(&chunk);
            let surplus = tail.len().saturating_sub(TAIL_BYTES_MAX);
            tail.drain(..surplus);
            if read > LOG_BYTES_MAX {
                break;
            }
        }
        Ok(last_lines(&String::from_utf8_lossy(&tail)))
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES_MAX)..].join("\n")
}
