//! The real binary as a child process.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::claude::ClaudeStandIn;
use super::github::GitHubStandIn;
use super::server;

/// How long the service may take to listen, on a machine that compiles meanwhile.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// How long it may take to end after SIGTERM.
const STOP_TIME_MAX: Duration = Duration::from_secs(15);
/// How long something awaited of an answer may take, on a machine that compiles meanwhile.
const HOLDS_AWAITED: Duration = Duration::from_mins(1);
/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The names of the listeners for exporters, and of that for people, in the log.
const GRPC: &str = "OTLP/gRPC";
const HTTP: &str = "OTLP/HTTP";
const API: &str = "API";

/// A running `logmend`, with a database in a folder of its own.
pub struct Service {
    child: Child,
    /// What a shell does before it becomes the service; empty without one.
    prelude: &'static str,
    /// What stands behind `logmend` on the command line.
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: TempDir,
    /// What it printed on both outputs, restarts included.
    log: Arc<Mutex<String>>,
    grpc_addr: String,
    api_addr: String,
    client: reqwest::Client,
}

impl Service {
    /// Starts it with these settings and waits until it listens. The window is an hour long unless they say otherwise.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_behind("", settings).await
    }

    /// As [`Service::start`], with all that a fix takes: Claude's and GitHub's stand-ins, and a repository of the latter.
    pub async fn mending(github: &GitHubStandIn, claude: &ClaudeStandIn, settings: &[(&str, &str)]) -> Self {
        let (github_url, claude_url) = (github.url(), claude.url());
        let standard = [
            ("ANTHROPIC_API_KEY", claude.key()),
            ("ANTHROPIC_BASE_URL", &claude_url),
            ("GITHUB_TOKEN", github.token()),
            ("GITHUB_API_URL", &github_url),
            ("GITHUB_REPOSITORY", "acme/shop"),
        ];
        Self::start(&[&standard[..], settings].concat()).await
    }

    /// As [`Service::start`], by a shell that does `prelude` first, such as `ulimit`.
    pub async fn start_behind(prelude: &'static str, settings: &[(&str, &str)]) -> Self {
        Self::start_as(prelude, &[], settings).await
    }

    /// As [`Service::start`], with arguments on its command line.
    pub async fn start_with(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        Self::start_as("", arguments, settings).await
    }

    async fn start_as(prelude: &'static str, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}/logmend.db", folder.path().display());
        let standard = [
            ("LOGMEND_GRPC_ADDR", "127.0.0.1:0"),
            ("LOGMEND_HTTP_ADDR", "127.0.0.1:0"),
            ("LOGMEND_API_ADDR", "127.0.0.1:0"),
            ("DATABASE_URL", &database),
            ("ERROR_MONITOR_INTERVAL", "3600"),
        ];
        let settings = standard.iter().chain(settings);
        let environment: Vec<_> =
            settings.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let log = Arc::new(Mutex::new(String::new()));
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let child = spawn(prelude, &arguments, &environment, folder.path(), &log);
        let (grpc_addr, api_addr, client) = (String::new(), String::new(), server::client());
        let mut service =
            Self { child, prelude, arguments, environment, folder, log, grpc_addr, api_addr, client };
        service.wait_until_it_listens(0).await;
        service
    }

    /// Ends it in order if it still runs, and starts it anew with the same settings and database, on other ports.
    pub async fn restart(mut self) -> Self {
        if self.child.try_wait().unwrap().is_none() {
            self.stop().await;
        }
        let printed = self.log.lock().unwrap().len();
        self.child = spawn(self.prelude, &self.arguments, &self.environment, self.folder.path(), &self.log);
        self.wait_until_it_listens(printed).await;
        self
    }

    /// Ends it as an operator does, with SIGTERM.
    pub async fn terminate(mut self) -> (ExitStatus, Self) {
        let status = self.stop().await;
        (status, self)
    }

    async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIME_MAX {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        panic!("it still runs {STOP_TIME_MAX:?} after SIGTERM");
    }

    /// Ends it as a crash does, with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it in its tracks, as a machine that swaps does; connections stay open.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on after [`Service::pause`].
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Asks it to read its settings again, as service managers do.
    pub fn hang_up(&self) {
        self.signal(Signal::SIGHUP);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    async fn wait_until_it_listens(&mut self, printed: usize) {
        let begun = Instant::now();
        while begun.elapsed() < START_TIME_MAX {
            let log = self.log.lock().unwrap()[printed..].to_owned();
            if let (Some(grpc), Some(api)) = (listener(&log, GRPC), listener(&log, API)) {
                (self.grpc_addr, self.api_addr) = (grpc, api);
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended before it listened: {status}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        panic!("it does not listen after {START_TIME_MAX:?}");
    }

    /// Where exporters send to.
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc_addr)
    }

    /// Where exporters send to that speak HTTP.
    pub async fn http_url(&self) -> String {
        self.wait_for_log(&format!("{HTTP} listening on "), 1).await;
        let log = self.logs();
        let started = log.rfind(&format!("{HTTP} listening on ")).unwrap();
        format!("http://{}", listener(&log[started..], HTTP).unwrap())
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its API is.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api_addr)
    }

    /// The folder that holds its database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it printed so far, restarts included.
    pub fn logs(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it printed a text so many times, restarts included.
    pub async fn wait_for_log(&self, text: &str, times: usize) {
        let begun = Instant::now();
        while self.log.lock().unwrap().matches(text).count() < times {
            assert!(
                begun.elapsed() < START_TIME_MAX,
                "it did not print {text:?} {times} times:\n{}",
                self.logs()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The one fix, once it has left the states in which it is worked on.
    pub async fn finished_fix(&self, patience: Duration) -> Value {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let fixes = self.get("/error-monitor/fixes/generated").await;
            if let Some(fix) = fixes["fixes"].get(0)
                && !matches!(fix["status"].as_str(), Some("pending" | "generating"))
            {
                return fix.clone();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        panic!("the fix was not finished; the log:\n{}", self.logs());
    }

    /// How many records are counted, of all errors together.
    pub async fn counted(&self) -> u64 {
        let recent = self.get("/error-monitor/errors/recent").await;
        let errors = recent["errors"].as_array().unwrap();
        errors.iter().map(|error| error["count"].as_u64().unwrap()).sum()
    }

    /// Waits until as many records are counted.
    pub async fn wait_until_counted(&self, count: u64, patience: Duration) {
        let begun = Instant::now();
        loop {
            let counted = self.counted().await;
            if counted >= count {
                return;
            }
            assert!(begun.elapsed() < patience, "{counted} of {count} were counted in {patience:?}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until something holds of what a route answers, and returns that.
    pub async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.get(path).await;
            if holds(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < HOLDS_AWAITED, "{path}: {answer:#}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The JSON that the API answers at `path`; any status but success ends the test.
    pub async fn get(&self, path: &str) -> Value {
        answer(self.client.get(self.api_url() + path)).await
    }

    /// As [`Service::get`], for a route that does something.
    pub async fn post(&self, path: &str) -> Value {
        answer(self.client.post(self.api_url() + path)).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            println!("-- what the service printed --\n{}", self.logs());
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (url, status) = (response.url().clone(), response.status());
    let body = response.text().await.unwrap();
    assert!(status.is_success(), "{url}: {status}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"))
}

/// The address behind `<name> listening on `, once the line is complete.
fn listener(log: &str, name: &str) -> Option<String> {
    let (_, rest) = log.split_once(&format!("{name} listening on "))?;
    let (addr, _) = rest.split_once(char::is_whitespace)?;
    Some(addr.to_owned())
}

fn spawn(
    prelude: &str,
    arguments: &[String],
    environment: &[(String, String)],
    folder: &Path,
    log: &Arc<Mutex<String>>,
) -> Child {
    let kept = ["PATH", "HOME"].into_iter().filter_map(|key| std::env::var_os(key).map(|value| (key, value)));
    let binary = env!("CARGO_BIN_EXE_logmend");
    let mut command = Command::new(if prelude.is_empty() { binary } else { "sh" });
    if !prelude.is_empty() {
        command.args(["-c", &format!("{prelude}; exec \"$0\" \"$@\""), binary]);
    }
    let mut child = command
        .args(arguments)
        .env_clear()
        .envs(kept)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    keep(child.stdout.take().unwrap(), log.clone());
    keep(child.stderr.take().unwrap(), log.clone());
    child
}

/// Adds each line of an output to the log, until the output ends.
fn keep(output: impl Read + Send + 'static, log: Arc<Mutex<String>>) {
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}
