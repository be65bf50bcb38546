//! Who is asked for a review: the repository's code owners, and those that the settings name.
//!
//! GitHub's "About code owners": the first of `.github/CODEOWNERS`, `CODEOWNERS` and `docs/CODEOWNERS` that is there counts, on
//! the branch that the change is for; of the patterns that cover a file the last one has it, also where it names nobody.

use super::pattern::Pattern;
use super::snapshot::{Snapshot, SnapshotError};
use crate::github::{GitHub, RepoName, Reviewer};

/// Where GitHub looks, in this order.
pub const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Reviewers that are asked at most: GitHub takes no more for one pull request, and nobody feels asked among so many.
const REVIEWERS_MAX: usize = 15;

/// A CODEOWNERS file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// In the file's order.
    rules: Vec<(Pattern, Vec<String>)>,
}

impl Owners {
    /// Reads a file's text. A line that GitHub would not understand is passed over, as GitHub does.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self { rules: text.lines().filter_map(rule).collect() }
    }

    /// The owners of a file, as they are written; none where its last pattern names none.
    #[must_use]
    pub fn of(&self, path: &str) -> &[String] {
        let last = self.rules.iter().rev().find(|(pattern, _)| pattern.covers(path));
        last.map_or(&[], |(_, owners)| owners)
    }
}

/// One line: a pattern and its owners; white space in a pattern is escaped, and a comment ends it.
fn rule(line: &str) -> Option<(Pattern, Vec<String>)> {
    let line = line.trim();
    let mut end = 0;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if (c.is_whitespace() || c == '#') && !escaped {
            break;
        }
        escaped = c == '\\' && !escaped;
        end = at + c.len_utf8();
    }
    let (pattern, rest) = line.split_at(end);
    let pattern = Pattern::new(&pattern.replace("\\ ", " ")).ok()?;
    let words = rest.split_whitespace().take_while(|word| !word.starts_with('#'));
    let owners: Vec<_> = words.map(str::to_owned).collect();
    owners.iter().all(|owner| is_owner(owner)).then_some((pattern, owners))
}

/// `@user`, `@organisation/team`, or an address.
fn is_owner(word: &str) -> bool {
    word.strip_prefix('@').map_or_else(
        || word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')),
        |name| name.parse::<Reviewer>().is_ok(),
    )
}

/// Asks for reviews. One that is not asked for is worth a warning, not a failure.
pub async fn ask(github: &GitHub, repository: &RepoName, number: u64, reviewers: &[Reviewer]) {
    match github.ask_for_review(repository, number, reviewers).await {
        Ok(refused) => {
            for (reviewer, why) in refused {
                tracing::warn!(pull_request = number, %reviewer, why, "a reviewer cannot be asked");
            }
        }
        Err(error) => tracing::warn!(%error, pull_request = number, "no review was asked for"),
    }
}

/// The owners of these files in the repository of a snapshot, in the files' order, each once. Addresses are left out: nobody can
/// be asked by one.
///
/// # Errors
///
/// Where GitHub does not answer.
pub async fn owners_of<'p>(
    paths: impl Iterator<Item = &'p str>,
    snapshot: &Snapshot,
) -> Result<Vec<String>, SnapshotError> {
    let Some(place) = PLACES.into_iter().find(|place| snapshot.file(place).is_some()) else {
        return Ok(Vec::new());
    };
    let text = match snapshot.text(place).await {
        Ok(text) => text,
        Err(SnapshotError::Answer(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let owners = Owners::read(&text);
    let mut named: Vec<String> = Vec::new();
    for owner in paths.flat_map(|path| owners.of(path)).filter_map(|owner| owner.strip_prefix('@')) {
        if !named.iter().any(|known| known == owner) {
            named.push(owner.to_owned());
        }
    }
    Ok(named)
}

/// Who is asked: those of the settings first, each once, as many as GitHub takes.
#[must_use]
pub fn reviewers(settings: &[Reviewer], owners: &[String]) -> Vec<Reviewer> {
    let mut asked: Vec<Reviewer> = Vec::new();
    let owners = owners.iter().filter_map(|owner| owner.parse().ok());
    for reviewer in settings.iter().cloned().chain(owners) {
        if !asked.contains(&reviewer) {
            asked.push(reviewer);
        }
    }
    asked.truncate(REVIEWERS_MAX);
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After the example file of GitHub's documentation.
    const FILE: &str = "\
# This is a comment.
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
with\\ space/ @spaced
[abc].py @nobody
*.broken not-an-owner
";

    #[test]
    fn the_last_pattern_that_covers_a_file_has_it() {
        let owners = Owners::read(FILE);
        for (path, expected) in [
            ("README.md", "@global-owner1 @global-owner2"),
            ("src/x.js", "@js-owner"),
            ("cmd/x.go", "docs@example.com"),
            ("notes.txt", "@octo-org/octocats"),
            ("build/logs/a.js", "@octocat"),
            ("docs/getting-started.md", "@doctocat"),
            ("x/docs/a.md", "@global-owner1 @global-owner2"),
            ("a/apps/b.py", "@octocat"),
            ("apps/github/x.rs", ""),
            ("apps/other.rs", "@octocat"),
            ("scripts/x.sh", "@doctocat @octocat"),
            ("deeply/nested/logs/x", "@octocat"),
            ("with space/x", "@spaced"),
            ("a.py", "@global-owner1 @global-owner2"),
            ("a.broken", "@global-owner1 @global-owner2"),
        ] {
            assert_eq!(owners.of(path).join(" "), expected, "{path}");
        }
        assert!(Owners::read("").of("x").is_empty());
    }

    #[tokio::test]
    async fn the_first_file_that_is_there_counts() {
        let snapshot = Snapshot::of_files(&[
            (".github/CODEOWNERS", "*.py @py @acme/py py@example.com\n*.go @go\n"),
            ("CODEOWNERS", "* @nobody\n"),
            ("a.py", ""),
        ]);
        let owners = owners_of(["a.py", "b.go", "c.py", "d.rs"].into_iter(), &snapshot).await.unwrap();
        assert_eq!(owners, ["py", "acme/py", "go"]);
        let settings: Vec<Reviewer> = vec!["go".parse().unwrap(), "lead".parse().unwrap()];
        let asked: Vec<_> = reviewers(&settings, &owners).iter().map(ToString::to_string).collect();
        assert_eq!(asked, ["go", "lead", "py", "acme/py"]);
        assert!(owners_of(["a.py"].into_iter(), &Snapshot::of_files(&[])).await.unwrap().is_empty());
    }
}
