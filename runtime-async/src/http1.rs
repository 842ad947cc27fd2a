//! One request and its answer on an open connection, with the HTTP/1.1 of ureq.

use std::io;

use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, Method, RequestFailure};
use doorkey_host::limits::BODY_CAP;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use http::{Response, header};
use ureq_proto::client::state::{Cleanup, RecvBody, RecvResponse, SendBody};
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use zeroize::Zeroizing;

use crate::connection::Connection;

/// The longest head of a request or an answer, in bytes.
const MOST_HEAD: usize = 64 * 1024;
/// What is read at once, in bytes: most answers with their heads.
const PIECE: usize = 4 * 1024;

/// Sends a request and reads its answer; with whether the connection can be used again.
pub(crate) async fn exchange(
    connection: &mut Connection,
    request: &HttpRequest,
    user_agent: &str,
) -> Result<(HttpResponse, bool), RequestFailure> {
    let (head, call) = written(request, user_agent)?;
    let sent = async {
        connection.write_all(&head).await?;
        connection.flush().await
    };
    sent.await.map_err(lost)?;
    drop(head);
    let mut arrived = Arrived { connection, bytes: Zeroizing::default(), used: 0 };
    let (response, call) = receive_head(&mut arrived, call).await?;
    let (body, call) = match call {
        RecvResponseResult::RecvBody(call) => receive_body(&mut arrived, call).await?,
        RecvResponseResult::Redirect(call) => (Zeroizing::default(), call.proceed()),
        RecvResponseResult::Cleanup(call) => (Zeroizing::default(), call),
    };
    let goes_on = !call.must_close_connection() && arrived.rest().is_empty();
    Ok((response.map(|()| body.to_vec()).into(), goes_on))
}

/// The request as it goes over the wire.
fn written(
    request: &HttpRequest,
    user_agent: &str,
) -> Result<(Zeroizing<Vec<u8>>, Call<RecvResponse>), RequestFailure> {
    let not_sent = |why: String| RequestFailure { kind: FailureKind::NotSent, detail: why };
    let (mut parts, body) = request.to_http().map_err(|e| not_sent(e.to_string()))?.into_parts();
    let body = Zeroizing::new(body);
    let has_body = !body.is_empty() || !matches!(request.method, Method::Get | Method::Delete);
    let agent = user_agent.parse().map_err(|e: header::InvalidHeaderValue| not_sent(e.to_string()))?;
    parts.headers.insert(header::USER_AGENT, agent);
    parts.headers.insert(header::ACCEPT, header::HeaderValue::from_static("*/*"));
    if has_body {
        // An empty body is announced, too, but for those methods that have none (RFC 9110 §8.6).
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    let unwritable = |e: ureq_proto::Error| not_sent(e.to_string());
    let mut call = Call::new(http::Request::from_parts(parts, ())).map_err(unwritable)?;
    if has_body {
        call.force_send_body();
    }
    let mut call = call.proceed();
    let mut bytes = Zeroizing::new(vec![0; MOST_HEAD.min(PIECE) + body.len()]);
    let mut length = 0;
    while !call.can_proceed() {
        match call.write(&mut bytes[length..]) {
            Ok(more) if more > 0 => length += more,
            // A line that is longer than what is left.
            _ if bytes.len() < MOST_HEAD + body.len() => {
                let mut larger = Zeroizing::new(vec![0; bytes.len() * 2]);
                larger[..length].copy_from_slice(&bytes[..length]);
                bytes = larger;
            }
            Ok(_) => return Err(not_sent("the request's head is too long".to_owned())),
            Err(e) => return Err(unwritable(e)),
        }
    }
    let call = match call.proceed().map_err(unwritable)? {
        Some(SendRequestResult::RecvResponse(call)) => Some(call),
        Some(SendRequestResult::SendBody(call)) => with_body(call, &body, &mut bytes, &mut length)?,
        // Nothing here asks first.
        Some(SendRequestResult::Await100(_)) | None => None,
    };
    bytes.truncate(length);
    let call = call.ok_or_else(|| not_sent("the request cannot be written".to_owned()))?;
    Ok((bytes, call))
}

fn with_body(
    mut call: Call<SendBody>,
    body: &[u8],
    bytes: &mut Zeroizing<Vec<u8>>,
    length: &mut usize,
) -> Result<Option<Call<RecvResponse>>, RequestFailure> {
    let mut written = 0;
    while !call.can_proceed() {
        let (used, more) = call
            .write(&body[written..], &mut bytes[*length..])
            .map_err(|e| RequestFailure { kind: FailureKind::NotSent, detail: e.to_string() })?;
        written += used;
        *length += more;
        if used == 0 && more == 0 {
            break;
        }
    }
    Ok(call.proceed())
}

/// What has come and is not used yet.
struct Arrived<'a> {
    connection: &'a mut Connection,
    bytes: Zeroizing<Vec<u8>>,
    used: usize,
}

