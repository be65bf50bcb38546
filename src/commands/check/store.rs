//! The store: whether it opens, its schema's version, and whether a start would migrate it. Nothing is migrated here.

use super::report::Line;
use crate::config::Config;
use crate::store::{Looked, Store};
use crate::telemetry;

const PEER: &str = "store";

pub(super) async fn check(config: &Config) -> Line {
    match Store::look(&config.store, telemetry::now).await {
        Ok(looked) => told(&looked).told_time(looked.clock_ahead.map(|nanos| nanos / 1_000_000_000)),
        Err(error) => Line::failed(PEER, format!("{:#}; look at DATABASE_URL", anyhow::Error::new(error))),
    }
}

fn told(looked: &Looked) -> Line {
    let Looked { database, version, known, may_migrate, may_write, .. } = looked;
    let schema = match version {
        None => format!("{database}: empty or not there yet; a start makes its tables (version {known})"),
        Some(version) if version < known => {
            format!("{database}: schema version {version}; a start migrates it to {known}")
        }
        Some(version) => format!("{database}: schema version {version}, nothing to migrate"),
    };
    if !may_migrate && *version != Some(*known) {
        let why = "but this user may make no tables there; grant CREATE, or write access to file and folder";
        Line::failed(PEER, format!("{schema}, {why}"))
    } else if !may_write {
        Line::failed(PEER, format!("{schema}, but it may not be written to; grant that"))
    } else {
        Line::ok(PEER, schema)
    }
}
