//! What requests are authorized with, and why not.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;

use crate::amend::someone_else;
use crate::failure::{Exit, Failure, not_signed_in};
use crate::keep::Kept;
use crate::lookup::{Found, check_issuer};
use crate::machine::Context;
use crate::record::{Backend, Gateway, Record, Workspace};
use crate::secret::Secret;
use crate::service::Service;
use crate::store::Ledger;
use crate::verdict::{Stuck, is_revoking};

/// What to send requests with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bearer {
    /// This; with all that is stored beside it, and where.
    Good(Box<Kept>),
    /// Nothing better than what was refused.
    NothingNewer,
}

impl Bearer {
    /// The token to send, if there is one.
    pub fn token(&self) -> Option<&Secret> {
        match self {
            Self::Good(kept) => bearer_of(&kept.record),
            Self::NothingNewer => None,
        }
    }
}

/// What a record's requests are authorized with: the access token of a session, else the token itself.
pub fn bearer_of(record: &Record) -> Option<&Secret> {
    match &record.rotation {
        None => Some(&record.token),
        Some(rotation) => rotation.access.as_ref().map(|access| &access.token),
    }
}

/// The newest record, if it is a credential of this service and of the login that counts.
pub(crate) fn usable<'a>(
    cx: &Context<'_>,
    found: &'a Found,
    login: Option<&str>,
) -> Result<(Backend, &'a Record), Failure> {
    let newest = found.newest().filter(|(_, record)| !record.is_tombstone());
    let Some((backend, record)) = newest else { return Err(not_signed_in(cx.service, None)) };
    if is_revoking(record) {
        return Err(revoking(cx.service));
    }
    check_issuer(cx, record)?;
    let same = |login: &str| record.generation.as_ref().is_some_and(|g| *g.login == *login);
    if login.is_some_and(|login| !same(login)) {
        return Err(someone_else());
    }
    Ok((backend, record))
}

/// The login was ended here, and its issuer could not be told yet.
pub(crate) fn revoking(service: &Service) -> Failure {
    let what = "signed out; the issuer is still to be told that the tokens are revoked";
    Failure::new(Exit::NotSignedIn, "revocation_pending", what).next(format!(
        "run `{} logout` again to tell it; to sign in, {}",
        service.command,
        service.login_command()
    ))
}

/// A token that another program stored comes without the workspace that it is used in.
pub(crate) fn with_what_was_known(service: &Service, mut record: Record, ledger: &Ledger) -> Record {
    if record.generation.is_some() {
        return record;
    }
    let workspace = || {
        let slug = ledger.active.clone()?;
        let id = ledger.workspace_id.as_deref().and_then(Workspace::readable_id);
        Some(Arc::new(Workspace { id, name: None, slug }))
    };
    record.workspace = record.workspace.take().or_else(workspace);
    let gateway = ledger.gateway_url.as_deref().and_then(Gateway::read_base);
    record.gateway.url = record.gateway.url.take().or(gateway.filter(|url| service.has_gateway(url)));
    record
}

/// Why a session cannot be renewed, and what to do.
pub(crate) fn explain(service: &Service, stuck: Stuck) -> Failure {
    let login = service.login_command();
    let failure = |code: &'static str, message: &'static str| Failure::new(Exit::NotSignedIn, code, message);
    match stuck {
        Stuck::Expired => failure("session_expired", "the session has expired").next(login),
        Stuck::Interrupted | Stuck::Undecided => failure(
            "rotation_interrupted",
            "renewing the session was interrupted, and whether the new tokens were issued cannot be found out",
        )
        .next(login),
        Stuck::Unrenewable => failure(
            "session_expired",
            "the access token has expired, and its issuer gave nothing to renew it with",
        )
        .next(login),
        Stuck::Revoking => revoking(service),
        Stuck::Copied => failure(
            "copied_home",
            "this session was made on another machine; renewing it here would end it there",
        )
        .next(format!("{login} on this machine")),
    }
}
