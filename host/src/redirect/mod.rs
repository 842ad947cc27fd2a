//! The HTTP/1.1 of a loopback listener, which waits for what a browser brings back (RFC 8252 §7.3): binding, a request's
//! head, a page. Who is answered what is the core's part.

mod head;
mod page;

use std::io;
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

pub use head::{Arrived, Head};
pub use page::written;

/// So many connections are open at once; one more, and the oldest that has not asked for anything makes room. Browsers open
/// some that they never use.
pub const MOST_CONNECTIONS: usize = 16;
/// How long the head of a request may take.
pub const READING: Duration = Duration::from_secs(10);
/// How long a page may take to be written.
pub const WRITING: Duration = Duration::from_secs(5);
/// How long to wait after a connection that could not be accepted for want of something.
pub const PAUSE: Duration = Duration::from_millis(100);

/// A listener at a port that the system picks.
///
/// # Errors
/// If the address is not of this machine alone, or the system does not allow it.
pub fn bind(address: IpAddr) -> io::Result<TcpListener> {
    if !address.is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it can be reached from elsewhere"));
    }
    TcpListener::bind((address, 0))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn only_this_machine_is_listened_to() {
        let unspecified: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        for elsewhere in unspecified.into_iter().chain([IpAddr::from([192, 0, 2, 1])]) {
            assert_eq!(bind(elsewhere).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{elsewhere}");
        }
        let bound = bind(Ipv4Addr::LOCALHOST.into()).unwrap().local_addr().unwrap();
        assert!(bound.ip().is_loopback() && bound.port() != 0);
    }
}
