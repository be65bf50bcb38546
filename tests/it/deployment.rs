//! What is shipped to run it: a check for images without curl, what systemd is told, and files that the platforms' own tools take.

mod files;

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::collector::free_port;
use crate::support::service::Service;

fn healthcheck(api_addr: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
    command.env_clear().env("LOGMEND_API_ADDR", api_addr).arg("healthcheck").args(args).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A service that listens on all addresses, of both families where there are two, is ready; one that is gone, silent or set up
/// elsewhere is not, and one sentence says what to look at.
#[tokio::test(flavor = "multi_thread")]
async fn the_healthcheck_tells_whether_the_service_is_ready() {
    let addr = format!("[::]:{}", free_port());
    let service = Service::start(&[("LOGMEND_API_ADDR", &addr)]).await;
    let ready = healthcheck(&addr, &[]);
    assert_eq!((ready.status.code(), told(&ready)), (Some(0), String::new()));
    let by_port = Command::new(env!("CARGO_BIN_EXE_logmend"))
        .env_clear()
        .env("PORT", addr.rsplit(':').next().unwrap())
        .arg("healthcheck")
        .output()
        .unwrap();
    assert_eq!(by_port.status.code(), Some(0), "{}", told(&by_port));
    let (status, _service) = service.terminate().await;
    assert!(status.success());
    let gone = healthcheck(&addr, &[]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(told(&gone).contains("no answer from http://"), "{}", told(&gone));

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = healthcheck(&silent.local_addr().unwrap().to_string(), &["--timeout", "1"]);
    assert_eq!((silent.status.code(), told(&silent).lines().count()), (Some(1), 1), "{}", told(&silent));
    let nowhere = healthcheck("here", &[]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(told(&nowhere).contains("LOGMEND_API_ADDR"), "{}", told(&nowhere));
}

/// The next of the messages to systemd that begins like this; others may come before it.
fn await_message(socket: &UnixDatagram, begin: &str) -> String {
    let mut buffer = [0; 1_024];
    for _ in 0..1_000 {
        let read = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{begin} was not told: {error}"));
        let message = String::from_utf8_lossy(&buffer[..read]).into_owned();
        if message.starts_with(begin) {
            return message;
        }
    }
    panic!("{begin} was not told");
}

/// As `Type=notify` asks: ready once the listeners stand, alive as often as the watchdog wants, and on its way down.
#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_that_it_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let notify = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "400000")];
    let service = Service::start(&notify).await;
    await_message(&socket, "READY=1");
    await_message(&socket, "WATCHDOG=1");
    await_message(&socket, "WATCHDOG=1");
    assert_eq!(healthcheck(service.api_url().trim_start_matches("http://"), &[]).status.code(), Some(0));
    let (status, _service) = service.terminate().await;
    assert!(status.success());
    await_message(&socket, "STOPPING=1");
}

/// The text of a file of the repository.
fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// systemd's own check passes the unit, where there is systemd; what the unit promises stands in it in any case.
#[test]
fn systemd_takes_the_unit() {
    let unit = file("deploy/systemd/logmend.service");
    for line in [
        "Type=notify",
        "DynamicUser=yes",
        "StateDirectory=logmend",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "Restart=on-failure",
    ] {
        assert!(unit.lines().any(|of| of == line), "{line} is not in the unit");
    }
    for setting in ["MemoryMax=", "WatchdogSec=", "TimeoutStopSec=", "SystemCallFilter="] {
        assert!(unit.lines().any(|of| of.starts_with(setting)), "{setting} is not in the unit");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logmend.service");
    // systemd looks whether the program is there.
    std::fs::write(&path, unit.replace("/usr/local/bin/logmend", env!("CARGO_BIN_EXE_logmend"))).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
    let verified = verified.expect("systemd-analyze, which ./scripts/test installs");
    let said = String::from_utf8_lossy(&verified.stderr);
    let about_it: Vec<_> = said.lines().filter(|line| line.contains("logmend")).collect();
    assert!(verified.status.success() && about_it.is_empty(), "{said}");
}
