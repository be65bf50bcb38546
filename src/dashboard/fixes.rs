//! Fixes: what was written, where each stands, and what it cost.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::diff::FileDiff;
use super::problem::Trouble;
use super::shell::{Place, Shell};
use super::text::{self, BLOCK_MAX, LINE_MAX, Markup};
use super::{answer, moment, words};
use crate::model::{Fix, FixStatus, UnixNanos};
use crate::store::{FixFilter, Followed};

/// How many fixes are listed.
const LISTED_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "fixes.html")]
struct Fixes {
    shell: Shell,
    fixes: Vec<Entry>,
    total: u64,
    more: u64,
    spent: String,
    open: u64,
    merged: u64,
    why_none: Option<String>,
}

/// A fix in the list.
struct Entry {
    id: String,
    error_id: String,
    error: Markup,
    severity: &'static str,
    category: String,
    status: &'static str,
    label: &'static str,
    told: String,
    pull: Option<Pull>,
    files: usize,
    cost: String,
    created: Markup,
    ended: Option<Markup>,
}

/// A pull request's page.
pub(super) struct Pull {
    pub(super) url: String,
    pub(super) name: String,
}

/// All of a fix.
pub(super) struct FixView {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) label: &'static str,
    pub(super) told: String,
    pub(super) reason: String,
    pub(super) analysis: Option<Markup>,
    pub(super) proposed: Option<Markup>,
    pub(super) files: Vec<FileDiff>,
    pub(super) pull: Option<Pull>,
    pub(super) branch: String,
    pub(super) repository: String,
    pub(super) base_commit: String,
    pub(super) pushes: u32,
    pub(super) handed_over: bool,
    pub(super) model: String,
    pub(super) tokens: String,
    pub(super) cost: String,
    pub(super) created: Markup,
    pub(super) generated: Option<Markup>,
    pub(super) ended: Option<Markup>,
}

/// `GET /fixes`.
pub(super) async fn list(State(state): State<super::State>, headers: HeaderMap) -> Result<Response, Trouble> {
    let store = &state.api.store;
    let now = store.now();
    let listed = FixFilter { limit: Some(LISTED_MAX), ..FixFilter::default() };
    let (fixes, _) = store.fixes_page(&listed).await?;
    let total = store.count_fixes(&FixFilter::default()).await?;
    let merged = FixFilter { statuses: vec![FixStatus::Merged], ..FixFilter::default() };
    let usage = store.usage(now).await?;
    let page = Fixes {
        shell: Shell::of(&state.api, Place::Fixes, "Fixes", &headers).await,
        total,
        more: total.saturating_sub(fixes.len() as u64),
        spent: text::usd(usage.usd_of_month),
        open: usage.open_pull_requests,
        merged: store.count_fixes(&merged).await?,
        why_none: state.why_no_fixes(),
        fixes: fixes.iter().map(|fix| Entry::of(fix, now)).collect(),
    };
    answer::page(&page, &headers)
}

impl Entry {
    fn of(fix: &Fix, now: UnixNanos) -> Self {
        Self {
            id: text::line(&fix.id, LINE_MAX),
            error_id: fix.error_id.to_string(),
            error: text::template(&fix.error_message, LINE_MAX),
            severity: fix.severity.as_str(),
            category: words::category(&fix.error_category),
            status: fix.status.as_str(),
            label: label(fix.status),
            told: if fix.reason.is_empty() {
                told(fix.status).to_owned()
            } else {
                text::line(&fix.reason, LINE_MAX)
            },
            pull: pull(fix.pr_url.as_deref()),
            files: fix.code_changes.len(),
            cost: text::usd(fix.cost_usd),
            created: moment::ago(fix.created_at, now),
            ended: fix.ended_at.map(|at| moment::ago(at, now)),
        }
    }
}

