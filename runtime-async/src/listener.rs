//! The loopback listener of a login in the browser, as a part of its session: all its connections wait at once, and none
//! for another.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_io::{Async, Timer};
use doorkey_core::command::CommandId;
use doorkey_core::event::Event;
use doorkey_core::redirect::{RedirectPage, RedirectRequest};
use doorkey_host::redirect::{Arrived, Head, MOST_CONNECTIONS, PAUSE, WRITING, bind, written};
use futures_lite::future::yield_now;
use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};

type Stream = Async<TcpStream>;
type Job<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A listener; it ends when it is dropped.
pub(crate) struct Listener {
    id: CommandId,
    /// How long the head of a request may take.
    reading_limit: Duration,
    /// `None` once it has stopped.
    door: Option<Door>,
    last: u32,
    /// Those who have not asked yet, the oldest first.
    reading: VecDeque<(u32, Job<Option<Asking>>)>,
    /// Those who wait for their answer.
    asked: Vec<(u32, Stream)>,
    writing: Vec<Job<()>>,
}

/// Where they come in.
struct Door {
    socket: Async<TcpListener>,
    /// Nothing is accepted before its end.
    pause: Option<Timer>,
}

/// What somebody wants, and where the answer goes.
struct Asking {
    stream: Stream,
    /// `None`: nothing that could be told.
    request: Option<RedirectRequest>,
}

impl Listener {
    /// Listens, with the port; whoever does not ask for anything within `reading_limit` from coming is hung up on.
    pub(crate) fn bind(id: CommandId, address: IpAddr, reading_limit: Duration) -> io::Result<(Self, u16)> {
        let socket = bind(address)?;
        let port = socket.local_addr()?.port();
        let listener = Self {
            id,
            reading_limit,
            door: Some(Door { socket: Async::new(socket)?, pause: None }),
            last: 0,
            reading: VecDeque::new(),
            asked: Vec::new(),
            writing: Vec::new(),
        };
        Ok((listener, port))
    }

    pub(crate) fn id(&self) -> CommandId {
        self.id
    }

    /// Answers one who asked.
    pub(crate) fn answer(&mut self, visit: u32, page: RedirectPage) {
        if let Some(at) = self.asked.iter().position(|(number, _)| *number == visit) {
            let (_, stream) = self.asked.remove(at);
            self.writing.push(Box::pin(write(stream, page)));
        }
    }

    /// Ends; whoever has asked and has no answer gets this one.
    pub(crate) fn stop(&mut self, page: RedirectPage) {
        self.door = None;
        self.reading.clear();
        for (_, stream) in std::mem::take(&mut self.asked) {
            self.writing.push(Box::pin(write(stream, page)));
        }
    }

    /// Whether nobody waits for an answer any more. Each takes a bounded time.
    pub(crate) fn is_finished(&self) -> bool {
        self.door.is_none() && self.asked.is_empty() && self.writing.is_empty()
    }

    /// Goes on as far as possible; with the next who asks for something.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        self.poll_answers(cx);
        // Others run on this thread, too, however many come here.
        let mut accepted = 0;
        while accepted < MOST_CONNECTIONS
            && let Poll::Ready(stream) = self.poll_accept(cx)
        {
            self.receive(stream);
            accepted += 1;
        }
        if accepted == MOST_CONNECTIONS {
            cx.waker().wake_by_ref();
        }
        let asking = loop {
            let polled = self.reading.iter_mut().enumerate().find_map(|(at, (_, job))| match job.poll(cx) {
                Poll::Ready(asking) => Some((at, asking)),
                Poll::Pending => None,
            });
            let (at, asking) = polled?;
            let (visit, _) = self.reading.remove(at)?;
            match asking {
                None => {}
                Some(Asking { stream, request: None }) => {
                    self.writing.push(Box::pin(write(stream, RedirectPage::NotAwaited)));
                    self.poll_answers(cx);
                }
                Some(Asking { stream, request: Some(request) }) => break (visit, stream, request),
            }
        };
        let (visit, stream, request) = asking;
        self.asked.push((visit, stream));
        Some(Event::Redirected { id: self.id, visit, request })
    }

    fn poll_answers(&mut self, cx: &mut Context<'_>) {
        self.writing.retain_mut(|job| job.poll(cx).is_pending());
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Stream> {
        let Some(door) = &mut self.door else { return Poll::Pending };
        door.poll(cx, |socket| socket.accept().map(|(stream, _)| stream))
    }

    fn receive(&mut self, stream: Stream) {
        let open = self.reading.len() + self.asked.len() + self.writing.len();
        if open >= MOST_CONNECTIONS && self.reading.pop_front().is_none() {
            return;
        }
        self.last = self.last.wrapping_add(1);
        self.reading.push_back((self.last, Box::pin(request(stream, self.reading_limit))));
    }
}

