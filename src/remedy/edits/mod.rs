//! What the model submits, judged: only a change that fits the files as they stand, and the rules, comes out.
//!
//! `apply` puts edits into one file, [`checks`] looks at the change as a whole, [`onto_current_base`] does both once
//! more where the base branch has moved on meanwhile.

mod apply;
mod current;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

pub use current::onto_current_base;

use super::checks::{self, Reason, Refusal};
use super::paths;
use super::snapshot::{Snapshot, SnapshotError};
use super::tools::SubmitFix;
use crate::github::{GitHubError, ProposedFile};
use crate::redact;

/// One replacement in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The file.
    pub path: String,
    /// What is replaced; it must occur exactly once.
    pub find: String,
    /// What takes its place.
    pub replace: String,
}

/// A file to add.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NewFile {
    /// The file.
    pub path: String,
    /// Its whole content.
    pub content: String,
}

/// A change that holds, with what was said about it. Serialised, it survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The change in one line.
    pub title: String,
    /// Why the error happens.
    pub root_cause: String,
    /// What the change does.
    pub explanation: String,
    /// How people can see that it works.
    pub how_to_verify: String,
    /// How sure the model is, in its own word.
    pub confidence: String,
    /// The files, whole, as they were and as they become.
    pub files: Vec<ChangedFile>,
    /// The edits that made them, for a base that has moved on.
    #[serde(default)]
    pub edits: Vec<Edit>,
    /// What could not be checked, for whoever reviews it.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// A file of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// The path from the root.
    pub path: String,
    /// As it stands at the base commit; `None` where it is new.
    pub before: Option<String>,
    /// As it becomes.
    pub after: String,
    /// Whether its mode is `100755`.
    pub executable: bool,
}

impl Submission {
    /// Unified diffs by path.
    #[must_use]
    pub fn diffs(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|file| (file.path.clone(), file.diff())).collect()
    }

    /// Whether the model would not stand for it.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        self.confidence.trim().eq_ignore_ascii_case("low")
    }

    /// The files as GitHub is to write them.
    #[must_use]
    pub fn proposed_files(&self) -> Vec<ProposedFile> {
        let proposed = |file: &ChangedFile| ProposedFile {
            path: file.path.clone(),
            content: file.after.clone().into_bytes(),
            executable: file.executable,
        };
        self.files.iter().map(proposed).collect()
    }
}

impl ChangedFile {
    fn diff(&self) -> String {
        let before = self.before.as_deref().unwrap_or_default();
        let old_name =
            self.before.as_ref().map_or_else(|| "/dev/null".to_owned(), |_| format!("a/{}", self.path));
        TextDiff::from_lines(before, self.after.as_str())
            .unified_diff()
            .context_radius(3)
            .header(&old_name, &format!("b/{}", self.path))
            .to_string()
    }
}

/// Why there is no change.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// What was submitted does not hold; the model is told.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// GitHub did not answer; the work stops.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
}

impl From<SnapshotError> for JudgeError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Answer(told) => refused(Reason::EditFailed, told),
            SnapshotError::GitHub(error) => error.into(),
        }
    }
}

fn refused(reason: Reason, told: impl Into<String>) -> JudgeError {
    Refusal::new(reason, told).into()
}

/// Applies what was submitted to the files as they stand at the base commit.
///
/// # Errors
///
/// [`JudgeError::Refused`] with what does not hold; nothing was changed then.
pub async fn judge(submitted: &SubmitFix, snapshot: &Snapshot) -> Result<Submission, JudgeError> {
    let new_files = submitted.new_files.as_deref().unwrap_or_default();
    let (files, remarks) = change(&submitted.edits, new_files, snapshot).await?;
    let text = |text: &str| redact::redact(&redact::plain(redact::cut(text, 8_000))).into_owned();
    let confidence =
        submitted.confidence.as_str().map_or_else(|| submitted.confidence.to_string(), str::to_owned);
    Ok(Submission {
        title: text(&submitted.title),
        root_cause: text(&submitted.root_cause),
        explanation: text(&submitted.explanation),
        how_to_verify: text(&submitted.how_to_verify),
        confidence: text(redact::cut(&confidence, 40)),
        files,
        edits: submitted.edits.clone(),
        remarks,
    })
}

/// The files that edits and new files make, checked as a whole, and what could not be checked.
async fn change(
    edits: &[Edit],
    new_files: &[NewFile],
    snapshot: &Snapshot,
) -> Result<(Vec<ChangedFile>, Vec<String>), JudgeError> {
    let mut files: Vec<ChangedFile> = Vec::new();
    for edit in edits {
        let path = writable(&edit.path)?;
        if !files.iter().any(|file| file.path == path) {
            files.push(standing(path, snapshot).await?);
        }
    }
    for file in &mut files {
        let of_it: Vec<_> = edits.iter().filter(|edit| edit.path == file.path).collect();
        file.after = apply::apply(&file.path, &file.after, &of_it)?;
    }
    for new in new_files {
        if files.iter().any(|file| file.path.eq_ignore_ascii_case(&new.path)) {
            return Err(refused(Reason::EditFailed, format!("`{}` is named twice", new.path)));
        }
        files.push(added(new, snapshot)?);
    }
    for file in &files {
        let may_change = snapshot.may_change(&file.path);
        may_change.map_err(|fault| refused(Reason::DeniedPath, fault.to_string()))?;
    }
    // Parsing takes its time, so it leaves the async threads.
    let checking = tokio::task::spawn_blocking(move || checks::check(&files).map(|remarks| (files, remarks)));
    match checking.await {
        Ok(checked) => Ok(checked?),
        Err(_) => Err(refused(Reason::EditFailed, "the change could not be checked")),
    }
}

fn writable(path: &str) -> Result<&str, JudgeError> {
    paths::writable(path).map_err(|fault| refused(Reason::DeniedPath, fault.to_string()))
}

async fn standing(path: &str, snapshot: &Snapshot) -> Result<ChangedFile, JudgeError> {
    let before = snapshot.text(path).await?.to_string();
    if is_generated(&before) {
        return Err(refused(
            Reason::DeniedPath,
            format!("`{path}` is generated or minified; change what it is made from"),
        ));
    }
    let executable = snapshot.file(path).is_some_and(|entry| entry.mode == "100755");
    Ok(ChangedFile { path: path.to_owned(), after: before.clone(), before: Some(before), executable })
}

fn is_generated(text: &str) -> bool {
    let mut head = text.lines().take(5);
    head.any(|line| line.contains("DO NOT EDIT") || line.contains("@generated"))
        || text.lines().any(|line| line.len() > 2_000)
}

fn added(new: &NewFile, snapshot: &Snapshot) -> Result<ChangedFile, JudgeError> {
    let path = writable(&new.path)?;
    let denied = |why: &str| Err(refused(Reason::DeniedPath, format!("`{path}` {why}")));
    // In any case: there are file systems on which two such names are one file.
    if snapshot.exists_in_any_case(path) {
        return Err(refused(Reason::EditFailed, format!("`{path}` is there already; edit it")));
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if !snapshot.has_source_in(folder) {
        return denied(
            "would stand in a folder that holds no source; put it beside the code that it belongs to",
        );
    }
    if !paths::is_source(path) {
        return denied("is no source file by its name");
    }
    if redact::plain(path) != path {
        return denied("has characters in its name that cannot be seen");
    }
    Ok(ChangedFile { path: path.to_owned(), before: None, after: new.content.clone(), executable: false })
}
