//! A real PgBouncer, before a PostgreSQL.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::daemon::{self, Daemon};
use super::postgres::{PASSWORD, Postgres, USER, psql_at};
use super::{prepared, wait_until};

/// Who may ask it about itself.
const ADMIN: &str = "admin";

/// A PgBouncer in transaction mode: a connection to the server is lent for one transaction at a time.
///
/// `ignore_startup_parameters` stays empty: a client that sends what poolers refuse is refused here too.
pub struct PgBouncer {
    server: Daemon,
    _folder: TempDir,
    port: u16,
}

impl PgBouncer {
    /// Starts one before `postgres`, with few connections to it and many to clients.
    pub fn transaction_mode(postgres: &Postgres) -> Self {
        let (folder, port) = (daemon::folder(), daemon::port());
        let configuration = configure(folder.path(), port, postgres.port());
        let mut command = daemon::plainly(prepared("LOGMEND_PGBOUNCER"));
        command.arg(configuration);
        let server = Daemon::start(folder.path(), Signal::SIGKILL, &command);
        let pgbouncer = Self { server, _folder: folder, port };
        let answers = wait_until(|| pgbouncer.ask("SHOW VERSION").is_ok());
        assert!(answers, "PgBouncer does not answer: {}", pgbouncer.server.output());
        pgbouncer
    }

    /// Where it listens on 127.0.0.1: see `Database::url_at`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What its console answers, one row a line.
    pub fn console(&self, command: &str) -> String {
        self.ask(command).unwrap_or_else(|told| panic!("{command}: {told}"))
    }

    fn ask(&self, command: &str) -> Result<String, String> {
        psql_at(&format!("postgres://{ADMIN}:{PASSWORD}@127.0.0.1:{}/pgbouncer", self.port), command)
    }
}

fn configure(folder: &Path, port: u16, postgres: u16) -> PathBuf {
    let users = folder.join("users.txt");
    std::fs::write(&users, format!("\"{USER}\" \"{PASSWORD}\"\n\"{ADMIN}\" \"{PASSWORD}\"\n")).unwrap();
    let configuration = folder.join("pgbouncer.ini");
    let text = format!(
        "[databases]
* = host=127.0.0.1 port={postgres}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir = {folder}
auth_type = scram-sha-256
auth_file = {users}
admin_users = {ADMIN}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
",
        folder = folder.display(),
        users = users.display()
    );
    std::fs::write(&configuration, text).unwrap();
    daemon::hand_over(folder);
    configuration
}
