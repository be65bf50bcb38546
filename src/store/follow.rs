//! Pull requests that are followed: how far each is, what was done for it, and what was seen of its error since.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::engine::{Row, Rows, Statement, sql};
use super::{Store, StoreError};
use crate::model::{ClusterDetail, Delta, Fingerprint, Fix, UnixNanos, UnknownName};

/// How long a merged change is watched. Later its error is a new one: other changes have been made since.
const WATCHED_NANOS: u64 = 60 * 24 * 3_600_000_000_000;

/// Releases that are looked at: what runs at a time, and what ran just before.
const RELEASES_MAX: i64 = 20;

/// What is being written for a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Work {
    /// Nothing.
    #[default]
    None,
    /// A second change, after the checks failed.
    Repair,
    /// The change anew, on the base as it is now, because people asked.
    Retry,
}

/// What was seen of an error after its change was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watched {
    /// Nothing that would settle it.
    #[default]
    Open,
    /// It was silent for long enough.
    Fixed,
    /// It came back.
    Regressed,
}

macro_rules! names {
    ($kind:ident, $($value:ident = $name:literal),+) => {
        impl $kind {
            /// The name in the store; empty for the first.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$value => $name),+ }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $kind {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name {
                    $($name => Ok(Self::$value),)+
                    _ => Err(UnknownName { given: name.to_owned(), allowed: concat!($($name, " "),+) }),
                }
            }
        }
    };
}

names!(Work, None = "", Repair = "repair", Retry = "retry");
names!(Watched, Open = "", Fixed = "fixed", Regressed = "regressed");

/// How far a pull request is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// The fix that it is of.
    pub fix_id: String,
    /// Its number.
    pub number: u64,
    /// Its id in GraphQL; empty where GitHub names none.
    pub node_id: String,
    /// The newest commit that is ours.
    pub head: String,
    /// The commit that the branch is about to move to; empty otherwise.
    pub next_head: String,
    /// Commits of ours on the branch.
    pub pushes: u32,
    /// When the latest of them came.
    pub pushed_at: UnixNanos,
    /// What is being written.
    pub work: Work,
    /// Conversations that were begun for it and have no end yet.
    pub tries: u32,
    /// What Claude submitted for it, as JSON.
    pub answer: Option<String>,
    /// Whether people have it: the branch is not touched any more.
    pub handed_over: bool,
    /// The commit that it became on the base branch; empty until merged.
    pub merge_commit: String,
    /// What was seen after the merge.
    pub watched: Watched,
}

/// A build of a service in which errors were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The commit that it was built from.
    pub revision: String,
    /// When any error of the service was first seen in it.
    pub first_seen: UnixNanos,
    /// When the one that is asked about was last seen in it, as far as is known; `None` where it was not.
    pub own_last_seen: Option<UnixNanos>,
}

/// How often an error was seen since a point in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sightings {
    /// How often in the windows that reach past it.
    pub count: u64,
    /// The latest time; `None` where it was not seen.
    pub last: Option<UnixNanos>,
}

/// The commit that a service says it was built from. What is no commit id is not asked about: whoever sends logs could name a
/// branch.
fn revision(detail: &ClusterDetail) -> Option<&str> {
    let is_commit =
        |text: &&str| (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    [detail.vcs_revision.as_str(), detail.service_version.as_str()].into_iter().find(is_commit)
}

/// Notes in which build each described cluster was seen.
pub(super) fn note_releases(described: &[(&Delta, &ClusterDetail)]) -> Option<Statement> {
    let released: Vec<_> =
        described.iter().filter_map(|(delta, detail)| Some((delta, revision(detail)?))).collect();
    if released.is_empty() {
        return None;
    }
    let rows = Rows::default()
        .texts("fingerprint", released.iter().map(|(delta, _)| delta.fingerprint.to_string()))
        .texts("revision", released.iter().map(|(_, revision)| revision.to_ascii_lowercase()))
        .integers("first_seen", released.iter().map(|(delta, _)| delta.first_seen.to_i64()))
        .integers("last_seen", released.iter().map(|(delta, _)| delta.last_seen.to_i64()));
    let noted = sql(
        "INSERT INTO cluster_release AS r (fingerprint, revision, first_seen, last_seen)
         SELECT fingerprint, revision, first_seen, last_seen FROM {rows} WHERE TRUE
         ON CONFLICT (fingerprint, revision) DO UPDATE SET
           first_seen = LEAST(r.first_seen, excluded.first_seen), last_seen = GREATEST(r.last_seen, excluded.last_seen)",
    );
    Some(noted.with(rows))
}

/// Whether a column holds a member of the family of `$1`.
fn of_family(column: &str) -> String {
    format!(
        "({column} = $1 OR {column} IN
           (SELECT o.fingerprint FROM member m JOIN member o ON o.family = m.family WHERE m.fingerprint = $1))"
    )
}

