//! The real servers that logmend runs on: PostgreSQL, PgBouncer and Redis, each on a port and in a folder of its own, and
//! a proxy that does to their connections what networks do.
//!
//! They block and know no runtime, so that a test of any kind can use them. This folder stands alone: the library's own
//! tests can include it by its path.
//!
//! No server outlives the test process, however that ends (see [`daemon`]). One that is not installed fails the test.

pub mod daemon;
mod pgbouncer;
mod postgres;
mod proxy;
mod redis;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

pub use pgbouncer::PgBouncer;
pub use postgres::{Database, Postgres, psql_at};
pub use proxy::Proxy;
pub use redis::Redis;

/// How long a server may take to start or to stop, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A setting that `./scripts/test` makes.
pub fn prepared(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value
        .unwrap_or_else(|| {
            panic!("{variable} is not set: run ./scripts/test, which installs what this test needs")
        })
        .into()
}

/// Whether `holds` comes true before patience ends.
fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(LOOK_AGAIN);
    }
}
