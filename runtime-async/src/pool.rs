//! Connections that wait for their next request.

use std::sync::{Mutex, PoisonError};

use doorkey_core::time::Timestamp;
use doorkey_core::url::Origin;
use doorkey_host::limits::IDLE_AGE;
use doorkey_host::{Clock as _, SystemClock};

use crate::connection::Connection;

/// So many are kept; a burst of requests leaves no more behind.
const MOST: usize = 16;

#[derive(Default)]
pub(crate) struct Pool(Mutex<Vec<Idle>>);

struct Idle {
    origin: Origin,
    connection: Connection,
    /// By a clock that a suspended machine does not stop: what its server closed meanwhile, nobody here was told.
    since: Timestamp,
}

impl Pool {
    /// A connection to `origin` that the server has not closed meanwhile.
    pub(crate) async fn take(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut connection = self.pop(origin)?;
            if connection.is_quiet().await {
                return Some(connection);
            }
        }
    }

    pub(crate) fn put(&self, origin: Origin, connection: Connection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_old(&mut idle);
        if idle.len() == MOST {
            // The one that waits longest is the first to be closed by its server.
            idle.remove(0);
        }
        // Most have one.
        idle.reserve_exact(1);
        idle.push(Idle { origin, connection, since: SystemClock.now().mono });
    }

    /// The one that was used last: the others may then grow old.
    fn pop(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_old(&mut idle);
        let at = idle.iter().rposition(|idle| idle.origin == *origin)?;
        Some(idle.remove(at).connection)
    }
}

fn forget_old(idle: &mut Vec<Idle>) {
    let now = SystemClock.now().mono;
    idle.retain(|idle| now.since(idle.since) < IDLE_AGE);
}
