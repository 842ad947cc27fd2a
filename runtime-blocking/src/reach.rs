//! Whether a server can be reached, and what is in the way.

use std::io;
use std::time::Duration;

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::url::Url;

use crate::connecting::{Stage, Unconnected};
use crate::transport::{HttpTransport, Unanswered, failed};

/// What is in the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Obstacle {
    /// Its name is not found.
    Name,
    /// Nobody takes connections at its port, or there is no way to it.
    Refused,
    /// It, or the way to it, is silent.
    Silence,
    /// TLS fails: its certificate is not trusted, it does not speak TLS, or something between changes what it says.
    Tls,
    /// The proxy does not let us through.
    Proxy,
    /// Something else.
    Other,
}

impl HttpTransport {
    /// Asks a server once, by GET, without any credential; any answer will do, and its body is not read.
    ///
    /// # Errors
    /// What is in the way, and the cause in words for a person.
    pub fn reach(&mut self, url: &Url, limit: Duration) -> Result<HttpResponse, (Obstacle, String)> {
        let request = HttpRequest::new(Method::Get, url.clone());
        match self.answer(&request, limit) {
            Ok(answer) => Ok(answer.map(|_| Vec::new()).into()),
            Err(Unanswered::Http(error)) => Err((obstacle(&error), failed(&error).detail)),
            Err(Unanswered::Unsent(failure)) => Err((Obstacle::Other, failure.detail)),
        }
    }
}

fn obstacle(error: &ureq::Error) -> Obstacle {
    let Some((stage, error)) = Unconnected::within(error) else {
        return match error {
            ureq::Error::Timeout(_) => Obstacle::Silence,
            _ => Obstacle::Other,
        };
    };
    match error {
        ureq::Error::Timeout(_) => Obstacle::Silence,
        _ if stage == Stage::Resolving => Obstacle::Name,
        ureq::Error::ConnectionFailed => Obstacle::Refused,
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => Obstacle::Proxy,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Obstacle::Tls,
        ureq::Error::Io(cause) => of_connecting(cause),
        _ => Obstacle::Other,
    }
}

fn of_connecting(cause: &io::Error) -> Obstacle {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
        NetworkUnreachable, TimedOut, UnexpectedEof, WouldBlock,
    };
    if cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return Obstacle::Tls;
    }
    match cause.kind() {
        ConnectionRefused | HostUnreachable | NetworkUnreachable => Obstacle::Refused,
        TimedOut | WouldBlock => Obstacle::Silence,
        // There was a connection to break: the other side ended the handshake.
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => Obstacle::Tls,
        _ => Obstacle::Other,
    }
}
