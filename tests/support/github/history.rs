//! What came before: lists of commits, and how two of them stand to each other.

use serde_json::{Value, json};

use super::repository::{BASE, Repository};
use super::routes::{Asked, Reply};
use super::shapes::Shapes;

/// The commit that a name of GitHub's means: an id or its beginning, `tags/NAME`, `heads/NAME`, or a branch.
pub fn find(name: &str, repository: &Repository) -> Option<String> {
    let known = repository
        .commit_of(&format!("refs/{name}"))
        .or_else(|| repository.commit_of(&format!("refs/heads/{name}")));
    let is_id = name.len() >= 4 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    known.or_else(|| if is_id { repository.commit_of(name) } else { None })
}

/// `GET …/commits`.
pub fn list(asked: &Asked, repository: &Repository, shapes: &Shapes) -> Reply {
    let of = |key: &str| asked.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let from = of("sha").unwrap_or(BASE);
    let Some(from) = find(from, repository) else {
        return Reply::error(404, &format!("No commit found for SHA: {from}"));
    };
    let count: usize = of("per_page").and_then(|count| count.parse().ok()).unwrap_or(30);
    let commits = repository.log(&from, of("path"), count.min(100));
    Reply::new(200, commits.iter().map(|sha| shapes.commit(sha, &repository.commit(sha))).collect())
}

/// `GET …/compare/{base}...{head}`.
pub fn compare(basehead: &str, asked: &Asked, repository: &Repository, shapes: &Shapes) -> Reply {
    let ends =
        basehead.split_once("...").map(|(base, head)| (find(base, repository), find(head, repository)));
    let Some((Some(base), Some(head))) = ends else { return Reply::not_found() };
    let Some(common) = repository.common(&base, &head) else {
        return Reply::error(404, "No common ancestor");
    };
    let (ahead, behind) =
        (repository.log(&format!("{base}..{head}"), None, 250), repository.distance(&head, &base));
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let commit = |sha: &str| shapes.commit(sha, &repository.commit(sha));
    let of = |key: &str| {
        asked.query.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let (per_page, page) = (of("per_page").unwrap_or(250), of("page").unwrap_or(1));
    let shown: Vec<Value> =
        ahead.iter().rev().skip(per_page * (page - 1)).take(per_page).map(|sha| commit(sha)).collect();
    let url = shapes.url(&format!("compare/{base}...{head}"));
    Reply::new(
        200,
        json!({
            "url": url, "html_url": url, "permalink_url": url, "diff_url": format!("{url}.diff"),
            "patch_url": format!("{url}.patch"), "base_commit": commit(&base), "merge_base_commit": commit(&common),
            "status": status, "ahead_by": ahead.len(), "behind_by": behind, "total_commits": ahead.len(), "commits": shown,
        }),
    )
}
