//! Requests over `ureq`.

use std::io::{self, Read};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, Method, RequestFailure};
use doorkey_host::limits::{BODY_CAP, IDLE_AGE};
use doorkey_host::{Proxy, ProxySettings};
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use ureq::ProxyProtocol;
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

use crate::connecting::{Connecting, Resolving, Unconnected};

/// What is read at once of a body, in bytes: most are shorter.
const PIECE: usize = 4 * 1024;
/// As good as no limit.
const ENDLESS: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Sends requests; tests hand in others than [`HttpTransport`].
pub trait Transport: Send {
    /// Sends a request, follows no redirect, and waits for the whole answer, at most `limit`.
    ///
    /// # Errors
    /// Without a complete answer; [`RequestFailure::kind`] tells what is known.
    fn send(&mut self, request: &HttpRequest, limit: Duration) -> Result<HttpResponse, RequestFailure>;
}

/// The real thing: TLS with the operating system's roots, connections kept for the next request.
///
/// Of `log`'s levels, `trace` must stay off for `ureq` and `ureq_proto`: it dumps every request and answer, tokens
/// included.
#[derive(Debug)]
pub struct HttpTransport {
    proxies: ProxySettings,
    user_agent: String,
    /// One agent for each way out; made when first needed.
    direct: Option<ureq::Agent>,
    proxied: Option<ureq::Agent>,
}

impl HttpTransport {
    /// A transport that goes through `proxies` where they say so, and calls itself `user_agent`.
    ///
    /// ```
    /// use doorkey_blocking::{HttpTransport, ProxySettings};
    ///
    /// let proxies = ProxySettings::from_variables(|name| std::env::var(name).ok());
    /// let transport = HttpTransport::new(proxies, "my-tool/1.0");
    /// ```
    pub fn new(proxies: ProxySettings, user_agent: impl Into<String>) -> Self {
        Self { proxies, user_agent: user_agent.into(), direct: None, proxied: None }
    }

    fn agent(&mut self, request: &HttpRequest) -> Result<&ureq::Agent, RequestFailure> {
        let proxy = self.proxies.for_origin(request.url.origin());
        let proxy =
            proxy.map_err(|e| RequestFailure { kind: FailureKind::Misconfigured, detail: e.to_string() })?;
        let proxy = proxy
            .map(|proxy| ureq_proxy(&proxy))
            .transpose()
            .map_err(|e| RequestFailure { kind: FailureKind::Misconfigured, detail: in_words(&e) })?;
        let slot = if proxy.is_some() { &mut self.proxied } else { &mut self.direct };
        let user_agent = &self.user_agent;
        Ok(slot.get_or_insert_with(|| {
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_idle_age(IDLE_AGE)
                .user_agent(user_agent)
                .proxy(proxy)
                .tls_config(tls())
                .build();
            ureq::Agent::with_parts(config, Connecting::default(), Resolving::default())
        }))
    }
}

fn ureq_proxy(proxy: &Proxy) -> Result<ureq::Proxy, ureq::Error> {
    let protocol = if proxy.is_https { ProxyProtocol::Https } else { ProxyProtocol::Http };
    let mut builder = ureq::Proxy::builder(protocol).host(&proxy.host).port(proxy.port);
    if let Some((user, password)) = &proxy.credentials {
        builder = builder.username(user).password(password.expose_secret());
    }
    builder.build()
}

fn tls() -> TlsConfig {
    let provider = CryptoProvider { key_provider: &NoClientKeys, ..rustls::crypto::ring::default_provider() };
    TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(provider))
        .build()
}

/// No client of ours has a certificate: what would read its key and sign with it is not even linked in.
#[derive(Debug)]
struct NoClientKeys;

impl KeyProvider for NoClientKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("there are no client certificates here".to_owned()))
    }
}

/// Why there is not even the head of an answer.
pub(crate) enum Unanswered {
    /// It was not tried.
    Unsent(RequestFailure),
    /// It was tried.
    Http(ureq::Error),
}

impl HttpTransport {
    /// Sends a request, and waits for the head of its answer; `limit` is also for the rest.
    pub(crate) fn answer(
        &mut self,
        request: &HttpRequest,
        limit: Duration,
    ) -> Result<http::Response<ureq::Body>, Unanswered> {
        let agent = self.agent(request).map_err(Unanswered::Unsent)?;
        // ureq has no clock that could show such an end.
        let limit = Some(limit).filter(|limit| *limit < ENDLESS);
        let unsendable = |e: http::Error| Unanswered::Unsent(failure(FailureKind::NotSent, e));
        let prepared = request.to_http().map_err(unsendable)?;
        let has_no_body = request.body.is_empty() && matches!(request.method, Method::Get | Method::Delete);
        let answer = if has_no_body {
            // An empty body would be announced with a `content-length`, as it is for the other methods (RFC 9110 §8.6).
            let prepared = prepared.map(|_| ());
            agent.run(agent.configure_request(prepared).timeout_global(limit).build())
        } else {
            agent.run(agent.configure_request(prepared).timeout_global(limit).build())
        };
        answer.map_err(Unanswered::Http)
    }
}

impl Transport for HttpTransport {
    fn send(&mut self, request: &HttpRequest, limit: Duration) -> Result<HttpResponse, RequestFailure> {
        let answer = self.answer(request, limit).map_err(|why| match why {
            Unanswered::Unsent(failure) => failure,
            Unanswered::Http(error) => failed(&error),
        });
        let mut answer = answer.map_err(|why| self.proxies.attribute(request.url.origin(), why))?;
        // ureq refuses a body of exactly the limit, too.
        let body = read_whole(answer.body_mut().with_config().limit(BODY_CAP as u64 + 1).reader());
        match body.map_err(ureq::Error::from) {
            Ok(mut body) => Ok(answer.map(|_| take(&mut *body)).into()),
            Err(ureq::Error::BodyExceedsLimit(_)) => Err(RequestFailure {
                kind: FailureKind::BodyTooLarge,
                detail: format!("an answer longer than {BODY_CAP} bytes"),
            }),
            Err(e) => Err(failure(FailureKind::AnswerLost, in_words(&e))),
        }
    }
}

/// What comes to its end. Growing leaves no copy behind.
fn read_whole(mut from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut whole = Zeroizing::new(Vec::new());
    loop {
        let length = whole.len();
        if whole.capacity() - length < PIECE {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * length + PIECE));
            larger.extend_from_slice(&whole);
            whole = larger;
        }
        whole.resize(length + PIECE, 0);
        match from.read(&mut whole[length..]) {
            Ok(0) => {
                whole.truncate(length);
                return Ok(whole);
            }
            Ok(read) => whole.truncate(length + read),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => whole.truncate(length),
            Err(e) => return Err(e),
        }
    }
}

fn failure(kind: FailureKind, error: impl ToString) -> RequestFailure {
    RequestFailure { kind, detail: error.to_string() }
}

/// What is not surely unsent may have been acted on.
pub(crate) fn failed(error: &ureq::Error) -> RequestFailure {
    let (kind, error) = match Unconnected::within(error) {
        Some((_, error @ ureq::Error::InvalidProxyUrl)) => (FailureKind::Misconfigured, error),
        Some((_, error)) => (FailureKind::NotSent, error),
        None => (FailureKind::AnswerLost, error),
    };
    failure(kind, in_words(error))
}

/// An error in words for people, without the names of its layers.
fn in_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(e) => e.to_string(),
        ureq::Error::Protocol(_) => "what came is not HTTP".to_owned(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        e => e.to_string(),
    }
}
