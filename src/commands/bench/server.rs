//! The service as a process of its own, with a store in a folder of ours.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long it may take to get ready.
const READY_MAX: Duration = Duration::from_secs(20);

/// Between two looks whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Ended when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) endpoint: String,
    pub(super) ready_after: Duration,
}

impl Server {
    /// Starts this very program on free ports, with the rules of a file or the built-in ones, and nothing else of what is set.
    pub(super) async fn start(folder: &Path, rules: Option<&Path>) -> anyhow::Result<Self> {
        let [grpc, http, api] = free_ports()?;
        let address = |port: u16| format!("127.0.0.1:{port}");
        let log = folder.join("server.log");
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.arg("run").env_clear().current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(&log).context("cannot write into the temporary folder")?);
        command
            .env("DATABASE_URL", format!("sqlite://{}", folder.join("logmend.db").display()))
            .env("LOGMEND_GRPC_ADDR", address(grpc))
            .env("LOGMEND_HTTP_ADDR", address(http))
            .env("LOGMEND_API_ADDR", address(api));
        if let Some(rules) = rules {
            command.env("LOGMEND_RULES", std::path::absolute(rules)?);
        }
        let begun = Instant::now();
        let child = command.spawn().context("cannot start the server")?;
        let mut server =
            Self { child, endpoint: format!("http://{}", address(grpc)), ready_after: Duration::ZERO };
        while !is_ready(api).await {
            let ended = server.child.try_wait().context("cannot wait for the server")?;
            if ended.is_some() || begun.elapsed() > READY_MAX {
                let told = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("the server did not get ready: {}", told.lines().last().unwrap_or("it says nothing"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    /// User and system time so far; `None` where there is no `/proc`.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let stat = self.read("stat")?;
        // proc(5): after the name, which may hold anything, the state is the third field, utime the 14th, stime the 15th.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        // A tick is a hundredth of a second wherever Linux runs (`getconf CLK_TCK`).
        Some(Duration::from_millis((ticks()? + ticks()?) * 10))
    }

    /// Resident memory in bytes, now and at its peak.
    pub(super) fn memory(&self) -> Option<(u64, u64)> {
        let status = self.read("status")?;
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some((kibibytes("VmRSS:")? * 1024, kibibytes("VmHWM:")? * 1024))
    }

    fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it keeps is thrown away: it need not end in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three ports, each bound until all are found, so that no two are the same.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let bind = || TcpListener::bind("127.0.0.1:0").context("there is no free port on 127.0.0.1");
    let bound = [bind()?, bind()?, bind()?];
    let port = |listener: &TcpListener| Ok::<_, std::io::Error>(listener.local_addr()?.port());
    Ok([port(&bound[0])?, port(&bound[1])?, port(&bound[2])?])
}

async fn is_ready(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        std::io::Result::Ok(status.ends_with(b" 200"))
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}
