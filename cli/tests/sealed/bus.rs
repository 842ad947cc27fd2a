//! A D-Bus address where somebody listens and never answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Sealed;

pub struct SilentBus {
    connections: Arc<AtomicUsize>,
    socket: PathBuf,
}

impl SilentBus {
    /// Listens in the sealed home, and makes the commands there use it.
    pub fn start(sealed: &mut Sealed) -> Self {
        let socket = sealed.home.join("run/bus");
        let listener = UnixListener::bind(&socket).unwrap();
        sealed.set("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()));
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                count.fetch_add(1, Ordering::SeqCst);
                open.push(stream);
            }
        });
        Self { connections, socket }
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for SilentBus {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}
