//! The loopback listener of a login in the browser: a thread that accepts, and one for each of the few connections, so
//! that a silent or slow one is in nobody's way.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_core::command::CommandId;
use doorkey_core::redirect::{RedirectPage, RedirectRequest};
use doorkey_host::redirect::{Arrived, Head, MOST_CONNECTIONS, PAUSE, WRITING, bind, written};

/// A listener; it ends when it is dropped.
pub(crate) struct Listener {
    id: CommandId,
    address: SocketAddr,
    desk: Arc<Desk>,
}

/// Who is there, and what became of them.
#[derive(Default)]
struct Desk {
    visits: Mutex<Visits>,
    changed: Condvar,
}

#[derive(Default)]
struct Visits {
    /// In the order in which they came, each with its number.
    open: Vec<(u32, Visit)>,
    last: u32,
    /// No more of them; whoever has asked gets this.
    over: Option<RedirectPage>,
    /// The port is free again.
    closed: bool,
}

struct Visit {
    stream: TcpStream,
    stage: Stage,
}

enum Stage {
    Reading,
    Asked(Sender<RedirectPage>),
    Answering,
}

impl Listener {
    /// Listens; whoever asks for something within `reading` from coming is told to `report`, with a number.
    pub(crate) fn bind(
        id: CommandId,
        address: IpAddr,
        reading: Duration,
        report: impl Fn(u32, RedirectRequest) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let socket = bind(address)?;
        let (address, desk) = (socket.local_addr()?, Arc::<Desk>::default());
        let (visits, report): (_, Arc<Report>) = (Arc::clone(&desk), Arc::new(report));
        let accept_one = move || socket.accept().map(|(stream, _)| stream);
        thread::Builder::new().spawn(move || {
            accept(accept_one, reading, &visits, &report);
            visits.close();
        })?;
        Ok(Self { id, address, desk })
    }

    pub(crate) fn id(&self) -> CommandId {
        self.id
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers one who asked.
    pub(crate) fn answer(&self, visit: u32, page: RedirectPage) {
        if let Some(visit) = self.desk.visits().find(visit) {
            visit.answer(page);
        }
    }

    /// Ends; whoever has asked and has no answer gets this one.
    pub(crate) fn stop(&self, page: RedirectPage) {
        let mut visits = self.desk.visits();
        if visits.over.is_some() {
            return;
        }
        visits.over = Some(page);
        for (_, visit) in &mut visits.open {
            visit.answer(page);
            if matches!(visit.stage, Stage::Reading) {
                // Whoever reads from it finds its end.
                let _ = visit.stream.shutdown(Shutdown::Both);
            }
        }
        drop(visits);
        // Whoever accepts is waiting, or has somebody in the queue: one more wakes it.
        let _ = TcpStream::connect_timeout(&self.address, WRITING);
    }

    /// Waits until the port is free and the last answer on its way, as long as writing one may take.
    pub(crate) fn finish(&self) {
        let is_at_it = |visits: &mut Visits| {
            let unanswered =
                |(_, visit): &(u32, Visit)| matches!(visit.stage, Stage::Asked(_) | Stage::Answering);
            visits.over.is_some() && !visits.closed || visits.open.iter().any(unanswered)
        };
        let waited = self.desk.changed.wait_timeout_while(self.desk.visits(), WRITING, is_at_it);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop(RedirectPage::Interrupted);
    }
}

impl Visits {
    fn find(&mut self, number: u32) -> Option<&mut Visit> {
        self.open.iter_mut().find_map(|(visit, found)| (*visit == number).then_some(found))
    }
}

impl Visit {
    fn answer(&mut self, page: RedirectPage) {
        if let Stage::Asked(answer) = &self.stage {
            let _ = answer.send(page);
            self.stage = Stage::Answering;
        }
    }
}

impl Desk {
    fn visits(&self) -> MutexGuard<'_, Visits> {
        // No panic can leave it half changed.
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of one who came; `None` if there is no room.
    fn enter(&self, stream: TcpStream) -> Option<u32> {
        let mut visits = self.visits();
        if visits.open.len() >= MOST_CONNECTIONS {
            let oldest = visits.open.iter().position(|(_, visit)| matches!(visit.stage, Stage::Reading))?;
            let (_, visit) = visits.open.remove(oldest);
            let _ = visit.stream.shutdown(Shutdown::Both);
        }
        visits.last = visits.last.wrapping_add(1);
        let number = visits.last;
        visits.open.push((number, Visit { stream, stage: Stage::Reading }));
        Some(number)
    }

