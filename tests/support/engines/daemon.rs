//! A server as a child process that cannot outlive the tests.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Runs the server, tells its process id, and waits for its own standard input to end, which it does when the test
/// process drops it or ends in any way, SIGKILL included. Then the server is ended, if it still runs, and its folder
/// removed unless a line was written first: that says that the server ended as planned and its folder is wanted still.
///
/// `PR_SET_PDEATHSIG` would not do: it follows the *thread* that spawned the child, and a test's thread ends with the test
/// (prctl(2)), where a server that all tests share must stay. Until the wait the server's process id cannot be given
/// to another process. SIGHUP is what the kernel sends to a group that loses its parent while one of it is stopped
/// (setpgid(2)), as a paused server is.
const WATCH: &str = r#"
folder=$1 farewell=$2; shift 2
trap '' HUP
"$@" </dev/null >>"$folder/output.log" 2>&1 &
server=$!
echo "$server"
exec >/dev/null
if ! read -r _; then remove=yes; fi
kill -s "$farewell" "$server"
wait "$server"
[ -z "$remove" ] || rm -rf "$folder"
"#;

/// The user that servers run as which refuse to be run by root: Debian's package of PostgreSQL makes it.
const PLAIN_USER: &str = "postgres";

/// A running server.
pub struct Daemon {
    pid: Pid,
    watch: Child,
    /// Ends the server when it is dropped.
    leash: Option<ChildStdin>,
    folder: PathBuf,
}

impl Daemon {
    /// Starts `command` in `folder`, with its variables; what it prints goes to a file in `folder`, which is removed with it. `farewell` is what ends it
    /// at once.
    pub fn start(folder: &Path, farewell: Signal, command: &Command) -> Self {
        // A group of its own: what interrupts the tests on a terminal leaves the watch its work to do.
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "watch"]).arg(folder).arg(&farewell.as_str()["SIG".len()..]);
        watch.arg(command.get_program()).args(command.get_args()).current_dir(folder);
        watch.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        watch.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut watch = watch.spawn().unwrap();
        let mut pid = String::new();
        BufReader::new(watch.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        let (pid, leash) = (Pid::from_raw(pid.trim().parse().unwrap()), watch.stdin.take());
        Self { pid, watch, leash, folder: folder.to_owned() }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Whether it still runs; one that ended waits for the watch to take note, as a zombie.
    pub fn runs(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // The state stands behind the name, which is in brackets and may hold any character (proc(5)).
        stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
    }

    /// Ends it by `signal`, waits until it has ended, and keeps its folder.
    pub fn end(mut self, signal: Signal) {
        // Where it ended by itself before there is nothing to signal.
        let _ = kill(self.pid, signal);
        assert!(super::wait_until(|| !self.runs()), "it still runs after {signal}: {}", self.output());
        self.leash.take().unwrap().write_all(b"keep\n").unwrap();
        self.watch.wait().unwrap();
    }

    /// What it printed, from all starts in its folder.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder.join("output.log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.leash.take().is_some() {
            if std::thread::panicking() {
                println!("-- what the server in {} printed --\n{}", self.folder.display(), self.output());
            }
            // It has nothing to tell, and a drop must not panic.
            let _ = self.watch.wait();
        }
    }
}

/// A folder for a server, which the user that it runs as may write in.
pub fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("logmend-test-").tempdir().unwrap();
    // There before the server is: owned by whoever runs the tests.
    File::create(folder.path().join("output.log")).unwrap();
    hand_over(folder.path());
    folder
}

/// Gives a folder with all that is in it to the user that servers run as.
pub fn hand_over(folder: &Path) {
    if root() {
        let status = Command::new("chown").args(["-R", PLAIN_USER]).arg(folder).status().unwrap();
        assert!(status.success(), "{} cannot be given to {PLAIN_USER}", folder.display());
    }
}

/// `program`, run by a user that is not root.
pub fn plainly(program: impl AsRef<Path>) -> Command {
    let program = program.as_ref();
    assert!(program.exists(), "{} is missing: run ./scripts/test, which installs it", program.display());
    if !root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", PLAIN_USER, "--regid", PLAIN_USER, "--clear-groups", "--"]).arg(program);
    command
}

fn root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A port that was free just now, from below those that the kernel gives to outgoing connections (32768 and up, ip(7)):
/// a server that is restarted finds it free again.
pub fn port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
