//! Requests and answers as plain data: comparable, hashable, and silent about secrets.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::secret::{Body, Secret, wiped};
use crate::url::{Text, Url};

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method as it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of that name, in any case; `None` if it is not in use here.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(name))
    }
}

/// A request that a driver should send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Where to; its query may hold secrets.
    pub url: Url,
    /// Header names in lower case, with values.
    pub headers: Vec<(String, Text)>,
    /// The body; empty for none.
    pub body: Body,
}

impl HttpRequest {
    /// A request without headers or body.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: Body::default() }
    }

    /// The same with one more header. `name` is in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Text>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same with a bearer token (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        let value = Secret::new(alloc::format!("Bearer {}", token.expose_secret()));
        self.header("authorization", value)
    }

    /// The same with a body of that content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// The value of a header, by its lower-case name.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.expose())
    }
}

/// A complete answer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with values; what was not visible ASCII is left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

impl HttpResponse {
    /// An answer without headers.
    pub fn new(status: u16, body: impl Into<Body>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with one more header. `name` is in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The value of a header, by its lower-case name.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Only names of headers are shown: their values may hold cookies.
impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &self.body)
            .finish()
    }
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestFailure {
    /// What is known of it.
    pub kind: FailureKind,
    /// The cause in words, without secrets, for a person.
    pub detail: String,
}

/// What is known of a request that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Not a byte of the request was sent: no route, refused, name not found, TLS failed.
    NotSent,
    /// It was sent, wholly or in part, and no complete answer came: the server may have acted on it.
    AnswerLost,
    /// An answer came with a body longer than allowed.
    BodyTooLarge,
    /// The settings do not allow sending it at all, now or later: an unusable proxy, say.
    Misconfigured,
}

impl HttpRequest {
    /// The request as the `http` crate's type. What it copies of secrets is wiped with it.
    ///
    /// # Errors
    /// If a header's value cannot stand in a request.
    pub fn to_http(&self) -> Result<http::Request<&[u8]>, http::Error> {
        let uri = http::Uri::from_maybe_shared(wiped(self.url.expose().expose_secret()))?;
        let mut builder = http::Request::builder().method(self.method.as_str()).uri(uri);
        for (name, value) in &self.headers {
            let mut header = http::HeaderValue::from_maybe_shared(wiped(value.expose()))?;
            if header.to_str().is_err() {
                // The bytes of other scripts would be sent as they are: this is the error that says so.
                http::HeaderValue::from_str(value.expose())?;
            }
            header.set_sensitive(matches!(value, Text::Secret(_)));
            builder = builder.header(name, header);
        }
        builder.body(self.body.as_bytes())
    }
}

impl From<http::Response<Vec<u8>>> for HttpResponse {
    fn from(response: http::Response<Vec<u8>>) -> Self {
        let (parts, body) = response.into_parts();
        let headers = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        Self { status: parts.status.as_u16(), headers, body: body.into() }
    }
}
