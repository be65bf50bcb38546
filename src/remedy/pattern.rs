//! Patterns of paths as CODEOWNERS has them: gitignore's, without negation and without `[…]`.
//!
//! "CODEOWNERS syntax" of GitHub's documentation: a pattern that holds a slash before its end is anchored at the root, any other
//! matches at every depth; what names a folder covers all below it, but `docs/*` covers only what lies in `docs` itself.

/// Longer patterns are mistakes.
const BYTES_MAX: usize = 512;

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// As people wrote it.
    text: String,
    segments: Vec<String>,
    /// Whether it stands for what is below a folder alone.
    is_folder: bool,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// It is empty or too long.
    #[error("a pattern has 1 to {BYTES_MAX} bytes")]
    Length,
    /// It uses what gitignore knows and CODEOWNERS does not.
    #[error("a pattern begins with no `!` and holds no `[`")]
    Unsupported,
    /// It holds `//` or `..`, which no path does.
    #[error("a pattern holds no empty segment, `.` or `..`")]
    Segment,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternFault`].
    pub fn new(text: &str) -> Result<Self, PatternFault> {
        let bare = text.trim_start_matches('/');
        if bare.is_empty() || text.len() > BYTES_MAX {
            return Err(PatternFault::Length);
        }
        if text.starts_with('!') || text.contains('[') {
            return Err(PatternFault::Unsupported);
        }
        let (bare, is_folder) = bare.strip_suffix('/').map_or((bare, false), |bare| (bare, true));
        let is_anchored = text.starts_with('/') || bare.contains('/');
        let mut segments: Vec<String> = bare.split('/').map(str::to_owned).collect();
        if segments.iter().any(|segment| matches!(segment.as_str(), "" | "." | "..")) {
            return Err(PatternFault::Segment);
        }
        if !is_anchored {
            segments.insert(0, "**".to_owned());
        }
        Ok(Self { text: text.to_owned(), segments, is_folder })
    }

    /// As people wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a file's path is covered. Upper and lower case differ, as in git.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        // Which beginnings of the path are reached: `reached[n]` after its first n segments.
        let mut reached = vec![false; parts.len() + 1];
        reached[0] = true;
        for segment in &self.segments {
            reached = step(&reached, segment, &parts);
        }
        let whole = parts.len();
        let ends_in_star = self.segments.len() > 1 && self.segments.last().is_some_and(|last| last == "*");
        let is_below = !ends_in_star && reached[1..whole].iter().any(|hit| *hit);
        is_below || (!self.is_folder && reached[whole])
    }
}

/// What is reached after one more segment of the pattern.
fn step(reached: &[bool], segment: &str, parts: &[&str]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for at in 0..reached.len() {
        next[at] = if segment == "**" {
            reached[at] || (at > 0 && next[at - 1])
        } else {
            at > 0 && reached[at - 1] && matches(segment.as_bytes(), parts[at - 1].as_bytes())
        };
    }
    next
}

/// `*` stands for any run within a segment, `?` for one byte; going back to the latest star alone keeps it quadratic at worst.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((latest, begun)) => {
                    star = Some((latest, begun + 1));
                    at = latest + 1;
                    from = begun + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of GitHub's documentation, and what they are said to cover.
    #[test]
    fn patterns_cover_what_github_says() {
        for (pattern, covered, others) in [
            ("*", &["a", "a/b.c"][..], &[][..]),
            ("*.js", &["x.js", "a/b/x.js"], &["x.jsx", "js"]),
            ("/build/logs/", &["build/logs/a", "build/logs/b/c"], &["build/logs", "x/build/logs/a"]),
            (
                "docs/*",
                &["docs/getting-started.md"],
                &["docs/build-app/troubleshooting.md", "x/docs/a.md", "docs"],
            ),
            ("apps/", &["apps/a", "x/apps/b/c"], &["apps", "myapps/a"]),
            ("/docs/", &["docs/a", "docs/b/c"], &["x/docs/a"]),
            ("/scripts/", &["scripts/a"], &["x/scripts/a"]),
            ("**/logs", &["logs", "build/logs/a", "deeply/nested/logs/b"], &["logs2/a"]),
            ("/apps/github", &["apps/github", "apps/github/a/b"], &["apps/github2", "x/apps/github"]),
            ("src/**/test.py", &["src/test.py", "src/a/b/test.py"], &["test.py", "lib/src/test.py"]),
            ("src/**", &["src/a", "src/a/b"], &["lib/a"]),
            ("pay?.py", &["pay1.py", "a/pay2.py"], &["pay.py", "pay12.py"]),
            ("a*b*c", &["aXbYc", "abc"], &["ab", "acb"]),
        ] {
            let read = Pattern::new(pattern).unwrap();
            for path in covered {
                assert!(read.covers(path), "{pattern} covers {path}");
            }
            for path in others {
                assert!(!read.covers(path), "{pattern} does not cover {path}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (text, fault) in [
            ("", PatternFault::Length),
            ("/", PatternFault::Length),
            ("!a", PatternFault::Unsupported),
            ("[a-z].py", PatternFault::Unsupported),
            ("a//b", PatternFault::Segment),
            ("../x", PatternFault::Segment),
        ] {
            assert_eq!(Pattern::new(text), Err(fault), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics_or_takes_long(pattern in "[a*?/]{1,40}", path in "[a/b]{1,60}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                let _ = pattern.covers(&path);
            }
        }
    }
}
