//! How the connection stands, and what has to be said about that.

use doorkey_core::connection::ConnectionState;
use doorkey_core::record::Record;
use doorkey_core::service::Service;

use crate::surface::Message;

/// How the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: ConnectionState,
    pub(super) record: Option<Record>,
}

impl Standing {
    pub(super) fn has_no_workspace(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.rotation.is_some() && record.workspace.is_none())
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
