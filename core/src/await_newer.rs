//! The wait for a newer record after the issuer refused the token of the one that is stored: perhaps another client
//! has just got a newer one (invariant 9).

use alloc::boxed::Box;
use core::time::Duration;

use crate::event::Event;
use crate::keep::Kept;
use crate::lookup::{Found, Lookup};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::record::Record;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::verdict::is_revoking;

/// How often, and how far apart, to look.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// What came of the wait.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// Something newer is stored, or nothing any more.
    Newer,
    /// Nobody has a newer one than this, which was refused.
    Nobody(Box<Kept>),
}

/// The machine. It reads only, and without the lock: whoever has something newer needs that to store it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AwaitNewer {
    refused: Box<Kept>,
    looks: u32,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Waiting(Timestamp),
    Looking(Lookup),
}

impl AwaitNewer {
    /// Waits for anything but what this record holds, whose token was refused.
    pub(crate) fn new(refused: Box<Kept>) -> Self {
        Self { refused, looks: 0, phase: Phase::New }
    }

    fn wait(&mut self, cx: &Context<'_>) -> Step<Awaited> {
        self.phase = Phase::Waiting(cx.now.mono + PAUSE);
        Step::Pending
    }

    fn looked(&mut self, cx: &Context<'_>, found: &Found) -> Step<Awaited> {
        if found.held.as_ref().is_none_or(|(_, held)| !is_same(held, &self.refused.record)) {
            return Step::Done(Ok(Awaited::Newer));
        }
        if self.looks < LOOKS {
            return self.wait(cx);
        }
        Step::Done(Ok(Awaited::Nobody(self.refused.clone())))
    }
}

impl Logic for AwaitNewer {
    type Output = Awaited;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Awaited> {
        self.wait(cx)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Awaited> {
        match (&mut self.phase, event) {
            (Phase::Looking(lookup), event) => {
                lookup.handle(cx, event).and_then(|found| self.looked(cx, &found))
            }
            (Phase::Waiting(at), Event::Woke) if *at <= cx.now.mono => {
                self.looks += 1;
                let mut lookup = Lookup::default();
                let step = lookup.start(cx);
                self.phase = Phase::Looking(lookup);
                step.and_then(|found| self.looked(cx, &found))
            }
            (_, Event::Woke) => Step::Ignored("nothing is due"),
            _ => Step::Ignored("not waited for"),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Waiting(at) => Some((*at, WakeReason::LookAgain)),
            Phase::New | Phase::Looking(_) => None,
        }
    }
}

/// Whether it is the refused login still, with the same tokens. Not by versions: a store that forgot what it took has an
/// older one, and another program writes none at all.
fn is_same(held: &Record, refused: &Record) -> bool {
    let access = access_token(held);
    let same = held.token == refused.token && (access.is_none() || access == access_token(refused));
    // Somebody signs out: what is left of the access token is not to be used any more.
    same && !is_revoking(held)
}

fn access_token(record: &Record) -> Option<&Secret> {
    let access = record.rotation.as_ref()?.access.as_ref()?;
    Some(&access.token)
}
