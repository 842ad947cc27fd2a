//! What a simulation has in store, drawn from its seed.

use std::fmt;
use std::time::Duration;

use doorkey_core::seeded::Seeded;

use crate::bounds::{Bounds, GRACE, Troubles};
use crate::dice::Dice;

/// Rates count in this: so many of the occasions.
pub const OF: u64 = 10_000;

/// The plan of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// How long the issuer repeats an answer; zero is strict.
    pub grace: Duration,
    /// As many processes run at once on each computer, at most.
    pub processes: u8,
    /// Another computer has the credential, too.
    pub second: Option<Second>,
    /// How long it goes on, in virtual time.
    pub span: Duration,
    /// How often something goes wrong.
    pub rates: Rates,
    /// By how much the wall clocks drift, in millionths.
    pub drift: [i64; 2],
    /// One in so many answers is given twice, to see that the second is ignored; 1: all of them.
    pub repeats: u64,
    /// The machines make this mistake.
    pub seeded: Option<Seeded>,
}

/// How another computer came to the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// The home was copied to it, and will be again.
    Copied,
    /// The home lies on a file system that both share; the lock does not hold for both.
    Shared,
}

/// How often something happens where it could, in ten thousand times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// A process is killed, in each step.
    pub crashes: u64,
    /// A request or an answer is lost, garbled or put off, for each.
    pub losses: u64,
    /// An operation of a store fails, happens late, or is forgotten, for each.
    pub stores: u64,
    /// A wait for the lock is in vain, in each step.
    pub busy: u64,
    /// Time passes although somebody could go on, in each step.
    pub delays: u64,
    /// A wall clock is set, or a computer sleeps, in each step.
    pub jumps: u64,
    /// The person interrupts, in each step.
    pub interrupts: u64,
    /// Another program stores its login, in each step.
    pub strangers: u64,
    /// A computer is started anew, in each step.
    pub restarts: u64,
    /// A process that is started is a login.
    pub logins: u64,
    /// It is a logout.
    pub logouts: u64,
}

impl Plan {
    /// Anything may go wrong, or nothing.
    pub fn random(seed: u64) -> Self {
        let mut dice = Dice(seed);
        // Each kind is left out of half of the runs, so that others are not drowned by it.
        let mut rate = |most: u64| if dice.below(2) == 0 { 0 } else { 1 + dice.below(most) };
        let rates = Rates {
            crashes: rate(100),
            losses: rate(2_500),
            stores: rate(1_000),
            busy: rate(200),
            delays: rate(100),
            jumps: rate(20),
            interrupts: rate(50),
            strangers: rate(4),
            restarts: rate(10),
            logins: rate(300),
            logouts: rate(100),
        };
        let drifts = rates.jumps > 0;
        let mut drift = || if drifts { dice.below(401).cast_signed() - 200 } else { 0 };
        let drift = [drift(), drift()];
        Self {
            seed,
            grace: one_of(&mut dice, [Duration::ZERO, GRACE]),
            processes: one_of(&mut dice, [2, 5, 12, 40]),
            second: one_of(&mut dice, [None, None, Some(Second::Copied), Some(Second::Shared)]),
            span: Duration::from_hours(72),
            rates,
            drift,
            repeats: 1,
            seeded: None,
        }
    }

    /// One process after another refreshes, and nothing goes wrong.
    pub fn calm(seed: u64) -> Self {
        Self {
            processes: 1,
            second: None,
            grace: GRACE,
            rates: Rates::default(),
            drift: [0, 0],
            ..Self::random(seed)
        }
    }

    /// The same for so long.
    #[must_use]
    pub fn lasting(self, span: Duration) -> Self {
        Self { span, ..self }
    }

    /// As the exploration would say it: what may go wrong at all.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            sessions: self.processes,
            grace: self.grace,
            seeded: self.seeded,
            ..Bounds::new("simulation", self.troubles())
        }
    }

    /// What may go wrong, as often as it likes.
    pub fn troubles(&self) -> Troubles {
        let some = |rate| if rate > 0 { u8::MAX } else { 0 };
        let rates = &self.rates;
        Troubles {
            crashes: some(rates.crashes),
            losses: some(rates.losses),
            stores: some(rates.stores),
            busy: some(rates.busy),
            delays: some(rates.delays),
            jumps: some(rates.jumps),
            interrupts: some(rates.interrupts),
            strangers: some(rates.strangers),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, processes, second, span, rates, grace, .. } = self;
        let issuer = if grace.is_zero() { "strict" } else { "grace" };
        write!(f, "seed {seed}: {processes} processes, {} h, {issuer} issuer", span.as_secs() / 3600)?;
        second.map_or(Ok(()), |second| write!(f, ", second computer {second:?}"))?;
        write!(f, ", {rates:?}")
    }
}

/// One of these, whichever.
pub fn one_of<T: Copy, const N: usize>(dice: &mut Dice, of: [T; N]) -> T {
    of[usize::try_from(dice.below(N as u64)).unwrap_or_default()]
}