impl FixView {
    pub(super) fn of(fix: &Fix, followed: Option<&Followed>, now: UnixNanos) -> Self {
        let files = fix.code_changes.iter().map(|(path, diff)| FileDiff::of(path, diff));
        let tokens = [fix.input_tokens, fix.output_tokens].map(text::number);
        Self {
            id: text::line(&fix.id, LINE_MAX),
            status: fix.status.as_str(),
            label: label(fix.status),
            told: told(fix.status).to_owned(),
            reason: text::block(&fix.reason, BLOCK_MAX),
            analysis: prose(&fix.analysis),
            proposed: prose(&fix.proposed_fix),
            files: files.collect(),
            pull: pull(fix.pr_url.as_deref()),
            branch: text::line(&fix.branch, LINE_MAX),
            repository: text::line(&fix.repository, LINE_MAX),
            base_commit: text::line(&fix.base_commit, LINE_MAX).chars().take(12).collect(),
            pushes: followed.map_or(0, |followed| followed.pushes),
            handed_over: followed.is_some_and(|followed| followed.handed_over),
            model: text::line(&fix.model, LINE_MAX),
            tokens: format!("{} in, {} out", tokens[0], tokens[1]),
            cost: text::usd(fix.cost_usd),
            created: moment::ago(fix.created_at, now),
            generated: fix.generated_at.map(|at| moment::ago(at, now)),
            ended: fix.ended_at.map(|at| moment::ago(at, now)),
        }
    }
}

fn prose(text: &str) -> Option<Markup> {
    (!text.is_empty()).then(|| text::prose(text, BLOCK_MAX))
}

/// The page of a pull request, where it is one of the web: nothing else is linked to.
pub(super) fn pull(url: Option<&str>) -> Option<Pull> {
    let url = url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))?;
    let number =
        url.rsplit("/pull/").next().filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let name = number.map_or_else(|| "pull request".to_owned(), |number| format!("#{number}"));
    Some(Pull { url: url.to_owned(), name })
}

/// Where a fix stands, in a word or two.
pub(super) fn label(status: FixStatus) -> &'static str {
    match status {
        FixStatus::Pending => "waiting",
        FixStatus::Generating => "being written",
        FixStatus::Declined => "declined",
        FixStatus::Failed => "failed",
        FixStatus::Proposed => "proposed",
        FixStatus::Draft => "draft",
        FixStatus::Ready => "ready for review",
        FixStatus::Repairing => "being repaired",
        FixStatus::Merged => "merged",
        FixStatus::Closed => "closed",
        FixStatus::Regressed => "regressed",
    }
}

/// Where a fix stands, and how its checks do.
fn told(status: FixStatus) -> &'static str {
    match status {
        FixStatus::Pending => "It waits for its turn.",
        FixStatus::Generating => "Claude looks at the code and writes a change.",
        FixStatus::Declined => "Claude found no change that it would stand for.",
        FixStatus::Failed => "It came to nothing.",
        FixStatus::Proposed => "A change is stored; no pull request was asked for.",
        FixStatus::Draft => "The pull request is a draft: its checks have not all passed yet.",
        FixStatus::Ready => "Its checks passed; the pull request waits for review.",
        FixStatus::Repairing => "Its checks failed; a second change is being written.",
        FixStatus::Merged => "People merged it; its error is watched.",
        FixStatus::Closed => {
            "People closed the pull request unmerged; no other is opened unless you ask for one."
        }
        FixStatus::Regressed => "It was merged, and its error came back.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_web_are_linked_to() {
        let name = |url| pull(Some(url)).map(|pull| pull.name);
        assert_eq!(name("https://github.com/acme/shop/pull/12").as_deref(), Some("#12"));
        assert_eq!(name("https://github.com/acme/shop").as_deref(), Some("pull request"));
        for url in ["javascript:alert(1)", "data:text/html,x", "", "//evil.example"] {
            assert!(pull(Some(url)).is_none(), "{url}");
        }
    }
}
