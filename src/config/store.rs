//! Where the store is, what it keeps for how long, and the lock of its replicas.

use std::time::Duration;

use secrecy::SecretString;

use super::Reader;
use crate::leader;
use crate::store::{Retention, Settings};

impl Reader<'_> {
    /// The store. Its URL may hold a password, so no fault shows it.
    pub(super) fn store(&mut self) -> Settings {
        let Some((url, origin)) = self.text("DATABASE_URL") else { return Settings::default() };
        url.parse().unwrap_or_else(|error| {
            self.faults.push(format!("{origin}: {error}"));
            Settings::default()
        })
    }

    pub(super) fn retention(&mut self) -> Retention {
        let kept = Retention::default();
        let mut days = |variable, default: Duration| {
            let default = default.as_secs() / 86_400;
            Duration::from_hours(24 * self.whole(variable, 1, 3_650, default))
        };
        Retention {
            windows: days("LOGMEND_KEEP_WINDOWS_DAYS", kept.windows),
            samples: days("LOGMEND_KEEP_SAMPLES_DAYS", kept.samples),
            audit: days("LOGMEND_KEEP_AUDIT_DAYS", kept.audit),
            digests: Duration::from_secs(self.whole(
                "LOGMEND_KEEP_DIGESTS_SECS",
                60,
                86_400,
                kept.digests.as_secs(),
            )),
        }
    }

    /// Below 3 seconds a busy database ends terms; above 300 nobody would close the windows of a crashed leader for too long.
    pub(super) fn leader_term(&mut self) -> Duration {
        Duration::from_secs(self.whole("LOGMEND_LEADER_TERM", 3, 300, leader::TERM.as_secs()))
    }

    /// The lock of several replicas. Without them it would be of no use, which is told.
    pub(super) fn redis(&mut self, store: &Settings) -> Option<SecretString> {
        let (url, origin) = self.text("REDIS_URL")?;
        let url = SecretString::from(url);
        if let Err(error) = leader::check_redis_url(&url) {
            self.faults.push(format!("{origin}: {error}"));
            return None;
        }
        if matches!(store, Settings::Sqlite { .. }) {
            self.notes.push(format!(
                "{origin} has no effect: the store is a SQLite file, which one process has for itself; \
                 several replicas share a PostgreSQL (DATABASE_URL=postgres://…)"
            ));
            return None;
        }
        Some(url)
    }
}
