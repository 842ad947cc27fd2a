//! How the connection stands, and what has to be said about that.

use doorkey_core::connection::{ConnectionReport, ConnectionState};
use doorkey_core::record::Record;
use doorkey_core::service::Service;

use crate::surface::Message;

/// How the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: ConnectionState,
    pub(super) record: Option<Record>,
    /// Whether there is a connection to a workspace: else `/login` makes one.
    pub(super) is_connected: bool,
}

impl Standing {
    pub(super) fn none() -> Self {
        Self { state: ConnectionState::None, record: None, is_connected: false }
    }

    /// After a login.
    pub(super) fn connected(record: Record) -> Self {
        Self { state: ConnectionState::Connected, record: Some(record), is_connected: true }
    }
}

impl From<ConnectionReport> for Standing {
    fn from(report: ConnectionReport) -> Self {
        let (state, is_connected) = (report.state, report.is_connected());
        Self { state, record: report.credential.ok().map(|kept| kept.record), is_connected }
    }
}

/// What has to be said about a session at the start: nothing if the next request restores it.
pub fn toast(service: &Service, state: ConnectionState) -> Option<Message> {
    let name = &service.name;
    match state {
        ConnectionState::Expired => Some(Message::warning(format!(
            "Your session with {name} has expired. Run /login to sign in again."
        ))),
        ConnectionState::Ending => Some(Message::warning(format!(
            "Your session with {name} cannot be renewed any more. Run /login before it ends."
        ))),
        _ => None,
    }
}
