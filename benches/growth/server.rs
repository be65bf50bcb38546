//! The real binary as a child process, and what it uses.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::time::ClockId;
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long it may take to listen.
const START_TIME_MAX: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const KIB_IN_A_MEGABYTE: f64 = 1_000_000.0 / 1_024.0;

/// A running logmend in a folder of its own, on free ports.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    grpc: String,
    api: String,
}

/// Resident memory, in megabytes.
pub(crate) struct Memory {
    /// Now.
    pub(crate) held: f64,
    /// The most that it ever was.
    pub(crate) peak: f64,
}

impl Server {
    /// With a SQLite database in its folder, unless the settings name another.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        // A window longer than any run: its end is work of its own.
        let standard = [
            ("LOGMEND_GRPC_ADDR", "127.0.0.1:0"),
            ("LOGMEND_HTTP_ADDR", "127.0.0.1:0"),
            ("LOGMEND_API_ADDR", "127.0.0.1:0"),
            ("ERROR_MONITOR_INTERVAL", "3600"),
        ];
        let child = program()
            .current_dir(folder.path())
            .envs(standard.iter().chain(settings).copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { child, folder, grpc: String::new(), api: String::new() };
        server.wait_until_it_listens();
        server
    }

    fn wait_until_it_listens(&mut self) {
        let begun = Instant::now();
        loop {
            let log = self.log();
            if let (Some(grpc), Some(api)) = (listener(&log, "OTLP/gRPC"), listener(&log, "API")) {
                (self.grpc, self.api) = (grpc, api);
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < START_TIME_MAX,
                "it does not listen: {ended:?}\n{log}"
            );
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Where `logmend send` sends to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// The processor time that it took so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        cpu(self.child.id())
    }

    /// The memory that it has.
    pub(crate) fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = |name| {
            let line = status.lines().find_map(|line: &str| line.strip_prefix(name)).unwrap();
            line.trim_matches(|letter: char| !letter.is_ascii_digit()).parse::<f64>().unwrap()
        };
        Memory { held: kib("VmRSS") / KIB_IN_A_MEGABYTE, peak: kib("VmHWM") / KIB_IN_A_MEGABYTE }
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let mut stream = TcpStream::connect(&self.api).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.api).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let named = answer
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        named.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, with an empty environment.
pub(crate) fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_logmend"));
    program.env_clear();
    program
}

/// The processor time of a process so far, user and system, in seconds.
pub(crate) fn cpu(pid: u32) -> f64 {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid.try_into().unwrap())).unwrap();
    Duration::from(clock.now().unwrap()).as_secs_f64()
}

/// The address behind `<name> listening on `, once the line is complete.
fn listener(log: &str, name: &str) -> Option<String> {
    let (_, rest) = log.split_once(&format!("{name} listening on "))?;
    let (addr, _) = rest.split_once(char::is_whitespace)?;
    Some(addr.to_owned())
}
