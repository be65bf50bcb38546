//! Which addresses are in private networks: alerts are not sent there unless people allow it, so that a URL in a setting is no way to
//! reach what only this machine can.
//!
//! Sources: the IANA special-purpose address registries (RFC 6890), and the metadata services of clouds. The one parser of URLs is
//! `url`, for the check as for the request: two that disagree are how such checks are passed by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Azure's platform address, which is public by its number and reachable from inside alone.
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Whether an address is anywhere but in the public internet.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_private_v4(ip),
        IpAddr::V6(ip) => is_private_v6(ip),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip == AZURE_PLATFORM
        || matches!((a, b, c), (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0 | 2) | (198, 18 | 19, _))
        || matches!((a, b, c), (198, 51, 100) | (203, 0, 113) | (192, 88, 99))
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    let [first, second, third, ..] = ip.segments();
    if let Some(embedded) = embedded_v4(ip) {
        return is_private_v4(embedded);
    }
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || ip.is_unique_local()
        || ip.is_unicast_link_local()
        // Site-local, discard-only, documentation, Teredo, ORCHID, local translation.
        || first & 0xffc0 == 0xfec0
        || first == 0x0100
        || (first, second & 0xfe00) == (0x2001, 0)
        || (first, second) == (0x2001, 0x0db8)
        || first == 0x3fff
        || (first, second, third) == (0x0064, 0xff9b, 1)
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = ip.segments();
    let at = |n: usize| {
        let [a, b] = segments[n].to_be_bytes();
        let [c, d] = segments[n + 1].to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x0064, 0xff9b, 0, 0, 0, 0, ..] => Some(at(6)),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(at(6)),
        [0x2002, ..] => Some(at(1)),
        _ => None,
    }
}

/// Whether a name is this machine's by definition (RFC 6761).
pub(super) fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

/// Resolves names for one connection each, and refuses those of which any address is private: what was looked at is what is
/// connected to.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicAlone;

/// Why a name is not connected to.
#[derive(Debug, thiserror::Error)]
#[error(
    "its name leads to {0}, which is in a private network: name a public one, or set LOGMEND_ALERT_ALLOW_PRIVATE=true if that is meant"
)]
struct LeadsInside(IpAddr);

impl Resolve for PublicAlone {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect::<Vec<SocketAddr>>();
            match found.iter().map(SocketAddr::ip).find(|ip| is_private(*ip)) {
                Some(ip) => Err(Box::new(LeadsInside(ip)).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_all_their_forms() {
        for private in [
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.192",
            "198.18.0.1",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.1.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "::ffff:1.1.1.1",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
        for (name, local) in [("localhost", true), ("a.LOCALHOST.", true), ("localhost.example", false)] {
            assert_eq!(is_local_name(name), local, "{name}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let resolved = PublicAlone.resolve("localhost".parse().unwrap()).await;
        let told = resolved.err().expect("it leads inside").to_string();
        assert!(
            told.contains("in a private network") && told.contains("LOGMEND_ALERT_ALLOW_PRIVATE"),
            "{told}"
        );
    }
}
