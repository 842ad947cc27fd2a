//! The machines that run for the screen, one at a time, and what they end with.

use doorkey_core::connect::Connected;
use doorkey_core::connection::ConnectionReport;
use doorkey_core::credits::CreditsReport;
use doorkey_core::disconnect::Disconnected;
use doorkey_core::machine::Outcome;

/// What a machine is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// How does the connection stand?
    Look,
    /// Connect.
    Connect,
    /// Disconnect.
    Disconnect,
    /// What is the balance?
    Credits,
}

/// What a machine ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// [`Job::Look`].
    Looked(Outcome<ConnectionReport>),
    /// [`Job::Connect`].
    Connected(Outcome<Connected>),
    /// [`Job::Disconnect`].
    Disconnected(Outcome<Disconnected>),
    /// [`Job::Credits`].
    Credits(Outcome<CreditsReport>),
}
