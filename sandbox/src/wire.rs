//! Between bytes on a connection and the service's plain requests and answers.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::url::{Origin, Text, Url};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST};

/// Why a request does not reach the service; the status that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unacceptable(pub(crate) u16);

/// The request that came in at `origin`, with `body` still to come.
pub(crate) fn request_from(origin: &Origin, head: &http::Request<()>) -> Result<HttpRequest, Unacceptable> {
    let method = Method::parse(head.method().as_str()).ok_or(Unacceptable(405))?;
    // The form that asks a proxy names another place; this is none.
    let target = head.uri().path_and_query().filter(|_| head.uri().authority().is_none());
    let target = target.map(http::uri::PathAndQuery::as_str).filter(|target| target.starts_with('/'));
    let url =
        target.and_then(|target| Url::parse(&format!("{origin}{target}")).ok()).ok_or(Unacceptable(400))?;
    let mut hosts = head.headers().get_all(HOST).iter();
    if !matches!((hosts.next().map(|host| host.to_str()), hosts.next()), (Some(Ok(_)), None)) {
        return Err(Unacceptable(400));
    }
    let mut request = HttpRequest::new(method, url);
    for (name, value) in head.headers() {
        let Ok(text) = value.to_str() else { continue };
        let text = match *name {
            AUTHORIZATION | COOKIE => Text::Secret(Secret::from(text)),
            _ => Text::from(text),
        };
        request = request.header(name.as_str(), text);
    }
    Ok(request)
}

/// The head of an answer.
pub(crate) fn head_of(response: &HttpResponse) -> Result<http::Response<()>, http::Error> {
    let mut builder =
        http::Response::builder().status(response.status).header(CONTENT_LENGTH, response.body.len());
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    builder.body(())
}
