//! The service behind loopback ports, one for each of its origins.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use doorkey_core::url::Url;
use serde::Serialize;
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt;
use smol::{Async, LocalExecutor, Timer};

use crate::connection;
use crate::desk::Desk;
use crate::door::Door;
use crate::grade::Grade;
use crate::options::Options;
use crate::pensar;
use crate::serve_error::ServeError;

/// The most connections at once; one more is closed at once. Below the descriptors that a process may usually ask for.
const MOST_CONNECTIONS: usize = 16_000;

/// Serves on 127.0.0.1, on a thread of its own, until the returned value is dropped.
///
/// # Errors
/// If a port that was asked for is taken, the state cannot be loaded or saved, or the system has no randomness or
/// thread to give.
pub fn serve(options: Options) -> Result<Running, ServeError> {
    let (desk, doors) = Desk::open(options)?;
    let desk = Arc::new(desk);
    let [api, app, pensar_api, gateway, console, workos] = doors.each_ref().map(|door| door.base.clone());
    let (stop, stopped) = smol::channel::bounded(1);
    let served = Arc::clone(&desk);
    let thread = std::thread::Builder::new()
        .name("sandbox".to_owned())
        .spawn(move || run(doors, &served, &stopped))
        .map_err(ServeError::System)?;
    Ok(Running { api, app, pensar_api, gateway, console, workos, desk, stop, thread: Some(thread) })
}

/// A sandbox that is being served. Dropping it stops it.
pub struct Running {
    /// Where Pentify's API is.
    pub api: Url,
    /// Where Pentify's pages are.
    pub app: Url,
    /// Where Pensar's API is.
    pub pensar_api: Url,
    /// Where Pensar's gateway is.
    pub gateway: Url,
    /// Where Pensar's pages are.
    pub console: Url,
    /// Where Pensar's WorkOS is.
    pub workos: Url,
    desk: Arc<Desk>,
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it is and how a client is told, for a machine to read.
    pub fn announcement(&self) -> Announcement {
        let urls = Urls {
            api: self.api.origin().to_string(),
            app: self.app.origin().to_string(),
            pensar_api: self.pensar_api.origin().to_string(),
            gateway: self.gateway.origin().to_string(),
            console: self.console.origin().to_string(),
            workos: self.workos.origin().to_string(),
        };
        let env = Environment {
            pentify_api_url: urls.api.clone(),
            pentify_app_url: urls.app.clone(),
            pensar_api_url: urls.pensar_api.clone(),
            pensar_gateway_url: urls.gateway.clone(),
            pensar_console_url: urls.console.clone(),
            workos_api_url: urls.workos.clone(),
            sandbox_issuer: urls.workos.clone(),
            sandbox_client_id: pensar::CLIENT_ID,
            sandbox_resource: self.pensar_api.join(pensar::RESOURCE).to_string(),
        };
        Announcement { urls, env }
    }

    /// What clients did wrong so far.
    ///
    /// # Errors
    /// If the state is kept in a file that cannot be read.
    pub fn grade(&self) -> io::Result<Grade> {
        self.desk.grade()
    }

    /// Stops serving and waits until everything is closed.
    pub fn stop(self) {
        drop(self);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("urls", &self.announcement().urls).finish_non_exhaustive()
    }
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
    /// Pentify's API.
    pub api: String,
    /// Pentify's pages.
    pub app: String,
    /// Pensar's API.
    pub pensar_api: String,
    /// Pensar's gateway.
    pub gateway: String,
    /// Pensar's pages.
    pub console: String,
    /// Pensar's WorkOS.
    pub workos: String,
}

/// The variables that point a client at a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Environment {
    /// Pentify's API.
    pub pentify_api_url: String,
    /// Pentify's pages.
    pub pentify_app_url: String,
    /// Pensar's API.
    pub pensar_api_url: String,
    /// Pensar's gateway.
    pub pensar_gateway_url: String,
    /// Pensar's pages.
    pub pensar_console_url: String,
    /// Pensar's WorkOS.
    pub workos_api_url: String,
    /// For any OAuth client: the issuer, with metadata (RFC 8414).
    pub sandbox_issuer: String,
    /// The client's id there. It has no secret.
    pub sandbox_client_id: &'static str,
    /// What can be asked for (`GET`) with an access token.
    pub sandbox_resource: String,
}

impl Environment {
    /// Names and values, for a shell or a child process.
    pub fn pairs(&self) -> [(&'static str, &str); 9] {
        [
            ("PENTIFY_API_URL", &self.pentify_api_url),
            ("PENTIFY_APP_URL", &self.pentify_app_url),
            ("PENSAR_API_URL", &self.pensar_api_url),
            ("PENSAR_GATEWAY_URL", &self.pensar_gateway_url),
            ("PENSAR_CONSOLE_URL", &self.pensar_console_url),
            ("WORKOS_API_URL", &self.workos_api_url),
            ("SANDBOX_ISSUER", &self.sandbox_issuer),
            ("SANDBOX_CLIENT_ID", self.sandbox_client_id),
            ("SANDBOX_RESOURCE", &self.sandbox_resource),
        ]
    }
}

/// The life of the thread: one executor for all connections, since requests meet the service one by one anyway.
fn run(doors: [Door; 6], desk: &Arc<Desk>, stopped: &Receiver<()>) {
    let executor = LocalExecutor::new();
    let open = Rc::new(Cell::new(0));
    let [api, app, pensar_api, gateway, console, workos] =
        doors.map(|door| accept(door, desk, &executor, &open));
    let doors = api.or(app).or(pensar_api).or(gateway).or(console).or(workos);
    let stop = async {
        // `recv` ends, with an error, when the other side closes the channel.
        let _ = stopped.recv().await;
        Ok(())
    };
    // A door that cannot even be opened ends the thread: then nothing answers, which a client can see.
    let _ = smol::block_on(executor.run(doors.or(stop)));
}

async fn accept(
    door: Door,
    desk: &Arc<Desk>,
    executor: &LocalExecutor<'_>,
    open: &Rc<Cell<usize>>,
) -> io::Result<()> {
    let listener = Async::new(door.listener)?;
    let origin = Rc::new(door.base.origin().clone());
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
        let (origin, desk, guard) = (Rc::clone(&origin), Arc::clone(desk), Counted::new(open));
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
