//! Ports that nobody else gets while no server listens there.

use std::net::{Ipv4Addr, SocketAddrV4};

use doorkey_sandbox::Running;
use socket2::{Domain, Socket, Type};

/// From now on until this is dropped, the system gives the port to nobody who wants any. A sandbox that asks for it by its
/// number gets it: this one does not listen, and shares.
pub(crate) fn hold(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    #[cfg(unix)]
    socket.set_reuse_port(true).unwrap();
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into()).unwrap();
    socket
}

/// The same for a free one.
pub(crate) fn hold_any() -> (u16, Socket) {
    let held = hold(0);
    (held.local_addr().unwrap().as_socket().unwrap().port(), held)
}

/// The same for all of a server with a state that others may share.
pub(crate) fn hold_all(running: &Running) -> [Socket; 6] {
    let Running { api, app, pensar_api, gateway, console, workos, .. } = running;
    [api, app, pensar_api, gateway, console, workos].map(|url| hold(url.origin().port()))
}
