//! The service in virtual time, and what else several tests need.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::time::WallTime;
use doorkey_core::url::{Text, Url};
use doorkey_sandbox::pensar::{self, Settings};
use doorkey_sandbox::{Answer, Config, Fault, Person, Service};
use serde_json::Value;

pub(crate) const SEED: [u8; 32] = [7; 32];
pub(crate) const SOLO: &str = "solo@pentify.sandbox";
pub(crate) const MULTI: &str = "multi@pentify.sandbox";

pub(crate) fn config() -> Config {
    let pensar = pensar::Config {
        api: url("http://127.0.0.1:8003"),
        gateway: url("http://127.0.0.1:8004"),
        console: url("http://127.0.0.1:8005"),
        workos: url("http://127.0.0.1:8006"),
        settings: Settings::default(),
    };
    Config::new(url("http://127.0.0.1:8001"), url("http://127.0.0.1:8002")).with_pensar(pensar)
}

pub(crate) fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// A device id of 32 equal bytes.
pub(crate) fn device_id(byte: u8) -> String {
    BASE64URL_NOPAD.encode(&[byte; 32])
}

/// A service and its time.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) service: Service,
    pub(crate) now: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        let service = Service::new(config.clone(), SEED);
        Self { config, service, now: 1_767_225_600_000 }
    }

    pub(crate) fn wait(&mut self, millis: u64) {
        self.now += millis;
    }

    pub(crate) fn send(&mut self, request: &HttpRequest) -> HttpResponse {
        self.service.handle(WallTime::from_unix_millis(self.now), request)
    }

    pub(crate) fn link(&self, id: &str, device_name: &str) -> Url {
        self.config.app.join("/auth/terminal-pair").with("device_id", id).with("device_name", device_name)
    }

    pub(crate) fn approve(&mut self, person: &mut Person, id: &str, device_name: &str) {
        let link = self.link(id, device_name);
        let page = person.approve(&link, |request| Ok::<_, Infallible>(self.send(request))).unwrap();
        assert_eq!(page.heading, "Device authorized");
    }

    pub(crate) fn poll(&mut self, id: &str) -> HttpResponse {
        let request = self.poll_request(id);
        self.send(&request)
    }

    pub(crate) fn send_with(&mut self, request: &HttpRequest, fault: Option<Fault>) -> Answer {
        self.service.handle_with(WallTime::from_unix_millis(self.now), request, fault)
    }

    pub(crate) fn poll_request(&self, id: &str) -> HttpRequest {
        HttpRequest::new(Method::Get, self.config.api.join("/auth/terminal/poll").with("device_id", id))
    }

    /// Pairs and gives the key.
    pub(crate) fn pair(&mut self, person: &mut Person, id: &str, device_name: &str) -> String {
        self.approve(person, id, device_name);
        token_in(&self.poll(id))
    }

    pub(crate) fn api(&mut self, method: Method, path: &str, token: &str) -> HttpResponse {
        let request = HttpRequest::new(method, self.config.api.join(path)).bearer(&Secret::from(token));
        self.send(&request)
    }

    /// A page, asked for with a cookie.
    pub(crate) fn get(&mut self, target: &str, cookie: &str) -> HttpResponse {
        let url = url(&format!("{}{target}", self.config.app.origin()));
        self.send(&HttpRequest::new(Method::Get, url).header("cookie", Text::from(cookie)))
    }

    /// A form, posted as a browser would.
    pub(crate) fn post(&mut self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> HttpResponse {
        let origin = self.config.app.origin().to_string();
        let request = form_request(self.config.app.join(path), fields)
            .header("origin", origin)
            .header("cookie", Text::from(cookie));
        self.send(&request)
    }

    /// Signs in by hand and gives the cookie.
    pub(crate) fn sign_in(&mut self, email: &str) -> String {
        let page = self.get("/sign-in", "");
        let cookie = cookie_of(&page).unwrap();
        let page = self.post("/sign-in", &cookie, &[("form_token", &form_token(&page)), ("email", email)]);
        assert_eq!(page.status, 303);
        cookie_of(&page).unwrap()
    }
}

pub(crate) fn form_request(url: Url, fields: &[(&str, &str)]) -> HttpRequest {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    HttpRequest::new(Method::Post, url).body("application/x-www-form-urlencoded", body)
}

pub(crate) fn text_of(response: &HttpResponse) -> String {
    String::from_utf8(response.body.as_bytes().to_vec()).unwrap()
}

pub(crate) fn json_of(response: &HttpResponse) -> Value {
    serde_json::from_slice(response.body.as_bytes()).unwrap()
}

/// Status and error code.
pub(crate) fn refusal(response: &HttpResponse) -> (u16, String) {
    let body = json_of(response);
    assert!(body["error"]["request_id"].as_str().unwrap().starts_with("req_"), "{body}");
    assert!(!body["error"]["message"].as_str().unwrap().is_empty(), "{body}");
    (response.status, body["error"]["code"].as_str().unwrap().to_owned())
}

pub(crate) fn token_in(response: &HttpResponse) -> String {
    assert_eq!(response.status, 200, "{}", text_of(response));
    json_of(response)["token"].as_str().unwrap().to_owned()
}

pub(crate) fn cookie_of(response: &HttpResponse) -> Option<String> {
    let header = response.header_value("set-cookie")?;
    Some(header.split(';').next()?.to_owned())
}

pub(crate) fn form_token(page: &HttpResponse) -> String {
    let text = text_of(page);
    let (_, rest) = text.split_once("name=\"form_token\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Sends bytes and reads until the server closes.
pub(crate) fn raw(base: &Url, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(base);
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Sends a request and reads one answer, or until the server closes.
pub(crate) fn raw_until_answered(base: &Url, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(base);
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while parse(&answer).is_none() {
        match stream.read(&mut byte)? {
            0 => break,
            _ => answer.push(byte[0]),
        }
    }
    Ok(answer)
}

/// Reads one answer.
pub(crate) fn read_one(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut byte = [0];
    while parse(&answer).is_none() {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    answer
}

pub(crate) fn connect(base: &Url) -> TcpStream {
    let stream = TcpStream::connect((base.origin().host(), base.origin().port())).unwrap();
    // Far longer than anything takes, on however slow a machine.
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    stream
}

/// One request over a connection of its own.
pub(crate) fn over_http(request: &HttpRequest) -> std::io::Result<HttpResponse> {
    let target = request.url.expose_target();
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {}:{}\r\nconnection: close\r\ncontent-length: {}\r\n",
        request.method.as_str(),
        target.expose_secret(),
        request.url.origin().host(),
        request.url.origin().port(),
        request.body.len()
    );
    for (name, value) in &request.headers {
        head += &format!("{name}: {}\r\n", value.expose());
    }
    head += "\r\n";
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(request.body.as_bytes());
    let answer = raw(&request.url, &bytes)?;
    parse(&answer).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

/// A whole answer, or `None`.
pub(crate) fn parse(answer: &[u8]) -> Option<HttpResponse> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let body = &answer[end + 4..];
    let mut response = HttpResponse::new(status, body.to_vec());
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        response = response.header(&name.to_ascii_lowercase(), value);
    }
    let length: usize = response.header_value("content-length")?.parse().ok()?;
    (length == body.len()).then_some(response)
}
