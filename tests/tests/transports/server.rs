//! Servers on loopback that do as each case wants.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use doorkey_core::url::Url;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::LIMIT;

/// A server whose connections are served by threads of their own.
pub struct Server {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    requests: Receiver<String>,
}

/// A connection as the server sees it.
pub struct Peer {
    stream: BufReader<Box<dyn Stream>>,
    socket: TcpStream,
    requests: Sender<String>,
    /// Connections are counted from 0.
    pub number: usize,
}

pub trait Stream: Read + Write + Send {
    /// Says that nothing more comes.
    fn farewell(&mut self);
}

impl Stream for TcpStream {
    fn farewell(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl<T: Read + Write + Send> Stream for StreamOwned<ServerConnection, T> {
    fn farewell(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
    }
}

/// A server that hands each connection to `handler`.
pub fn serve(handler: impl Fn(Peer) + Send + Sync + 'static) -> Server {
    serve_at(TcpListener::bind("127.0.0.1:0").unwrap(), None, handler)
}

/// A server that gives this answer to every request.
pub fn answering(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> Server {
    serve(move |mut peer| {
        while peer.request().is_some() {
            peer.say(answer.as_ref());
        }
    })
}

/// A server that gives this answer to the first request of a connection and closes it.
pub fn answering_once(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> Server {
    serve(move |mut peer| {
        peer.request();
        peer.say(answer.as_ref());
    })
}

/// The same over TLS, if there is a configuration of it.
pub fn serve_at(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    handler: impl Fn(Peer) + Send + Sync + 'static,
) -> Server {
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    let accepted = Arc::new(AtomicUsize::new(0));
    let (counter, handler) = (Arc::clone(&accepted), Arc::new(handler));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.unwrap();
            let number = counter.fetch_add(1, Ordering::SeqCst);
            // A client that hangs must not keep its case from failing.
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            let stream: Box<dyn Stream> = match &tls {
                None => Box::new(socket.try_clone().unwrap()),
                Some(config) => {
                    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                    Box::new(StreamOwned::new(connection, socket.try_clone().unwrap()))
                }
            };
            let peer = Peer { stream: BufReader::new(stream), socket, requests: sender.clone(), number };
            let handler = Arc::clone(&handler);
            thread::spawn(move || handler(peer));
        }
    });
    Server { address, accepted, requests }
}

impl Server {
    /// Where it is, in plain HTTP.
    pub fn url(&self) -> Url {
        Url::parse(&format!("http://{}", self.address)).unwrap()
    }

    /// How many connections were opened.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The next request that came, head and body.
    pub fn next_request(&self) -> String {
        self.requests.recv_timeout(LIMIT).expect("no request came")
    }

    /// The requests that came and were not taken yet.
    pub fn requests(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }
}

impl Peer {
    /// Reads one request; `None` at the end of the connection.
    pub fn request(&mut self) -> Option<String> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).ok()?;
            request.extend(byte);
        }
        let head = String::from_utf8(request).unwrap();
        let length = head.to_lowercase().lines().find_map(|line| {
            line.strip_prefix("content-length: ").map(|length| length.parse::<usize>().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).ok()?;
        let request = head + &String::from_utf8(body).unwrap();
        let _ = self.requests.send(request.clone());
        Some(request)
    }

    /// Sends this; a client that has seen enough may be gone.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let stream = self.stream.get_mut();
        stream.write_all(bytes.as_ref()).and_then(|()| stream.flush()).is_ok()
    }

    /// Sends this byte by byte, each in a segment of its own.
    pub fn drip(&mut self, bytes: &[u8]) {
        self.socket.set_nodelay(true).unwrap();
        for byte in bytes {
            self.say([*byte]);
        }
    }

    /// Says that nothing more comes, as it is said in TLS.
    pub fn farewell(&mut self) {
        self.stream.get_mut().farewell();
    }

    /// The socket beneath whatever TLS there is.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The same connection with TLS on top.
    pub fn secured(self, config: Arc<ServerConfig>) -> Self {
        let below = self.stream.into_inner();
        let stream: Box<dyn Stream> =
            Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), below));
        Self { stream: BufReader::new(stream), ..self }
    }

    /// Closes the connection at once, whatever TLS would have said.
    pub fn hang_up(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Waits until the client closes its end.
    pub fn until_closed(&mut self) {
        let _ = self.stream.read_to_end(&mut Vec::new());
    }
}

/// An answer 200 with this body.
pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    answer
}
