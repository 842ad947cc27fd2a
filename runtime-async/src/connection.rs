//! A way to a server: TCP, through a proxy if there is one, TLS.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_io::{Async, Timer};
use blocking::unblock;
use data_encoding::BASE64;
use doorkey_core::http::{FailureKind, RequestFailure};
use doorkey_core::url::Origin;
use doorkey_host::Proxy;
use futures_lite::future::poll_once;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt};
use http::StatusCode;
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use crate::http1::awaiting;
use crate::transport::Settings;

/// While there are more addresses to try, one that does not answer is given up after this.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest head of a proxy's answer, in bytes.
const MOST_HEAD: usize = 16 * 1024;

/// An open connection.
pub(crate) enum Connection {
    Plain(Async<TcpStream>),
    Layered(Box<dyn Stream>),
}

/// What bytes go through in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection {
    /// Opens one for requests to `origin`; nothing of a request has been sent when this fails.
    pub(crate) async fn open(settings: &Settings, origin: &Origin) -> Result<Self, RequestFailure> {
        let proxy = settings.proxies.for_origin(origin);
        let proxy =
            proxy.map_err(|e| RequestFailure { kind: FailureKind::Misconfigured, detail: e.to_string() })?;
        let way = match &proxy {
            None => Self::Plain(dial(origin.host(), origin.port()).await?),
            Some(proxy) => through(settings, proxy, origin).await?,
        };
        if origin.is_https() { way.secured(settings, origin.host()).await } else { Ok(way) }
    }

    async fn secured(self, settings: &Settings, host: &str) -> Result<Self, RequestFailure> {
        let name = ServerName::try_from(bare(host).to_owned()).map_err(not_sent)?;
        let stream = settings.tls().await?.connect(name, self).await.map_err(not_sent)?;
        Ok(Self::Layered(Box::new(stream)))
    }

    /// Whether the server has neither closed an idle connection nor said something that nobody asked.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        poll_once(self.read(&mut [0])).await.is_none()
    }
}

async fn dial(host: &str, port: u16) -> Result<Async<TcpStream>, RequestFailure> {
    let addresses = addresses(bare(host), port).await.map_err(not_sent)?;
    first_of(&addresses).await
}

/// A connection to the first address that answers.
async fn first_of(addresses: &[SocketAddr]) -> Result<Async<TcpStream>, RequestFailure> {
    let mut failed = not_sent("the name has no address");
    for (at, address) in addresses.iter().enumerate() {
        let patience = async {
            if at + 1 == addresses.len() {
                return std::future::pending().await;
            }
            Timer::after(PATIENCE).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        match Async::<TcpStream>::connect(*address).or(patience).await {
            Ok(stream) => {
                // Only a delay would come of it.
                let _ = stream.get_ref().set_nodelay(true);
                return Ok(stream);
            }
            Err(e) => failed = not_sent(e),
        }
    }
    Err(failed)
}

/// Those of a name are the system's to find, on a thread of its own.
async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let name = host.to_owned();
    Ok(unblock(move || (name, port).to_socket_addrs()).await?.collect())
}

/// `CONNECT` (RFC 9110 §9.3.6).
async fn through(settings: &Settings, proxy: &Proxy, origin: &Origin) -> Result<Connection, RequestFailure> {
    let mut way = Connection::Plain(dial(&proxy.host, proxy.port).await?);
    if proxy.is_https {
        way = way.secured(settings, &proxy.host).await?;
    }
    let head = asking(proxy, origin);
    way.write_all(head.as_bytes()).await.map_err(not_sent)?;
    way.flush().await.map_err(not_sent)?;
    drop(head);
    let status = answered(&mut way).await?;
    if status.is_success() {
        Ok(way)
    } else {
        Err(not_sent(format!("the proxy answers {}", status.as_u16())))
    }
}

fn asking(proxy: &Proxy, origin: &Origin) -> Zeroizing<String> {
    let (host, port) = (origin.host(), origin.port());
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    // Put together at once: growing would leave copies behind.
    let shown = proxy.credentials.as_ref().map(|(user, password)| {
        let pair = Zeroizing::new([user, ":", password.expose_secret()].concat());
        Zeroizing::new(BASE64.encode(pair.as_bytes()))
    });
    let (name, shown) = match &shown {
        Some(shown) => ("\r\nproxy-authorization: Basic ", &***shown),
        None => ("", ""),
    };
    let head = ["CONNECT ", &target, " HTTP/1.1\r\nhost: ", &target, name, shown, "\r\n\r\n"];
    Zeroizing::new(head.concat())
}

/// What the proxy says.
async fn answered(way: &mut Connection) -> Result<StatusCode, RequestFailure> {
    let no_proxy = || not_sent("the proxy does not answer as one");
    let mut call = awaiting().ok_or_else(no_proxy)?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing of what comes after is taken.
    for _ in 0..MOST_HEAD {
        let mut byte = [0];
        way.read_exact(&mut byte).await.map_err(not_sent)?;
        answer.extend(byte);
        if !answer.ends_with(b"\r\n\r\n") {
            continue;
        }
        match call.try_response(&answer, false) {
            Ok((_, Some(response))) => return Ok(response.status()),
            // Not the last word yet.
            Ok((used, None)) if used > 0 => answer.clear(),
            _ => break,
        }
    }
    Err(no_proxy())
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

pub(crate) fn not_sent(why: impl ToString) -> RequestFailure {
    RequestFailure { kind: FailureKind::NotSent, detail: why.to_string() }
}

impl Connection {
    fn stream(&mut self) -> Pin<&mut dyn Stream> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Layered(stream) => Pin::new(&mut **stream),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_close(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use futures_lite::future::block_on;

    use super::*;

    /// Where nobody listens, nor can anybody: another connection leaves from there.
    fn refusing(alive: &TcpListener) -> TcpStream {
        TcpStream::connect(alive.local_addr().unwrap()).unwrap()
    }

    #[test]
    fn a_dead_address_is_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let alive = listener.local_addr().unwrap();
        let held = [refusing(&listener), refusing(&listener)];
        let [one, two] = held.each_ref().map(|stream| stream.local_addr().unwrap());
        let stream = block_on(first_of(&[one, two, alive])).unwrap();
        assert_eq!(stream.get_ref().peer_addr().unwrap(), alive);
    }

    #[test]
    fn no_address_that_answers_is_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = [refusing(&listener), refusing(&listener)];
        let dead = held.each_ref().map(|stream| stream.local_addr().unwrap());
        for addresses in [&[][..], &dead] {
            assert_eq!(block_on(first_of(addresses)).unwrap_err().kind, FailureKind::NotSent);
        }
    }
}
