//! A real Redis that keeps nothing on disk, as one that is used for a lock.

use std::process::Command;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::daemon::{self, Daemon};
use super::{prepared, wait_until};

/// A Redis server.
pub struct Redis {
    server: Option<Daemon>,
    folder: TempDir,
    port: u16,
}

impl Redis {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let mut redis = Self { server: None, folder: daemon::folder(), port: daemon::port() };
        redis.start_again();
        redis
    }

    /// Starts it anew on the port that it had, empty.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs");
        let mut command = daemon::plainly(prepared("LOGMEND_REDIS_BIN").join("redis-server"));
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--dir"])
            .arg(self.folder.path());
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
        let server = self.server.insert(Daemon::start(self.folder.path(), Signal::SIGKILL, &command));
        let ping = || cli(self.port, &["PING"]).is_ok_and(|answer| answer == "PONG");
        assert!(wait_until(ping), "Redis does not answer: {}", server.output());
    }

    /// Ends it as a crash does.
    pub fn kill_9(&mut self) {
        self.server.take().unwrap().end(Signal::SIGKILL);
    }

    /// Stops it in its tracks: connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.server.as_ref().unwrap().signal(Signal::SIGSTOP);
    }

    /// Lets it go on after [`Redis::pause`].
    pub fn resume(&self) {
        self.server.as_ref().unwrap().signal(Signal::SIGCONT);
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends a command and returns what `redis-cli` prints for the answer; "" is a null.
    pub fn cli(&self, command: &[&str]) -> String {
        self.try_cli(command).unwrap_or_else(|told| panic!("{command:?}: {told}"))
    }

    /// As [`Redis::cli`], where a failure is expected.
    pub fn try_cli(&self, command: &[&str]) -> Result<String, String> {
        cli(self.port, command)
    }
}

fn cli(port: u16, command: &[&str]) -> Result<String, String> {
    let mut program = Command::new(prepared("LOGMEND_REDIS_BIN").join("redis-cli"));
    program.env_remove("REDISCLI_AUTH").args(["-e", "-h", "127.0.0.1", "-p", &port.to_string()]);
    let output = program.args(command).output().unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        Ok(told(&output.stdout))
    } else {
        Err(told(&[output.stdout, output.stderr].concat()))
    }
}