impl Store {
    /// How far a fix's pull request is; `None` where it was not looked at yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn followed(&self, fix_id: &str) -> Result<Option<Followed>, StoreError> {
        let row = self.database.optional(sql("SELECT * FROM followed WHERE fix_id = $1").bind(fix_id)).await;
        row.map_err(StoreError::while_doing("reading a followed pull request"))?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Writes how far a fix's pull request is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn write_followed(&self, followed: &Followed) -> Result<(), StoreError> {
        self.database
            .execute(
                sql("INSERT INTO followed (fix_id, number, node_id, head, next_head, pushes, pushed_at, work, tries,
                       answer, handed_over, merge_commit, watched)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                     ON CONFLICT (fix_id) DO UPDATE SET number = excluded.number, node_id = excluded.node_id,
                       head = excluded.head, next_head = excluded.next_head, pushes = excluded.pushes,
                       pushed_at = excluded.pushed_at, work = excluded.work, tries = excluded.tries,
                       answer = excluded.answer, handed_over = excluded.handed_over,
                       merge_commit = excluded.merge_commit, watched = excluded.watched")
                .bind(&followed.fix_id)
                .bind(followed.number)
                .bind(&followed.node_id)
                .bind(&followed.head)
                .bind(&followed.next_head)
                .bind(followed.pushes)
                .bind(followed.pushed_at.to_i64())
                .bind(followed.work.as_str())
                .bind(followed.tries)
                .bind(&followed.answer)
                .bind(followed.handed_over)
                .bind(&followed.merge_commit)
                .bind(followed.watched.as_str()),
            )
            .await
            .map(drop)
            .map_err(StoreError::while_doing("writing a followed pull request"))
    }

    /// Takes back steps that begin so.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn forget_steps(&self, fix_id: &str, beginning: &str) -> Result<(), StoreError> {
        let gone = sql("DELETE FROM followed_step WHERE fix_id = $1 AND substr(step, 1, $2) = $3");
        let length = i64::try_from(beginning.len()).unwrap_or(i64::MAX);
        let gone = self.database.execute(gone.bind(fix_id).bind(length).bind(beginning)).await;
        gone.map(drop).map_err(StoreError::while_doing("forgetting what was done for a pull request"))
    }

    /// What was done once for a fix's pull request.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn steps(&self, fix_id: &str) -> Result<BTreeSet<String>, StoreError> {
        let failed = StoreError::while_doing("reading what was done for a pull request");
        let steps = sql("SELECT step FROM followed_step WHERE fix_id = $1").bind(fix_id);
        let rows = self.database.fetch(steps).await.map_err(&failed)?;
        rows.iter().map(|row| row.text(0)).collect::<Result<_, _>>().map_err(failed)
    }

    /// Notes that something was done, so that it is not done again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn note_step(&self, fix_id: &str, step: &str, now: UnixNanos) -> Result<(), StoreError> {
        let noted =
            sql("INSERT INTO followed_step (fix_id, step, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        let noted = self.database.execute(noted.bind(fix_id).bind(step).bind(now.to_i64())).await;
        noted.map(drop).map_err(StoreError::while_doing("noting what was done for a pull request"))
    }

    /// The merged fixes whose error is still watched at `now`, the earliest merge first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn fixes_to_watch(&self, now: UnixNanos) -> Result<Vec<Fix>, StoreError> {
        let text = format!(
            "{} JOIN followed w ON w.fix_id = x.id
             WHERE x.status = 'merged' AND w.watched <> 'regressed' AND x.ended_at >= $1 ORDER BY x.ended_at, x.id",
            super::fixes::SELECT
        );
        let since = UnixNanos(now.0.saturating_sub(WATCHED_NANOS));
        self.database
            .fetch(sql(text).bind(since.to_i64()))
            .await
            .map_err(StoreError::while_doing("reading merged pull requests"))?
            .iter()
            .map(super::fixes::read)
            .collect()
    }

    /// How often an error was seen since then. A family is one error.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn sightings_since(
        &self,
        fingerprint: Fingerprint,
        since: UnixNanos,
    ) -> Result<Sightings, StoreError> {
        let seen = sql(format!(
            "SELECT CAST(coalesce(sum(w.count), 0) AS BIGINT) AS count, max(w.last_seen) AS last
             FROM window_cluster w WHERE w.last_seen > $2 AND {}",
            of_family("w.fingerprint")
        ));
        let seen = self.database.one(seen.bind(fingerprint.to_string()).bind(since.to_i64())).await;
        seen.and_then(|row| Ok(Sightings { count: row.number("count")?, last: row.time_or_none("last")? }))
            .map_err(StoreError::while_doing("counting an error since its change was merged"))
    }

    /// The builds of an error's service in which any error was seen since then, the latest first, up to twenty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn releases_since(
        &self,
        fingerprint: Fingerprint,
        since: UnixNanos,
    ) -> Result<Vec<Release>, StoreError> {
        let failed = StoreError::while_doing("reading in which builds errors were seen");
        let releases = sql(format!(
            "SELECT r.revision, min(r.first_seen) AS first_seen, max(CASE WHEN {} THEN r.last_seen END) AS own
             FROM cluster_release r JOIN cluster c ON c.fingerprint = r.fingerprint
             WHERE r.last_seen > $2 AND c.service = (SELECT s.service FROM cluster s WHERE s.fingerprint = $1)
             GROUP BY r.revision ORDER BY max(r.last_seen) DESC, r.revision LIMIT $3",
            of_family("r.fingerprint")
        ));
        let releases = releases.bind(fingerprint.to_string()).bind(since.to_i64()).bind(RELEASES_MAX);
        let rows = self.database.fetch(releases).await.map_err(&failed)?;
        rows.iter()
            .map(|row| {
                Ok(Release {
                    revision: row.text("revision")?,
                    first_seen: row.time("first_seen")?,
                    own_last_seen: row.time_or_none("own")?,
                })
            })
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}

fn read(row: &Row) -> Result<Followed, StoreError> {
    let failed = StoreError::while_doing("reading a followed pull request");
    let text = |column: &str| row.text(column).map_err(&failed);
    let number = |column: &str| row.number(column).map_err(&failed);
    let small = |column: &str| Ok::<_, StoreError>(u32::try_from(number(column)?).unwrap_or(u32::MAX));
    let (work, watched) = (text("work")?, text("watched")?);
    let unreadable = |column, value| StoreError::Inconsistent { table: "followed", column, value };
    Ok(Followed {
        fix_id: text("fix_id")?,
        number: number("number")?,
        node_id: text("node_id")?,
        head: text("head")?,
        next_head: text("next_head")?,
        pushes: small("pushes")?,
        pushed_at: row.time("pushed_at").map_err(&failed)?,
        work: work.parse().map_err(|_| unreadable("work", work))?,
        tries: small("tries")?,
        answer: row.text_or_none("answer").map_err(&failed)?,
        handed_over: row.flag("handed_over").map_err(&failed)?,
        merge_commit: text("merge_commit")?,
        watched: watched.parse().map_err(|_| unreadable("watched", watched))?,
    })
}
