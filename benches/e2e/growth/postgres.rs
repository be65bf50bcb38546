//! A PostgreSQL of our own, in a folder of ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::free_port;

/// Ended when dropped.
pub(crate) struct Postgres {
    pub(crate) url: String,
    folder: tempfile::TempDir,
}

impl Postgres {
    pub(crate) fn is_there() -> bool {
        std::env::var_os("LOGMEND_POSTGRES_BIN").is_some()
    }

    pub(crate) fn start(folder: &Path) -> Self {
        // Whoever it runs as must get there.
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in(folder).unwrap();
        open_to_all(folder.path().parent().unwrap());
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let port = free_port();
        let postgres = Self { url: format!("postgres://logmend@127.0.0.1:{port}/postgres"), folder };
        run(postgres.program("initdb").arg("-D").arg(postgres.data()).args([
            "-U",
            "logmend",
            "--auth=trust",
            "--no-instructions",
        ]));
        let options = format!("-p {port} -k '' -c listen_addresses=127.0.0.1");
        let log = postgres.folder.path().join("log");
        run(postgres
            .program("pg_ctl")
            .arg("-D")
            .arg(postgres.data())
            .arg("-l")
            .arg(log)
            .args(["-w", "-s", "-o", &options, "start"]));
        postgres
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// PostgreSQL does not run as root.
    fn program(&self, name: &str) -> Command {
        let program = PathBuf::from(std::env::var_os("LOGMEND_POSTGRES_BIN").unwrap()).join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        run(self.program("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "-s", "stop"]));
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(command: &mut Command) {
    let output = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(output.success(), "{command:?}: {output}");
}
