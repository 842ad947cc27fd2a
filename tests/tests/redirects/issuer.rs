//! An issuer of one thing: tokens for a code, by sockets, one request for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use doorkey_core::oauth::OAuth;
use doorkey_core::service::Service;
use doorkey_core::url::Url;

use crate::LIMIT;

pub struct Issuer {
    address: SocketAddr,
    asked: Receiver<Asked>,
}

/// A request for tokens, which waits for its answer.
pub struct Asked {
    /// The form.
    pub form: String,
    stream: TcpStream,
}

impl Issuer {
    pub fn open() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (sender, asked)) = (socket.local_addr().unwrap(), channel());
        thread::spawn(move || {
            for stream in socket.incoming() {
                let sender: Sender<Asked> = sender.clone();
                thread::spawn(move || read(stream.unwrap()).map(|asked| sender.send(asked)));
            }
        });
        Self { address, asked }
    }

    pub fn identifier(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn service(&self) -> Service {
        let identifier = self.identifier();
        let url = Url::parse(&identifier).unwrap();
        let oauth = OAuth {
            issuer: Some(identifier.clone()),
            authorization_endpoint: Some(url.join("/authorize")),
            names_issuer: true,
            client_id: Some("client-1".into()),
            ..OAuth::new(url.join("/token"))
        };
        Service::issuer(&identifier, &identifier, "build-box".into()).unwrap().with_oauth(oauth)
    }

    /// The next request.
    pub fn asked(&self) -> Asked {
        self.asked.recv_timeout(LIMIT).expect("the code is sent")
    }

    pub fn was_asked(&self) -> bool {
        self.asked.try_recv().is_ok()
    }
}

impl Asked {
    pub fn answer(mut self, status: u16, body: &str) {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n");
        write!(self.stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    }

    pub fn answer_tokens(self) {
        self.answer(200, r#"{"access_token":"access-1","refresh_token":"refresh-1","token_type":"Bearer"}"#);
    }

    /// The answer gets lost.
    pub fn hang_up(self) {}

    pub fn field(&self, name: &str) -> String {
        let url = Url::parse(&format!("https://form.example/?{}", self.form)).unwrap();
        url.query_value(name).unwrap().to_owned()
    }
}

fn read(stream: TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok()?;
    assert_eq!(line, "POST /token HTTP/1.1\r\n");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).ok()?;
    Some(Asked { form: String::from_utf8(form).unwrap(), stream: reader.into_inner() })
}
