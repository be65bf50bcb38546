//! As whom a repository is spoken for: each owner or repository may have credentials of its own.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use secrecy::SecretString;

use super::connection::Connection;
use super::{App, GitHubError, InvalidRepoName, RepoName};

/// Who calls.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A token of a user.
    Token(SecretString),
    /// An App, which is given a token for each repository that it is installed on.
    App(App),
}

/// Which GitHub, and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The REST API. Default: `https://api.github.com`; of GitHub Enterprise Server `https://HOST/api/v3`.
    pub api_url: String,
    /// For every repository that no account is for; without them public ones can be read.
    pub credentials: Option<Credentials>,
    /// Repositories that have credentials of their own.
    pub accounts: Vec<Account>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { api_url: "https://api.github.com".to_owned(), credentials: None, accounts: Vec::new() }
    }
}

impl Settings {
    /// Whether anything can be written anywhere.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.credentials.is_some() || !self.accounts.is_empty()
    }
}

/// Credentials for one repository, or for all of one owner's.
#[derive(Debug, Clone)]
pub struct Account {
    /// For which.
    pub scope: Scope,
    /// The REST API of the GitHub that they are at.
    pub api_url: String,
    /// As whom.
    pub credentials: Credentials,
}

/// One repository, or all of one owner's. GitHub takes upper and lower case for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All repositories of a user or an organisation.
    Owner(String),
    /// One repository.
    Repository(RepoName),
}

impl Scope {
    fn is_owner_of(&self, repository: &RepoName) -> bool {
        matches!(self, Self::Owner(owner) if owner.eq_ignore_ascii_case(repository.owner()))
    }

    fn is(&self, repository: &RepoName) -> bool {
        matches!(self, Self::Repository(name) if name.to_string().eq_ignore_ascii_case(&repository.to_string()))
    }
}

impl FromStr for Scope {
    type Err = InvalidRepoName;

    fn from_str(text: &str) -> Result<Self, InvalidRepoName> {
        match text.parse() {
            Ok(repository) => Ok(Self::Repository(repository)),
            // An owner is what stands before the slash of a good name.
            Err(error) if text.contains('/') => Err(error),
            Err(_) => format!("{text}/x").parse::<RepoName>().map(|_| Self::Owner(text.to_owned())),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => f.write_str(owner),
            Self::Repository(repository) => repository.fmt(f),
        }
    }
}

/// The connections by what they are for.
#[derive(Debug)]
pub(super) struct Accounts {
    default: Arc<Connection>,
    of: Vec<(Scope, Arc<Connection>)>,
}

impl Accounts {
    pub(super) fn new(settings: &Settings) -> Result<Self, GitHubError> {
        let of = settings.accounts.iter().map(|account| {
            let connection = Connection::new(&account.api_url, Some(&account.credentials))?;
            Ok((account.scope.clone(), Arc::new(connection)))
        });
        Ok(Self {
            default: Arc::new(Connection::new(&settings.api_url, settings.credentials.as_ref())?),
            of: of.collect::<Result<_, GitHubError>>()?,
        })
    }

    /// That of the repository itself, else that of its owner, else that for all.
    pub(super) fn of(&self, repository: Option<&RepoName>) -> &Arc<Connection> {
        let Some(repository) = repository else { return &self.default };
        let own = self.of.iter().find(|(scope, _)| scope.is(repository));
        let found = own.or_else(|| self.of.iter().find(|(scope, _)| scope.is_owner_of(repository)));
        found.map_or(&self.default, |(_, connection)| connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_an_owner_or_a_repository() {
        assert_eq!("acme".parse(), Ok(Scope::Owner("acme".into())));
        assert_eq!("acme/shop".parse(), Ok(Scope::Repository("acme/shop".parse().unwrap())));
        for bad in ["", "acme/", "/shop", "a b", "acme/*", "https://github.com/acme"] {
            assert_eq!(bad.parse::<Scope>(), Err(InvalidRepoName), "{bad}");
        }
    }
}
