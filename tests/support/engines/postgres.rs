//! A real PostgreSQL.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::daemon::{self, Daemon};
use super::{prepared, wait_until};

/// The user that owns the databases; no superuser, as at hosting providers.
pub const USER: &str = "logmend";
/// Its password.
pub const PASSWORD: &str = "correct-horse";

/// Durable as in production, and small: many tests share a machine.
const CONFIGURATION: &str = "
listen_addresses = '127.0.0.1'
fsync = on
synchronous_commit = on
max_connections = 200
shared_buffers = 16MB
max_wal_size = 128MB
min_wal_size = 32MB
timezone = 'UTC'
";

/// The folder is for this user alone, so its socket needs no password; the network does.
const AUTHENTICATION: &str = "
local all all              trust
host  all all 127.0.0.1/32 scram-sha-256
";

/// A PostgreSQL server.
pub struct Postgres {
    server: Option<Daemon>,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// The one that the tests of this process share, for those that leave it running.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| {
            let folder = daemon::folder();
            let template = folder.path().join("template");
            initialise(&template);
            Self::in_folder(folder, &template)
        })
    }

    /// A fresh database on the shared server.
    pub fn database() -> Database {
        Self::shared().create_database()
    }

    /// A server for one test, which may end and restart it.
    pub fn own() -> Self {
        Self::in_folder(daemon::folder(), &Self::shared().folder.path().join("template"))
    }

    /// A server for one test that listens over TLS alone, with this certificate and key, in PEM.
    pub fn over_tls(certificate: &str, key: &str) -> Self {
        let mut postgres = Self::own();
        postgres.stop();
        let data = postgres.folder.path().join("data");
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            std::fs::write(data.join(name), text).unwrap();
            std::fs::set_permissions(data.join(name), PermissionsExt::from_mode(0o600)).unwrap();
        }
        std::fs::write(data.join("pg_hba.conf"), AUTHENTICATION.replace("host ", "hostssl ")).unwrap();
        let mut settings = File::options().append(true).open(data.join("postgresql.conf")).unwrap();
        writeln!(settings, "ssl = on").unwrap();
        daemon::hand_over(&data);
        postgres.start_again();
        postgres
    }

    fn in_folder(folder: TempDir, template: &Path) -> Self {
        let copied =
            Command::new("cp").arg("-a").arg(template).arg(folder.path().join("data")).status().unwrap();
        assert!(copied.success());
        let mut postgres = Self { server: None, folder, port: daemon::port() };
        postgres.start_again();
        postgres.psql(&format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"));
        postgres
    }

    /// Starts it on the folder and port that it had, and waits until it answers.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs");
        // What served the connections of a server that was killed may need a moment to end; until then PostgreSQL
        // refuses to start on the same folder.
        let answers = wait_until(|| {
            if self.server.as_ref().is_none_or(|server| !server.runs()) {
                if let Some(ended) = self.server.take() {
                    ended.end(Signal::SIGKILL);
                }
                self.server = Some(self.launch());
            }
            bin("pg_isready").arg("-q").args(self.by_socket()).status().unwrap().success()
        });
        assert!(answers, "PostgreSQL does not answer: {}", self.output());
    }

    fn launch(&self) -> Daemon {
        let mut command = daemon::plainly(prepared("LOGMEND_POSTGRES_BIN").join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        command.arg("-k").arg(self.folder.path());
        // Ended by SIGKILL it would leave its System V shared memory behind.
        Daemon::start(self.folder.path(), Signal::SIGQUIT, &command)
    }

    /// Ends it in order, with SIGINT: open transactions are rolled back.
    pub fn stop(&mut self) {
        self.end(Signal::SIGINT);
    }

    /// Ends it at once, with SIGQUIT: it recovers at its next start.
    pub fn stop_now(&mut self) {
        self.end(Signal::SIGQUIT);
    }

    /// Ends it as a crash does.
    pub fn kill_9(&mut self) {
        self.end(Signal::SIGKILL);
    }

    fn end(&mut self, signal: Signal) {
        self.server.take().unwrap().end(signal);
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds its socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it printed.
    pub fn output(&self) -> String {
        self.server.as_ref().map(Daemon::output).unwrap_or_default()
    }

    /// A `DATABASE_URL` of a database here.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// A fresh database.
    pub fn create_database(&self) -> Database {
        let name = format!("t_{:016x}", fastrand::u64(..));
        self.psql(&format!("CREATE DATABASE {name} OWNER {USER}"));
        Database { name, port: self.port, socket_folder: self.folder.path().to_owned() }
    }

    /// Runs a statement as the superuser, and returns its rows: fields parted by `|`, one row a line.
    pub fn psql(&self, sql: &str) -> String {
        psql(&self.by_socket(), "postgres", sql).unwrap_or_else(|told| panic!("{sql}: {told}"))
    }

    /// Ends all connections of clients but the one that does it, and tells how many.
    pub fn terminate_backends(&self) -> usize {
        self.psql(&terminate("true")).parse().unwrap()
    }

    fn by_socket(&self) -> [String; 2] {
        by_socket(self.folder.path(), self.port)
    }
}

/// A database for one test; it is dropped with this value.
pub struct Database {
    /// Its name.
    pub name: String,
    port: u16,
    socket_folder: PathBuf,
}

impl Database {
    /// Its `DATABASE_URL`.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Its `DATABASE_URL` through what listens on this port instead, such as a pooler or a proxy.
    pub fn url_at(&self, port: u16) -> String {
        url(port, &self.name)
    }

    /// Runs a statement as the superuser, and returns its rows: fields parted by `|`, one row a line.
    pub fn psql(&self, sql: &str) -> String {
        self.try_psql(sql).unwrap_or_else(|told| panic!("{sql}: {told}"))
    }

    /// As [`Database::psql`], where a failure is expected.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        psql(&by_socket(&self.socket_folder, self.port), &self.name, sql)
    }

    /// Ends all connections to it but the one that does it, and tells how many.
    pub fn terminate_backends(&self) -> usize {
        self.psql(&terminate(&format!("datname = '{}'", self.name))).parse().unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The server may be gone, and takes it along.
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let _ = psql(&by_socket(&self.socket_folder, self.port), "postgres", &drop);
    }
}

