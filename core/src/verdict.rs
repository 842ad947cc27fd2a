//! Whether a session's token is used as it is, or rotated first: the rules of invariants 8 to 10, as one function.

use core::time::Duration;

use crate::record::Record;
use crate::rotation::{Access, Journal, Moment, Rotation, Spending};
use crate::secret::Fingerprint;
use crate::seeded::Seeded;
use crate::service::Service;
use crate::time::Now;

/// What is left of a grace period must be enough for a request to arrive.
const ARRIVAL: Duration = Duration::from_secs(1);

/// How often a token of unknown fate is sent once its access token is dead. There is nothing left to lose then but the
/// issuer's patience; a process that is killed after its journal and before its request must not be the last.
const LAST_RESORTS: u32 = 3;

/// A token that the service refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Which token.
    pub token: Fingerprint,
    /// How.
    pub kind: RefusalKind,
}

/// How a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// 401, or 403 with `invalid_token` (RFC 6750 §3.1): the token itself.
    Token,
    /// Another 403: most likely a matter of rights.
    Rights,
}

/// What to do with a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// Its bearer is used.
    Use,
    /// It is rotated; the journal will say this.
    Rotate(Spending),
    /// It should be rotated, but must not be.
    Stuck(Stuck),
    /// It was refused, and a rotation would not help.
    NothingNewer,
}

/// Why there will be no rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stuck {
    /// The issuer does not accept the refresh token any more.
    Expired,
    /// A rotation was interrupted, and its outcome will never be known.
    Interrupted,
    /// The same, but once the access token is dead it is tried once more.
    Undecided,
    /// The session belongs to another machine.
    Copied,
    /// The issuer gave no refresh token.
    Unrenewable,
    /// It was ended here.
    Revoking,
}

/// Judges a record that is no tombstone.
pub(crate) fn judge(service: &Service, now: Now, record: &Record, refusal: Option<&Refusal>) -> Verdict {
    let refusal = refusal.filter(|refusal| Some(&refusal.token) == bearer(record).as_ref());
    let Some(rotation) = &record.rotation else {
        return if refusal.is_some() { Verdict::NothingNewer } else { Verdict::Use };
    };
    if rotation.journal == Journal::Revoking {
        return Verdict::Stuck(Stuck::Revoking);
    }
    if let Some(access) = &rotation.access {
        match refusal {
            None if service.makes(Seeded::FreshIsDue) => {}
            None if !access.is_due(now, &service.boot_id) => return Verdict::Use,
            Some(refusal) if !would_help(service, now, access, refusal) => return Verdict::NothingNewer,
            _ => {}
        }
    }
    let copied = rotation.machine.is_some() && rotation.machine != service.machine_id;
    let copied = copied && !service.makes(Seeded::CopiedRotates);
    match &rotation.journal {
        Journal::Refused { .. } if service.makes(Seeded::RefusalForgotten) => Verdict::Rotate(Spending {
            attempt: 1,
            started: Moment::new(now, &service.boot_id),
            last_resorts: 0,
        }),
        // Wherever it came from: nothing is sent that another machine could miss.
        Journal::Unrenewable => Verdict::Stuck(Stuck::Unrenewable),
        _ if copied => Verdict::Stuck(Stuck::Copied),
        Journal::Revoking => Verdict::Stuck(Stuck::Revoking),
        Journal::Settled => Verdict::Rotate(Spending {
            attempt: 1,
            started: Moment::new(now, &service.boot_id),
            last_resorts: 0,
        }),
        Journal::Refused { interrupted: true } => Verdict::Stuck(Stuck::Interrupted),
        Journal::Refused { interrupted: false } => Verdict::Stuck(Stuck::Expired),
        Journal::Spending(spending) => again(service, now, rotation, spending, refusal),
    }
}

