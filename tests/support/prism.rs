//! Prism between logmend and the stand-in for GitHub: it refuses requests and answers that GitHub's own description does not
//! have, whichever side sends them, and every route that logmend may not call.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::collector::free_port;
use super::engines::daemon::Daemon;
use super::programs::prepared;
use super::python;

/// How long it may take to start, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A running Prism.
pub struct Prism {
    server: Daemon,
    _folder: TempDir,
    port: u16,
}

impl Prism {
    /// Starts one before the server at `url`, and waits until it listens.
    pub async fn before(url: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let description = python::github_openapi();
        let slim = python::feed(&python::script("github_slim.py"), &[&description], "").await;
        std::fs::write(folder.path().join("slim.json"), slim).unwrap();
        let mut command = Command::new("node");
        command.arg(prepared("LOGMEND_PRISM")).args(["proxy", "slim.json", url, "--errors"]);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        let server = Daemon::start(folder.path(), Signal::SIGTERM, &command);
        let begun = Instant::now();
        while !server.output().contains("Prism is listening") {
            assert!(
                server.runs() && begun.elapsed() < PATIENCE,
                "Prism does not listen: {}",
                server.output()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Self { server, _folder: folder, port }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it let pass or refused, one line each.
    pub fn calls(&self) -> Vec<String> {
        self.lines("Request received")
    }

    /// What either side got wrong. That any route may refuse a token is not in GitHub's description, and no fault.
    pub fn violations(&self) -> Vec<String> {
        let mut found = [self.lines("error "), self.lines("warning ")].concat();
        found.retain(|line| !line.contains("Unable to match the returned status code"));
        found
    }

    fn lines(&self, what: &str) -> Vec<String> {
        self.server.output().lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
    }
}
