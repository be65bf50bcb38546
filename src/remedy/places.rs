//! Where a service's source is, and what may be done there: what the settings say of each service.
//!
//! Only the settings choose the repository. What a record says of its own repository comes from whoever can send records.

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use super::paths::PathFault;
use super::pattern::Pattern;
use crate::github::{RepoName, Reviewer};

/// What the settings say of one service: a table `[services.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its repository; that of `GITHUB_REPOSITORY` where `None`.
    pub repository: Option<RepoName>,
    /// The branch that fixes are for; where `None` that of `GITHUB_BASE_BRANCH` in that repository, else the default branch.
    pub base_branch: Option<String>,
    /// The folder that holds its source; empty for the whole repository.
    pub source_root: String,
    /// Who is asked for a review, besides the owners of the changed files.
    pub reviewers: Vec<Reviewer>,
    /// Labels of its pull requests, besides `auto` and `logmend`.
    pub labels: Vec<String>,
    /// Which of its files may be changed.
    pub rules: PathRules,
    /// How people run its tests, for the pull request's text. It is never run here.
    pub test_command: Option<String>,
}

/// Which files of a repository may be changed, besides what no change may touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathRules {
    /// Where it is not empty, only what one of these covers.
    pub allow: Vec<Pattern>,
    /// Nothing that one of these covers.
    pub deny: Vec<Pattern>,
}

impl PathRules {
    /// Whether a file may be changed by these rules.
    ///
    /// # Errors
    ///
    /// [`PathFault::Denied`] with the rule.
    pub fn check(&self, path: &str) -> Result<(), PathFault> {
        let denied = |why: String| PathFault::Denied { path: path.to_owned(), why };
        if let Some(pattern) = self.deny.iter().find(|pattern| pattern.covers(path)) {
            return Err(denied(format!("`{}` is not to be changed", pattern.as_str())));
        }
        if self.allow.is_empty() || self.allow.iter().any(|pattern| pattern.covers(path)) {
            return Ok(());
        }
        let allowed: Vec<_> = self.allow.iter().map(|pattern| format!("`{}`", pattern.as_str())).collect();
        Err(denied(format!("only {} may be changed", allowed.join(", "))))
    }
}

/// Where one service is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The repository.
    pub repository: RepoName,
    /// The branch; the default branch where `None`.
    pub base_branch: Option<String>,
    /// What else is said of the service.
    pub service: Service,
}

impl Settings {
    /// Where a service is mended; `None` where nobody said.
    #[must_use]
    pub fn place_of(&self, service: &str) -> Option<Place> {
        let service = self.services.get(service).cloned().unwrap_or_default();
        let repository = service.repository.clone().or_else(|| self.repository.clone())?;
        // The general branch is one of the general repository.
        let general = self.base_branch.as_ref().filter(|_| self.repository.as_ref() == Some(&repository));
        let base_branch = service.base_branch.clone().or_else(|| general.cloned());
        Some(Place { repository, base_branch, service })
    }

    /// The services whose source is known; `None` where it is that of all services.
    #[must_use]
    pub fn services_with_source(&self) -> Option<BTreeSet<String>> {
        let with_source =
            |(name, service): (&String, &Service)| service.repository.is_some().then(|| name.clone());
        match self.repository {
            Some(_) => None,
            None => Some(self.services.iter().filter_map(with_source).collect()),
        }
    }

    /// Whether any service has a repository.
    #[must_use]
    pub fn has_repository(&self) -> bool {
        self.repository.is_some() || self.services.values().any(|service| service.repository.is_some())
    }
}

/// The services by their `service.name`.
pub type Services = BTreeMap<String, Service>;

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text).unwrap()).collect()
    }

    #[test]
    fn a_service_without_a_table_is_in_the_general_repository() {
        let own = Service { repository: Some("acme/checkout".parse().unwrap()), ..Service::default() };
        let branch = Service { base_branch: Some("release".into()), ..Service::default() };
        let mut settings = Settings {
            repository: Some("acme/shop".parse().unwrap()),
            base_branch: Some("develop".into()),
            services: [("checkout".to_owned(), own), ("cart".to_owned(), branch)].into(),
            limits: crate::model::Limits::default(),
            silence: std::time::Duration::ZERO,
        };
        let place = |settings: &Settings, service: &str| {
            settings.place_of(service).map(|place| (place.repository.to_string(), place.base_branch))
        };
        for (service, repository, branch) in [
            ("web", "acme/shop", Some("develop")),
            ("checkout", "acme/checkout", None),
            ("cart", "acme/shop", Some("release")),
        ] {
            assert_eq!(place(&settings, service), Some((repository.to_owned(), branch.map(str::to_owned))));
        }
        settings.repository = None;
        assert_eq!(place(&settings, "web"), None);
        assert_eq!(place(&settings, "checkout"), Some(("acme/checkout".to_owned(), None)));
        assert!(settings.has_repository());
    }

    #[test]
    fn paths_are_denied_before_they_are_allowed() {
        let rules =
            PathRules { allow: patterns(&["/services/checkout/", "*.sql"]), deny: patterns(&["auth/"]) };
        for (path, allowed) in [
            ("services/checkout/a.py", true),
            ("x/y.sql", true),
            ("services/checkout/auth/a.py", false),
            ("services/cart/a.py", false),
        ] {
            assert_eq!(rules.check(path).is_ok(), allowed, "{path}");
        }
        assert!(PathRules::default().check("anything").is_ok());
        let told = rules.check("services/cart/a.py").unwrap_err().to_string();
        assert_eq!(
            told,
            "`services/cart/a.py` is not changed here: only `/services/checkout/`, `*.sql` may be changed"
        );
    }
}
