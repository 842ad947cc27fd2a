//! What a driver reports to a machine.

use alloc::boxed::Box;
use alloc::string::String;

use crate::command::CommandId;
use crate::http::{HttpResponse, RequestFailure};
use crate::machine::Outcome;
use crate::redirect::RedirectRequest;
use crate::resolve::Resolved;
use crate::secret::Entropy;
use crate::store::StoreAnswer;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// Begin.
    Started {
        /// Any number, different with each run: the source of jitter, no secret.
        jitter_seed: u64,
    },
    /// The time of [`poll_timeout`](crate::machine::Machine::poll_timeout) has come. One that comes early is ignored.
    Woke,
    /// The person pressed Ctrl-C, or the process was asked to stop.
    Cancelled,
    /// Fresh random bits.
    Entropy {
        /// Of the command.
        id: CommandId,
        /// The bits.
        entropy: Entropy,
    },
    /// A complete answer to a request.
    Response {
        /// Of the command.
        id: CommandId,
        /// The answer.
        response: HttpResponse,
    },
    /// A request without an answer.
    RequestFailed {
        /// Of the command.
        id: CommandId,
        /// What is known of it.
        failure: RequestFailure,
    },
    /// A store operation is finished.
    Store {
        /// Of the command.
        id: CommandId,
        /// What came of it.
        answer: StoreAnswer,
    },
    /// A browser was started.
    PageOpened {
        /// Of the command.
        id: CommandId,
    },
    /// No browser could be started.
    PageNotOpened {
        /// Of the command.
        id: CommandId,
        /// Why, for a person.
        reason: String,
    },
    /// The person answered.
    Answered {
        /// Of the command.
        id: CommandId,
        /// The answer.
        yes: bool,
    },
    /// The person chose.
    Chosen {
        /// Of the command.
        id: CommandId,
        /// Which of the choices, from 0; `None`: none, or nobody can be asked.
        index: Option<usize>,
    },
    /// The listener is there.
    Listening {
        /// Of the command.
        id: CommandId,
        /// Its port.
        port: u16,
    },
    /// The address cannot be listened on.
    NotListening {
        /// Of the command.
        id: CommandId,
        /// Why, for a person.
        reason: String,
    },
    /// A request came to the listener. It waits for its answer:
    /// [`Command::AnswerRedirect`](crate::command::Command::AnswerRedirect) or
    /// [`Command::StopListening`](crate::command::Command::StopListening).
    Redirected {
        /// Of [`Command::Listen`](crate::command::Command::Listen).
        id: CommandId,
        /// Tells it from the others at this listener.
        visit: u32,
        /// The request.
        request: RedirectRequest,
    },
    /// What a [`Find`](crate::find::Find) has come to.
    TokenFound {
        /// Of the command.
        id: CommandId,
        /// The token with what is stored beside it; `None`: nothing newer than what was refused.
        found: Outcome<Option<Box<Resolved>>>,
    },
}