impl Arrived<'_> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    /// Reads on; `false` at the end.
    async fn more(&mut self) -> io::Result<bool> {
        // In a new place, so that what is left behind is wiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.rest().len() + PIECE));
        bytes.extend_from_slice(self.rest());
        let kept = bytes.len();
        bytes.resize(kept + PIECE, 0);
        let read = self.connection.read(&mut bytes[kept..]).await?;
        bytes.truncate(kept + read);
        (self.bytes, self.used) = (bytes, 0);
        Ok(read > 0)
    }
}

async fn receive_head(
    arrived: &mut Arrived<'_>,
    mut call: Call<RecvResponse>,
) -> Result<(Response<()>, RecvResponseResult), RequestFailure> {
    loop {
        let (used, response) = call.try_response(arrived.rest(), false).map_err(|_| no_http())?;
        arrived.used += used;
        if let Some(response) = response {
            let call = call.proceed().ok_or_else(no_http)?;
            return Ok((response, call));
        }
        if used == 0 && (arrived.rest().len() > MOST_HEAD || !arrived.more().await.map_err(lost)?) {
            return Err(no_http());
        }
    }
}

async fn receive_body(
    arrived: &mut Arrived<'_>,
    mut call: Call<RecvBody>,
) -> Result<(Zeroizing<Vec<u8>>, Call<Cleanup>), RequestFailure> {
    let mut body = Zeroizing::new(Vec::new());
    let mut piece = Zeroizing::new(vec![0; PIECE]);
    // Then there is no other end.
    let ends_with_connection = call.can_proceed();
    loop {
        let (used, got) = call.read(arrived.rest(), &mut piece).map_err(|_| no_http())?;
        arrived.used += used;
        if body.len() + got > BODY_CAP {
            let detail = format!("an answer longer than {BODY_CAP} bytes");
            return Err(RequestFailure { kind: FailureKind::BodyTooLarge, detail });
        }
        extend(&mut body, &piece[..got]);
        if call.can_proceed() && !ends_with_connection {
            break;
        }
        if used == 0 && got == 0 && !arrived.more().await.map_err(lost)? {
            if ends_with_connection {
                break;
            }
            return Err(lost(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    match call.proceed().ok_or_else(no_http)? {
        RecvBodyResult::Redirect(call) => Ok((body, call.proceed())),
        RecvBodyResult::Cleanup(call) => Ok((body, call)),
    }
}

/// Growing leaves no copy behind.
fn extend(body: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    if body.len() + more.len() > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + more.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(more);
}

fn lost(error: io::Error) -> RequestFailure {
    RequestFailure { kind: FailureKind::AnswerLost, detail: error.to_string() }
}

fn no_http() -> RequestFailure {
    RequestFailure { kind: FailureKind::AnswerLost, detail: "what came is not HTTP".to_owned() }
}
