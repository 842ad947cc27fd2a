//! The situations of an examination.

use std::time::Duration;

use serde::Serialize;

use crate::config::Quirks;
use crate::fault::Fault;
use crate::options::Options;
use crate::pensar::Settings;

/// One situation that a client is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Situation {
    /// Nothing goes wrong.
    Plain,
    /// The answer with the device code names no interval.
    NoInterval,
    /// The second poll is told to slow down.
    SlowDown,
    /// The answer to the second poll is lost.
    PollLost,
    /// The second poll is answered with 429 and `Retry-After`.
    PollBusy,
    /// The second poll is answered by a proxy, with 503 and a page of HTML.
    PollBroken,
    /// The second poll is redirected elsewhere.
    PollRedirected,
    /// The person refuses.
    Denied,
    /// Nobody decides, to the end of the code's time.
    Expired,
    /// The access token expires, twice.
    Refresh,
    /// The access token expires, and the answer to the first refresh is lost.
    RefreshLost,
    /// The access token expires, and the first refresh is answered by a proxy, with 503 and a page of HTML.
    RefreshBroken,
    /// The access token expires, and several processes need a new one at once.
    AtOnce,
    /// The person has revoked the session.
    Revoked,
    /// The API redirects a request with an access token elsewhere.
    ApiRedirected,
}

/// What is done with the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It logs in.
    Login,
    /// Nothing, for that long.
    Wait(Duration),
    /// It uses its session, in so many processes at once.
    Use(usize),
}

/// What the person does about a login, and before which poll, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Decision {
    Approve(u32),
    Deny(u32),
    Nothing,
}

/// A request that something becomes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Poll,
    Refresh,
    Api,
}

/// How long access tokens live where they are to expire: longer than a client takes to come back from a lost answer.
const LIFETIME: u64 = 8;
/// Longer than that, whoever rounds.
const EXPIRY: Duration = Duration::from_secs(10);
/// Longer than a refused refresh token may still be on its way.
const LATER: Duration = Duration::from_secs(6);

impl Situation {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Plain,
        Self::NoInterval,
        Self::SlowDown,
        Self::PollLost,
        Self::PollBusy,
        Self::PollBroken,
        Self::PollRedirected,
        Self::Denied,
        Self::Expired,
        Self::Refresh,
        Self::RefreshLost,
        Self::RefreshBroken,
        Self::AtOnce,
        Self::Revoked,
        Self::ApiRedirected,
    ];

    /// Its id, as in every report.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::NoInterval => "no-interval",
            Self::SlowDown => "slow-down",
            Self::PollLost => "poll-lost",
            Self::PollBusy => "poll-busy",
            Self::PollBroken => "poll-broken",
            Self::PollRedirected => "poll-redirected",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Refresh => "refresh",
            Self::RefreshLost => "refresh-lost",
            Self::RefreshBroken => "refresh-broken",
            Self::AtOnce => "at-once",
            Self::Revoked => "revoked",
            Self::ApiRedirected => "api-redirected",
        }
    }

    /// What happens in it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Plain => "nothing goes wrong",
            Self::NoInterval => "no interval is named",
            Self::SlowDown => "the second poll is told to slow down",
            Self::PollLost => "the answer to the second poll is lost",
            Self::PollBusy => "the second poll gets a 429 with Retry-After: 4",
            Self::PollBroken => "the second poll gets a 503 with a page of HTML",
            Self::PollRedirected => "the second poll is redirected to another origin",
            Self::Denied => "the person refuses",
            Self::Expired => "nobody decides, to the end of the code's time",
            Self::Refresh => "the access token expires, twice",
            Self::RefreshLost => "the answer to a refresh is lost",
            Self::RefreshBroken => "a refresh gets a 503 with a page of HTML",
            Self::AtOnce => "four processes need a new access token at once",
            Self::Revoked => "the person has revoked the session",
            Self::ApiRedirected => "the API redirects to another origin",
        }
    }

    /// Whether it is about a session, so that a client that can only log in has no part in it.
    pub fn needs_use(self) -> bool {
        self >= Self::Refresh
    }

    /// Whether the login is meant to succeed in it; `None` if that is the client's choice.
    pub fn lets_in(self) -> Option<bool> {
        match (self, self.decision()) {
            (Self::PollRedirected | Self::ApiRedirected, _) => None,
            (_, Decision::Approve(_)) => Some(true),
            (_, Decision::Deny(_) | Decision::Nothing) => Some(false),
        }
    }

    /// What is done with the client, in order.
    pub fn steps(self) -> &'static [Step] {
        const EXPIRED: Step = Step::Wait(EXPIRY);
        match self {
            Self::Refresh => &[Step::Login, EXPIRED, Step::Use(1), EXPIRED, Step::Use(1)],
            Self::RefreshLost | Self::RefreshBroken => &[Step::Login, EXPIRED, Step::Use(1), Step::Use(1)],
            Self::AtOnce => &[Step::Login, EXPIRED, Step::Use(4)],
            Self::Revoked => &[Step::Login, EXPIRED, Step::Use(1), Step::Wait(LATER), Step::Use(1)],
            Self::Plain | Self::ApiRedirected => &[Step::Login, Step::Use(1)],
            _ => &[Step::Login],
        }
    }

    /// A server that plays it.
    pub fn options(self) -> Options {
        let usual = Settings::default();
        let short = |is_short: bool, seconds, otherwise| {
            if is_short { Duration::from_secs(seconds) } else { otherwise }
        };
        let hides_interval = self == Self::NoInterval;
        let refreshes = self.needs_use() && self != Self::ApiRedirected;
        let pensar = Settings {
            device_interval: short(!hides_interval, 1, usual.device_interval),
            device_lifetime: short(self == Self::Expired, 6, usual.device_lifetime),
            access_lifetime: short(refreshes, LIFETIME, usual.access_lifetime),
            ..usual
        };
        Options {
            pensar,
            quirks: Quirks { hides_interval, retry_after: 4 },
            // As long as several processes need to start, so that they meet.
            delay: Duration::from_secs(3),
            situation: Some(self),
            ..Options::default()
        }
    }

    pub(super) fn decision(self) -> Decision {
        match self {
            Self::Denied => Decision::Deny(2),
            Self::Expired => Decision::Nothing,
            Self::NoInterval | Self::Refresh | Self::RefreshLost | Self::RefreshBroken => {
                Decision::Approve(2)
            }
            Self::AtOnce | Self::Revoked | Self::ApiRedirected => Decision::Approve(2),
            _ => Decision::Approve(3),
        }
    }

    /// What becomes of which request, counted from 1 among its like.
    pub(super) fn fault(self) -> Option<(Target, u32, Fault)> {
        match self {
            Self::SlowDown => Some((Target::Poll, 2, Fault::SlowDown)),
            Self::PollLost => Some((Target::Poll, 2, Fault::LostAnswer)),
            Self::PollBusy => Some((Target::Poll, 2, Fault::TooManyRequests)),
            Self::PollBroken => Some((Target::Poll, 2, Fault::HtmlError)),
            Self::PollRedirected => Some((Target::Poll, 2, Fault::Redirect)),
            Self::RefreshLost => Some((Target::Refresh, 1, Fault::LostAnswer)),
            Self::RefreshBroken => Some((Target::Refresh, 1, Fault::HtmlError)),
            // While its answer is under way the others come.
            Self::AtOnce => Some((Target::Refresh, 1, Fault::Slow)),
            Self::ApiRedirected => Some((Target::Api, 1, Fault::Redirect)),
            _ => None,
        }
    }
}
