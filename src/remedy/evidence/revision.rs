//! Which code ran when the error was logged.
//!
//! Records say it themselves, in `vcs.ref.head.revision` or `service.version`; whoever can send records can say anything. So it is
//! believed only in the configured repository, and only where it is a tag or stands in the history of the base branch: GitHub also
//! finds commits of forks under a repository's name, and those anybody can make.

use serde::{Deserialize, Serialize};

use super::Site;
use crate::github::{GitHubError, PastCommit, RepoName};
use crate::model::Cluster;

/// The longest name of a revision that is looked for.
const NAME_BYTES_MAX: usize = 100;

/// Which code ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revision {
    /// This commit.
    Deployed {
        /// Its id.
        commit: String,
        /// The tag by which it was found.
        tag: Option<String>,
        /// By how many commits it is behind the base commit; `None` where it is on another branch.
        behind: Option<u64>,
    },
    /// It is not known; that of the base commit is taken for it.
    Assumed {
        /// Why.
        why: String,
    },
}

impl Default for Revision {
    fn default() -> Self {
        Self::Assumed { why: "nobody looked".to_owned() }
    }
}

impl Revision {
    /// The commit, where it is known.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Deployed { commit, .. } => Some(commit),
            Self::Assumed { .. } => None,
        }
    }

    fn assumed(why: &str) -> (Self, Option<PastCommit>) {
        (Self::Assumed { why: why.to_owned() }, None)
    }
}

/// Finds the commit that ran.
pub(super) async fn resolve(
    cluster: &Cluster,
    site: Site<'_>,
) -> Result<(Revision, Option<PastCommit>), GitHubError> {
    let detail = &cluster.detail;
    if !names_repository(&detail.vcs_repository_url, &site.place.repository) {
        return Ok(Revision::assumed("the records name another repository than the settings"));
    }
    let names = [&detail.vcs_revision, &detail.vcs_ref_name, &detail.service_version];
    let names: Vec<&str> = names.into_iter().map(|name| name.trim()).filter(|name| is_name(name)).collect();
    if names.is_empty() {
        return Ok(Revision::assumed("the records name none"));
    }
    let mut foreign = false;
    for name in names {
        if is_id(name)
            && let Some(commit) = site.github.commit_of_id(&site.place.repository, name).await?
        {
            let behind = site.github.behind(&site.place.repository, &commit.sha, &site.base.commit).await?;
            if behind.is_some() {
                let revision = Revision::Deployed { commit: commit.sha.clone(), tag: None, behind };
                return Ok((revision, Some(commit)));
            }
            foreign = true;
        }
        for tag in [name.to_owned(), format!("v{name}")] {
            if let Some(commit) = site.github.commit_of_tag(&site.place.repository, &tag).await? {
                let behind =
                    site.github.behind(&site.place.repository, &commit.sha, &site.base.commit).await?;
                let revision = Revision::Deployed { commit: commit.sha.clone(), tag: Some(tag), behind };
                return Ok((revision, Some(commit)));
            }
        }
    }
    Ok(Revision::assumed(if foreign {
        "the records name a commit that is not in the history of the base branch"
    } else {
        "the repository has neither the commit nor a tag that the records name"
    }))
}

/// Whether an address is that of a repository, or there is none. Scheme, user, host and `.git` are of no matter: the host is the
/// settings' anyway.
fn names_repository(url: &str, repository: &RepoName) -> bool {
    let url = url.trim().trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    if url.is_empty() {
        return true;
    }
    let mut parts = url.rsplit(['/', ':']);
    let (name, owner) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("{owner}/{name}").eq_ignore_ascii_case(&repository.to_string())
}

/// Names of tags have more characters; these are what versions are written in.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+' | b'/'))
        && !name.contains("..")
        && !name.starts_with(['/', '-', '.'])
        && !name.ends_with(['/', '.'])
        && !name.contains("//")
}

/// An id of a commit, or its beginning, as git abbreviates it.
fn is_id(name: &str) -> bool {
    (7..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_repository_in_many_ways() {
        let repository: RepoName = "acme/shop".parse().unwrap();
        for (url, expected) in [
            ("", true),
            ("https://github.com/acme/shop", true),
            ("https://user:secret@github.com/Acme/Shop.git", true),
            ("git@github.com:acme/shop.git", true),
            ("ssh://git@ghe.example/acme/shop/", true),
            ("https://github.com/evil/shop", false),
            ("https://github.com/acme/shop2", false),
            ("shop", false),
            ("https://github.com/acme/shop/tree/main", false),
        ] {
            assert_eq!(names_repository(url, &repository), expected, "{url}");
        }
    }

    #[test]
    fn revisions_are_ids_or_names_of_tags() {
        for name in ["1.4.2", "v1.4.2-rc.1", "release/2026-11", "0123abc", "1.0+build.7"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "../x", "a b", "-x", "x?y", "a//b", "x/", "${VERSION}", "a\n"] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_id("0123abc") && !is_id("0123ab") && !is_id("v0123abc"));
    }
}
