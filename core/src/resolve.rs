//! Which token to use: flag, then environment, then the stores.

use alloc::string::String;
use alloc::vec::Vec;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::looks::{pick, reading_order};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::Notice;
use crate::record::{Backend, Record, Slot};
use crate::secret::Secret;
use crate::service::Service;
use crate::store::{Ledger, StoreAnswer, StoreOp};
use crate::store_failure::unexpected;
use crate::time::Timestamp;
use crate::token::{bearer_given, is_api_token, malformed_token};

pub use crate::looks::{Look, holds_credential, is_stale};
pub use crate::store_failure::store_failure;

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
