//! One connection: requests in, answers out, until either side has enough.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::url::Origin;
use smol::future::FutureExt;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::{Async, Timer};
use socket2::SockRef;
use ureq_proto::server::state::{Cleanup, ProvideResponse, RecvBody};
use ureq_proto::server::{RecvRequestResult, Reply, SendResponseResult};

use crate::desk::Desk;
use crate::events::Delivery;
use crate::fault::Answer;
use crate::wire::{Unacceptable, head_of, request_from};

/// The most bytes of a request's head.
const MOST_HEAD: usize = 16 * 1024;
/// The most bytes of a request's body.
const MOST_BODY: usize = 64 * 1024;
/// How long a connection may be idle between requests.
const IDLE: Duration = Duration::from_secs(75);
/// How long one request may take to arrive after its first byte, and one answer to leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves one connection until it ends.
pub(crate) async fn serve(stream: Async<TcpStream>, origin: &Origin, desk: &Desk) -> io::Result<()> {
    let mut connection = Connection { stream, waiting: Vec::new() };
    while let Some((reply, request)) = connection.receive(origin).await? {
        let (answer, told) = match &request {
            Ok(request) => {
                desk.handle(request).unwrap_or_else(|error| (Answer::Whole(out_of_order(&error)), None))
            }
            Err(Unacceptable(status)) => (Answer::Whole(HttpResponse::new(*status, "")), None),
        };
        let (delivery, goes_on) = connection.answer(reply, answer, desk.delay).await;
        if let (Ok(request), Some(id)) = (&request, told) {
            desk.answered(request, id, delivery)?;
        }
        if !goes_on? || request.is_err() {
            break;
        }
    }
    Ok(())
}

type Received = (Reply<ProvideResponse>, Result<HttpRequest, Unacceptable>);

struct Connection {
    stream: Async<TcpStream>,
    /// What has arrived and is not used yet. Empty and without memory of its own while the connection is idle.
    waiting: Vec<u8>,
}

