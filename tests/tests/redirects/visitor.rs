//! Whoever comes to the listener.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::LIMIT;

pub struct Visitor(TcpStream);

impl Visitor {
    pub fn come(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Self(stream)
    }

    /// A browser that was sent to this target.
    pub fn get(address: SocketAddr, target: &str) -> Self {
        let mut visitor = Self::come(address);
        visitor.say(browsers_request(address, target));
        visitor
    }

    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Goes on talking to somebody who may have hung up.
    pub fn mumble(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    pub fn says_no_more(&mut self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// Whether nothing is said to it for a moment.
    pub fn waits(&mut self) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
        let read = self.0.read(&mut [0]);
        self.0.set_read_timeout(Some(LIMIT)).unwrap();
        read.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Whether something has been said to it already.
    pub fn is_answered(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false).unwrap();
        peeked.is_ok_and(|bytes| bytes > 0)
    }

    /// The whole answer; empty if it is hung up on.
    pub fn answer(mut self) -> String {
        let mut answer = Vec::new();
        match self.0.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
            Err(e) => panic!("no answer: {e}"),
        }
        String::from_utf8(answer).unwrap()
    }
}

pub fn browsers_request(address: SocketAddr, target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0\r\n\
         Accept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nCookie: theme=dark\r\n\r\n"
    )
}
