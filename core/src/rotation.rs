//! What a rotating session has beside its refresh token: the access token, and the journal of its rotations.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::secret::{Fingerprint, Secret};
use crate::time::{Now, Timestamp, WallTime};

/// As many spent refresh tokens are remembered by their fingerprints.
const REMEMBERED: usize = 8;

/// The rotating part of a record, whose token is then a refresh token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rotation {
    /// The client that the session belongs to; `None` if another program stored it.
    pub client_id: Option<String>,
    /// The machine that may rotate (invariant 4); `None`: any.
    pub machine: Option<String>,
    /// The access token, if there is one.
    pub access: Option<Access>,
    /// What is known of the refresh token.
    pub journal: Journal,
    /// Earlier refresh tokens of this login, the newest last: one of them lying somewhere is a restored backup, not
    /// another login.
    pub spent: Vec<Fingerprint>,
}

/// An access token, and what is known of its life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The token.
    pub token: Secret,
    /// When it was received.
    pub received: Moment,
    /// How long it lives from then on, if the issuer or the token says so.
    pub lifetime: Option<Duration>,
}

/// A time that means something in another process, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moment {
    /// The wall clock's reading.
    pub wall: WallTime,
    /// The monotonic clock's reading.
    pub mono: Timestamp,
    /// Names the run of the machine that `mono` counts in; empty if that is unknown.
    pub boot: String,
}

/// What is known of the refresh token (invariants 7 to 9).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Journal {
    /// It was never sent, or what was sent has come to nothing for certain.
    #[default]
    Settled,
    /// It was sent, or is about to be, and no outcome is known.
    Spending(Spending),
    /// The issuer does not accept it any more: it is never sent again.
    Refused {
        /// It had been sent before without a known outcome: a rotation was interrupted.
        interrupted: bool,
    },
    /// There is none: the record's token is the access token itself.
    Unrenewable,
    /// The login is over here; the issuer is still to be told. It is never used as a session again.
    Revoking,
}

/// A refresh token on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spending {
    /// Which number of attempt this is, from 1.
    pub attempt: u32,
    /// When the first attempt began; the issuer's grace period cannot have begun earlier.
    pub started: Moment,
    /// How many attempts were made after the grace period, or on a strict issuer after the first.
    pub last_resorts: u32,
}

impl Rotation {
    /// Notes that the refresh token of this fingerprint was spent, and its successor stored.
    pub fn remember_spent(&mut self, token: Fingerprint) {
        self.spent.push(token);
        let surplus = self.spent.len().saturating_sub(REMEMBERED);
        self.spent.drain(..surplus);
    }
}

impl Moment {
    /// This moment.
    pub fn new(now: Now, boot: &str) -> Self {
        Self { wall: now.wall, mono: now.mono, boot: boot.into() }
    }

    /// The moment that much earlier, in the same run of the machine.
    #[must_use]
    pub(crate) fn before(&self, time: Duration) -> Self {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            wall: WallTime::from_unix_millis(self.wall.as_unix_millis().saturating_sub(millis)),
            mono: Timestamp::from_millis(self.mono.as_millis().saturating_sub(millis)),
            boot: self.boot.clone(),
        }
    }

    /// How long ago it was by the monotonic clock, which counts within one run of the machine, and by the wall clock; `None`
    /// by one that cannot tell, or has been set back behind it.
    pub fn ages(&self, now: Now, boot: &str) -> [Option<Duration>; 2] {
        let is_same_run = !boot.is_empty() && self.boot == boot && self.mono <= now.mono;
        let mono = is_same_run.then(|| now.mono.since(self.mono));
        let wall = now.wall.as_unix_millis().checked_sub(self.wall.as_unix_millis());
        [mono, wall.map(Duration::from_millis)]
    }

    /// How long ago it was. The monotonic clock decides, if it can tell, else the wall clock.
    pub fn age(&self, now: Now, boot: &str) -> Option<Duration> {
        let [mono, wall] = self.ages(now, boot);
        mono.or(wall)
    }
}

impl Access {
    /// How long it will be accepted; zero if no more, `None` if that is unknown.
    pub fn left(&self, now: Now, boot: &str) -> Option<Duration> {
        Some(self.lifetime?.saturating_sub(self.received.age(now, boot)?))
    }

    /// Whether it may still be accepted.
    pub fn is_alive(&self, now: Now, boot: &str) -> bool {
        self.left(now, boot).is_none_or(|left| !left.is_zero())
    }

    /// Whether it is time for a new one (invariant 10): only for those whose end is known.
    pub fn is_due(&self, now: Now, boot: &str) -> bool {
        let margin = self.lifetime.map(margin).unwrap_or_default();
        self.left(now, boot).is_some_and(|left| left < margin || left.is_zero())
    }

