//! A rules file that is read again when it changes.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::catalogue::Catalogue;
use super::rules::Rules;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A longer file is none of rules: 10,000 of them, each with its lines, take a third of it.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A rules file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesFile {
    path: PathBuf,
}

impl RulesFile {
    /// The file at `path`, which need not be there yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, and the mend.
    pub fn text(&self) -> Result<String, String> {
        String::from_utf8(self.bytes()?).map_err(|_| "is no UTF-8 text; save it as one".to_owned())
    }

    /// Its rules.
    ///
    /// # Errors
    ///
    /// One line for each fault, with its place in the file.
    pub fn load(&self) -> Result<Catalogue, String> {
        Catalogue::parse(&self.text()?).map_err(|error| error.to_string())
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        let unreadable =
            |error: std::io::Error| format!("cannot be read: {error}; name a file that may be read");
        let file = std::fs::File::open(&self.path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("is longer than {FILE_BYTES_MAX} bytes; split off what is no rule"));
        }
        Ok(bytes)
    }

    /// Takes the file into `rules` whenever it has changed, until `stop` is cancelled; `trouble` tells why it is not taken
    /// in while it cannot be. `loaded` is what it held at the start.
    pub async fn keep_fresh(
        self,
        rules: Rules,
        loaded: Catalogue,
        trouble: watch::Sender<Option<String>>,
        stop: CancellationToken,
    ) {
        let mut watch = Watch { file: self, loaded, seen: None, done: None };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let rules = rules.clone();
            // Reading a file and building an automaton take milliseconds.
            let looked = tokio::task::spawn_blocking(move || {
                let told = watch.look(&rules);
                (watch, told)
            });
            let told;
            (watch, told) = match looked.await {
                Ok(looked) => looked,
                // Only where the runtime is on its way down, or by a defect, which the watch must not outlive unseen.
                Err(error) => return tracing::error!("the watch over the rules file ended: {error}"),
            };
            match told {
                Told::Nothing => {}
                Told::Taken(count) => {
                    tracing::info!(
                        rules = count,
                        "the rules file {} was read again",
                        watch.file.path.display()
                    );
                    trouble.send_replace(None);
                }
                Told::Unchanged => drop(trouble.send_replace(None)),
                Told::Refused(faults) => {
                    let path = watch.file.path.display().to_string();
                    for fault in faults.lines() {
                        tracing::warn!(
                            "the changed rules file {path} is not used, the former rules stay: {fault}"
                        );
                    }
                    let first = faults.lines().next().unwrap_or_default();
                    trouble.send_replace(Some(format!("the changed rules file is not used: {first}")));
                }
            }
        }
    }
}

/// What one look came to.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// So many rules are in use now.
    Taken(usize),
    /// The file says again what is in use.
    Unchanged,
    Refused(String),
}

/// What is known of the file from look to look. Bytes are compared, since a time of change alone says nothing, and an unchanged
/// one neither.
#[derive(Debug)]
struct Watch {
    file: RulesFile,
    /// The catalogue in use.
    loaded: Catalogue,
    /// What the last look found.
    seen: Option<Result<Vec<u8>, String>>,
    /// What was taken in or refused.
    done: Option<Result<Vec<u8>, String>>,
}

impl Watch {
    /// A file is judged when two looks in a row find the same: one that is being written is left alone until it rests, and
    /// one that is away for the moment of a rename is not missed.
    fn look(&mut self, rules: &Rules) -> Told {
        let found = self.file.bytes();
        let rests = self.seen.as_ref() == Some(&found);
        if !rests {
            self.seen = Some(found);
            return Told::Nothing;
        }
        if self.done.as_ref() == Some(&found) {
            return Told::Nothing;
        }
        let told = match self.judge(&found, rules) {
            Ok(told) => told,
            Err(faults) => Told::Refused(faults),
        };
        self.done = Some(found);
        told
    }

    fn judge(&mut self, found: &Result<Vec<u8>, String>, rules: &Rules) -> Result<Told, String> {
        let bytes = found.as_ref().map_err(Clone::clone)?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| "it is no UTF-8 text; save it as one".to_owned())?;
        let catalogue = Catalogue::parse(text).map_err(|error| error.to_string())?;
        if catalogue == self.loaded {
            return Ok(Told::Unchanged);
        }
        let count = catalogue.rules().len();
        rules.set_catalogue(catalogue.clone()).map_err(|error| error.to_string())?;
        self.loaded = catalogue;
        Ok(Told::Taken(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Rule;

    fn rule(id: &str) -> String {
        format!(
            "[[rule]]\nid = \"{id}\"\ncategory = \"unknown\"\nseverity = \"low\"\nfixable = false\nsuggested_fix = \"Mend it.\"\nany = [\"{id}\"]\n"
        )
    }

    /// Writes, looks, and tells what the looks came to and which rules are in use then.
    #[test]
    fn a_file_is_taken_in_when_it_rests_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        let loaded = Catalogue::parse(&rule("aa")).unwrap();
        let rules = Rules::new(loaded.clone()).unwrap();
        let mut watch = Watch { file: RulesFile::at(&path), loaded, seen: None, done: None };
        let mut check = |written: Option<&str>, told: Told, ids: &[&str]| {
            match written {
                Some("") => std::fs::remove_file(&path).unwrap(),
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => {}
            }
            assert_eq!(watch.look(&rules), told, "{written:?}");
            assert_eq!(rules.current().rules().iter().map(Rule::id).collect::<Vec<_>>(), ids, "{written:?}");
        };
        check(Some(&rule("aa")), Told::Nothing, &["aa"]);
        check(None, Told::Unchanged, &["aa"]);
        check(None, Told::Nothing, &["aa"]);
        // Half of it is there, and would do as a whole file.
        let two = rule("bb") + &rule("cc");
        check(Some(&rule("bb")), Told::Nothing, &["aa"]);
        check(Some(&two), Told::Nothing, &["aa"]);
        check(None, Told::Taken(2), &["bb", "cc"]);
        check(None, Told::Nothing, &["bb", "cc"]);
        let broken = two.replace("\"low\"", "low");
        check(Some(&broken), Told::Nothing, &["bb", "cc"]);
        let fault = "line 4, column 12: string values must be quoted, expected literal string\nline 11, column 12: string values must be quoted, expected literal string";
        check(None, Told::Refused(fault.to_owned()), &["bb", "cc"]);
        check(None, Told::Nothing, &["bb", "cc"]);
        // The moment of a rename.
        check(Some(""), Told::Nothing, &["bb", "cc"]);
        check(Some(&two), Told::Nothing, &["bb", "cc"]);
        check(None, Told::Unchanged, &["bb", "cc"]);
        check(Some(""), Told::Nothing, &["bb", "cc"]);
        let missing = "cannot be read: No such file or directory (os error 2); name a file that may be read";
        check(None, Told::Refused(missing.to_owned()), &["bb", "cc"]);
    }
}
