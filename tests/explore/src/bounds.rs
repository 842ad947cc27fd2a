//! What may happen in an exploration, and how often.

use std::fmt;
use std::time::Duration;

use doorkey_core::seeded::Seeded;

/// The bounds of an exploration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// A short name.
    pub name: &'static str,
    /// How many processes want a token.
    pub sessions: u8,
    /// How often each of them may be started.
    pub runs: u8,
    /// Somebody signs in anew meanwhile: approved already, about to be stored.
    pub login: bool,
    /// Somebody signs out meanwhile.
    pub logout: bool,
    /// How long the issuer repeats an answer; zero is strict.
    pub grace: Duration,
    /// The access token is dead already, not only due.
    pub dead: bool,
    /// The credential came with a home that was copied from another machine.
    pub copied: bool,
    /// What may go wrong.
    pub troubles: Troubles,
    /// The machines make this mistake.
    pub seeded: Option<Seeded>,
}

/// How often what may go wrong, in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Troubles {
    /// Processes killed, with their request still on its way or not.
    pub crashes: u8,
    /// Requests and answers lost, garbled or put off on their way.
    pub losses: u8,
    /// Store operations that fail, happen late, or are forgotten.
    pub stores: u8,
    /// The lock cannot be had within one wait, or within all of them.
    pub busy: u8,
    /// Time passes although somebody could go on.
    pub delays: u8,
    /// The wall clock is set an hour forward or back, or the machine sleeps for an hour.
    pub jumps: u8,
    /// Interrupts by the person.
    pub interrupts: u8,
    /// Another program, which knows no lock, stores a login of its own.
    pub strangers: u8,
}

impl Bounds {
    /// Two processes, an issuer with a grace period, and a token that is due.
    pub fn new(name: &'static str, troubles: Troubles) -> Self {
        Self {
            name,
            sessions: 2,
            runs: 1,
            login: false,
            logout: false,
            grace: GRACE,
            dead: false,
            copied: false,
            troubles,
            seeded: None,
        }
    }

    /// The same with this mistake.
    #[must_use]
    pub fn seeded(self, mistake: Seeded) -> Self {
        Self { seeded: Some(mistake), ..self }
    }

    /// What is explored in seconds.
    pub fn quick() -> Vec<Self> {
        let mut all: Vec<Self> = Self::small().into_iter().flat_map(Self::at_two_issuers).collect();
        // Nothing goes wrong: no issuer and no token makes a difference.
        all.push(Self::new("login and logout", Troubles::default()).login().logout());
        all
    }

    /// One thing goes wrong, or two: what is smallest comes first.
    fn small() -> [Self; 8] {
        let none = Troubles::default();
        [
            Self::new("logout", Troubles { crashes: 1, losses: 1, ..none }).alone(1).logout(),
            Self::new("copied home", Troubles { crashes: 1, losses: 1, ..none }).copied(),
            Self::new("stranger", Troubles { strangers: 1, ..none }),
            Self::new("busy", Troubles { busy: 1, delays: 1, ..none }),
            Self::new("store", Troubles { stores: 1, ..none }),
            Self::new("full disk", Troubles { stores: 4, ..none }).alone(1),
            Self::new("interrupt", Troubles { interrupts: 1, losses: 1, ..none }),
            Self::new("crash", Troubles { crashes: 1, losses: 1, ..none }),
        ]
    }

