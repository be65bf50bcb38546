//! Never into itself: whether an address is one of logmend's own listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a name may take to become an address. One that takes longer is not known to be this machine's.
const RESOLVE_MAX: Duration = Duration::from_secs(2);

/// The listener that `host` and `port` lead to, if they lead to one of these.
///
/// A name is resolved only where the port is that of a listener, which on most machines it is not.
#[must_use]
pub fn own_listener(host: &str, port: u16, listeners: &[SocketAddr]) -> Option<SocketAddr> {
    // Port 0 is any free one: nobody can have been told of it.
    let near: Vec<_> =
        listeners.iter().filter(|listener| listener.port() == port && port != 0).copied().collect();
    if near.is_empty() {
        return None;
    }
    let addresses = addresses(host, port);
    near.into_iter().find(|listener| addresses.iter().any(|ip| reaches(*ip, listener.ip().to_canonical())))
}

/// Whether a connection to `ip` ends at a listener on `listener`, the ports being the same.
fn reaches(ip: IpAddr, listener: IpAddr) -> bool {
    // To connect to "any address" is to connect to this machine.
    let ip = match ip {
        IpAddr::V4(any) if any.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(any) if any.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        given => given,
    };
    if listener.is_unspecified() {
        // `[::]` takes both families, `0.0.0.0` one.
        (listener.is_ipv6() || ip.is_ipv4()) && (ip.is_loopback() || is_of_this_machine(ip))
    } else {
        ip == listener
    }
}

/// Whether an address is this machine's: the system would then send from that very address. Nothing is sent.
fn is_of_this_machine(ip: IpAddr) -> bool {
    let any =
        if ip.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == ip)
}

fn addresses(host: &str, port: u16) -> Vec<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return vec![ip.to_canonical()];
    }
    if bare.eq_ignore_ascii_case("localhost") {
        return vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    }
    let (name, (answer, answered)) = (bare.to_owned(), mpsc::sync_channel(1));
    thread::spawn(move || {
        // Nobody waits any more where it took too long.
        let _ = answer.send((name.as_str(), port).to_socket_addrs().map(Vec::from_iter));
    });
    let found = answered.recv_timeout(RESOLVE_MAX).ok().and_then(Result::ok).unwrap_or_default();
    found.into_iter().map(|address| address.ip().to_canonical()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listener: &str, host: &str, port: u16, is_own: bool) {
        let listeners = ["127.0.0.1:1".parse().unwrap(), listener.parse().unwrap()];
        let found = own_listener(host, port, &listeners);
        assert_eq!(found.is_some(), is_own, "{listener} and {host}:{port}");
    }

    #[test]
    fn what_leads_to_a_listener_of_ones_own_is_known() {
        for host in ["127.0.0.1", "localhost", "LOCALHOST", "0.0.0.0", "[::ffff:127.0.0.1]"] {
            check("127.0.0.1:4317", host, 4317, true);
            check("0.0.0.0:4317", host, 4317, true);
            check("[::]:4317", host, 4317, true);
            check("127.0.0.1:4317", host, 4318, false);
            check("127.0.0.1:0", host, 0, false);
        }
        check("[::1]:4317", "[::1]", 4317, true);
        check("[::1]:4317", "localhost", 4317, true);
        check("[::]:4317", "[::]", 4317, true);
        check("0.0.0.0:4317", "[::1]", 4317, false);
        check("0.0.0.0:4317", "127.0.0.5", 4317, true);
        // An address for documentation (RFC 5737), a name that is nobody's (RFC 6761), another listener's address.
        check("[::]:4317", "192.0.2.1", 4317, false);
        check("[::]:4317", "collector.invalid", 4317, false);
        check("127.0.0.2:4317", "127.0.0.1", 4317, false);
    }
}
