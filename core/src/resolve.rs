//! Which token to use: flag, then environment, then the stores.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::Notice;
use crate::record::{Backend, Record, Slot};
use crate::secret::Secret;
use crate::service::Service;
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use crate::time::Timestamp;
use crate::token::{bearer_given, is_api_token};

/// What the command line and the environment say about the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Given {
    /// From the flag.
    pub flag: Option<Secret>,
    /// From the environment; an empty variable counts as unset.
    pub variable: Option<Secret>,
    /// The workspace whose stored token to use; `None`: the active one.
    pub workspace: Option<String>,
}

/// Where a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The flag.
    Flag,
    /// The environment.
    Variable,
    /// A store.
    Store(Backend),
}

impl Source {
    /// The stable name, as in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Variable => "environment",
            Self::Store(backend) => backend.as_str(),
        }
    }
}

/// A token, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolved {
    /// Where it came from.
    pub source: Source,
    /// The token, and what else is known of it; from a flag or variable, nothing.
    pub record: Record,
}

/// The machine. With a flag or a variable it ends at once and no store is touched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolve {
    given: Given,
    phase: Phase,
}

/// What one backend holds, or why it could not be read.
pub type Look = (Backend, Result<Vec<(Slot, Record)>, StoreFailure>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    ReadingLedger(CommandId),
    Reading { id: CommandId, backend: Backend, ledger: Ledger, looks: Vec<Look> },
}

impl Resolve {
    /// Looks for the token as `given` says.
    pub fn new(given: Given) -> Self {
        Self { given, phase: Phase::New }
    }

    fn read_next(&mut self, cx: &mut Context<'_>, ledger: Ledger, looks: Vec<Look>) -> Step<Resolved> {
        let workspace = self.given.workspace.as_deref();
        let picked = pick(cx.service, &ledger, &looks, workspace);
        let Some(backend) = reading_order(cx.service, &ledger).get(looks.len()).copied() else {
            return Step::Done(picked);
        };
        // A later backend matters only as long as nothing is found; a named workspace may lie anywhere.
        let settled = match &picked {
            Ok(_) => workspace.is_none(),
            Err(failure) => failure.exit == Exit::Store && looks.last().map(|look| look.0) == ledger.backend,
        };
        if settled {
            return Step::Done(picked);
        }
        let op = match workspace {
            None => StoreOp::Load { backend, slot: Slot::Active },
            Some(_) => StoreOp::LoadAll(backend),
        };
        self.phase = Phase::Reading { id: cx.store(op), backend, ledger, looks };
        Step::Pending
    }
}

