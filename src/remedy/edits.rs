//! What the model submits, judged: only a change that fits the files as they stand, and the rules, comes out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::paths;
use super::snapshot::{FILE_BYTES_MAX, Snapshot, SnapshotError};
use super::tools::SubmitFix;
use crate::github::ProposedFile;
use crate::redact;

/// A change people can review in minutes: more than this is a redesign, not a fix.
const FILES_MAX: usize = 3;
const NEW_FILES_MAX: usize = 1;
const CHANGED_LINES_MAX: usize = 120;
/// Lines that may go without others in their place: a fix seldom deletes, and a deletion hides an error well.
const REMOVED_LINES_MAX: usize = 40;

/// One replacement in a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Lines added and lines removed.
    fn changed_lines(&self) -> (Vec<String>, usize) {
        let before = self.before.as_deref().unwrap_or_default();
        let diff = TextDiff::from_lines(before, self.after.as_str());
        let of = |tag| diff.iter_all_changes().filter(move |change| change.tag() == tag);
        let added = of(similar::ChangeTag::Insert).map(|change| change.value().to_owned()).collect();
        (added, of(similar::ChangeTag::Delete).count())
    }
}

/// Applies what was submitted to the files as they stand at the base commit.
///
/// # Errors
///
/// [`SnapshotError::Answer`] with what does not hold, for the model to read; nothing was changed then.
pub async fn judge(submitted: &SubmitFix, snapshot: &Snapshot) -> Result<Submission, SnapshotError> {
    let mut files: Vec<ChangedFile> = Vec::new();
    for edit in &submitted.edits {
        let path = writable(&edit.path)?;
        let at = if let Some(at) = files.iter().position(|file| file.path == path) {
            at
        } else {
            files.push(standing(path, snapshot).await?);
            files.len() - 1
        };
        files[at].after = replaced(&files[at].after, edit).map_err(SnapshotError::Answer)?;
    }
    for new in submitted.new_files.iter().flatten() {
        files.push(added(new, snapshot)?);
    }
    files.iter().try_for_each(|file| snapshot.may_change(&file.path))?;
    check(&files).map_err(SnapshotError::Answer)?;
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
    })
}

fn writable(path: &str) -> Result<&str, SnapshotError> {
    paths::writable(path).map_err(|fault| SnapshotError::Answer(fault.to_string()))
}

async fn standing(path: &str, snapshot: &Snapshot) -> Result<ChangedFile, SnapshotError> {
    let before = snapshot.text(path).await?.to_string();
    if is_generated(&before) {
        return Err(SnapshotError::Answer(format!(
            "`{path}` is generated or minified; change what it is made from"
        )));
    }
    let executable = snapshot.file(path).is_some_and(|entry| entry.mode == "100755");
    Ok(ChangedFile { path: path.to_owned(), after: before.clone(), before: Some(before), executable })
}

fn is_generated(text: &str) -> bool {
    let mut head = text.lines().take(5);
    head.any(|line| line.contains("DO NOT EDIT") || line.contains("@generated"))
        || text.lines().any(|line| line.len() > 2_000)
}

