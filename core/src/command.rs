//! What a machine asks its driver to do.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::http::HttpRequest;
use crate::money::Money;
use crate::notice::Notice;
use crate::redirect::RedirectPage;
use crate::store::StoreOp;
use crate::url::Url;
use crate::verdict::Refusal;

/// Ties an answer to its command. An answer with an id no longer waited for changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u32);

/// One thing to do. All but [`Command::Show`], [`Command::AnswerRedirect`] and [`Command::StopListening`] are answered by an
/// event with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Draw 256 bits from the operating system's generator.
    DrawEntropy {
        /// For [`Event::Entropy`](crate::event::Event::Entropy).
        id: CommandId,
    },
    /// Send a request and report its answer or failure within `limit`. No redirect is followed.
    Send {
        /// For [`Event::Response`](crate::event::Event::Response) or
        /// [`Event::RequestFailed`](crate::event::Event::RequestFailed).
        id: CommandId,
        /// What to send.
        request: HttpRequest,
        /// The longest time from now to the end of the answer's body.
        limit: Duration,
    },
    /// Perform a store operation.
    Store {
        /// For [`Event::Store`](crate::event::Event::Store).
        id: CommandId,
        /// The operation.
        op: StoreOp,
    },
    /// Open a page in the person's browser, without waiting for the browser to end.
    OpenPage {
        /// For [`Event::PageOpened`](crate::event::Event::PageOpened) or
        /// [`Event::PageNotOpened`](crate::event::Event::PageNotOpened).
        id: CommandId,
        /// The page.
        url: Url,
    },
    /// Ask the person. Without one, answer no.
    Ask {
        /// For [`Event::Answered`](crate::event::Event::Answered).
        id: CommandId,
        /// What to ask.
        question: Question,
    },
    /// Let the person choose one of several workspaces.
    Choose {
        /// For [`Event::Chosen`](crate::event::Event::Chosen).
        id: CommandId,
        /// In the order in which the service names them; never empty.
        choices: Vec<Choice>,
    },
    /// Find the token to use now: what a [`Find`](crate::find::Find) finds, one for all who ask alike meanwhile.
    FindToken {
        /// For [`Event::TokenFound`](crate::event::Event::TokenFound).
        id: CommandId,
        /// The token that was refused, if one was.
        refusal: Option<Refusal>,
    },
    /// Listen for what a browser on this machine brings back (RFC 8252 §7.3), at a port that the system picks. One listener
    /// at a time, which ends with the machine at the latest.
    Listen {
        /// For [`Event::Listening`](crate::event::Event::Listening) or
        /// [`Event::NotListening`](crate::event::Event::NotListening), and every
        /// [`Event::Redirected`](crate::event::Event::Redirected).
        id: CommandId,
        /// 127.0.0.1 or ::1.
        address: IpAddr,
    },
    /// Answer a request that came to the listener, and close its connection.
    AnswerRedirect {
        /// Of [`Command::Listen`].
        id: CommandId,
        /// Of the event.
        visit: u32,
        /// The answer.
        page: RedirectPage,
    },
    /// Listen no longer. Whoever has asked and has no answer gets this one; that it is on its way before the program ends
    /// is awaited for a moment, unless the person interrupts.
    StopListening {
        /// Of [`Command::Listen`].
        id: CommandId,
        /// The answer.
        page: RedirectPage,
    },
    /// Show something to the person.
    Show(Notice),
}

/// A workspace to choose. Its texts are harmless to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// Its credit balance, if the service said so.
    pub balance: Option<Money>,
}

/// A question with the answers yes and no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Question {
    /// The login was used up, probably by an answer that got lost: begin it again, be it a pairing or another? The name stands in
    /// traces.
    PairAgain,
    /// There is a connection already: sign in again?
    Reconnect,
}