    /// Whether it is too young for the issuer's refusal to be a matter of its age.
    pub fn is_young(&self, now: Now, boot: &str) -> bool {
        let margin = self.lifetime.map_or(LONGEST_MARGIN, margin);
        self.received.age(now, boot).is_some_and(|age| age < margin)
    }
}

/// No token is refreshed earlier than this before its end.
const LONGEST_MARGIN: Duration = Duration::from_secs(60);
/// Many issuers count in whole seconds (RFC 7519 §2, `NumericDate`): a token may die so much earlier than we think.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

fn margin(lifetime: Duration) -> Duration {
    // It never takes more than half of the life: a token that lives for less than two seconds keeps its tenth.
    let least = if lifetime >= 2 * WHOLE_SECOND { WHOLE_SECOND } else { Duration::ZERO };
    LONGEST_MARGIN.min(lifetime / 10).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn now(mono: u64, wall: u64) -> Now {
        Now { mono: Timestamp::from_millis(mono), wall: WallTime::from_unix_millis(wall) }
    }

    fn access(lifetime: Option<u64>) -> Access {
        Access {
            token: Secret::from("t"),
            received: Moment::new(now(1000, 10 * DAY), "boot"),
            lifetime: lifetime.map(Duration::from_millis),
        }
    }

    #[test]
    fn within_one_run_the_monotonic_clock_decides() {
        let access = access(Some(300_000));
        for wall in [0, 9 * DAY, 10 * DAY, 11 * DAY] {
            assert!(!access.is_due(now(1000 + 269_999, wall), "boot"), "{wall}");
            assert!(!access.is_due(now(1000 + 270_000, wall), "boot"), "{wall}: exactly the margin is left");
            assert!(access.is_due(now(1000 + 270_001, wall), "boot"), "{wall}");
            assert!(access.is_alive(now(1000 + 299_999, wall), "boot"), "{wall}");
            assert!(!access.is_alive(now(1000 + 300_000, wall), "boot"), "{wall}");
        }
    }

    #[test]
    fn after_a_restart_the_wall_clock_decides_unless_it_was_set_back() {
        let access = access(Some(300_000));
        for boot in ["other", ""] {
            assert!(!access.is_due(now(5, 10 * DAY + 269_000), boot));
            assert!(access.is_due(now(5, 10 * DAY + 271_000), boot));
            assert!(!access.is_due(now(5, 10 * DAY - 1), boot), "unknown: it is used until it is refused");
            assert!(access.is_alive(now(5, 10 * DAY - 1), boot));
        }
    }

    #[test]
    fn each_clock_tells_what_it_can() {
        let received = Moment::new(now(1000, 10 * DAY), "boot");
        let second = Some(Duration::from_secs(1));
        for (mono, wall, boot, ages) in [
            (2000, 10 * DAY + 1000, "boot", [second, second]),
            (2000, 10 * DAY - 1, "boot", [second, None]),
            (999, 10 * DAY + 1000, "boot", [None, second]),
            (2000, 10 * DAY + 1000, "other", [None, second]),
            (2000, 10 * DAY - 1, "", [None, None]),
        ] {
            let now = now(mono, wall);
            assert_eq!(received.ages(now, boot), ages, "{now:?} {boot:?}");
            assert_eq!(received.age(now, boot), ages[0].or(ages[1]), "{now:?} {boot:?}");
        }
    }

    #[test]
    fn the_margin_is_a_tenth_at_least_a_second_and_at_most_a_minute() {
        for (lifetime, margin) in [
            (1_000, 100),
            (1_990, 199),
            (2_000, 1_000),
            (5_000, 1_000),
            (10_000, 1_000),
            (11_000, 1_100),
            (300_000, 30_000),
            (600_000, 60_000),
            (DAY, 60_000),
        ] {
            let access = access(Some(lifetime));
            assert!(!access.is_due(now(1000 + lifetime - margin, 0), "boot"), "{lifetime}");
            assert!(access.is_due(now(1001 + lifetime - margin, 0), "boot"), "{lifetime}");
            assert!(access.is_young(now(999 + margin, 0), "boot"), "{lifetime}");
            assert!(!access.is_young(now(1000 + margin, 0), "boot"), "{lifetime}");
        }
    }

    #[test]
    fn an_unknown_lifetime_is_never_due() {
        let access = access(None);
        assert!(!access.is_due(now(1000 + 400 * DAY, 0), "boot"));
        assert!(access.is_alive(now(1000 + 400 * DAY, 0), "boot"));
        assert!(access.is_young(now(60_999, 0), "boot") && !access.is_young(now(61_000, 0), "boot"));
    }

    #[test]
    fn only_the_last_spent_tokens_are_remembered() {
        let mut rotation = Rotation::default();
        for number in 0..20_u8 {
            rotation.remember_spent(Fingerprint::of(&[number]));
        }
        assert_eq!(rotation.spent.len(), REMEMBERED);
        assert_eq!(rotation.spent.last(), Some(&Fingerprint::of(&[19])));
    }
}
