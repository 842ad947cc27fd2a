//! One request and its answer on an open connection, read by the HTTP/1.1 of ureq.

use std::io;

use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use doorkey_host::limits::BODY_CAP;
use futures_lite::future::yield_now;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use http::Response;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use zeroize::Zeroizing;

use crate::connection::{Connection, not_sent};
use crate::written::written;

/// The longest head of an answer, in bytes.
const MOST_HEAD: usize = 64 * 1024;
/// What is read at once, in bytes: most answers with their heads.
const PIECE: usize = 4 * 1024;

/// Sends a request and reads its answer; with whether the connection can be used again.
pub(crate) async fn exchange(
    connection: &mut Connection,
    request: &HttpRequest,
    user_agent: &str,
) -> Result<(HttpResponse, bool), RequestFailure> {
    let written = written(request, user_agent)?;
    let call = awaiting().ok_or_else(|| not_sent("the request cannot be written"))?;
    let sent = async {
        connection.write_all(&written).await?;
        connection.flush().await
    };
    sent.await.map_err(lost)?;
    drop(written);
    let mut arrived = Arrived { connection, bytes: Zeroizing::default(), used: 0 };
    let (response, call) = receive_head(&mut arrived, call).await?;
    let (body, mut goes_on) = match call {
        RecvResponseResult::RecvBody(call) => receive_body(&mut arrived, call).await?,
        RecvResponseResult::Redirect(call) => (Zeroizing::default(), !call.must_close_connection()),
        RecvResponseResult::Cleanup(call) => (Zeroizing::default(), !call.must_close_connection()),
    };
    let headers = response.headers();
    // Whoever stands in between may have understood another end (RFC 9112 §6.1).
    goes_on &= !(headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH));
    goes_on &= arrived.rest().is_empty();
    Ok((response.map(|()| body.to_vec()).into(), goes_on))
}

/// The state of ureq's HTTP/1.1 in which an answer is awaited. It is not told the request, of which it would keep copies
/// that nobody wipes: all that are sent here have answers of the same form (RFC 9112 §6.3).
pub(crate) fn awaiting() -> Option<Call<RecvResponse>> {
    let mut call = Call::new(http::Request::get("http://localhost/").body(()).ok()?).ok()?.proceed();
    let mut written = [0; 256];
    while !call.can_proceed() {
        call.write(&mut written).ok()?;
    }
    match call.proceed().ok()? {
        Some(SendRequestResult::RecvResponse(call)) => Some(call),
        _ => None,
    }
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
        if !self.bytes.is_empty() {
            // Somebody who never stops talking must neither stop the clock nor keep the thread to himself.
            yield_now().await;
        }
        if self.bytes.capacity() - self.bytes.len() < PIECE {
            // In a new place, so that what is left behind is wiped.
            let mut bytes = Zeroizing::new(Vec::with_capacity(2 * self.rest().len() + PIECE));
            bytes.extend_from_slice(self.rest());
            (self.bytes, self.used) = (bytes, 0);
        }
        let kept = self.bytes.len();
        self.bytes.resize(kept + PIECE, 0);
        let read = self.connection.read(&mut self.bytes[kept..]).await?;
        self.bytes.truncate(kept + read);
        Ok(read > 0)
    }
}

async fn receive_head(
    arrived: &mut Arrived<'_>,
    mut call: Call<RecvResponse>,
) -> Result<(Response<()>, RecvResponseResult), RequestFailure> {
    loop {
        let (used, response) = call.try_response(arrived.rest(), false).map_err(|_| no_http())?;
        if used > MOST_HEAD {
            return Err(no_http());
        }
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

/// The body, and whether the connection can be used again.
async fn receive_body(
    arrived: &mut Arrived<'_>,
    mut call: Call<RecvBody>,
) -> Result<(Zeroizing<Vec<u8>>, bool), RequestFailure> {
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
        if used > 0 || got > 0 {
            continue;
        }
        // What is kept back is a line of chunked framing that has no end yet.
        if arrived.rest().len() > MOST_HEAD {
            return Err(no_http());
        }
        if !arrived.more().await.map_err(lost)? {
            // Of a chunked body nothing is missing but the empty line after it.
            let is_whole = ends_with_connection || call.is_ended_chunked();
            return if is_whole { Ok((body, false)) } else { Err(lost(io::ErrorKind::UnexpectedEof.into())) };
        }
    }
    let goes_on = match call.proceed().ok_or_else(no_http)? {
        RecvBodyResult::Redirect(call) => !call.must_close_connection(),
        RecvBodyResult::Cleanup(call) => !call.must_close_connection(),
    };
    Ok((body, goes_on))
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
