//! The store: whether it opens, its schema's version, and whether a start would migrate it. Nothing is migrated here.

use super::report::Line;
use crate::config::Config;
use crate::store::{Looked, Store, StoreError};
use crate::telemetry;

const PEER: &str = "store";

pub(super) async fn check(config: &Config) -> Line {
    match Store::look(&config.store, telemetry::now).await {
        Ok(looked) => told(&looked),
        Err(error) => {
            let error: &dyn std::error::Error = match &error {
                StoreError::Open { source: sqlx::Error::PoolTimedOut, .. } => {
                    return Line::failed(PEER, format!("{error}: no answer in time; look at DATABASE_URL"));
                }
                error => error,
            };
            let causes = std::iter::successors(Some(error), |error| error.source());
            let causes = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
            Line::failed(PEER, format!("{causes}; look at DATABASE_URL"))
        }
    }
}

fn told(looked: &Looked) -> Line {
    let Looked { database, version, known, may_migrate, clock_ahead } = looked;
    let schema = match version {
        None => format!("{database}: empty or not there yet; a start makes its tables (version {known})"),
        Some(version) if version < known => {
            format!("{database}: schema version {version}; a start migrates it to {known}")
        }
        Some(version) => format!("{database}: schema version {version}, nothing to migrate"),
    };
    let line = if !may_migrate && *version != Some(*known) {
        Line::failed(
            PEER,
            format!("{schema}, but this user may make no tables there; grant CREATE or write access"),
        )
    } else if !may_migrate && *clock_ahead == 0 {
        // A database of a server may well be written to by whoever makes no tables; a file may not.
        Line::failed(PEER, format!("{schema}, but it cannot be written to; grant write access"))
    } else {
        Line::ok(PEER, schema)
    };
    let told_time = (*clock_ahead != 0).then_some(clock_ahead / 1_000_000_000);
    line.told_time(told_time)
}