fn added(new: &NewFile, snapshot: &Snapshot) -> Result<ChangedFile, SnapshotError> {
    let path = writable(&new.path)?;
    let told = |why: &str| Err(SnapshotError::Answer(format!("`{path}` {why}")));
    if snapshot.exists(path) {
        return told("is there already; edit it");
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if !snapshot.has_source_in(folder) {
        return told(
            "would stand in a folder that holds no source; put it beside the code that it belongs to",
        );
    }
    if !paths::is_source(path) {
        return told("is no source file by its name");
    }
    Ok(ChangedFile { path: path.to_owned(), before: None, after: new.content.clone(), executable: false })
}

/// One replacement; a `find` that does not occur exactly once is never guessed.
fn replaced(text: &str, edit: &Edit) -> Result<String, String> {
    let path = &edit.path;
    if edit.find.is_empty() {
        return Err(format!("an edit of `{path}` has an empty `find`"));
    }
    if edit.find.contains("[REDACTED:") || edit.replace.contains("[REDACTED:") {
        return Err(format!("an edit of `{path}` holds a masked secret; leave such lines as they are"));
    }
    // The model reads lines without their endings: a file with CRLF keeps CRLF.
    let crlf = text.contains("\r\n");
    let own = |given: &str| {
        if crlf && !given.contains('\r') { given.replace('\n', "\r\n") } else { given.to_owned() }
    };
    let (find, replace) = (own(&edit.find), own(&edit.replace));
    let places: Vec<_> = occurrences(text, &find);
    match places[..] {
        [at] => Ok(format!("{}{replace}{}", &text[..at], &text[at + find.len()..])),
        [] => Err(missed(text, edit)),
        _ => {
            let lines: Vec<_> = places.iter().take(5).map(|at| line_of(text, *at).to_string()).collect();
            Err(format!(
                "`find` occurs {} times in `{path}` (lines {}); add lines around it until it occurs once",
                places.len(),
                lines.join(", ")
            ))
        }
    }
}

/// Where a text occurs, overlapping places included.
fn occurrences(text: &str, find: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(find) {
        places.push(from + at);
        from += at + text[from + at..].chars().next().map_or(1, char::len_utf8);
    }
    places
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// What was found in place of a `find` that does not occur.
fn missed(text: &str, edit: &Edit) -> String {
    let path = &edit.path;
    let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !edit.replace.is_empty() && text.contains(&edit.replace) {
        return format!(
            "`find` does not occur in `{path}`, but `replace` does: it looks as if it were changed already"
        );
    }
    if bare(text).contains(&bare(&edit.find)) {
        return format!(
            "`find` occurs in `{path}` only where white space is disregarded; copy it exactly, with its indentation"
        );
    }
    let first = edit.find.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let near: Vec<_> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !first.is_empty() && line.contains(first))
        .take(5)
        .map(|(i, _)| (i + 1).to_string())
        .collect();
    if near.is_empty() {
        format!("`find` does not occur in `{path}`; read the file again")
    } else {
        format!("`find` does not occur in `{path}`; its first line stands at line {}", near.join(", "))
    }
}

/// What holds for a change as a whole.
fn check(files: &[ChangedFile]) -> Result<(), String> {
    let new = files.iter().filter(|file| file.before.is_none()).count();
    if files.is_empty() {
        return Err("nothing is changed: give edits, or decline".to_owned());
    }
    if files.len() > FILES_MAX || new > NEW_FILES_MAX {
        return Err(format!(
            "{} files are changed and {new} added; at most {FILES_MAX} and {NEW_FILES_MAX} may be",
            files.len() - new
        ));
    }
    let (mut added, mut removed) = (Vec::new(), 0);
    for file in files {
        let (lines, gone) = file.changed_lines();
        added.extend(lines);
        removed += gone;
        if file.after.len() as u64 > FILE_BYTES_MAX || file.after.contains('\0') {
            return Err(format!("`{}` would become too long or no text", file.path));
        }
    }
    if added.len() + removed > CHANGED_LINES_MAX {
        return Err(format!(
            "{} lines are changed; at most {CHANGED_LINES_MAX} may be",
            added.len() + removed
        ));
    }
    if removed > added.len() + REMOVED_LINES_MAX {
        return Err(format!(
            "{removed} lines are removed and {} put in their place; a fix does not delete so much",
            added.len()
        ));
    }
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    if files.iter().all(|file| file.before.as_deref().map(bare) == Some(bare(&file.after))) {
        return Err("only white space is changed".to_owned());
    }
    if redact::contains_secret(&added.concat()) {
        return Err(
            "the change adds what looks like a secret; read it from the configuration instead".to_owned()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const FILE: &str = "def charge(order):\n    total = order['total']\n    return total\n\ndef refund(order):\n    total = order['total']\n    return -total\n";

    fn lines(count: usize) -> String {
        (0..count).map(|n| n.to_string() + "\n").collect()
    }

    async fn judged(submitted: Value) -> Result<Submission, String> {
        let crlf = FILE.replace('\n', "\r\n");
        let generated = format!("# Code generated by x. DO NOT EDIT.\n{FILE}");
        let long = lines(200);
        let snapshot = Snapshot::of_files(&[
            ("app/pay.py", FILE),
            ("app/win.py", &crlf),
            ("app/gen.py", &generated),
            ("app/long.py", &long),
            ("package.json", "{}"),
        ]);
        let submitted: SubmitFix = serde_json::from_value(submitted).unwrap();
        judge(&submitted, &snapshot).await.map_err(|error| error.to_string())
    }

    fn edit(path: &str, find: &str, replace: &str) -> Value {
        json!({"title": "t", "edits": [{"path": path, "find": find, "replace": replace}]})
    }

    #[tokio::test]
    async fn an_edit_that_fits_becomes_a_diff() {
        let submission = judged(edit(
            "app/pay.py",
            "def charge(order):\n    total = order['total']",
            "def charge(order):\n    total = order.get('total', 0)",
        ))
        .await
        .unwrap();
        let diff = &submission.diffs()["app/pay.py"];
        assert!(diff.contains("-    total = order['total']\n+    total = order.get('total', 0)\n"), "{diff}");
        assert!(diff.starts_with("--- a/app/pay.py\n+++ b/app/pay.py\n"), "{diff}");
        let json = serde_json::to_string(&submission).unwrap();
        assert_eq!(serde_json::from_str::<Submission>(&json).unwrap(), submission);
    }

    #[tokio::test]
    async fn line_endings_are_kept() {
        let submission =
            judged(edit("app/win.py", "    return -total\n", "    # money back\n    return -total\n"))
                .await
                .unwrap();
        assert!(submission.files[0].after.ends_with("    # money back\r\n    return -total\r\n"));
    }

    #[tokio::test]
    async fn what_does_not_hold_is_told() {
        let big = "x = 1\n".repeat(200);
        let long = lines(100);
        let key = format!("KEY = 'AKIA{}'\n", "IOSFODNN7EXAMPLQ");
        for (submitted, expected) in [
            (
                edit("app/pay.py", "    total = order['total']", "x"),
                "occurs 2 times in `app/pay.py` (lines 2, 6)",
            ),
            (edit("app/pay.py", "  return total\n\n def refund", "x"), "white space is disregarded"),
            (edit("app/pay.py", "def nothing()", "x"), "does not occur"),
            (edit("app/pay.py", "def refund(order):\n    pass", "x"), "its first line stands at line 5"),
            (edit("app/pay.py", "order.total", "return -total"), "changed already"),
            (edit("app/pay.py", "", "x"), "empty `find`"),
            (edit("app/pay.py", "return -total", "[REDACTED:secret]"), "masked secret"),
            (edit("app/pay.py", "return -total", "return  -total"), "only white space"),
            (edit("app/pay.py", "return -total", &big), "lines are changed"),
            (edit("app/pay.py", "return -total", &key), "looks like a secret"),
            (edit("app/long.py", &long, ""), "does not delete so much"),
            (edit("app/gen.py", "return -total", "return 0"), "generated"),
            (edit("package.json", "{}", "{\"x\":1}"), "not changed by a machine"),
            (edit(".github/workflows/x.yml", "a", "b"), "not changed by a machine"),
            (edit("../x.py", "a", "b"), "no path in the repository"),
            (edit("app/none.py", "a", "b"), "is not there"),
            (json!({"title": "t", "edits": []}), "nothing is changed"),
            (json!({"edits": [], "new_files": [{"path": "app/pay.py", "content": "x"}]}), "is there already"),
            (json!({"edits": [], "new_files": [{"path": "new/x.py", "content": "x"}]}), "holds no source"),
            (
                json!({"edits": [], "new_files": [{"path": "app/a.py", "content": "x"}, {"path": "app/b.py", "content": "y"}]}),
                "2 added",
            ),
        ] {
            let told = judged(submitted.clone()).await.unwrap_err();
            assert!(told.contains(expected), "{submitted}\n{told}\nin place of {expected}");
        }
    }
}
