//! A server that says exactly the bytes it was told to say, and remembers what it was asked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a connection gets.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These bytes, head and all; then the connection is closed.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the client waits.
    Silence,
}

impl Answer {
    /// An answer with this status, content type and body.
    pub fn new(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        Self::with_headers(status, &format!("content-type: {content_type}\r\n"), body)
    }

    /// An answer with these header lines, each with its line break.
    pub fn with_headers(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = body.len();
        let mut bytes = format!(
            "HTTP/1.1 {status} Because\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }

    /// JSON, called so.
    pub fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// The API's one form of an error.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let error = serde_json::json!({"code": code, "message": message, "request_id": "req_7"});
        Self::json(status, serde_json::json!({ "error": error }).to_string())
    }
}

/// Listens on a free port of 127.0.0.1 until dropped. The answers are given in order, the last one for ever; without
/// any, connections are counted and closed.
pub struct Hostile {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    stopped: Arc<AtomicBool>,
}

#[derive(Default)]
struct Heard {
    connections: usize,
    requests: Vec<String>,
}

impl Hostile {
    pub fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, stopped) = (Arc::<Mutex<Heard>>::default(), Arc::<AtomicBool>::default());
        let (ears, end) = (Arc::clone(&heard), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let number = {
                    let mut heard = ears.lock().unwrap();
                    heard.connections += 1;
                    heard.connections
                };
                let answer = answers.get(number - 1).or(answers.last()).cloned();
                let (Ok(stream), Some(answer)) = (stream, answer) else { continue };
                let ears = Arc::clone(&ears);
                thread::spawn(move || serve(stream, &answer, &ears));
            }
        });
        Self { address, heard, stopped }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.heard.lock().unwrap().connections
    }

    /// The heads of all requests, and what came of their bodies with them.
    pub fn requests(&self) -> Vec<String> {
        self.heard.lock().unwrap().requests.clone()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, heard: &Mutex<Heard>) {
    // A client that never ends its head must not keep a thread for ever.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => break,
        }
    }
    heard.lock().unwrap().requests.push(String::from_utf8_lossy(&request).into_owned());
    match answer {
        Answer::Bytes(bytes) => {
            // The client may have had enough before the end.
            let _ = stream.write_all(bytes).and_then(|()| stream.flush());
        }
        // Ends when the client goes, or at the read's time limit.
        Answer::Silence => while stream.read(&mut buffer).is_ok_and(|read| read > 0) {},
    }
}
