//! From the frames of a stack trace to files of the repository: certain, or not at all.
//!
//! A trace names files as they were where the program was built or runs: below a container's root, as a class of a package, as a
//! path of a Go module. Paths are compared from their ends, by segments. Where several files fit, what other frames of the trace
//! have shown decides, then the line and the function that the frame names; where that does not either, the frame is left out and
//! said to be, since a fix of the wrong file is worse than none.

mod frame;
mod verify;

use std::collections::HashMap;

use self::frame::Wanted;
use self::verify::holds;
use super::paths::file_name;
use super::snapshot::{Snapshot, SnapshotError};
use crate::model::{Frame, NoFix};

/// Frames that are looked for: a recursion has many, and those further out tell little.
const FRAMES_MAX: usize = 24;
/// Files that are read to tell which of several a frame means.
const TIED_MAX: usize = 6;
/// `go.mod` files that are read for their modules' names.
const GO_MODULES_MAX: usize = 20;

/// A frame whose file is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file in the repository.
    pub path: String,
    /// The line that the trace names.
    pub line: Option<u32>,
    /// The function that the trace names; empty where it names none.
    pub function: String,
    /// Whether the file has that line, with that function near it. Where it has not, other code ran than stands there.
    pub holds: bool,
}

/// A frame whose file is not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file as the trace names it; it is text of a log.
    pub file: String,
    /// The line that it names.
    pub line: Option<u32>,
    /// Why.
    pub why: Why,
}

/// Why a frame has no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No file of the repository fits.
    Absent,
    /// So many fit.
    Ambiguous(usize),
    /// It is what a build made, and there is no source map to tell of what.
    Built,
}

/// What became of the in-app frames of a trace, innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Those with a file.
    pub located: Vec<Located>,
    /// Those without.
    pub left_out: Vec<LeftOut>,
}

impl Mapping {
    /// The code for an error of which no frame has a file, though its trace names some; `None` for all others.
    #[must_use]
    pub fn why_nowhere(&self) -> Option<NoFix> {
        if !self.located.is_empty() || self.left_out.is_empty() {
            return None;
        }
        let is_ambiguous = self.left_out.iter().any(|frame| matches!(frame.why, Why::Ambiguous(_)));
        Some(if is_ambiguous { NoFix::AmbiguousFile } else { NoFix::Unmapped })
    }
}

/// What is known of one frame's file so far.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found<'s> {
    One(&'s str),
    /// One of these, or none.
    Maybe(Vec<&'s str>),
    Nothing(Why),
}

/// Finds the files of the service's own frames. `source_root` is the folder that holds the service, empty for the whole repository.
///
/// # Errors
///
/// Where GitHub does not answer.
pub async fn map(frames: &[Frame], snapshot: &Snapshot, source_root: &str) -> Result<Mapping, SnapshotError> {
    let own: Vec<&Frame> = frames.iter().filter(|frame| frame.in_app).take(FRAMES_MAX).collect();
    let modules =
        if own.iter().any(|frame| is_go(&frame.file)) { go_modules(snapshot).await? } else { Vec::new() };
    let index = Index::of(snapshot, source_root);
    let wanted: Vec<Wanted> = own.iter().map(|frame| Wanted::of(frame, &modules)).collect();
    let mut found: Vec<Found<'_>> = wanted.iter().map(|wanted| index.find(wanted)).collect();
    settle_by_roots(&wanted, &mut found);
    let mut mapping = Mapping::default();
    for (frame, found) in own.into_iter().zip(found) {
        let path = match found {
            Found::One(path) => Ok(path),
            Found::Maybe(files) => the_one_that_holds(&files, frame, snapshot).await?,
            Found::Nothing(why) => Err(why),
        };
        match path {
            Ok(path) => mapping.located.push(Located {
                path: path.to_owned(),
                line: frame.line,
                function: frame.function.clone(),
                holds: text_of(path, snapshot).await?.is_some_and(|text| holds(&text, frame)),
            }),
            Err(why) => mapping.left_out.push(LeftOut { file: frame.file.clone(), line: frame.line, why }),
        }
    }
    Ok(mapping)
}

/// The files of a repository by their names.
struct Index<'s> {
    by_name: HashMap<&'s str, Vec<&'s str>>,
    source_root: &'s str,
}

impl<'s> Index<'s> {
    fn of(snapshot: &'s Snapshot, source_root: &'s str) -> Self {
        let foreign = ["node_modules", "vendor", "third_party", "dist", "target", ".next"];
        let is_own = |path: &&str| !path.split('/').any(|segment| foreign.contains(&segment));
        let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
        for path in snapshot.paths().filter(is_own) {
            by_name.entry(file_name(path)).or_default().push(path);
        }
        Self { by_name, source_root }
    }

