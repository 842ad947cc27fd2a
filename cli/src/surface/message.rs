//! What a notice says, wherever it is shown.

use doorkey_core::notice::Notice;
use doorkey_core::service::Service;
use doorkey_core::store::StoreFailure;
use doorkey_core::text::harmless;

use super::words::{auth, name, remedy, seconds};

/// One thing to say to the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How much it matters.
    pub weight: Weight,
    /// A sentence or two, harmless to show.
    pub text: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It is in passing.
    Hint,
    /// The person is meant to read it.
    Plain,
    /// Something is not as it should be.
    Warning,
}

impl Message {
    /// In passing.
    pub fn hint(text: impl Into<String>) -> Self {
        Self { weight: Weight::Hint, text: text.into(), next: None }
    }

    /// To be read.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { weight: Weight::Plain, ..Self::hint(text) }
    }

    /// Something is not as it should be.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, ..Self::hint(text) }
    }

    /// What a notice says; `None` if it is more than something to say: a link, a wait, a shield.
    pub fn of(notice: &Notice, service: &Service) -> Option<Self> {
        Some(match notice {
            Notice::VariableHides { variable } => {
                Self::warning(format!("{variable} is set: it will hide the stored token until you unset it"))
            }
            Notice::OtherWorkspace { asked, picked } => Self::warning(format!(
                "you asked for workspace {asked:?}, but {picked:?} was picked in the browser"
            )),
            Notice::WorkspaceIgnored => {
                Self::warning("--workspace has no effect: the token comes from a flag or the environment")
            }
            Notice::Retrying { reason, wait } => {
                Self::hint(format!("{reason}; trying again in {}", seconds(*wait)))
            }
            Notice::UnlockingKeychain => Self::plain("The keychain is locked; please answer its prompt."),
            Notice::FellBack { failure, to, .. } => Self {
                next: Some(remedy(failure).to_owned()),
                ..Self::warning(format!(
                    "{}, so the token is stored as plain text in the {}, which only you can read",
                    harmless(failure.parts().0),
                    name(*to)
                ))
            },
            Notice::StaleEntry { backend, failure } => Self::warning(format!(
                "an older token may remain in the {}, which cannot be reached: {}; it will not be used",
                name(*backend),
                harmless(failure.parts().0)
            )),
            Notice::LedgerNotWritten(failure) => Self::warning(format!(
                "could not remember where the token is: {}",
                harmless(failure.parts().0)
            )),
            Notice::FinishingRotation => {
                Self::plain("The session is being renewed; that is finished first, in some seconds.")
            }
            Notice::KeptInEmergencyFile { failure } => of_store(failure, |cause| {
                format!(
                    "the renewed session is kept in an emergency file, since its place is not usable: {cause}"
                )
            }),
            Notice::NotKept { failure } => of_store(failure, |cause| {
                format!("the renewed session could not be stored, and ends with this command: {cause}")
            }),
            Notice::Recovered => Self::hint("The session from the emergency file is back where it belongs."),
            Notice::NotRenewed { failure } => Self {
                next: failure.next.clone(),
                ..Self::warning(format!("the session could not be renewed now: {}", failure.message))
            },
            Notice::Moved { to } => {
                Self::hint(format!("What an older program had stored is now in the {}.", name(*to)))
            }
            Notice::EndpointElsewhere { name, origin } => {
                Self::hint(format!("The issuer's {} is at {origin}.", name.replace('_', " ")))
            }
            Notice::EarlierLoginRevoked => {
                Self::hint("The issuer has revoked the tokens of the earlier login.")
            }
            Notice::EarlierLoginNotRevoked { reason } => Self::warning(format!(
                "the issuer did not revoke the tokens of the earlier login: {reason}; they end by themselves"
            )),
            Notice::NotListening { reason } => Self::warning(format!("{reason}; a code is used instead")),
            Notice::AlreadyConnected { workspace, session, backend } => {
                let mut lines = vec![format!("Connected to {}", service.name)];
                lines.extend(workspace.as_ref().map(|workspace| {
                    let name = workspace.name.as_ref().unwrap_or(&workspace.slug);
                    format!("Workspace: {} ({})", harmless(name), harmless(&workspace.slug))
                }));
                lines.push(format!("Auth: {}", auth(*session)));
                lines.push(format!("Tokens: in the {}", name(*backend)));
                Self::plain(lines.join("\n  "))
            }
            Notice::LegacyService => {
                Self::hint(format!("{} is an older deployment here: it gives an API key.", service.name))
            }
            _ => return None,
        })
    }
}

/// A warning about a store, with what mends it.
fn of_store(failure: &StoreFailure, say: impl FnOnce(&str) -> String) -> Message {
    let (cause, next) = failure.parts();
    Message { next: next.map(harmless), ..Message::warning(say(&harmless(cause))) }
}
