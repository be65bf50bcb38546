//! Numbers of what the store holds, for whoever watches it: the same for all replicas on it.

use super::engine::sql;
use super::{Store, StoreError};
use crate::model::{FixStatus, Severity, UnixNanos};

/// What the store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Errors that are neither fixed nor ignored, by the severity of their gravest member.
    pub open: Vec<(Severity, u64)>,
    /// Fixes by how they stand.
    pub fixes: Vec<(FixStatus, u64)>,
    /// The same of those that have a pull request.
    pub pull_requests: Vec<(FixStatus, u64)>,
    /// When the latest window was closed.
    pub last_closed: Option<UnixNanos>,
}

impl Figures {
    /// How many open errors have this severity.
    #[must_use]
    pub fn open(&self, severity: Severity) -> u64 {
        self.open.iter().filter(|(of, _)| *of == severity).map(|(_, count)| count).sum()
    }

    /// How many fixes stand like this.
    #[must_use]
    pub fn fixes(&self, status: FixStatus) -> u64 {
        self.fixes.iter().filter(|(of, _)| *of == status).map(|(_, count)| count).sum()
    }

    /// How many pull requests belong to fixes that stand like one of these.
    #[must_use]
    pub fn pull_requests(&self, statuses: &[FixStatus]) -> u64 {
        let of = self.pull_requests.iter().filter(|(status, _)| statuses.contains(status));
        of.map(|(_, count)| count).sum()
    }
}

impl Store {
    /// What it holds now: three statements, each over one table.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn figures(&self) -> Result<Figures, StoreError> {
        let failed = StoreError::while_doing("counting what the store holds");
        let open = self.database.fetch(
            "SELECT severity, count(*) FROM (
               SELECT max(c.severity) AS severity FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
               WHERE c.status NOT IN ('fixed', 'ignored') GROUP BY coalesce(m.family, c.fingerprint)) AS e
             GROUP BY severity",
        );
        let open = open.await.map_err(&failed)?;
        let open = open.iter().map(|row| Ok((Severity::from_rank(row.integer(0)?), row.number(1)?)));
        let open = open.collect::<Result<Vec<_>, sqlx::Error>>().map_err(&failed)?;
        let fixes = self.database.fetch(sql(
            "SELECT status, count(*), coalesce(sum(CASE WHEN pr_url IS NOT NULL THEN 1 ELSE 0 END), 0)
             FROM fix GROUP BY status",
        ));
        let fixes = fixes.await.map_err(&failed)?;
        let mut figures = Figures {
            open: open.into_iter().filter_map(|(severity, count)| Some((severity?, count))).collect(),
            last_closed: self.last_closed_at().await?,
            ..Figures::default()
        };
        for row in &fixes {
            let status = row.text(0).map_err(&failed)?;
            let unreadable =
                StoreError::Inconsistent { table: "fix", column: "status", value: status.clone() };
            let status: FixStatus = status.parse().map_err(|_| unreadable)?;
            figures.fixes.push((status, row.number(1).map_err(&failed)?));
            figures.pull_requests.push((status, row.number(2).map_err(&failed)?));
        }
        Ok(figures)
    }
}