impl Logic for Resolve {
    type Output = Resolved;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Resolved> {
        match given_token(cx.service, &self.given) {
            Err(failure) => Step::fail(failure),
            Ok(Some(resolved)) => {
                if self.given.workspace.is_some() {
                    cx.show(Notice::WorkspaceIgnored);
                }
                Step::Done(Ok(resolved))
            }
            Ok(None) => {
                self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
                Step::Pending
            }
        }
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Resolved> {
        let Event::Store { id: answered, answer } = event else { return Step::Ignored("not waited for") };
        match core::mem::replace(&mut self.phase, Phase::New) {
            Phase::ReadingLedger(id) if id == *answered => match answer {
                StoreAnswer::Ledger(ledger) => self.read_next(cx, ledger.clone(), Vec::new()),
                StoreAnswer::Failed(failure) => Step::fail(store_failure(failure.clone())),
                _ => unexpected(),
            },
            Phase::Reading { id, backend, ledger, mut looks } if id == *answered => {
                looks.push((
                    backend,
                    match answer {
                        StoreAnswer::Records(records) => Ok(records.clone()),
                        StoreAnswer::Failed(failure) => Err(failure.clone()),
                        _ => return unexpected(),
                    },
                ));
                self.read_next(cx, ledger, looks)
            }
            phase => {
                self.phase = phase;
                Step::Ignored("not waited for")
            }
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        None
    }
}

/// What the command line and the environment hold, checked; `None` if nothing.
///
/// # Errors
/// A token without a token's form.
pub fn given_token(service: &Service, given: &Given) -> Result<Option<Resolved>, Failure> {
    let variable = given.variable.as_ref().filter(|token| !token.expose_secret().is_empty());
    let (token, source, place) = match (&given.flag, variable) {
        (Some(token), _) => (token, Source::Flag, "--api-token"),
        (None, Some(token)) => (token, Source::Variable, &*service.token_variable),
        (None, None) => return Ok(None),
    };
    let token = match &service.oauth {
        Some(_) => bearer_given(token.clone(), place)?,
        None if is_api_token(token) => token.clone(),
        None => return Err(malformed_token(service, place)),
    };
    let record = Record::bare(token);
    Ok(Some(Resolved { source, record }))
}

/// The credential to use, from what was seen in the stores, in reading order.
///
/// # Errors
/// Not signed in; the backend with the newest login cannot be read; the credential is another issuer's; the
/// workspace's name is ambiguous.
pub(crate) fn pick(
    service: &Service,
    ledger: &Ledger,
    looks: &[Look],
    workspace: Option<&str>,
) -> Result<Resolved, Failure> {
    let mut found = Vec::new();
    let mut hidden = None;
    for (backend, look) in looks {
        match look {
            Ok(records) => found.extend(records.iter().filter_map(|(slot, record)| {
                let wanted = workspace.is_some() || *slot == Slot::Active;
                (wanted && is_settled(ledger, *backend, slot, record)).then(|| (*backend, record.clone()))
            })),
            // The newest login is there and nowhere else: what lies elsewhere is older.
            Err(failure) if ledger.backend == Some(*backend) => return Err(store_failure(failure.clone())),
            // "Absent" is how a machine without a keychain is; anything else may hide the credential.
            Err(failure) if failure.kind != StoreFailureKind::Absent => hidden = hidden.or(Some(failure)),
            Err(_) => {}
        }
    }
    let chosen = match workspace {
        None => found.into_iter().next(),
        Some(name) => by_workspace(found, name)?,
    };
    let Some((backend, record)) = chosen else {
        return Err(match hidden {
            Some(failure) => store_failure(failure.clone()),
            None => not_signed_in(service, workspace),
        });
    };
    let issuer = record.issuer.as_deref().unwrap_or(&service.bare_issuer);
    if issuer != service.issuer {
        return Err(other_issuer(service, issuer));
    }
    Ok(Resolved { source: Source::Store(backend), record })
}

/// The service's backends, the remembered one first.
pub(crate) fn reading_order(service: &Service, ledger: &Ledger) -> Vec<Backend> {
    let remembered = ledger.backend.filter(|backend| service.backends.contains(backend));
    let others = service.backends.iter().copied().filter(|backend| Some(*backend) != remembered);
    remembered.into_iter().chain(others).collect()
}

/// Whether an entry may be believed: it is not one that waits to be removed.
pub(crate) fn is_settled(ledger: &Ledger, backend: Backend, slot: &Slot, record: &Record) -> bool {
    !ledger.unsettled.iter().any(|u| {
        u.backend == backend && u.slot == *slot && u.version.as_ref().is_none_or(|v| *v == record.version())
    })
}

/// Slug first, then exact name; the first backend that has it wins.
pub(crate) fn by_workspace(
    found: Vec<(Backend, Record)>,
    name: &str,
) -> Result<Option<(Backend, Record)>, Failure> {
    if let Some(hit) = found.iter().find(|(_, record)| record.slug() == Some(name)) {
        return Ok(Some(hit.clone()));
    }
    let mut hits: Vec<(Backend, Record)> = Vec::new();
    for (backend, record) in found {
        let named = record.workspace.as_ref().is_some_and(|w| w.name.as_deref() == Some(name));
        if named && !hits.iter().any(|(_, hit)| hit.slug() == record.slug()) {
            hits.push((backend, record));
        }
    }
    if hits.len() > 1 {
        let slugs: Vec<&str> = hits.iter().filter_map(|(_, record)| record.slug()).collect();
        return Err(Failure::new(
            Exit::Usage,
            "ambiguous_workspace",
            format!("several workspaces are named {:?}: {}", crate::text::harmless(name), slugs.join(", ")),
        )
        .next("name one by its slug"));
    }
    Ok(hits.into_iter().next())
}

pub(crate) fn malformed_token(service: &Service, place: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        "malformed_token",
        format!("{place} does not hold an API token (expected pt_live_… of letters, digits, - and _)"),
    )
    .next(format!("copy it again; keys are made at {}", service.keys_page()))
}

/// A store's failure as a command's. The next step is the one that its detail ends with, else that of its kind.
pub fn store_failure(failure: StoreFailure) -> Failure {
    let of_kind = match failure.kind {
        StoreFailureKind::Absent => "start a keychain service, or sign in again",
        StoreFailureKind::Locked => "unlock the keychain, then try again",
        StoreFailureKind::TimedOut => "restart the keychain service or log in to the desktop again",
        StoreFailureKind::Volatile => "give the keychain a lasting collection",
        StoreFailureKind::Refused => "mend that, then try again",
        StoreFailureKind::Unreadable => "move it away, then sign in again",
        StoreFailureKind::Busy => "try again in a moment",
        StoreFailureKind::Shared => "keep it on a local disk",
    };
    let (message, next) = failure.parts();
    let code = match failure.kind {
        StoreFailureKind::Absent => "store_absent",
        StoreFailureKind::Locked => "store_locked",
        StoreFailureKind::TimedOut => "store_timed_out",
        StoreFailureKind::Volatile => "store_volatile",
        StoreFailureKind::Refused => "store_refused",
        StoreFailureKind::Unreadable => "store_unreadable",
        StoreFailureKind::Busy => "store_busy",
        StoreFailureKind::Shared => "store_shared",
    };
    Failure::new(Exit::Store, code, message).next(next.unwrap_or(of_kind))
}

/// Why none of these backends can take a token, and what mends the last of them, which needs the least.
pub(crate) fn refused_by_all(failed: &[(Backend, StoreFailure)]) -> (String, String) {
    let reason =
        |(backend, failure): &(Backend, StoreFailure)| format!("{}: {}", backend.as_str(), failure.parts().0);
    let reasons: Vec<String> = failed.iter().map(reason).collect();
    let next = failed.last().and_then(|(_, failure)| failure.parts().1).unwrap_or("mend one of them");
    (reasons.join("; "), next.into())
}

/// The code of having no credential at all.
pub(crate) const NOT_SIGNED_IN: &str = "not_signed_in";

pub(crate) fn not_signed_in(service: &Service, workspace: Option<&str>) -> Failure {
    let login = service.login_command();
    match workspace {
        None => Failure::new(Exit::NotSignedIn, NOT_SIGNED_IN, "not signed in").next(login),
        Some(name) => {
            let name = crate::text::harmless(name);
            Failure::new(Exit::NotSignedIn, NOT_SIGNED_IN, format!("not signed in to workspace {name:?}"))
                .next(format!("{} --workspace {name:?}`", login.trim_end_matches('`')))
        }
    }
}

/// A driver answered a store operation with an answer of another one.
pub(crate) fn unexpected<T>() -> Step<T> {
    Step::fail(Failure::new(Exit::Internal, "internal", "a store gave an answer to another question"))
}

pub(crate) fn other_issuer(service: &Service, issuer: &str) -> Failure {
    let issuer: String = crate::text::harmless(issuer);
    Failure::new(
        Exit::NotSignedIn,
        "other_issuer",
        format!("the stored token belongs to {issuer}; it was not sent to {}", service.api.origin()),
    )
    .next(format!("{} for this host, or correct {}", service.login_command(), service.api_variable))
}
