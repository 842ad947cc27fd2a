//! The service behind two loopback ports.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use doorkey_core::url::{Origin, Url};
use serde::Serialize;
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt;
use smol::{Async, LocalExecutor, Timer};

use crate::clock::Clock;
use crate::config::Config;
use crate::connection;
use crate::desk::Desk;
use crate::options::Options;
use crate::service::Service;

/// The most connections at once; one more is closed at once.
const MOST_CONNECTIONS: usize = 10_000;

/// Serves on 127.0.0.1, on a thread of its own, until the returned value is dropped.
///
/// # Errors
/// If a port is taken, or if the system has no randomness or thread to give.
pub fn serve(options: Options) -> io::Result<Running> {
    let (api_listener, api) = listen(options.api_port)?;
    let (app_listener, app) = listen(options.app_port)?;
    let config = Config {
        rate_limit: !options.unlimited,
        speed: options.speed,
        ..Config::new(api.clone(), app.clone())
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let desk = Desk::new(Service::new(config, seed), Clock::new(options.speed), options.log);
    let (stop, stopped) = smol::channel::bounded(1);
    let doors = [(api_listener, api.origin().clone()), (app_listener, app.origin().clone())];
    let thread = std::thread::Builder::new()
        .name("sandbox".to_owned())
        .spawn(move || run(doors, &Rc::new(desk), &stopped))?;
    Ok(Running { api, app, stop, thread: Some(thread) })
}

/// A sandbox that is being served. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    /// Where the API is.
    pub api: Url,
    /// Where the pages are.
    pub app: Url,
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it is and how a client is told, for a machine to read.
    pub fn announcement(&self) -> Announcement {
        let (api, app) = (self.api.origin().to_string(), self.app.origin().to_string());
        Announcement {
            urls: Urls { api: api.clone(), app: app.clone() },
            env: Environment { pentify_api_url: api, pentify_app_url: app },
        }
    }

    /// Stops serving and waits until everything is closed.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// Where a sandbox is, and the environment that points its clients there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// Its base URLs.
    pub urls: Urls,
    /// The variables to set.
    pub env: Environment,
}

/// The base URLs of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Urls {
    /// The API.
    pub api: String,
    /// The pages.
    pub app: String,
}

/// The variables that point a client at a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Environment {
    /// The API.
    pub pentify_api_url: String,
    /// The pages.
    pub pentify_app_url: String,
}

impl Environment {
    /// Names and values, for a shell or a child process.
    pub fn pairs(&self) -> [(&'static str, &str); 2] {
        [("PENTIFY_API_URL", &self.pentify_api_url), ("PENTIFY_APP_URL", &self.pentify_app_url)]
    }
}

fn listen(port: u16) -> io::Result<(TcpListener, Url)> {
    let listener = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    let url = Url::parse(&format!("http://{}", listener.local_addr()?)).map_err(io::Error::other)?;
    Ok((listener, url))
}

/// The life of the thread: one executor for all connections, since requests meet the service one by one anyway.
fn run([api, app]: [(TcpListener, Origin); 2], desk: &Rc<Desk>, stopped: &Receiver<()>) {
    let executor = LocalExecutor::new();
    let open = Rc::new(Cell::new(0));
    let doors = smol::future::race(
        accept(api.0, Rc::new(api.1), desk, &executor, &open),
        accept(app.0, Rc::new(app.1), desk, &executor, &open),
    );
    let stop = async {
        // `recv` ends, with an error, when the other side closes the channel.
        let _ = stopped.recv().await;
        Ok(())
    };
    // A door that cannot even be opened ends the thread: then nothing answers, which a client can see.
    let _ = smol::block_on(executor.run(doors.or(stop)));
}

async fn accept(
    listener: TcpListener,
    origin: Rc<Origin>,
    desk: &Rc<Desk>,
    executor: &LocalExecutor<'_>,
    open: &Rc<Cell<usize>>,
) -> io::Result<()> {
    let listener = Async::new(listener)?;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Out of descriptors, or the client is gone: neither ends the service, neither may spin.
            Err(_) => {
                Timer::after(Duration::from_millis(20)).await;
                continue;
            }
        };
        if open.get() >= MOST_CONNECTIONS {
            continue;
        }
        let (origin, desk, guard) = (Rc::clone(&origin), Rc::clone(desk), Counted::new(open));
        let connection = async move {
            let _guard = guard;
            // What goes wrong on one connection concerns its client alone.
            let _ = connection::serve(stream, &origin, &desk).await;
        };
        executor.spawn(connection).detach();
    }
}

/// Counts one open connection as long as it lives.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(open: &Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self(Rc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
