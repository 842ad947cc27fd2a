//! Ports of this machine at which nobody answers.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::sockopt::ReusePort;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket,
};

/// A port of 127.0.0.1 that is bound, but not listened on: whoever connects is refused, and nobody else is given it.
pub struct ClosedPort {
    socket: OwnedFd,
}

impl ClosedPort {
    /// Any port.
    ///
    /// # Panics
    /// If none is free.
    pub fn any() -> Self {
        Self::bind(tcp_socket(), 0)
    }

    /// The port of servers that share theirs with others of the same user: they can leave it and come back, and a stranger
    /// does not get it meanwhile.
    ///
    /// # Panics
    /// If a stranger has it.
    pub fn of_servers(port: u16) -> Self {
        let socket = tcp_socket();
        setsockopt(&socket, ReusePort, &true).unwrap();
        Self::bind(socket, port)
    }

    /// Where it is.
    ///
    /// # Panics
    /// Never: it is bound.
    pub fn address(&self) -> SocketAddr {
        let address: SockaddrIn = getsockname(self.socket.as_raw_fd()).unwrap();
        (address.ip(), address.port()).into()
    }

    fn bind(socket: OwnedFd, port: u16) -> Self {
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)).unwrap();
        Self { socket }
    }
}

fn tcp_socket() -> OwnedFd {
    socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap()
}
