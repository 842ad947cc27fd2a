//! Requests over HTTP/1.1.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_io::Timer;
use blocking::unblock;
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use doorkey_host::{Clock as _, ProxySettings, SystemClock};
use futures_lite::FutureExt;
use futures_rustls::TlsConnector;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::connection::{Connection, not_sent};
use crate::http1::exchange;
use crate::pool::Pool;

/// A request under way.
pub type Sending = Pin<Box<dyn Future<Output = Result<HttpResponse, RequestFailure>> + Send>>;

/// Sends requests; tests hand in others than [`HttpTransport`].
pub trait Transport: Send + Sync + 'static {
    /// Sends a request, follows no redirect, and waits for the whole answer, at most `limit`. Fails without a complete
    /// answer; [`RequestFailure::kind`] tells what is known. Nothing is sent before the future is polled; dropping it
    /// ends the request.
    ///
    /// Called, and its future polled, on the thread that all sessions share: it must not block, and has none of the
    /// embedder's executors around it.
    fn send(&self, request: HttpRequest, limit: Duration) -> Sending;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: HttpRequest, limit: Duration) -> Sending {
        (**self).send(request, limit)
    }
}

/// The real thing: TLS with the operating system's roots, connections kept for the next request.
///
/// Of `log`'s levels, `trace` must stay off for `ureq_proto`: it dumps every answer, tokens included.
#[derive(Clone)]
pub struct HttpTransport {
    settings: Arc<Settings>,
    /// `None`: no connection is kept.
    pool: Option<Arc<Pool>>,
}

/// What all connections have in common.
pub(crate) struct Settings {
    pub(crate) proxies: ProxySettings,
    pub(crate) user_agent: String,
    /// Made when first needed.
    tls: OnceLock<TlsConnector>,
}

impl HttpTransport {
    /// A transport that goes through `proxies` where they say so, and calls itself `user_agent`. Clones share connections.
    ///
    /// ```
    /// use doorkey_async::{HttpTransport, ProxySettings};
    ///
    /// let proxies = ProxySettings::from_variables(|name| std::env::var(name).ok());
    /// let transport = HttpTransport::new(proxies, "my-tool/1.0");
    /// ```
    pub fn new(proxies: ProxySettings, user_agent: impl Into<String>) -> Self {
        let settings = Settings { proxies, user_agent: user_agent.into(), tls: OnceLock::new() };
        Self { settings: Arc::new(settings), pool: Some(Arc::default()) }
    }

    /// The same settings, with connections of its own.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), pool: Some(Arc::default()) }
    }

    /// The same settings, with a new connection for each request.
    #[must_use]
    pub fn reconnecting(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), pool: None }
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: HttpRequest, limit: Duration) -> Sending {
        let (settings, pool) = (Arc::clone(&self.settings), self.pool.clone());
        Box::pin(async move {
            let deadline = Instant::now().checked_add(limit);
            let begun = SystemClock.now().mono;
            let origin = request.url.origin().clone();
            let idle = match &pool {
                Some(pool) => pool.take(&origin).await,
                None => None,
            };
            let mut connection = match idle {
                Some(connection) => connection,
                None => {
                    let opened =
                        Connection::open(&settings, &origin).or(late(deadline, FailureKind::NotSent));
                    opened.await.map_err(|why| settings.proxies.attribute(&origin, why))?
                }
            };
            // A machine that was suspended has not counted that: what must arrive within a time must not leave after it.
            if SystemClock.now().mono.since(begun) > limit {
                return late(Some(Instant::now()), FailureKind::NotSent).await;
            }
            let sent = exchange(&mut connection, &request, &settings.user_agent);
            let (response, goes_on) = sent.or(late(deadline, FailureKind::AnswerLost)).await?;
            if goes_on && let Some(pool) = &pool {
                pool.put(origin, connection);
            }
            Ok(response)
        })
    }
}

/// Without a deadline that a clock could show it is never late.
async fn late<T>(deadline: Option<Instant>, kind: FailureKind) -> Result<T, RequestFailure> {
    deadline.map_or_else(Timer::never, Timer::at).await;
    Err(RequestFailure { kind, detail: "no answer in time".to_owned() })
}

impl Settings {
    /// # Errors
    /// If the system's roots cannot be had.
    pub(crate) async fn tls(&self) -> Result<&TlsConnector, RequestFailure> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        // The roots are files to be read.
        let config = unblock(client_config).await.map_err(not_sent)?;
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))))
    }
}

fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_platform_verifier()?.with_no_client_auth())
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}
