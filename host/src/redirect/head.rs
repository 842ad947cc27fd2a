//! The head of a request.

use std::fmt;

use doorkey_core::redirect::RedirectRequest;
use doorkey_core::secret::Secret;
use httparse::{EMPTY_HEADER, Request, Status};
use zeroize::Zeroizing;

/// The longest head, in bytes. Codes of some issuers are thousands of characters long.
const MOST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// The head of a request, as far as it has come. Wiped when it is dropped.
pub struct Head {
    bytes: Zeroizing<Vec<u8>>,
    arrived: usize,
}

/// What has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// Not all of it.
    Part,
    /// A request.
    Request(RedirectRequest),
    /// Nothing that could become one.
    NotHttp,
}

impl Head {
    /// Nothing has come.
    pub fn new() -> Self {
        Self { bytes: Zeroizing::new(vec![0; MOST_HEAD]), arrived: 0 }
    }

    /// Where the next bytes go.
    pub fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.arrived..).unwrap_or_default()
    }

    /// So many more bytes have come.
    pub fn take(&mut self, bytes: usize) -> Arrived {
        self.arrived = self.arrived.saturating_add(bytes).min(self.bytes.len());
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = Request::new(&mut headers);
        let arrived = self.bytes.get(..self.arrived).unwrap_or_default();
        match request.parse(arrived) {
            Ok(Status::Complete(_)) => {
                let (Some(method), Some(target)) = (request.method, request.path) else {
                    return Arrived::NotHttp;
                };
                Arrived::Request(RedirectRequest {
                    method: method.to_owned(),
                    host: only_host(&request),
                    target: Secret::from(target),
                })
            }
            Ok(Status::Partial) if self.arrived < self.bytes.len() => Arrived::Part,
            Ok(Status::Partial) | Err(_) => Arrived::NotHttp,
        }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("arrived", &self.arrived).finish_non_exhaustive()
    }
}

/// RFC 9112 §3.2: a request with several is nobody's.
fn only_host(request: &Request<'_, '_>) -> Option<String> {
    let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let (host, None) = (hosts.next()?, hosts.next()) else { return None };
    let host = std::str::from_utf8(host.value).ok()?;
    host.bytes().all(|b| b.is_ascii_graphic()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(bytes: &[u8]) -> Arrived {
        let mut head = Head::new();
        let room = head.room();
        let fits = bytes.len().min(room.len());
        room[..fits].copy_from_slice(&bytes[..fits]);
        head.take(fits)
    }

    fn request(method: &str, host: Option<&str>, target: &str) -> Arrived {
        let host = host.map(ToOwned::to_owned);
        Arrived::Request(RedirectRequest { method: method.into(), host, target: Secret::from(target) })
    }

    #[test]
    fn what_a_browser_sends_is_read_in_any_pieces() {
        let whole = b"GET /callback?code=c&state=s HTTP/1.1\r\nHost: 127.0.0.1:4711\r\nAccept: */*\r\n\r\n";
        let expected = request("GET", Some("127.0.0.1:4711"), "/callback?code=c&state=s");
        assert_eq!(arrived(whole), expected);
        let mut head = Head::new();
        for (at, byte) in whole.iter().enumerate() {
            head.room()[0] = *byte;
            let now = head.take(1);
            assert_eq!(now, if at + 1 == whole.len() { expected.clone() } else { Arrived::Part }, "{at}");
        }
    }

    #[test]
    fn there_is_one_host_or_none() {
        for (hosts, expected) in [
            ("", None),
            ("host:127.0.0.1:1\r\n", Some("127.0.0.1:1")),
            ("HOST: [::1]:1\r\n", Some("[::1]:1")),
            ("Host: a\r\nHost: a\r\n", None),
            ("Host: a\r\nhost: b\r\n", None),
            ("Host: a b\r\n", None),
            ("Host: b\u{fc}cher.example\r\n", None),
        ] {
            let bytes = format!("GET / HTTP/1.1\r\n{hosts}\r\n");
            assert_eq!(arrived(bytes.as_bytes()), request("GET", expected, "/"), "{hosts:?}");
        }
    }

    #[test]
    fn what_can_be_no_request_is_known_at_once() {
        let tls: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00];
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MOST_HEAD));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        for garbage in [
            tls,
            b"\0",
            b"GET\r\n\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET / HTTP/1.1\r\na b: c\r\n\r\n",
            b"GET / HTTP/1.1\r\nno header\r\n\r\n",
            b"\xff\xfe",
            long.as_bytes(),
            many.as_bytes(),
        ] {
            assert_eq!(arrived(garbage), Arrived::NotHttp, "{:?}", String::from_utf8_lossy(garbage));
        }
        assert_eq!(arrived(b"GET / HTTP/1.1\r\nHost: a\r\n"), Arrived::Part);
        assert_eq!(arrived(b""), Arrived::Part);
    }
}
