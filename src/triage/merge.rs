//! Window-end merging: which of the known templates are one error.
//!
//! It depends on the set of templates that are known and of those that people separated, and it is made anew from all of them: a
//! window that was split, an order, or a replica makes no difference once the last window is merged. Where there are more templates
//! than are compared, what was one before stays one: a fix may have been claimed for it.

use std::time::Instant;

use super::Triage;
use crate::fingerprint::{self, Known};
use crate::model::{Family, Fingerprint, Template, UnixNanos};
use crate::store::StoreError;

/// Templates that are compared at most: members of families first, then service by service in turn. A window brings 10,000 at
/// most, and a service has some hundreds.
const TEMPLATES_MAX: u32 = 100_000;

/// Characters that all of them may have together; a template of a real service has some 80, and one may have 1,000.
const CHARS_MAX: u32 = 16 * 1024 * 1024;

impl Triage {
    /// Makes the families anew, unless the set of templates is what it was the last time.
    ///
    /// # Errors
    ///
    /// The families stay as they were then, and are made the next time.
    #[tracing::instrument(skip_all)]
    pub async fn merge(&self, now: UnixNanos) -> Result<(), StoreError> {
        let mut merged = self.merged.lock().await;
        let set = digest(&self.store.compared(TEMPLATES_MAX).await?);
        if *merged == Some(set) {
            return Ok(());
        }
        let began = Instant::now();
        let templates = self.store.templates(TEMPLATES_MAX, CHARS_MAX).await?;
        let compared = templates.len();
        match tokio::task::spawn_blocking(move || families(&templates)).await {
            Ok(families) => {
                let changed = self.store.set_families(&families, now).await?;
                tracing::debug!(compared, families = families.len(), changed, took = ?began.elapsed(), "templates were compared");
            }
            // The runtime stops: the next process compares.
            Err(error) if error.is_cancelled() => return Ok(()),
            // A defect, and the same set would meet it again. Errors are told apart as they were; all else goes on.
            Err(error) => {
                tracing::error!(%error, compared, "templates could not be compared; errors stay merged as they were");
            }
        }
        *merged = Some(set);
        Ok(())
    }
}

/// The families among templates. Of a type its last segment counts, as in the fingerprint: the rest is the spelling of
/// whichever record came first.
fn families(templates: &[Template]) -> Vec<Family> {
    let known: Vec<_> = templates
        .iter()
        .map(|template| Known {
            fingerprint: template.fingerprint,
            service: &template.service,
            error_type: fingerprint::last_segment(&template.error_type),
            template: &template.message,
        })
        .collect();
    fingerprint::families(&known)
}

/// Tells one set from another. The template of a fingerprint never changes, so the ids are enough.
fn digest(ids: &[Fingerprint]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for id in ids {
        hasher.update(id.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests;
