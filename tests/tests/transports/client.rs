//! Both transports, as one thing.

use std::time::Duration;

use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, Method, RequestFailure};
use doorkey_core::secret::Secret;
use doorkey_core::url::Url;
use doorkey_host::ProxySettings;
use futures_lite::future::block_on;

use crate::LIMIT;

/// Which transport a case is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Blocking,
    Async,
}

/// Makes two tests of each case, `blocking::case` and `asynchronous::case`.
#[macro_export]
macro_rules! for_both {
    ($($case:ident),* $(,)?) => {
        mod blocking {
            $(#[test]
            fn $case() {
                super::$case($crate::client::Kind::Blocking);
            })*
        }
        mod asynchronous {
            $(#[test]
            fn $case() {
                super::$case($crate::client::Kind::Async);
            })*
        }
    };
}

/// A transport with connections of its own.
pub enum Client {
    Blocking(doorkey_blocking::HttpTransport),
    Async(doorkey_async::HttpTransport),
}

impl Kind {
    pub fn client(self) -> Client {
        self.client_through(ProxySettings::default())
    }

    pub fn client_through(self, proxies: ProxySettings) -> Client {
        match self {
            Self::Blocking => Client::Blocking(doorkey_blocking::HttpTransport::new(proxies, "test/1")),
            Self::Async => Client::Async(doorkey_async::HttpTransport::new(proxies, "test/1")),
        }
    }

    /// Sends a GET with a secret in its query over a connection of its own.
    pub fn get(self, url: &Url) -> Result<HttpResponse, RequestFailure> {
        self.get_within(url, LIMIT)
    }

    pub fn get_within(self, url: &Url, limit: Duration) -> Result<HttpResponse, RequestFailure> {
        self.client().send(&get(url), limit)
    }

    /// Why a GET gets no answer.
    pub fn failure(self, url: &Url) -> FailureKind {
        self.get(url).expect_err("there is an answer").kind
    }
}

impl Client {
    pub fn send(&mut self, request: &HttpRequest, limit: Duration) -> Result<HttpResponse, RequestFailure> {
        match self {
            Self::Blocking(transport) => doorkey_blocking::Transport::send(transport, request, limit),
            Self::Async(transport) => {
                block_on(doorkey_async::Transport::send(transport, request.clone(), limit))
            }
        }
    }

    pub fn get(&mut self, url: &Url) -> Result<HttpResponse, RequestFailure> {
        self.send(&get(url), LIMIT)
    }
}

/// What a case asks for if it does not matter.
pub fn get(url: &Url) -> HttpRequest {
    HttpRequest::new(Method::Get, url.join("/x").with("device_id", Secret::from("s3cret")))
}
