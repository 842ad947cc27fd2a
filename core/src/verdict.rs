//! Whether a session's token is used as it is, or rotated first: the rules of invariants 8 to 10, as one function.

use core::time::Duration;

use crate::bearer::explain;
use crate::failure::Failure;
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
    let first = || Spending { attempt: 1, started: Moment::new(now, &service.boot_id), last_resorts: 0 };
    match (&rotation.journal, hindrance(service, rotation)) {
        (Journal::Refused { .. }, _) if service.makes(Seeded::RefusalForgotten) => Verdict::Rotate(first()),
        (_, Some(stuck)) => Verdict::Stuck(stuck),
        (Journal::Spending(spending), None) => again(service, now, rotation, spending, refusal),
        (_, None) => Verdict::Rotate(first()),
    }
}

/// Why a record's session can never be renewed here, in the words of who needs it renewed, with the next step; `None` if it can
/// be, or is no session. Its access token may live on.
pub fn no_renewal(service: &Service, record: &Record) -> Option<Failure> {
    let stuck = hindrance(service, record.rotation.as_ref()?)?;
    Some(explain(service, stuck))
}

/// Whether a bearer may still be accepted, though it should be rotated.
pub(crate) fn is_alive(service: &Service, now: Now, record: &Record, refusal: Option<&Refusal>) -> bool {
    let refused = refusal.is_some_and(|refusal| Some(&refusal.token) == bearer(record).as_ref());
    let alive = |access: &Access| access.is_alive(now, &service.boot_id);
    let refused = refused || is_revoking(record);
    !refused && record.rotation.as_ref().is_none_or(|r| r.access.as_ref().is_some_and(alive))
}

/// Whether a record's session can never be renewed here, and will end, though its access token may still live.
pub(crate) fn is_ending(service: &Service, record: &Record) -> bool {
    record.rotation.as_ref().is_some_and(|rotation| match hindrance(service, rotation) {
        None => false,
        Some(Stuck::Unrenewable) => rotation.access.as_ref().is_some_and(|access| access.lifetime.is_some()),
        Some(_) => true,
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

/// Why there will never be a rotation here, whatever the time.
fn hindrance(service: &Service, rotation: &Rotation) -> Option<Stuck> {
    let copied = rotation.machine.is_some() && rotation.machine != service.machine_id;
    let copied = copied && !service.makes(Seeded::CopiedRotates);
    match &rotation.journal {
        Journal::Revoking => Some(Stuck::Revoking),
        // Wherever it came from: nothing is sent that another machine could miss.
        Journal::Unrenewable => Some(Stuck::Unrenewable),
        _ if copied => Some(Stuck::Copied),
        Journal::Refused { interrupted: true } => Some(Stuck::Interrupted),
        Journal::Refused { interrupted: false } => Some(Stuck::Expired),
        Journal::Spending(spending) if is_exhausted(service, spending) => Some(Stuck::Interrupted),
        Journal::Settled | Journal::Spending(_) => None,
    }
}

fn is_exhausted(service: &Service, spending: &Spending) -> bool {
    spending.last_resorts >= LAST_RESORTS && !service.makes(Seeded::EndlessLastResorts)
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

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;
    use crate::secret::Secret;

    fn service(machine: Option<&str>) -> Service {
        let service = Service::issuer("https://auth.example.com", "work", String::from("box")).unwrap();
        Service { machine_id: machine.map(String::from), ..service }
    }

    fn record(machine: Option<&str>, journal: Journal) -> Record {
        let mut record = Record::bare_refresh(Secret::from("refresh"));
        let rotation = record.rotation_mut().unwrap();
        (rotation.machine, rotation.journal) = (machine.map(String::from), journal);
        record
    }

    fn spending(last_resorts: u32) -> Journal {
        Journal::Spending(Spending { attempt: 1, started: Moment::default(), last_resorts })
    }

    #[test]
    fn why_a_session_can_never_be_renewed_has_one_answer() {
        let refused = |interrupted| Journal::Refused { interrupted };
        for (made_on, here, journal, code) in [
            (Some("a"), Some("a"), Journal::Settled, None),
            (None, Some("a"), Journal::Settled, None),
            (None, None, Journal::Settled, None),
            (Some("a"), Some("b"), Journal::Settled, Some("copied_home")),
            (Some("a"), Some("b"), spending(0), Some("copied_home")),
            // A machine without an id could be any.
            (Some("a"), None, Journal::Settled, Some("copied_home")),
            (Some("a"), Some("b"), refused(false), Some("copied_home")),
            (Some("a"), Some("a"), refused(false), Some("session_expired")),
            (Some("a"), Some("a"), refused(true), Some("rotation_interrupted")),
            (Some("a"), Some("a"), spending(LAST_RESORTS - 1), None),
            (Some("a"), Some("a"), spending(LAST_RESORTS), Some("rotation_interrupted")),
            (Some("a"), Some("b"), Journal::Unrenewable, Some("session_expired")),
            (Some("a"), Some("b"), Journal::Revoking, Some("revocation_pending")),
        ] {
            let (service, record) = (service(here), record(made_on, journal));
            let told = no_renewal(&service, &record);
            assert_eq!(told.as_ref().map(|failure| &*failure.code), code, "{record:?}");
            assert!(told.is_none_or(|failure| failure.next.is_some()));
            // Without an access token the verdict is the same, and without a lifetime nothing ends by itself.
            let now = Now::default();
            assert_eq!(is_over(&service, now, &record), code.is_some(), "{record:?}");
            let ends = code.is_some() && record.rotation.as_ref().unwrap().journal != Journal::Unrenewable;
            assert_eq!(is_ending(&service, &record), ends, "{record:?}");
        }
        assert_eq!(no_renewal(&service(None), &Record::bare(Secret::from("key"))), None);
    }
}