    /// One has asked: where the answer will come; `Err` if it is known already; `None` if they were sent away.
    fn ask(&self, number: u32) -> Option<Result<Receiver<RedirectPage>, RedirectPage>> {
        let mut visits = self.visits();
        let over = visits.over;
        let visit = visits.find(number)?;
        if let Some(page) = over {
            visit.stage = Stage::Answering;
            return Some(Err(page));
        }
        let (sender, receiver) = channel();
        visit.stage = Stage::Asked(sender);
        Some(Ok(receiver))
    }

    fn close(&self) {
        self.visits().closed = true;
        self.changed.notify_all();
    }

    fn leave(&self, number: u32) {
        self.visits().open.retain(|(visit, _)| *visit != number);
        self.changed.notify_all();
    }
}

type Report = dyn Fn(u32, RedirectRequest) + Send + Sync;

fn accept(
    mut accept_one: impl FnMut() -> io::Result<TcpStream>,
    reading: Duration,
    desk: &Arc<Desk>,
    report: &Arc<Report>,
) {
    loop {
        let accepted = accept_one();
        if desk.visits().over.is_some() {
            return;
        }
        match accepted {
            // Whoever cannot be served is hung up on.
            Ok(stream) => drop(receive(stream, reading, desk, Arc::clone(report))),
            Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn receive(stream: TcpStream, reading: Duration, desk: &Arc<Desk>, report: Arc<Report>) -> io::Result<()> {
    let Some(number) = desk.enter(stream.try_clone()?) else { return Ok(()) };
    let visited = Arc::clone(desk);
    let serving = thread::Builder::new().spawn(move || {
        serve(&stream, reading, number, &visited, &*report);
        visited.leave(number);
    });
    serving.map(drop).inspect_err(|_| desk.leave(number))
}

fn serve(stream: &TcpStream, reading: Duration, number: u32, desk: &Desk, report: &Report) {
    let page = match request(stream, reading) {
        Err(_) | Ok(Arrived::Part) => return,
        Ok(Arrived::NotHttp) => RedirectPage::NotAwaited,
        Ok(Arrived::Request(request)) => match desk.ask(number) {
            None => return,
            Some(Err(page)) => page,
            Some(Ok(answer)) => {
                report(number, request);
                match answer.recv() {
                    Ok(page) => page,
                    Err(_) => return,
                }
            }
        },
    };
    // Nothing can be done for one who does not take it.
    let _ = write(stream, page);
}

fn request(mut stream: &TcpStream, limit: Duration) -> io::Result<Arrived> {
    let (mut head, begun) = (Head::new(), Instant::now());
    loop {
        stream.set_read_timeout(Some(left(begun, limit)?))?;
        let read = stream.read(head.room())?;
        match head.take(read) {
            Arrived::Part if read > 0 => {}
            arrived => return Ok(arrived),
        }
    }
}

fn write(mut stream: &TcpStream, page: RedirectPage) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITING))?;
    stream.write_all(&written(page))?;
    stream.shutdown(Shutdown::Write)
}

/// What is left of a time; an error if it is over.
fn left(begun: Instant, limit: Duration) -> io::Result<Duration> {
    let left = limit.checked_sub(begun.elapsed()).filter(|left| !left.is_zero());
    left.ok_or_else(|| io::ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

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
        let (asked, heard) = channel();
        let report = move |number, _| asked.send(number).unwrap();
        let listener = Listener::bind(CommandId(1), Ipv4Addr::LOCALHOST.into(), reading, report).unwrap();
        let begun = Instant::now();
        let visitors = [("", false), ("GET /callback", false), ("x", true)].map(|(text, over_and_over)| {
            let stream = come(listener.port());
            thread::spawn(move || is_hung_up_on(stream, text, over_and_over))
        });
        for visitor in visitors {
            visitor.join().unwrap();
            assert!(begun.elapsed() >= reading, "not before its time");
        }
        assert!(heard.try_recv().is_err(), "nobody has asked");
    }

    #[test]
    fn what_cannot_be_accepted_is_tried_again_after_a_pause() {
        const FAILURES: u32 = 3;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let visitor = come(socket.local_addr().unwrap().port());
        let (desk, (asked, heard)) = (Arc::<Desk>::default(), channel());
        let report: Arc<Report> = Arc::new(move |number, _| asked.send(number).unwrap());
        let (visits, begun, mut tries) = (Arc::clone(&desk), Instant::now(), 0);
        let accept_one = move || {
            tries += 1;
            match tries {
                ..=FAILURES => Err(io::Error::from_raw_os_error(24)),
                _ => socket.accept().map(|(stream, _)| stream),
            }
        };
        thread::spawn(move || accept(accept_one, LIMIT, &visits, &report));
        (&visitor).write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let number = heard.recv_timeout(LIMIT).expect("it is served in the end");
        assert!(begun.elapsed() >= PAUSE * FAILURES, "{:?}", begun.elapsed());
        desk.visits().find(number).unwrap().answer(RedirectPage::NotAwaited);
    }
}
