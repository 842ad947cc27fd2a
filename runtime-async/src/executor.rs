//! The one thread that all sessions of the process share.

use std::future::pending;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use async_executor::Executor;

/// What runs futures on the shared thread, which is started by who asks first. The executor is our own, since the tasks of
/// an embedder's end with it, and can be starved by what else runs there.
///
/// # Errors
/// If the system has no thread to give.
pub(crate) fn executor() -> io::Result<&'static Executor<'static>> {
    static EXECUTOR: Executor<'static> = Executor::new();
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*started {
        thread::Builder::new().name("doorkey".to_owned()).spawn(|| run(&EXECUTOR))?;
        *started = true;
    }
    Ok(&EXECUTOR)
}

/// A panic is its task's alone: the others go on.
fn run(executor: &Executor<'_>) {
    let forever = || async_io::block_on(executor.run(pending::<()>()));
    while catch_unwind(AssertUnwindSafe(forever)).is_err() {}
}
