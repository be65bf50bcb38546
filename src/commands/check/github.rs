//! GitHub: for each repository that fixes may be for, what whoever speaks for it may do there.

use super::report::Line;
use super::{bounded, clock};
use crate::config::Config;
use crate::github::{Access, GitHub, GitHubError, RepoName, Speaker};

const PEER: &str = "github";

/// A repository and the branch that fixes are for.
type Place = (RepoName, Option<String>);

pub(super) async fn check(config: &Config) -> Vec<Line> {
    let places = places(config);
    if places.is_empty() {
        return vec![Line::off(PEER, "GITHUB_REPOSITORY is not set: there is no source to mend")];
    }
    let github = match GitHub::new(&config.github) {
        Ok(github) => github,
        Err(error) => {
            let why = format!("{error}; look at GITHUB_API_URL and LOGMEND_GITHUB_ACCOUNTS");
            return vec![Line::failed(PEER, why)];
        }
    };
    let mut lines = Vec::new();
    for (repository, branch) in places {
        let peer = format!("{PEER} {repository}");
        lines.push(bounded(&peer, Box::pin(one(&github, &peer, &repository, branch.as_deref()))).await);
    }
    lines
}

/// The general repository, and those of single services.
fn places(config: &Config) -> Vec<Place> {
    let remedy = &config.remedy;
    let general = remedy.repository.clone().map(|repository| (repository, remedy.base_branch.clone()));
    let own = remedy.services.keys().filter_map(|service| remedy.place_of(service));
    let own = own.map(|place| (place.repository, place.base_branch));
    let mut places: Vec<Place> = Vec::new();
    for place in general.into_iter().chain(own) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

async fn one(github: &GitHub, peer: &str, repository: &RepoName, branch: Option<&str>) -> Line {
    match github.access(repository, branch).await {
        Ok(access) => told(peer, &access).told_time(access.told_at.map(clock::ahead)),
        Err(error @ GitHubError::Network { .. }) => {
            Line::failed(peer, format!("{error}; look at GITHUB_API_URL and the network"))
        }
        // What was refused says itself what to look at.
        Err(error) => Line::failed(peer, error.to_string()),
    }
}

fn told(peer: &str, access: &Access) -> Line {
    let branch = &access.base_branch;
    let ends = access.ends.as_ref().map_or_else(String::new, |ends| format!("; the token ends on {ends}"));
    let who = match &access.speaker {
        Speaker::Nobody => {
            return Line::warning(
                peer,
                format!("{branch} can be read; without GITHUB_TOKEN no pull requests are opened"),
            );
        }
        Speaker::Classic(scopes) => format!("a classic token with {}", scopes.join(", ")),
        Speaker::FineGrained => "a fine-grained token".to_owned(),
        Speaker::App => "a GitHub App".to_owned(),
    };
    if !access.missing.is_empty() {
        let missing = access.missing.join(", ");
        return Line::failed(peer, format!("{who} on {branch} lacks {missing}: grant that{ends}"));
    }
    let seen = format!(
        "{who} may read {branch}, checks, statuses and actions, and write contents and pull requests{ends}"
    );
    if access.may_change_workflows == Some(true) {
        return Line::warning(
            peer,
            format!("{seen}; it may change workflows too, which is never done: take that away"),
        );
    }
    Line::ok(peer, seen)
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn what_a_token_lacks_fails_and_what_it_has_too_much_is_a_warning() {
        let check = |speaker: Speaker, missing: &[&'static str], workflows, expected: State, seen: &str| {
            let access = Access {
                speaker,
                base_branch: "main".to_owned(),
                missing: missing.to_vec(),
                may_change_workflows: workflows,
                ends: Some("2026-12-24 00:00:00 UTC".to_owned()),
                told_at: None,
            };
            let line = told(PEER, &access);
            assert!(line.state == expected && line.seen.contains(seen), "{line:?}");
        };
        check(Speaker::FineGrained, &[], None, State::Ok, "the token ends on 2026-12-24");
        check(Speaker::App, &[], Some(false), State::Ok, "a GitHub App may read main");
        let classic = || Speaker::Classic(vec!["repo".into(), "workflow".into()]);
        check(classic(), &[], Some(true), State::Warning, "repo, workflow may read main");
        check(classic(), &[], Some(true), State::Warning, "workflows too, which is never done");
        check(
            Speaker::FineGrained,
            &["actions: read"],
            None,
            State::Failed,
            "lacks actions: read: grant that",
        );
        check(Speaker::Nobody, &["contents: write"], Some(false), State::Warning, "without GITHUB_TOKEN");
    }
}
