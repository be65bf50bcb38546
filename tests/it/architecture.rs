//! Who may import whom: each room knows only the rooms that stand beside its name, and no room reaches around that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room of `src/` with the rooms that it may import, in the order in which the data flows.
/// `proto` holds generated messages, belongs to nobody and may be imported by all.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("redact", &["model"]),
    ("otlp", &["model"]),
    ("loki", &["model", "redact"]),
    // A rule may ask for an attribute, which is read where it lies.
    ("classify", &["model", "otlp"]),
    ("fingerprint", &["model"]),
    ("window", &["model", "fingerprint"]),
    ("store", &["model"]),
    ("leader", &["model", "store"]),
    ("ingest", &["model", "otlp"]),
    ("forward", &["model", "otlp"]),
    (
        "pipeline",
        &["model", "otlp", "classify", "fingerprint", "redact", "window", "store", "leader", "forward"],
    ),
    ("github", &["model", "redact"]),
    ("claude", &["redact"]),
    // Every call of Claude is paid from here.
    ("purse", &["model", "store", "claude"]),
    // Which errors are likely mended is a question to Claude.
    ("triage", &["model", "redact", "fingerprint", "store", "leader", "claude", "purse"]),
    ("remedy", &["model", "redact", "loki", "store", "github", "triage", "claude", "purse", "leader"]),
    ("learn", &["model", "classify", "redact", "store", "claude", "purse", "leader"]),
    ("api", &["model", "store", "triage", "learn", "leader"]),
    // It explains what the classifier and the fingerprint decided, and asks Loki what was logged around.
    ("dashboard", &["model", "loki", "classify", "fingerprint", "store", "triage", "api"]),
    ("telemetry", &["model"]),
    // Each room's settings.
    (
        "config",
        &[
            "model",
            "otlp",
            "classify",
            "window",
            "store",
            "ingest",
            "forward",
            "pipeline",
            "github",
            "triage",
            "claude",
            "remedy",
            "learn",
            "loki",
            "api",
            "telemetry",
            "leader",
        ],
    ),
    ("shutdown", &[]),
];

/// The rooms above all others may import anything.
const ROOTS: &[&str] = &["app", "commands", "lib", "main"];

/// The room that a file of `src/` belongs to.
fn room(file: &Path) -> String {
    let first = file.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.strip_suffix(".rs").map_or(first.clone(), str::to_owned)
}

/// Every `crate::room` that a file names outside its tests and comments, nested imports included.
fn imports(source: &str) -> Vec<String> {
    let code: String = source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 && (c.is_alphanumeric() || c == '_') {
                    word.push(c);
                } else if depth == 0 && c == ',' {
                    rooms.push(head(&word));
                    word.clear();
                } else if depth == 0 && c == ':' {
                    word.push(':');
                }
            }
            rooms.push(head(&word));
        } else {
            rooms.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

fn head(path: &str) -> String {
    path.split(':').next().unwrap_or_default().to_owned()
}

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, root: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 20, "the sources are found");
    found
}

/// A room imports only what stands beside its name.
#[test]
fn rooms_know_only_the_rooms_below_them() {
    let allowed: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut faults = Vec::new();
    for (file, source) in sources() {
        let room = room(&file);
        if ROOTS.contains(&room.as_str()) || file.ends_with("tests.rs") {
            continue;
        }
        let Some(allowed) = allowed.get(room.as_str()) else {
            faults.push(format!("{}: the room `{room}` is not in the plan", file.display()));
            continue;
        };
        for import in imports(&source) {
            if import != room && import != "proto" && !allowed.contains(&import.as_str()) {
                faults.push(format!("{}: `{room}` imports `{import}`", file.display()));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// The one call that moves a branch: of our own, forward, and never by force.
const FORWARD: &[&str] = &[
    "\"force\": false,",
    "match self.once::<Value>(Method::PATCH, &route, Some(&body)).await {",
    "let route = repository.route(&format!(\"/git/refs/heads/{}\", segments(branch.as_str())));",
];

/// The one call that removes a branch: of our own, after a look whose commit it holds, and without a pull request.
const REMOVAL: &[&str] =
    &["match again_while_busy(|| self.once::<Value>(Method::DELETE, &route, None)).await {"];

/// No code path merges or forces at GitHub, or deletes what is not ours.
#[test]
fn no_call_to_github_can_merge_force_or_delete() {
    for (file, source) in sources().into_iter().filter(|(file, _)| room(file) == "github") {
        if file.ends_with("tests.rs") {
            continue;
        }
        for forbidden in [
            "/merge",
            ".merge(",
            "force",
            ".delete(",
            "_delete(",
            "update_ref",
            "Method::DELETE",
            "Method::PATCH",
            "Method::PUT",
        ] {
            let is_forward = |line: &&str| file.ends_with("repair.rs") && FORWARD.contains(&line.trim());
            let is_removal = |line: &&str| file.ends_with("stray.rs") && REMOVAL.contains(&line.trim());
            let is_allowed = |line: &&str| is_forward(line) || is_removal(line);
            let code =
                source.lines().filter(|line| !line.trim_start().starts_with("//") && !is_allowed(line));
            let found = code.filter(|line| line.contains(forbidden)).collect::<Vec<_>>();
            assert!(found.is_empty(), "{}: {forbidden}: {found:?}", file.display());
        }
    }
}

/// What moves a branch is there once, as it is written above: of a [`Branch`](logmend::github::Branch), whose name is ours.
#[test]
fn one_call_moves_a_branch_of_ours_forward() {
    let (_, source) = sources().into_iter().find(|(file, _)| file.ends_with("github/repair.rs")).unwrap();
    for line in FORWARD {
        assert_eq!(source.lines().filter(|of| of.trim() == *line).count(), 1, "{line}");
    }
    assert!(source.contains("branch: &Branch,"));
}

/// What removes a branch is there once, after the looks that show it to be ours alone.
#[test]
fn one_call_removes_a_branch_that_is_ours_alone() {
    let (_, source) = sources().into_iter().find(|(file, _)| file.ends_with("github/stray.rs")).unwrap();
    let at = |line: &str| source.match_indices(line).map(|(at, _)| at).collect::<Vec<_>>();
    let (looked, known, removed) =
        (at("self.pull_request_of(repository, branch)"), at("self.is_ours("), at(REMOVAL[0]));
    assert!(looked.len() == 1 && known.len() == 1 && removed.len() == 1);
    assert!(looked < known && known < removed && source.contains("branch: &Branch,"));
}

/// Only `config.rs` reads the environment.
#[test]
fn only_the_settings_read_the_environment() {
    for (file, source) in sources() {
        if room(&file) != "config" {
            assert!(!source.contains("env::var"), "{} reads the environment", file.display());
        }
    }
}

#[test]
fn nested_imports_are_seen() {
    let source = "use crate::{model::X, store};\nuse crate::github::{A, B};\nfn f() { crate::api::serve() }\n// crate::app";
    assert_eq!(imports(source), ["model", "store", "github", "api"]);
}
