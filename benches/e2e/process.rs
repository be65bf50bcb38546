//! A server of its own, what it spends, and its end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The core of the receiver, and that of the generator and the sink.
pub(crate) const RECEIVER: &str = "0";
pub(crate) const GENERATOR: &str = "1";

/// A running server; ended when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) endpoint: String,
    pub(crate) ready_after: Duration,
    /// What lives as long: its sink, its folder.
    pub(crate) with: Vec<Box<dyn std::any::Any + Send + Sync>>,
}

/// Memory in MiB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) peak: f64,
}

impl Server {
    /// Starts a program, on a core of its own if one is named, and waits until `ready` says that it takes requests.
    pub(crate) fn start(
        command: &Command,
        core: Option<&str>,
        endpoint: String,
        ready: impl Fn() -> bool,
    ) -> Self {
        let mut pinned = match core {
            Some(core) => {
                let mut pinned = Command::new("taskset");
                pinned.args(["--cpu-list", core]).arg(command.get_program());
                pinned
            }
            None => Command::new(command.get_program()),
        };
        pinned.args(command.get_args()).env_clear();
        pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        pinned.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        let begun = Instant::now();
        let mut child = pinned.spawn().unwrap();
        while !ready() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{command:?} ended: {status}");
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{command:?} is not ready after a minute");
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, endpoint, ready_after: begun.elapsed(), with: Vec::new() }
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        // After the name, which may hold anything, the state is the third field of proc(5), utime the 14th, stime the 15th.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        // A tick is a hundredth of a second wherever Linux runs (`getconf CLK_TCK`).
        Duration::from_millis(ticks * 10)
    }

    pub(crate) fn memory(&self) -> Memory {
        let status = self.read("status");
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
        };
        Memory { resident: mebibytes("VmRSS:"), peak: mebibytes("VmHWM:") }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > Duration::from_secs(10) {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether somebody listens.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Whether a health check is answered with 200.
pub(crate) fn answers(port: u16, path: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        std::io::Result::Ok(status.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}
