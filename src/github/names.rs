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
#[error(
    "a repository is owner/name: no address and no `.git`, but letters, digits, `-`, `_` and, in the name, `.`"
)]
pub struct InvalidRepoName;

impl RepoName {
    /// The owner: a user or an organisation.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The name, without its owner.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The repository that an API route is below; `None` for one that is below none.
    pub(super) fn of_route(route: &str) -> Option<Self> {
        let mut parts = route.strip_prefix("/repos/")?.split(['/', '?']);
        format!("{}/{}", parts.next()?, parts.next()?).parse().ok()
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
        if is_owner(owner) && is_name(name) {
            Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
        } else {
            Err(InvalidRepoName)
        }
    }
}

/// GitHub's rule for logins: up to 39 letters, digits and inner hyphens; those that a company manages hold one `_`.
pub(super) fn is_owner(text: &str) -> bool {
    (1..=39).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// GitHub's rule for names of repositories: up to 100 letters, digits, `-`, `_` and `.`; the end `.git` is cut off there.
fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !matches!(text, "." | "..")
        && !text.to_ascii_lowercase().ends_with(".git")
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

/// A name with `/` in it, a branch's say, as that many segments.
pub(super) fn segments(name: &str) -> String {
    name.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_owner_and_name() {
        for good in ["acme/shop", "a/b", "Ac-me/.github", "dev_corp/a_b.c-d"] {
            assert_eq!(good.parse::<RepoName>().unwrap().to_string(), good);
        }
        let long = format!("acme/{}", "x".repeat(101));
        for bad in [
            "",
            "shop",
            "/",
            "/x",
            "x/",
            "a/b/c",
            "a b/c",
            "a/..",
            "a/.",
            "a/b?x",
            "a/b%2F",
            "a.b/c",
            "-a/b",
            "a-/b",
            "a/b.git",
            "https://github.com/a/b",
            "git@github.com:a/b",
            "a/b\n",
            "ä/b",
            &long,
        ] {
            assert_eq!(bad.parse::<RepoName>(), Err(InvalidRepoName), "{bad}");
        }
    }

    #[test]
    fn a_route_tells_its_repository() {
        let repository: RepoName = "acme/shop".parse().unwrap();
        for rest in ["", "/git/ref/heads/a/b", "?x=y", "/pulls?state=all"] {
            assert_eq!(RepoName::of_route(&repository.route(rest)).as_ref(), Some(&repository), "{rest}");
        }
        assert_eq!(RepoName::of_route("/app/installations/1/access_tokens"), None);
    }

    #[test]
    fn branches_of_ours_begin_with_our_name() {
        assert_eq!("logmend/a_b/0f-1".parse::<Branch>().unwrap().as_str(), "logmend/a_b/0f-1");
        for bad in [
            "main",
            "logmend",
            "logmend/",
            "logmend//a",
            "logmend/../main",
            "logmend/a.lock",
            "logmend/A",
            "logmend/a b",
            "refs/heads/logmend/a",
            "Logmend/a",
            "logmend/a\n",
        ] {
            assert_eq!(bad.parse::<Branch>(), Err(InvalidBranch), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics_or_leaves_its_segment(text in ".{0,80}") {
            let _ = text.parse::<RepoName>();
            let _ = text.parse::<Branch>();
            proptest::prop_assert!(!segment(&text).contains(['/', '?', '#', ' ']));
            proptest::prop_assert!(!segments(&text).contains(['?', '#', ' ']));
        }
    }
}
