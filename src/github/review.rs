//! Who is asked to review a pull request.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::names::is_owner;
use super::{GitHub, GitHubError, RepoName};

/// A person or a team that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reviewer {
    /// A person, by login.
    Person(String),
    /// A team of an organisation.
    Team {
        /// The organisation.
        organisation: String,
        /// The team's name in addresses.
        slug: String,
    },
}

/// A text that names no reviewer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a reviewer is a login, or organisation/team")]
pub struct InvalidReviewer;

impl FromStr for Reviewer {
    type Err = InvalidReviewer;

    fn from_str(text: &str) -> Result<Self, InvalidReviewer> {
        let is_slug = |slug: &str| {
            (1..=100).contains(&slug.len())
                && slug.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        match text.split_once('/') {
            None if is_owner(text) => Ok(Self::Person(text.to_owned())),
            Some((organisation, slug)) if is_owner(organisation) && is_slug(slug) => {
                Ok(Self::Team { organisation: organisation.to_owned(), slug: slug.to_owned() })
            }
            _ => Err(InvalidReviewer),
        }
    }
}

impl fmt::Display for Reviewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(login) => f.write_str(login),
            Self::Team { organisation, slug } => write!(f, "{organisation}/{slug}"),
        }
    }
}

impl GitHub {
    /// Asks for reviews; those that GitHub would not ask are answered, with why.
    ///
    /// GitHub refuses all where it refuses one: somebody who left, a team without access, the author. Each is asked alone then.
    ///
    /// # Errors
    ///
    /// Where GitHub does not answer.
    pub async fn ask_for_review(
        &self,
        repository: &RepoName,
        number: u64,
        reviewers: &[Reviewer],
    ) -> Result<Vec<(Reviewer, String)>, GitHubError> {
        let mut refused = Vec::new();
        let mut able = Vec::new();
        for reviewer in reviewers {
            match reviewer {
                Reviewer::Team { organisation, .. }
                    if !organisation.eq_ignore_ascii_case(repository.owner()) =>
                {
                    refused.push((reviewer.clone(), "it is a team of another organisation".to_owned()));
                }
                _ => able.push(reviewer.clone()),
            }
        }
        match self.request(repository, number, &able).await {
            Err(GitHubError::Refused { .. }) if able.len() > 1 => {
                for reviewer in able {
                    match self.request(repository, number, std::slice::from_ref(&reviewer)).await {
                        Err(GitHubError::Refused { message, .. }) => refused.push((reviewer, message)),
                        other => other?,
                    }
                }
            }
            Err(GitHubError::Refused { message, .. }) => {
                refused.extend(able.into_iter().map(|reviewer| (reviewer, message.clone())));
            }
            other => other?,
        }
        Ok(refused)
    }

    /// One call; asking somebody twice changes nothing.
    async fn request(
        &self,
        repository: &RepoName,
        number: u64,
        reviewers: &[Reviewer],
    ) -> Result<(), GitHubError> {
        if reviewers.is_empty() {
            return Ok(());
        }
        let (mut people, mut teams) = (Vec::new(), Vec::new());
        for reviewer in reviewers {
            match reviewer {
                Reviewer::Person(login) => people.push(login),
                Reviewer::Team { slug, .. } => teams.push(slug),
            }
        }
        let route = repository.route(&format!("/pulls/{number}/requested_reviewers"));
        self.post::<Value>(&route, &json!({"reviewers": people, "team_reviewers": teams})).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviewers_are_logins_or_teams() {
        for good in ["octocat", "acme/payments", "dev_corp", "acme/a.b_c"] {
            assert_eq!(good.parse::<Reviewer>().unwrap().to_string(), good);
        }
        for bad in ["", "@octocat", "a b", "acme/", "/x", "a/b/c", "jane@example.com", "a/../b"] {
            assert_eq!(bad.parse::<Reviewer>(), Err(InvalidReviewer), "{bad}");
        }
    }
}
