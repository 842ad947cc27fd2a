//! The loopback ports on which requests come in.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use doorkey_core::url::Url;
use socket2::{Domain, Socket, Type};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A port that is listened on.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) base: Url,
}

impl Door {
    /// Listens on exactly this port of 127.0.0.1, or on a free one if it is 0.
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let socket = socket()?;
        socket.bind(&address(port).into())?;
        Self::listen(socket)
    }

    /// The same, such that other servers of the same state can open the same port.
    pub(crate) fn open_shareable(port: u16) -> io::Result<Self> {
        if port != 0 {
            // Refuses a port that anybody listens on, shareable or not: it would not be a server of this state.
            drop(Self::open(port)?);
        }
        Self::open_shared(port)
    }

    /// Joins those who opened this port as shareable. The system gives each connection to one of them; it lets
    /// only processes of the same user join.
    pub(crate) fn open_shared(port: u16) -> io::Result<Self> {
        let socket = socket()?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        socket.bind(&address(port).into())?;
        Self::listen(socket)
    }

    fn listen(socket: Socket) -> io::Result<Self> {
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let base = Url::parse(&format!("http://{}", listener.local_addr()?)).map_err(io::Error::other)?;
        Ok(Self { listener, base })
    }

    pub(crate) fn port(&self) -> u16 {
        self.base.origin().port()
    }
}

fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Otherwise connections of a server that has just ended would keep its port from the next.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn address(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}
