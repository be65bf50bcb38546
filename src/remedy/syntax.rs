//! Whether a file still parses, and whether more of it changed than comments and white space.
//!
//! In comes one file before and after a change; its name tells the language. Programming languages and YAML are read by
//! tree-sitter's grammars, which know how to go on after an error and so can count them; JSON and TOML by the parsers that
//! are here anyway, which know one error or none.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Node, ParseOptions, ParseState, Parser, Tree};

use super::paths::file_name;

/// Longer than this nobody waits for one reading. Without optimisation and on a busy machine some 300 KB are read in it (1 MB took
/// 1.5 s as Java, 3.9 s as PHP).
const TIME_MAX: Duration = Duration::from_secs(1);

/// A change of one file, as its language sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The file's name tells no language that is known here.
    Unknown,
    /// A parse took too long.
    NoAnswer,
    /// Both were read.
    Seen(Seen),
}

/// What was seen of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Syntax errors before the change.
    pub faults_before: usize,
    /// The line of every syntax error after it, from 1.
    pub faulty_lines: Vec<usize>,
    /// Whether nothing is different but comments and white space that means nothing.
    pub is_same_code: bool,
}

/// Looks at a change of the file at `path`; a new file was empty before.
#[must_use]
pub fn compare(path: &str, before: &str, after: &str) -> Look {
    compare_within(TIME_MAX, path, before, after)
}

fn compare_within(time_max: Duration, path: &str, before: &str, after: &str) -> Look {
    let Some(language) = Language::of(path) else { return Look::Unknown };
    let read = |text: &str| language.read(text.trim_start_matches('\u{feff}'), time_max);
    let (Some(before), Some(after)) = (read(before), read(after)) else { return Look::NoAnswer };
    Look::Seen(Seen {
        faults_before: before.faulty_lines.len(),
        is_same_code: before.code.is_some() && before.code == after.code,
        faulty_lines: after.faulty_lines,
    })
}

/// One text, read.
struct Reading {
    faulty_lines: Vec<usize>,
    /// Stands for all of the text but comments and white space; `None` where it is unknown.
    code: Option<blake3::Hash>,
}

/// How a language is read.
enum Language {
    Grammar(tree_sitter::Language),
    Json,
    Toml,
}

impl Language {
    fn of(path: &str) -> Option<Self> {
        let (_, end) = file_name(path).rsplit_once('.')?;
        let grammar = match end.to_ascii_lowercase().as_str() {
            "py" => tree_sitter_python::LANGUAGE,
            "js" | "mjs" | "cjs" | "jsx" => tree_sitter_javascript::LANGUAGE,
            "ts" | "mts" | "cts" => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            "tsx" => tree_sitter_typescript::LANGUAGE_TSX,
            "go" => tree_sitter_go::LANGUAGE,
            "rs" => tree_sitter_rust::LANGUAGE,
            "java" => tree_sitter_java::LANGUAGE,
            "cs" => tree_sitter_c_sharp::LANGUAGE,
            "rb" => tree_sitter_ruby::LANGUAGE,
            "php" => tree_sitter_php::LANGUAGE_PHP,
            "yaml" | "yml" => tree_sitter_yaml::LANGUAGE,
            "json" => return Some(Self::Json),
            "toml" => return Some(Self::Toml),
            _ => return None,
        };
        Some(Self::Grammar(grammar.into()))
    }

    /// `None` where it took longer than `time_max`.
    fn read(&self, text: &str, time_max: Duration) -> Option<Reading> {
        match self {
            Self::Grammar(grammar) => {
                let begun = Instant::now();
                let in_time = || begun.elapsed() < time_max;
                walk(&parse(grammar, text, in_time)?, text, in_time)
            }
            Self::Json => {
                Some(whole(serde_json::from_str::<serde_json::Value>(text), serde_json::Error::line))
            }
            Self::Toml => Some(whole(toml::from_str::<toml::Table>(text), |error| {
                let at = error.span().map_or(0, |span| span.start);
                text.get(..at).map_or(1, |head| head.matches('\n').count() + 1)
            })),
        }
    }
}

/// Of a parser that knows a value or one error: the value stands for the code.
fn whole<V: std::fmt::Display, E>(parsed: Result<V, E>, line: impl Fn(&E) -> usize) -> Reading {
    match parsed {
        Ok(value) => {
            Reading { faulty_lines: Vec::new(), code: Some(blake3::hash(value.to_string().as_bytes())) }
        }
        Err(error) => Reading { faulty_lines: vec![line(&error)], code: None },
    }
}

fn parse(grammar: &tree_sitter::Language, text: &str, in_time: impl Fn() -> bool) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(grammar).ok()?;
    let mut goes_on =
        |_: &ParseState| if in_time() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let options = ParseOptions::new().progress_callback(&mut goes_on);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

/// Every node in order. The code is the shape of the tree without comments, the words at its ends, and all text outside
/// comments without white space: where white space means something, as in Python, it changes the shape.
fn walk(tree: &Tree, text: &str, in_time: impl Fn() -> bool) -> Option<Reading> {
    let mut code = Code {
        shape: blake3::Hasher::new(),
        outside_comments: blake3::Hasher::new(),
        text: text.as_bytes(),
        at: 0,
    };
    let mut faulty_lines = Vec::new();
    let mut cursor = tree.walk();
    // Counted here: the cursor counts its way to the root anew each time.
    let mut depth = 0_u32;
    while in_time() {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            faulty_lines.push(node.start_position().row + 1);
        }
        let is_comment = node.kind().contains("comment");
        if is_comment {
            code.skip(node);
        } else {
            code.add(node, depth);
        }
        if !is_comment && cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return Some(Reading { faulty_lines, code: Some(code.finish()) });
            }
            depth -= 1;
        }
    }
    None
}

struct Code<'a> {
    shape: blake3::Hasher,
    outside_comments: blake3::Hasher,
    text: &'a [u8],
    /// Up to here the text outside comments was added.
    at: usize,
}

impl Code<'_> {
    fn add(&mut self, node: Node<'_>, depth: u32) {
        let bytes = self.text.get(node.byte_range()).unwrap_or_default();
        let is_end = node.child_count() == 0;
        if is_end && !node.is_named() && bytes.trim_ascii().is_empty() {
            return; // A line's end that ends a statement.
        }
        self.shape.update(&depth.to_le_bytes()).update(&node.kind_id().to_le_bytes());
        // The root of an empty file is an end too, and no word.
        if is_end && node.is_named() && depth > 0 {
            self.shape.update(&bytes.len().to_le_bytes()).update(bytes);
        }
    }

    fn skip(&mut self, comment: Node<'_>) {
        self.add_text_to(comment.start_byte());
        self.at = self.at.max(comment.end_byte());
    }

    fn add_text_to(&mut self, end: usize) {
        let bytes = self.text.get(self.at..end).unwrap_or_default();
        for word in bytes.split(u8::is_ascii_whitespace) {
            self.outside_comments.update(word);
        }
    }

    fn finish(mut self) -> blake3::Hash {
        self.add_text_to(self.text.len());
        self.shape.update(self.outside_comments.finalize().as_bytes()).finalize()
    }
}
