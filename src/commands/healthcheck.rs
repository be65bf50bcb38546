//! `logmend healthcheck`: whether the service on this machine is ready, for images that have no curl.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Arg, ArgMatches, Command};

use super::complain;
use crate::config::{self, Sources};

/// The longest answer that is read: readiness is told in a line.
const ANSWER_BYTES_MAX: u64 = 4_096;

/// Why the service is not ready.
#[derive(Debug)]
enum Unready {
    /// Nobody answers.
    Unreached(SocketAddr, std::io::Error),
    /// It says so.
    Told(String),
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached(addr, error) => write!(
                f,
                "no answer from http://{addr}/health/ready: {error}; is the service up, and LOGMEND_API_ADDR or PORT the same here?"
            ),
            Self::Told(answer) => write!(f, "the service is not ready: {answer}"),
        }
    }
}

/// The command as clap knows it.
pub(super) fn command_line() -> Command {
    let timeout = Arg::new("timeout")
        .long("timeout")
        .value_name("SECONDS")
        .value_parser(clap::value_parser!(u64).range(1..=60))
        .default_value("3")
        .help("how long the answer may take");
    Command::new("healthcheck")
        .about("Ask the service on this machine whether it is ready: exit code 0, or 1 with the reason")
        .arg(timeout)
}

/// Asks the API's address of the settings.
pub(super) fn main(sources: &Sources, matches: &ArgMatches) -> ExitCode {
    let addr = match config::api_addr(sources) {
        Ok(addr) => addr,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let timeout = Duration::from_secs(matches.get_one("timeout").copied().unwrap_or(3));
    match ready(addr, timeout) {
        Ok(()) => ExitCode::SUCCESS,
        Err(unready) => {
            complain(&unready.to_string());
            ExitCode::FAILURE
        }
    }
}

fn ready(listener: SocketAddr, timeout: Duration) -> Result<(), Unready> {
    let (mut last, until) = (None, Instant::now() + timeout);
    for addr in reached_at(listener) {
        match ask(addr, until) {
            Ok(answer) => return judge(&answer),
            Err(error) => last = Some((addr, error)),
        }
    }
    let (addr, error) = last.unwrap_or((listener, std::io::ErrorKind::AddrNotAvailable.into()));
    Err(Unready::Unreached(addr, error))
}

/// Where a listener is reached from this machine. One on all addresses of IPv6 may be on those of IPv4, where the other is off.
fn reached_at(listener: SocketAddr) -> Vec<SocketAddr> {
    let at = |ip: IpAddr| SocketAddr::new(ip, listener.port());
    match listener.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![at(Ipv4Addr::LOCALHOST.into()), at(Ipv6Addr::LOCALHOST.into())]
        }
        IpAddr::V4(ip) if ip.is_unspecified() => vec![at(Ipv4Addr::LOCALHOST.into())],
        _ => vec![listener],
    }
}

fn ask(addr: SocketAddr, until: Instant) -> std::io::Result<String> {
    let left = || -> std::io::Result<Duration> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    };
    let mut stream = TcpStream::connect_timeout(&addr, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    stream.set_read_timeout(Some(left()?))?;
    write!(stream, "GET /health/ready HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Reads an HTTP answer: 200 is ready, of others the problem's own words are told.
fn judge(answer: &str) -> Result<(), Unready> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.lines().next().and_then(|line| line.split(' ').nth(1)).unwrap_or("no HTTP");
    if status == "200" {
        return Ok(());
    }
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let told = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("it says no more");
    Err(Unready::Told(format!("{status}: {}", crate::redact::plain(told))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_ready_or_tells_why_not() {
        assert!(judge("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}").is_ok());
        let told = |answer: &str| judge(answer).unwrap_err().to_string();
        let stopping = "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"detail\":\"the service is stopping\"}";
        assert_eq!(told(stopping), "the service is not ready: 503: the service is stopping");
        assert!(told("SSH-2.0-OpenSSH").contains("no HTTP"));
        assert!(told("").contains("no HTTP"));
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_at_this_machine() {
        let reached = |addr: &str| {
            reached_at(addr.parse().unwrap()).iter().map(SocketAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(reached("[::]:80"), ["127.0.0.1:80", "[::1]:80"]);
        assert_eq!(reached("0.0.0.0:80"), ["127.0.0.1:80"]);
        assert_eq!(reached("192.0.2.1:80"), ["192.0.2.1:80"]);
    }
}
