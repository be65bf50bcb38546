//! Names at GitHub that are valid once they exist.

use std::fmt;
use std::str::FromStr;

/// A repository, `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoName {
    owner: String,
    name: String,
}

/// A text that names no repository.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a repository is owner/name, of letters, digits, `-`, `_` and `.`")]
pub struct InvalidRepoName;

impl RepoName {
    /// The owner: a user or an organisation.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The path of an API route below this repository.
    pub(super) fn route(&self, rest: &str) -> String {
        format!("/repos/{}/{}{rest}", self.owner, self.name)
    }
}

impl FromStr for RepoName {
    type Err = InvalidRepoName;

    fn from_str(text: &str) -> Result<Self, InvalidRepoName> {
        let (owner, name) = text.split_once('/').ok_or(InvalidRepoName)?;
        let is_name = |part: &str| {
            (1..=100).contains(&part.len())
                && !matches!(part, "." | "..")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        if is_name(owner) && is_name(name) {
            Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
        } else {
            Err(InvalidRepoName)
        }
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A branch of our own: the only kind that is ever created. Its name begins with `logmend/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Branch(String);

/// A text that names no branch of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a branch of ours is logmend/ and lower-case letters, digits, `-`, `_` and `/`")]
pub struct InvalidBranch;

impl Branch {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Branch {
    type Err = InvalidBranch;

    fn from_str(text: &str) -> Result<Self, InvalidBranch> {
        let rest = text.strip_prefix("logmend/").ok_or(InvalidBranch)?;
        let is_segment = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        };
        if text.len() <= 200 && rest.split('/').all(is_segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidBranch)
        }
    }
}

/// A name as one segment of a URL's path: everything but unreserved characters is percent-encoded (RFC 3986, section 2.3).
pub(super) fn segment(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            use fmt::Write as _;
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