/// Whether a bearer may still be accepted, though it should be rotated.
pub(crate) fn is_alive(service: &Service, now: Now, record: &Record, refusal: Option<&Refusal>) -> bool {
    let refused = refusal.is_some_and(|refusal| Some(&refusal.token) == bearer(record).as_ref());
    let alive = |access: &Access| access.is_alive(now, &service.boot_id);
    let refused = refused || is_revoking(record);
    !refused && record.rotation.as_ref().is_none_or(|r| r.access.as_ref().is_some_and(alive))
}

/// Whether a record's session can never be renewed here, though its access token may still live.
pub(crate) fn is_ending(service: &Service, record: &Record) -> bool {
    record.rotation.as_ref().is_some_and(|rotation| {
        let copied = rotation.machine.is_some() && rotation.machine != service.machine_id;
        let ends = rotation.access.as_ref().is_some_and(|access| access.lifetime.is_some());
        match rotation.journal {
            Journal::Refused { .. } | Journal::Revoking => true,
            Journal::Unrenewable => ends,
            Journal::Settled | Journal::Spending(_) => copied,
        }
    })
}

/// Whether a record is no session any more, and is only kept until the issuer has been told.
pub(crate) fn is_revoking(record: &Record) -> bool {
    record.rotation.as_ref().is_some_and(|rotation| rotation.journal == Journal::Revoking)
}

/// Whether a record is no use any more: its access token is dead, and the refresh token will never be sent again.
pub(crate) fn is_over(service: &Service, now: Now, record: &Record) -> bool {
    let stuck = matches!(
        judge(service, now, record, None),
        Verdict::Stuck(
            Stuck::Expired | Stuck::Interrupted | Stuck::Copied | Stuck::Unrenewable | Stuck::Revoking
        )
    );
    stuck && !is_alive(service, now, record, None)
}

/// Until when, from now, the issuer answers a refresh token again that is being spent.
pub(crate) fn grace_left(service: &Service, now: Now, spending: &Spending) -> Option<Duration> {
    let known = service.oauth.as_ref()?.grace;
    let grace = known.or_else(|| service.makes(Seeded::GraceAssumed).then_some(Duration::from_secs(20)))?;
    if service.makes(Seeded::EndlessGrace) {
        return Some(grace);
    }
    let age = spending.started.age(now, &service.boot_id)?;
    grace.checked_sub(age).filter(|left| *left >= ARRIVAL)
}

fn again(
    service: &Service,
    now: Now,
    rotation: &Rotation,
    spending: &Spending,
    refusal: Option<&Refusal>,
) -> Verdict {
    let attempt = spending.attempt.saturating_add(1);
    if spending.last_resorts == 0 && grace_left(service, now, spending).is_some() {
        return Verdict::Rotate(Spending { attempt, ..spending.clone() });
    }
    if spending.last_resorts >= LAST_RESORTS && !service.makes(Seeded::EndlessLastResorts) {
        return Verdict::Stuck(Stuck::Interrupted);
    }
    let lives = |access: &Access| access.is_alive(now, &service.boot_id);
    let risks = service.makes(Seeded::RiskedWhileAlive);
    if !risks && refusal.is_none() && rotation.access.as_ref().is_some_and(lives) {
        return Verdict::Stuck(Stuck::Undecided);
    }
    Verdict::Rotate(Spending {
        attempt,
        last_resorts: spending.last_resorts.saturating_add(1),
        ..spending.clone()
    })
}

fn would_help(service: &Service, now: Now, access: &Access, refusal: &Refusal) -> bool {
    if access.is_young(now, &service.boot_id) {
        return false;
    }
    match refusal.kind {
        RefusalKind::Token => true,
        RefusalKind::Rights => access.left(now, &service.boot_id).is_none_or(|left| left.is_zero()),
    }
}

fn bearer(record: &Record) -> Option<Fingerprint> {
    match &record.rotation {
        None => Some(record.token.fingerprint()),
        Some(rotation) => rotation.access.as_ref().map(|access| access.token.fingerprint()),
    }
}
