//! What is piped in.

use std::io::{self, Read, Write};
use std::time::Duration;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::secret::Secret;
use zeroize::Zeroizing;

use crate::signals::Watch;

/// No token and no request body typed by hand is longer.
const LONGEST_INPUT: usize = 1024 * 1024;

/// A signal is heard at once; this is for a machine that is busy.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// All of standard input.
///
/// # Errors
/// It cannot be read, is longer than 1 MiB, or is not UTF-8.
pub fn read_input(watch: &Watch) -> Result<Secret, Failure> {
    watch.start();
    // Room for everything at once: growing would leave copies of a token behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_INPUT + 1));
    let read = io::stdin().lock().take(LONGEST_INPUT as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| unreadable(&e.to_string()))?;
    if bytes.len() > LONGEST_INPUT {
        return Err(unreadable("it is longer than 1 MiB"));
    }
    str::from_utf8(&bytes).map(Secret::from).map_err(|_| unreadable("it is not UTF-8"))
}

fn unreadable(why: &str) -> Failure {
    Failure::new(Exit::Usage, "unreadable_input", format!("cannot read standard input: {why}"))
        .next("correct what is piped in, then try again")
}

/// Asks at the terminal for something that is not shown.
///
/// # Errors
/// There is no terminal to read from.
pub fn read_hidden(watch: &Watch, prompt: &str) -> Result<Secret, Failure> {
    let _terminal = watch.keep_terminal();
    let typed = rpassword::prompt_password(prompt).map_err(|e| {
        if e.kind() == io::ErrorKind::Interrupted {
            // Ctrl-C came as a key; the prompt has made a signal of it, and whoever watches for those is about to end
            // the process. Before `exec`, nobody hears one that was ignored when we began.
            std::thread::sleep(HEARD_WITHIN);
            return Failure::interrupted();
        }
        if e.kind() == io::ErrorKind::UnexpectedEof {
            // The prompt's line is still open.
            let _ = writeln!(io::stderr());
        }
        Failure::new(Exit::Usage, "unreadable_input", format!("cannot read from the terminal: {e}"))
            .next("run it at a terminal")
    })?;
    Ok(Secret::new(typed))
}