    /// What takes minutes.
    pub fn long() -> Vec<Self> {
        let none = Troubles::default();
        let bounds = [
            Self::new("hard disk", Troubles { crashes: 1, stores: 3, ..none }).alone(2),
            Self::new("clock", Troubles { jumps: 1, delays: 1, ..none }),
            Self::new("crashes", Troubles { crashes: 2, ..none }).runs(2),
            Self::new("losses", Troubles { losses: 2, ..none }),
            Self::new("slow", Troubles { crashes: 1, losses: 1, delays: 1, ..none }),
            Self::new("stores", Troubles { crashes: 1, losses: 1, stores: 1, ..none }),
            Self::new("clocks", Troubles { losses: 1, jumps: 1, ..none }),
            Self::new("waits", Troubles { crashes: 1, losses: 1, busy: 1, ..none }),
            Self::new("interrupts", Troubles { crashes: 1, losses: 1, interrupts: 1, ..none }),
            Self::new("strangers", Troubles { crashes: 1, losses: 1, strangers: 1, ..none }),
            Self::new("three", Troubles { crashes: 1, losses: 1, ..none }).sessions(3),
            Self::new("three, stores", Troubles { losses: 1, stores: 1, ..none }).sessions(3),
            Self::new("three, clocks", Troubles { crashes: 1, jumps: 1, ..none }).sessions(3),
            Self::new("everything", Troubles { crashes: 1, losses: 1, stores: 1, jumps: 1, ..none }),
            Self::new("login, logout, crash", Troubles { crashes: 1, ..none }).login().logout(),
            Self::new("login, logout, loss", Troubles { losses: 1, ..none }).login().logout(),
            Self::new("login, logout, store", Troubles { stores: 1, ..none }).login().logout(),
            Self::new("three, login, logout, crash", Troubles { crashes: 1, ..none })
                .sessions(3)
                .login()
                .logout(),
            Self::new("three, everything", Troubles { crashes: 1, losses: 1, stores: 1, ..none }).sessions(3),
        ];
        let last_resorts = Self::new("last resorts", Troubles { losses: 4, ..none }).alone(5).strict().dead();
        // Nothing is lost: no issuer and no token makes a difference.
        let shared = [
            Self::new("login, logout, clock", Troubles { jumps: 1, ..none }).login().logout(),
            Self::new("three, login, logout", none).sessions(3).login().logout(),
        ];
        let small = Self::small().into_iter().flat_map(Self::at_two_issuers).map(Self::dead);
        let wide = bounds.into_iter().flat_map(Self::at_each_issuer);
        small.chain([last_resorts]).chain(wide).chain(shared).collect()
    }

    fn at_two_issuers(self) -> [Self; 2] {
        [self.clone(), self.strict()]
    }

    fn at_each_issuer(self) -> [Self; 4] {
        [self.clone(), self.clone().dead(), self.clone().strict(), self.strict().dead()]
    }

    fn strict(self) -> Self {
        Self { grace: Duration::ZERO, ..self }
    }

    fn dead(self) -> Self {
        Self { dead: true, ..self }
    }

    fn sessions(self, sessions: u8) -> Self {
        Self { sessions, ..self }
    }

    fn runs(self, runs: u8) -> Self {
        Self { runs, ..self }
    }

    fn alone(self, runs: u8) -> Self {
        Self { sessions: 1, runs, ..self }
    }

    fn login(self) -> Self {
        Self { login: true, ..self }
    }

    fn logout(self) -> Self {
        Self { logout: true, ..self }
    }

    fn copied(self) -> Self {
        Self { copied: true, ..self }
    }
}

/// The grace period of an issuer that has one.
pub const GRACE: Duration = Duration::from_secs(20);

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, sessions, runs, .. } = self;
        write!(f, "{name}: {sessions} processes")?;
        if *runs > 1 {
            write!(f, " × {runs} runs")?;
        }
        for (is, what) in [(self.login, "a login"), (self.logout, "a logout"), (self.copied, "a copied home")]
        {
            if is {
                write!(f, ", {what}")?;
            }
        }
        let t = &self.troubles;
        for (count, what) in [
            (t.crashes, "crashes"),
            (t.losses, "losses"),
            (t.stores, "store failures"),
            (t.busy, "waits in vain"),
            (t.delays, "delays"),
            (t.jumps, "clock jumps"),
            (t.interrupts, "interrupts"),
            (t.strangers, "strangers"),
        ] {
            if count > 0 {
                write!(f, ", ≤ {count} {what}")?;
            }
        }
        let issuer = if self.grace.is_zero() { "strict" } else { "grace" };
        let token = if self.dead { "dead" } else { "due" };
        write!(f, "; {issuer} issuer, {token} token")?;
        self.seeded.map_or(Ok(()), |seeded| write!(f, "; seeded: {seeded:?}"))
    }
}
