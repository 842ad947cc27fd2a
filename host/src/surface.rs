//! What a driver shows and asks.

use doorkey_core::command::{Choice, Question};
use doorkey_core::notice::Notice;
use doorkey_core::time::Now;

/// The person's side of a driver.
pub trait Surface {
    /// Shows something.
    fn show(&mut self, now: Now, notice: &Notice);

    /// Called about once a second while the driver waits, for clocks that count down.
    fn tick(&mut self, now: Now) {
        let _ = now;
    }

    /// Shows workspaces to choose from and returns what reads the choice, on a thread of its own. `None` chooses
    /// none, as it is by default.
    fn choose(&mut self, choices: &[Choice]) -> Box<dyn FnOnce() -> Option<usize> + Send> {
        let _ = choices;
        Box::new(|| None)
    }

    /// Shows a question and returns what reads the answer. The reading happens on a thread of its own, so that it
    /// may block. Without a person the answer is `false`, as it is by default.
    fn ask(&mut self, question: Question) -> Box<dyn FnOnce() -> bool + Send> {
        let _ = question;
        Box::new(|| false)
    }
}