    /// The files that may be meant, by their paths alone.
    fn find(&self, wanted: &Wanted) -> Found<'s> {
        let Some(name) = wanted.segments.last() else { return Found::Nothing(Why::Absent) };
        let named = self.by_name.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        let below: Vec<_> = named.iter().copied().filter(|path| self.is_below_root(path)).collect();
        let candidates = if below.is_empty() { named.to_vec() } else { below };
        if wanted.is_built && candidates.iter().all(|path| wanted.shared(path) < 2) {
            return Found::Nothing(Why::Built);
        }
        let Some(best) = candidates.iter().map(|path| wanted.shared(path)).max() else {
            return Found::Nothing(Why::Absent);
        };
        // A path without a root before it is the repository's own as a rule.
        if let Some(whole) = candidates.iter().find(|path| wanted.is_relative && wanted.is_whole(path)) {
            return Found::One(whole);
        }
        let mut top: Vec<_> = candidates.iter().copied().filter(|path| wanted.shared(path) == best).collect();
        // `/app/main.py` may be `main.py` below a container's root as well as `app/main.py`.
        let rootless = candidates.iter().copied().find(|path| wanted.is_without_container_root(path));
        if let Some(path) = rootless
            && !top.contains(&path)
        {
            top.push(path);
        }
        match top[..] {
            [path] if best >= 2 || (candidates.len() == 1 && (path == name || !says_nothing(name))) => {
                Found::One(path)
            }
            _ => Found::Maybe(top),
        }
    }

    fn is_below_root(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.source_root);
        rest.is_some_and(|rest| self.source_root.is_empty() || rest.starts_with('/'))
    }
}

/// Names that every other folder has.
fn says_nothing(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    matches!(
        stem,
        "index" | "main" | "__init__" | "__main__" | "mod" | "lib" | "utils" | "util" | "app" | "Program"
    )
}

/// What the found frames show of where the others are: `/srv/checkout` of the trace is `services/checkout` of the repository.
/// Again and again, since each frame that is found so may show another root.
fn settle_by_roots<'s>(wanted: &[Wanted], found: &mut [Found<'s>]) {
    loop {
        let mut roots: Vec<(Vec<String>, String)> = Vec::new();
        for (wanted, found) in wanted.iter().zip(found.iter()) {
            if let Found::One(path) = found {
                roots.push(wanted.roots(path));
            }
        }
        // The longest root tells most.
        roots.sort_by_key(|(stack_root, _)| std::cmp::Reverse(stack_root.len()));
        let mut changed = false;
        for (wanted, found) in wanted.iter().zip(found.iter_mut()) {
            let Found::Maybe(files) = found else { continue };
            let fits =
                |file: &&&'s str| roots.iter().any(|root| wanted.below(root).as_deref() == Some(**file));
            let mut fitting = files.iter().filter(fits);
            if let (Some(file), None) = (fitting.next(), fitting.next()) {
                *found = Found::One(file);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// Of several files the one that has the frame's line and its function near it.
async fn the_one_that_holds<'s>(
    files: &[&'s str],
    frame: &Frame,
    snapshot: &Snapshot,
) -> Result<Result<&'s str, Why>, SnapshotError> {
    // One file of a name that says nothing: what holds in it may hold in any other.
    if files.len() < 2 {
        return Ok(Err(Why::Absent));
    }
    let ambiguous = Why::Ambiguous(files.len());
    if files.len() > TIED_MAX || frame.line.is_none() {
        return Ok(Err(ambiguous));
    }
    let mut holding = Vec::new();
    for file in files {
        if text_of(file, snapshot).await?.is_some_and(|text| holds(&text, frame)) {
            holding.push(*file);
        }
    }
    Ok(if let [one] = holding[..] { Ok(one) } else { Err(ambiguous) })
}

/// `None` where the file may not be read.
async fn text_of(path: &str, snapshot: &Snapshot) -> Result<Option<std::sync::Arc<str>>, SnapshotError> {
    match snapshot.text(path).await {
        Ok(text) => Ok(Some(text)),
        Err(SnapshotError::Answer(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_go(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, ending)| ending == "go")
}

/// The names of the repository's Go modules with their folders, the longest name first.
async fn go_modules(snapshot: &Snapshot) -> Result<Vec<(String, String)>, SnapshotError> {
    let mut modules = Vec::new();
    let files = snapshot.paths().filter(|path| file_name(path) == "go.mod" && !path.contains("vendor/"));
    for path in files.take(GO_MODULES_MAX) {
        let Some(text) = text_of(path, snapshot).await? else { continue };
        let name = text.lines().find_map(|line| line.trim().strip_prefix("module "));
        if let Some(name) = name {
            let folder = path.strip_suffix("go.mod").unwrap_or_default().trim_end_matches('/');
            let name = name.split_whitespace().next().unwrap_or_default().trim_matches('"');
            modules.push((name.to_owned(), folder.to_owned()));
        }
    }
    modules.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    Ok(modules)
}

#[cfg(test)]
mod tests;
