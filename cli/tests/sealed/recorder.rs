//! Stands in front of a server, takes down each request byte for byte, and passes it on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// No request of ours and no answer of the sandbox takes longer, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was taken down, in the order of arrival, with the name of the place that it was meant for.
pub type Log = Arc<Mutex<Vec<(&'static str, String)>>>;

/// What one recorder does.
#[derive(Clone)]
pub struct Recorder {
    /// The place's name in the log.
    pub name: &'static str,
    /// Where the requests go.
    pub target: SocketAddr,
    /// Texts of the answers' bodies and what stands there instead.
    pub instead: Vec<(String, String)>,
    /// A path, and the JSON that is answered there without passing anything on.
    pub canned: Option<(&'static str, &'static str)>,
}

impl Recorder {
    /// Listens on a free port of 127.0.0.1 for as long as the process lives.
    pub fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    pub fn start(self, listener: TcpListener, log: Log) {
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (recorder, log) = (self.clone(), Arc::clone(&log));
                thread::spawn(move || recorder.serve(stream.unwrap(), &log));
            }
        });
    }

    fn serve(&self, mut client: TcpStream, log: &Log) {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let Some(request) = read_message(&mut client) else { return };
        log.lock().unwrap().push((self.name, request.clone()));
        let body = match self.canned {
            Some((path, json)) if request.split_whitespace().nth(1) == Some(path) => {
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{json}")
            }
            _ => self.pass_on(&request),
        };
        let _ = client.write_all(self.rewritten(&body).as_bytes());
    }

    /// The target's answer. It is asked under its own name and for one request only.
    fn pass_on(&self, request: &str) -> String {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let kept = head.lines().filter(|line| !is_header(line, "host") && !is_header(line, "connection"));
        let mut head: Vec<&str> = kept.collect();
        let host = format!("host: {}", self.target);
        head.extend([host.as_str(), "connection: close", "", body]);
        let mut server = TcpStream::connect(self.target).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        server.write_all(head.join("\r\n").as_bytes()).unwrap();
        read_message(&mut server).unwrap()
    }

    fn rewritten(&self, answer: &str) -> String {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let body = self.instead.iter().fold(body.to_owned(), |body, (from, to)| body.replace(from, to));
        let kept =
            head.lines().filter(|line| !is_header(line, "content-length") && !is_header(line, "connection"));
        let head = kept.collect::<Vec<_>>().join("\r\n");
        format!("{head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }
}

fn is_header(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
}

/// A head, and as much body as it announces; `None` if the other side ends before the first byte.
fn read_message(stream: &mut TcpStream) -> Option<String> {
    let (mut message, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&message).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find(|line| is_header(line, "content-length"));
            let length = length.map_or(0, |line| line.split_once(':').unwrap().1.trim().parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).unwrap_or(0) {
            0 => return None,
            read => message.extend_from_slice(&buffer[..read]),
        }
    }
}
