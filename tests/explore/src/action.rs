//! What can happen next.

use std::fmt;

/// One thing that happens; the smallest step between two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A process is started.
    Start(u8),
    /// A process does what it wants to do next, or hears what it waits for.
    Step(u8),
    /// What it asks of a store goes wrong.
    Store(u8, StoreTrouble),
    /// It does not get the lock within one wait.
    Busy(u8),
    /// It does not get the lock for as long as it waits.
    Impatient(u8),
    /// Its request or the answer goes wrong on the way.
    Way(u8, WayTrouble),
    /// It is killed.
    Crash(u8),
    /// It is killed after its request has left: that arrives at any time, or never.
    CrashSending(u8),
    /// The person interrupts it.
    Interrupt(u8),
    /// The request of a killed process arrives.
    Orphan,
    /// Time passes until the next moment that matters to anybody.
    Wait,
    /// The clocks jump.
    Jump(Jump),
    /// Another program, which knows no lock, stores its login.
    Stranger,
}

/// What goes wrong in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreTrouble {
    /// It says no, and does nothing.
    Refused,
    /// It does not answer in time, and does it all the same.
    Late,
    /// It says that it is done, and does nothing.
    Forgotten,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayTrouble {
    /// Not a byte leaves.
    NotSent,
    /// It never arrives, which nobody can know.
    Vanished,
    /// Something in between asks for fewer requests; the issuer never hears of it.
    Throttled,
    /// The answer never arrives.
    AnswerLost,
    /// Something in between answers nonsense instead.
    Garbled,
}

/// How the clocks jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// The wall clock an hour ahead.
    Ahead,
    /// The wall clock an hour back.
    Back,
    /// The machine sleeps for an hour.
    Sleep,
}

impl StoreTrouble {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "a store refuses",
            Self::Late => "a store is late",
            Self::Forgotten => "a store forgets",
        }
    }
}

impl WayTrouble {
    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotSent => "a request is not sent",
            Self::Vanished => "a request vanishes",
            Self::Throttled => "too many requests",
            Self::AnswerLost => "an answer is lost",
            Self::Garbled => "an answer is garbled",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(who) => write!(f, "{who} is started"),
            Self::Step(who) => write!(f, "{who} goes on"),
            Self::Store(who, trouble) => write!(f, "{who}'s store: {trouble:?}"),
            Self::Busy(who) => write!(f, "{who} waits for the lock once in vain"),
            Self::Impatient(who) => write!(f, "{who} waits for the lock in vain"),
            Self::Way(who, trouble) => write!(f, "{who}'s request: {trouble:?}"),
            Self::Crash(who) => write!(f, "{who} is killed"),
            Self::CrashSending(who) => write!(f, "{who} is killed with its request on the way"),
            Self::Interrupt(who) => write!(f, "{who} is interrupted"),
            Self::Orphan => f.write_str("the request of a killed process arrives"),
            Self::Wait => f.write_str("time passes"),
            Self::Jump(jump) => write!(f, "the clocks jump: {jump:?}"),
            Self::Stranger => f.write_str("another program stores its login"),
        }
    }
}
