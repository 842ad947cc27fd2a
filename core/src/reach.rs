//! How far a server is from this machine, as far as its name tells.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::url::Origin;

/// Names of this machine beside `localhost` (RFC 6761 §6.3): the hosts files of widespread systems have them.
const LOCAL_NAMES: [&str; 3] = ["localhost.localdomain", "ip6-localhost", "ip6-loopback"];

/// Who can reach a server, from the nearest to the farthest. Whoever is asked from afar names nothing nearer: from
/// this machine it would be another server than from anywhere else, behind whatever keeps strangers out (invariants 17
/// and 18). What a name leads to is not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Programs on this machine: a loopback address, the unspecified one, or `localhost` and names below it.
    Machine,
    /// A private or a link-local address (RFC 1918, 3927, 4193, 4291, 6598): whoever is in the same network.
    Network,
    /// Any other address or name.
    Anywhere,
}

impl Origin {
    /// How far it is.
    pub fn reach(&self) -> Reach {
        match self.host().parse() {
            Ok(IpAddr::V4(address)) => of_v4(address),
            Ok(IpAddr::V6(address)) => of_v6(address),
            Err(_) => of_name(self.host().trim_end_matches('.')),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // What is sent to 0.0.0.0 arrives here on most systems.
        [0 | 127, ..] => Reach::Machine,
        [100, 64..=127, ..] => Reach::Network,
        _ if address.is_private() || address.is_link_local() => Reach::Network,
        _ => Reach::Anywhere,
    }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    // `::ffff:127.0.0.1` and `::127.0.0.1`; `::` and `::1` are the latter's 0.0.0.0 and 0.0.0.1.
    match address.to_ipv4() {
        Some(address) => of_v4(address),
        None if address.is_unique_local() || address.is_unicast_link_local() => Reach::Network,
        None => Reach::Anywhere,
    }
}

fn of_name(name: &str) -> Reach {
    let is_here = name == "localhost" || name.ends_with(".localhost") || LOCAL_NAMES.contains(&name);
    if is_here { Reach::Machine } else { Reach::Anywhere }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_host_is_here_in_this_network_or_anywhere() {
        for (hosts, reach) in [
            (
                "127.0.0.1 127.255.0.9 0.0.0.0 0.0.0.1 [::1] [::] [0:0::1] [::ffff:127.0.0.1] [::ffff:7f00:1] \
                 [::127.0.0.1] localhost LOCALHOST localhost. app.localhost a.b.localhost. localhost.localdomain \
                 ip6-localhost",
                Reach::Machine,
            ),
            (
                "10.0.0.1 172.16.0.1 172.31.255.1 192.168.1.1 169.254.169.254 100.64.0.1 100.127.0.1 [fd00::1] \
                 [fc12::1] [fe80::1] [::ffff:10.0.0.1]",
                Reach::Network,
            ),
            (
                "9.9.9.9 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 169.253.0.1 [2001:db8::1] [::ffff:9.9.9.9] \
                 auth.example.com localhost.example.com notlocalhost 127.0.0.1.example.com",
                Reach::Anywhere,
            ),
        ] {
            for host in hosts.split_whitespace() {
                let origin = Origin::parse(&format!("https://{host}")).unwrap();
                assert_eq!(origin.reach(), reach, "{host}");
            }
        }
    }
}