/// Runs statements as a client of a URL: through poolers and proxies, with the user's rights.
pub fn psql_at(url: &str, sql: &str) -> Result<String, String> {
    psql(&[], url, sql)
}

fn psql(connection: &[String], database: &str, sql: &str) -> Result<String, String> {
    let mut command = bin("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).args(connection);
    if !connection.is_empty() {
        command.args(["-U", "postgres"]);
    }
    let output = command.args(["-d", database, "-c", sql]).output().unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(told(&output.stdout)) } else { Err(told(&output.stderr)) }
}

fn terminate(which: &str) -> String {
    format!(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND {which}"
    )
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}")
}

fn by_socket(folder: &Path, port: u16) -> [String; 2] {
    [format!("--host={}", folder.display()), format!("--port={port}")]
}

/// A program of PostgreSQL's clients, blind to the settings of the machine.
fn bin(name: &str) -> Command {
    let mut command = Command::new(prepared("LOGMEND_POSTGRES_BIN").join(name));
    let settings = std::env::vars_os().map(|(key, _)| key);
    for key in settings.filter(|key| key.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(key);
    }
    command
}

/// Makes the folder of a server; it takes about a second, so it is made once and copied.
fn initialise(data: &Path) {
    let output = daemon::plainly(prepared("LOGMEND_POSTGRES_BIN").join("initdb"))
        .args(["--no-sync", "--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=trust", "-D"])
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
    let configuration = data.join("postgresql.conf");
    let standard = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(configuration, standard + CONFIGURATION).unwrap();
    std::fs::write(data.join("pg_hba.conf"), AUTHENTICATION).unwrap();
}
