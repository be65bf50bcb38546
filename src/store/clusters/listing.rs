//! Lists of errors, latest first, a page at a time.

use super::filter::{ClusterFilter, Conditions, Cursor};
use super::read::{alone, families, select_from};
use crate::model::Cluster;
use crate::store::{Store, StoreError};

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The errors, latest first.
    pub clusters: Vec<Cluster>,
    /// From where the list goes on; `None` at its end.
    pub next: Option<Cursor>,
}

impl Store {
    /// Clusters over all windows, latest first; a family is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn clusters(&self, filter: ClusterFilter) -> Result<Vec<Cluster>, StoreError> {
        // What stands alone is found by its index and cut at the limit before families, which are few, are added.
        let mut asked = Conditions::of(&filter);
        let limit = asked.value(filter.limit.map_or(i64::MAX, i64::from));
        let (alone, families) = sides(&asked);
        let page = format!(
            "SELECT * FROM (
               SELECT * FROM ({alone} ORDER BY c.last_seen DESC, c.fingerprint LIMIT {limit}) AS alone
               UNION ALL {families}
             ) AS error
             ORDER BY last_seen DESC, id LIMIT {limit}"
        );
        let text = format!("{} ORDER BY p.last_seen DESC, p.id", select_from(&page));
        let rows = self.database.fetch(asked.bound_to(text)).await;
        self.gathered(&rows.map_err(StoreError::while_doing("reading clusters"))?).await
    }

    /// As [`Store::clusters`], with where the list goes on after the filter's limit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn page(&self, filter: ClusterFilter) -> Result<Page, StoreError> {
        let length = filter.limit.map_or(usize::MAX, |limit| limit as usize);
        let one_more = filter.limit.map(|limit| limit.saturating_add(1));
        let mut clusters = self.clusters(ClusterFilter { limit: one_more, ..filter }).await?;
        let more = clusters.len() > length;
        clusters.truncate(length);
        let next = clusters.last().filter(|_| more).map(Cursor::at);
        Ok(Page { clusters, next })
    }

    /// How many errors a filter lets through, whatever its limit; those before its cursor are not counted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn count_clusters(&self, filter: &ClusterFilter) -> Result<u64, StoreError> {
        let asked = Conditions::of(filter);
        let (alone, families) = sides(&asked);
        let text = format!(
            "SELECT (SELECT count(*) FROM ({alone}) AS a) + (SELECT count(*) FROM ({families}) AS f)"
        );
        let counted = self.database.one(asked.bound_to(text)).await;
        counted.and_then(|row| row.number(0)).map_err(StoreError::while_doing("counting clusters"))
    }
}

/// What a filter lets through: clusters that are no family's, and families.
fn sides(asked: &Conditions) -> (String, String) {
    let families = format!(
        "SELECT e.* FROM ({}) AS e JOIN cluster c ON c.fingerprint = e.shown WHERE {}",
        families("1 = 1"),
        asked.family()
    );
    (alone(&asked.alone()), families)
}