impl Door {
    /// The next one that could be accepted.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut accept: impl FnMut(&TcpListener) -> io::Result<TcpStream>,
    ) -> Poll<Stream> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(Pin::new(pause).poll(cx));
                self.pause = None;
            }
            match accept(self.socket.get_ref()).and_then(Async::new) {
                Ok(stream) => return Poll::Ready(stream),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if ready!(self.socket.poll_readable(cx)).is_err() {
                        self.pause = Some(Timer::after(PAUSE));
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => self.pause = Some(Timer::after(PAUSE)),
            }
        }
    }
}

/// `None` if nothing comes, or not in time.
async fn request(mut stream: Stream, limit: Duration) -> Option<Asking> {
    let reading = async {
        let mut head = Head::new();
        loop {
            // Somebody who never stops talking must neither stop the clock nor keep the thread to himself.
            yield_now().await;
            let read = stream.read(head.room()).await.ok()?;
            match head.take(read) {
                Arrived::Part if read > 0 => {}
                Arrived::Part => return None,
                Arrived::NotHttp => return Some(None),
                Arrived::Request(request) => return Some(Some(request)),
            }
        }
    };
    let request = reading.or(async {
        Timer::after(limit).await;
        None
    });
    let request = request.await?;
    Some(Asking { stream, request })
}

/// Nothing can be done for one who does not take it.
async fn write(mut stream: Stream, page: RedirectPage) {
    let writing = async {
        if stream.write_all(&written(page)).await.is_ok() {
            let _ = stream.get_ref().shutdown(Shutdown::Write);
        }
    };
    let limit = async {
        Timer::after(WRITING).await;
    };
    writing.or(limit).await;
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::Ipv4Addr;
    use std::thread;
    use std::time::Instant;

    use futures_lite::future::{block_on, poll_fn};

    use super::*;

    /// Nothing here takes so long unless it hangs.
    const LIMIT: Duration = Duration::from_secs(60);

    fn come(port: u16) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Says this over and over, or once, until it is hung up on.
    fn is_hung_up_on(mut stream: TcpStream, text: &str, over_and_over: bool) {
        let begun = Instant::now();
        let mut is_open = stream.write_all(text.as_bytes()).is_ok();
        while is_open && over_and_over && begun.elapsed() < LIMIT {
            thread::sleep(Duration::from_millis(10));
            is_open = stream.write_all(text.as_bytes()).is_ok();
        }
        let end = stream.read(&mut [0]);
        assert!(!over_and_over || !is_open, "it is still listened to");
        assert!(matches!(end, Ok(0)) || end.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset));
    }

    #[test]
    fn whoever_does_not_ask_in_time_is_hung_up_on() {
        let reading = Duration::from_millis(300);
        let (mut listener, port) = Listener::bind(CommandId(1), Ipv4Addr::LOCALHOST.into(), reading).unwrap();
        let begun = Instant::now();
        let visitors = [("", false), ("GET /callback", false), ("x", true)].map(|(text, over_and_over)| {
            let stream = come(port);
            blocking::unblock(move || is_hung_up_on(stream, text, over_and_over))
        });
        block_on(async {
            let listening = poll_fn(|cx| match listener.poll(cx) {
                Some(event) => panic!("nobody has asked: {event:?}"),
                None => Poll::Pending,
            });
            let all = async {
                for visitor in visitors {
                    visitor.await;
                    assert!(begun.elapsed() >= reading, "not before its time");
                }
            };
            all.or(listening).await;
        });
    }

    #[test]
    fn what_cannot_be_accepted_is_tried_again_after_a_pause() {
        const FAILURES: u32 = 3;
        let socket = bind(Ipv4Addr::LOCALHOST.into()).unwrap();
        let visitor = come(socket.local_addr().unwrap().port());
        let mut door = Door { socket: Async::new(socket).unwrap(), pause: None };
        let (begun, mut tries) = (Instant::now(), 0);
        let accepted = block_on(poll_fn(|cx| {
            door.poll(cx, |socket| {
                tries += 1;
                match tries {
                    ..=FAILURES => Err(io::Error::from_raw_os_error(24)),
                    _ => socket.accept().map(|(stream, _)| stream),
                }
            })
        }));
        assert!(begun.elapsed() >= PAUSE * FAILURES, "{:?}", begun.elapsed());
        assert_eq!(accepted.get_ref().peer_addr().unwrap(), visitor.local_addr().unwrap());
    }
}
