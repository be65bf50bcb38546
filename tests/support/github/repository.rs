//! A real bare repository, driven through git's plumbing commands.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The branch that pull requests are for.
pub const BASE: &str = "main";

/// A file of a tree that is being made.
pub enum Entry {
    /// The path becomes this object.
    Put { path: String, mode: String, sha: String },
    /// The path goes away.
    Delete { path: String },
}

/// A line of a tree that is there.
pub struct Listed {
    pub path: String,
    pub mode: String,
    /// `blob`, `tree` or `commit`.
    pub kind: String,
    pub sha: String,
    /// In bytes; blobs alone have one.
    pub size: Option<u64>,
}

/// A bare repository in a folder of its own.
pub struct Repository {
    folder: TempDir,
}

impl Repository {
    /// One with `files` on [`BASE`]; a file that begins with `#!` is executable.
    pub fn with_files(files: &[(&str, &str)]) -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--bare", "-b", BASE]);
        let entries: Vec<_> = files
            .iter()
            .map(|(path, content)| Entry::Put {
                path: (*path).to_owned(),
                mode: if content.starts_with("#!") { "100755" } else { "100644" }.to_owned(),
                sha: repository.write_blob(content.as_bytes()),
            })
            .collect();
        let tree = repository.write_tree(None, &entries).unwrap();
        let commit = repository.write_commit("The application as it is", &tree, &[], &[]).unwrap();
        repository.git(&["update-ref", &format!("refs/heads/{BASE}"), &commit]);
        repository
    }

    /// A commit of people with these files on [`BASE`]; a file that is there keeps its mode.
    pub fn push_to_base(&self, files: &[(&str, &[u8])]) -> String {
        let reference = format!("refs/heads/{BASE}");
        let old = self.resolve(&reference).unwrap();
        let standing = self.tree(&old, true);
        let entries: Vec<_> = files
            .iter()
            .map(|(path, content)| Entry::Put {
                path: (*path).to_owned(),
                mode: standing
                    .iter()
                    .find(|entry| entry.path == *path)
                    .map_or_else(|| "100644".to_owned(), |entry| entry.mode.clone()),
                sha: self.write_blob(content),
            })
            .collect();
        let tree = self.write_tree(Some(&old), &entries).unwrap();
        let commit = self.write_commit("What people did meanwhile", &tree, &[&old], &[]).unwrap();
        self.point(&reference, &commit, Some(&old)).unwrap();
        commit
    }

    /// What a git command prints.
    pub fn git(&self, args: &[&str]) -> String {
        self.attempt(args, b"", &[]).unwrap_or_else(|told| panic!("git {args:?}: {told}"))
    }

    fn attempt(&self, args: &[&str], input: &[u8], environment: &[(&str, &str)]) -> Result<String, String> {
        self.bytes(args, input, environment).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// Runs git with nothing of the machine's own configuration.
    fn bytes(&self, args: &[&str], input: &[u8], environment: &[(&str, &str)]) -> Result<Vec<u8>, String> {
        let mut child = Command::new("git")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_DIR", self.folder.path())
            .env("TZ", "UTC")
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "logmend[bot]")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "bot@example.com")))
            .envs(environment.iter().copied())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The commands that take input read all of it before they write.
        let written = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        if output.status.success() && written.is_ok() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// The kind of an object: `blob`, `tree`, `commit`; `None` where there is no such object or `sha` is no full id.
    pub fn kind(&self, sha: &str) -> Option<String> {
        let full = sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
        let kind = if full { self.attempt(&["cat-file", "-t", sha], b"", &[]).ok() } else { None };
        kind.map(|kind| kind.trim().to_owned())
    }

    /// The object that a fully qualified reference points to.
    pub fn resolve(&self, reference: &str) -> Option<String> {
        let sha = self.attempt(&["show-ref", "--verify", "--hash", reference], b"", &[]).ok()?;
        Some(sha.trim().to_owned())
    }

    /// The branches, by name.
    pub fn branches(&self) -> Vec<String> {
        let names = self.git(&["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"]);
        names.lines().map(str::to_owned).collect()
    }

    /// The bytes of a blob.
    pub fn blob(&self, sha: &str) -> Vec<u8> {
        self.bytes(&["cat-file", "blob", sha], b"", &[]).unwrap()
    }

    pub fn write_blob(&self, content: &[u8]) -> String {
        self.attempt(&["hash-object", "-w", "--stdin"], content, &[]).unwrap().trim().to_owned()
    }

    /// The entries of a tree; with `recursive` those of its folders too.
    pub fn tree(&self, sha: &str, recursive: bool) -> Vec<Listed> {
        let mut args = vec!["ls-tree", "-l", "-z", "--full-tree"];
        if recursive {
            args.extend(["-r", "-t"]);
        }
        args.push(sha);
        let listed = self.git(&args);
        listed.split_terminator('\0').map(parse_entry).collect()
    }

    /// The tree that `entries` make of `base`.
    pub fn write_tree(&self, base: Option<&str>, entries: &[Entry]) -> Result<String, String> {
        let index = self.folder.path().join("index.of.a.tree");
        let environment = [("GIT_INDEX_FILE", index.to_str().unwrap())];
        let _ = std::fs::remove_file(&index);
        let begin = base.map_or_else(|| vec!["read-tree", "--empty"], |base| vec!["read-tree", base]);
        self.attempt(&begin, b"", &environment)?;
        for entry in entries {
            let line = match entry {
                Entry::Put { path, mode, sha } if mode == "040000" => {
                    self.attempt(&["read-tree", &format!("--prefix={path}/"), sha], b"", &environment)?;
                    continue;
                }
                Entry::Put { path, mode, sha } => format!("{mode} {sha}\t{path}\0"),
                // Mode 0 takes a path out of the index.
                Entry::Delete { path } => format!("0 {}\t{path}\0", "0".repeat(40)),
            };
            self.attempt(&["update-index", "-z", "--index-info"], line.as_bytes(), &environment)?;
        }
        self.attempt(&["write-tree"], b"", &environment).map(|sha| sha.trim().to_owned())
    }

    /// A commit; `environment` names another author where there is one.
    pub fn write_commit(
        &self,
        message: &str,
        tree: &str,
        parents: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut args = vec!["commit-tree", tree];
        args.extend(parents.iter().flat_map(|parent| ["-p", parent]));
        args.extend(["-F", "-"]);
        self.attempt(&args, message.as_bytes(), environment).map(|sha| sha.trim().to_owned())
    }

    /// What a commit says: `tree`, `parents`, `author`, `committer`, `message`.
    pub fn commit(&self, sha: &str) -> Value {
        let format = "--format=%T%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B";
        let shown = self.git(&["show", "-s", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", format, sha]);
        let parts: Vec<_> = shown.splitn(9, '\0').collect();
        json!({
            "tree": parts[0],
            "parents": parts[1].split_whitespace().collect::<Vec<_>>(),
            "author": {"name": parts[2], "email": parts[3], "date": parts[4]},
            "committer": {"name": parts[5], "email": parts[6], "date": parts[7]},
            "message": parts[8].trim_end_matches('\n'),
        })
    }

    /// Points a branch at a commit that it did not point at; `old` is what it pointed at, if it was there.
    pub fn point(&self, reference: &str, new: &str, old: Option<&str>) -> Result<(), String> {
        let old = old.map_or_else(|| "0".repeat(40), str::to_owned);
        self.attempt(&["check-ref-format", reference], b"", &[])?;
        self.attempt(&["update-ref", reference, new, &old], b"", &[]).map(drop)
    }

    /// Removes a reference that stands at `old`.
    pub fn remove(&self, reference: &str, old: &str) {
        self.git(&["update-ref", "-d", reference, old]);
    }

    /// Whether history leads from `old` to `new`.
    pub fn is_ancestor(&self, old: &str, new: &str) -> bool {
        self.attempt(&["merge-base", "--is-ancestor", old, new], b"", &[]).is_ok()
    }

    /// The commit that a name means to git.
    pub fn commit_of(&self, name: &str) -> Option<String> {
        let name = format!("{name}^{{commit}}");
        let sha = self.attempt(&["rev-parse", "--verify", "--quiet", &name], b"", &[]).ok()?;
        Some(sha.trim().to_owned())
    }

    /// The newest commits of a range, at most `count`; those alone that touched `path` where one is named.
    pub fn log(&self, range: &str, path: Option<&str>, count: usize) -> Vec<String> {
        let count = format!("-n{count}");
        let mut args = vec!["log", "--format=%H", &count, range, "--"];
        args.extend(path);
        self.git(&args).lines().map(str::to_owned).collect()
    }

    /// How many commits lead to `to` and not to `from`.
    pub fn distance(&self, from: &str, to: &str) -> usize {
        self.git(&["rev-list", "--count", &format!("{from}..{to}")]).trim().parse().unwrap()
    }

    /// The newest commit that leads to both.
    pub fn common(&self, one: &str, other: &str) -> Option<String> {
        self.attempt(&["merge-base", one, other], b"", &[]).ok().map(|sha| sha.trim().to_owned())
    }

    /// A commit of these files on top of `parent`, made at `date`; nothing points to it yet.
    pub fn commit_files(&self, parent: &str, message: &str, files: &[(&str, &str)], date: &str) -> String {
        let entries: Vec<_> = files
            .iter()
            .map(|(path, content)| Entry::Put {
                path: (*path).to_owned(),
                mode: "100644".to_owned(),
                sha: self.write_blob(content.as_bytes()),
            })
            .collect();
        let tree = self.write_tree(Some(parent), &entries).unwrap();
        let dates = [("GIT_AUTHOR_DATE", date), ("GIT_COMMITTER_DATE", date)];
        self.write_commit(message, &tree, &[parent], &dates).unwrap()
    }

    /// A working copy of a branch, cloned as people clone it.
    pub fn clone_branch(&self, branch: &str, into: &Path) {
        let from = format!("file://{}", self.folder.path().display());
        self.git(&["clone", "--quiet", "-b", branch, &from, into.to_str().unwrap()]);
    }
}

/// One line of `ls-tree -l`: mode, kind, id and size, a tab, the path.
fn parse_entry(line: &str) -> Listed {
    let (about, path) = line.split_once('\t').unwrap();
    let about: Vec<_> = about.split_whitespace().map(str::to_owned).collect();
    let [mode, kind, sha, size] = about.try_into().unwrap();
    Listed { path: path.to_owned(), mode, kind, sha, size: size.parse().ok() }
}