impl Connection {
    /// The next request; `None` if the client closed the connection instead.
    async fn receive(&mut self, origin: &Origin) -> io::Result<Option<Received>> {
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
            within(IDLE, self.stream.readable()).await?;
        }
        // Boxed, so that thousands of idle connections do not each hold the buffers of a busy one.
        within(PATIENCE, Box::pin(self.receive_all(origin))).await
    }

    async fn receive_all(&mut self, origin: &Origin) -> io::Result<Option<Received>> {
        let mut reply = Reply::new().map_err(invalid)?;
        let head = loop {
            if let (used, Some(head)) = reply.try_request(&self.waiting).map_err(invalid)? {
                self.waiting.drain(..used);
                break head;
            }
            if self.waiting.len() > MOST_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.read_more().await? == 0 {
                return Ok(None);
            }
        };
        let mut request = request_from(origin, &head);
        let (reply, body) = match reply.proceed().ok_or(io::ErrorKind::InvalidData)? {
            RecvRequestResult::ProvideResponse(reply) => (reply, Vec::new()),
            RecvRequestResult::RecvBody(reply) => self.receive_body(reply).await?,
            RecvRequestResult::Send100(reply) => {
                let mut line = [0; 64];
                let (length, reply) = reply.accept(&mut line).map_err(invalid)?;
                self.stream.write_all(line.get(..length).unwrap_or_default()).await?;
                self.receive_body(reply).await?
            }
        };
        if let Ok(request) = &mut request {
            request.body = body.into();
        }
        Ok(Some((reply, request)))
    }

    async fn receive_body(
        &mut self,
        mut reply: Reply<RecvBody>,
    ) -> io::Result<(Reply<ProvideResponse>, Vec<u8>)> {
        let mut body = Vec::new();
        let mut part = [0; 4096];
        while !reply.is_ended() {
            let (used, length) = reply.read(&self.waiting, &mut part).map_err(invalid)?;
            self.waiting.drain(..used);
            body.extend_from_slice(part.get(..length).unwrap_or_default());
            if body.len() > MOST_BODY {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if used > 0 || length > 0 || reply.is_ended() {
                continue;
            }
            // The size of a chunk has no end either.
            if self.waiting.len() > MOST_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.read_more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok((reply.proceed().map_err(invalid)?, body))
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        let mut part = [0; 4096];
        let length = self.stream.read(&mut part).await?;
        self.waiting.extend_from_slice(part.get(..length).unwrap_or_default());
        Ok(length)
    }

    /// Answers, and says what became of the answer and whether the connection goes on.
    async fn answer(
        &mut self,
        reply: Reply<ProvideResponse>,
        answer: Answer,
        delay: Duration,
    ) -> (Delivery, io::Result<bool>) {
        let response = match answer {
            Answer::Whole(response) => response,
            Answer::Late(response) => {
                Timer::after(delay).await;
                response
            }
            Answer::Cut(response) => {
                return (Delivery::Cut, self.send_half(reply, &response).await.map(|()| false));
            }
            Answer::Lost => return (Delivery::Lost, Ok(false)),
            // With no time to linger, the system resets the connection when it is closed.
            Answer::Reset => {
                let linger = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                return (Delivery::Reset, linger.map(|()| false));
            }
        };
        let had_gone = self.client_has_gone();
        let sent = within(PATIENCE, Box::pin(self.send(reply, &response))).await;
        let delivery = if had_gone || sent.is_err() { Delivery::Gone } else { Delivery::Whole };
        (delivery, sent.map(|cleanup| !cleanup.must_close_connection()))
    }

    /// Whether the client has closed its side. A first write would succeed all the same.
    fn client_has_gone(&self) -> bool {
        match self.stream.get_ref().peek(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    async fn send_half(&mut self, reply: Reply<ProvideResponse>, response: &HttpResponse) -> io::Result<()> {
        let (mut bytes, _) = write_head(reply, response)?;
        let body = response.body.as_bytes();
        bytes.extend_from_slice(body.get(..body.len() / 2).unwrap_or_default());
        within(PATIENCE, self.stream.write_all(&bytes)).await
    }

    async fn send(
        &mut self,
        reply: Reply<ProvideResponse>,
        response: &HttpResponse,
    ) -> io::Result<Reply<Cleanup>> {
        let (mut bytes, reply) = write_head(reply, response)?;
        let body = response.body.as_bytes();
        let cleanup = match reply {
            SendResponseResult::Cleanup(cleanup) => cleanup,
            SendResponseResult::SendBody(mut reply) => {
                reply.consume_direct_write(body.len()).map_err(invalid)?;
                bytes.extend_from_slice(body);
                reply.proceed()
            }
        };
        self.stream.write_all(&bytes).await?;
        Ok(cleanup)
    }
}

/// The answer when the service cannot get at its own state. It is no answer of the service.
fn out_of_order(error: &io::Error) -> HttpResponse {
    HttpResponse::new(500, format!("The sandbox cannot use its state: {error}\n"))
        .header("content-type", "text/plain; charset=utf-8")
}

/// The bytes of an answer's head.
fn write_head(
    reply: Reply<ProvideResponse>,
    response: &HttpResponse,
) -> io::Result<(Vec<u8>, SendResponseResult)> {
    let mut reply = reply.provide(head_of(response).map_err(invalid)?).map_err(invalid)?;
    let mut bytes = Vec::new();
    let mut part = vec![0; MOST_HEAD];
    while !reply.is_finished() {
        let length = reply.write(&mut part).map_err(invalid)?;
        bytes.extend_from_slice(part.get(..length).unwrap_or_default());
    }
    Ok((bytes, reply.proceed()))
}

/// Ends with an error when the time is over.
async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let timeout = async {
        Timer::after(limit).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    work.or(timeout).await
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
