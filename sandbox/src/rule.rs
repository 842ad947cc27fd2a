//! What a client must not do, and where it is written.

use serde::{Deserialize, Serialize};

/// What a client must not do, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A poll came sooner than the interval allows; 5 s where the answer named none.
    EarlyPoll,
    /// A poll came sooner than the interval that `slow_down` raised.
    SlowDownIgnored,
    /// A poll came before `Retry-After` was over.
    RetryAfterIgnored,
    /// A poll came after a definite answer.
    PollAfterFinal,
    /// A poll came after the login's time: five minutes at Pentify, `expires_in` at Pensar.
    PollAfterExpiry,
    /// A login was given up though its last answer was none: lost, broken off, 429, 503 or `slow_down`.
    LoginGivenUp,
    /// A device id served a second login, or a device code was sent again after it had been exchanged.
    CodeReused,
    /// A refresh token was presented that had been spent before, and not just now: the server must take it for stolen.
    RefreshReplayed,
    /// A refresh token was presented once more within the grace period, though the first answer had been delivered
    /// whole: two processes, or two copies of one record, spent the same token.
    RefreshRaced,
    /// A refresh token was sent again after it had been refused with `invalid_grant`.
    RefreshAfterRefusal,
    /// The answer to a refresh was lost, broken off, 429 or 503, and the session never came back from it.
    SessionLost,
    /// A request for a code or for tokens came without the client's id, or with another's.
    ClientNotNamed,
    /// A credential was sent where it does not belong: to pages, to another service, or to a host name that is not the
    /// sandbox's.
    TokenToWrongHost,
    /// A credential was in a URL, where logs and histories keep it.
    TokenInUrl,
    /// A redirect was followed that a credential had been sent to.
    RedirectFollowed,
}

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Its source demands it.
    Must,
    /// Its source recommends it, or it follows from what its source says.
    Should,
    /// No standard asks for it; people who use the client do.
    Advice,
}

/// A rule in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    /// How binding it is.
    pub level: Level,
    /// Where it is written, or what it follows from.
    pub source: &'static str,
    /// What a client that keeps it does.
    pub means: &'static str,
    /// What to change in a client that breaks it.
    pub remedy: &'static str,
    /// What has to happen for it to be seen at all.
    pub needs: &'static str,
}

impl Rule {
    /// All rules, by topic: polling, device codes, rotation, handling of credentials.
    pub const ALL: [Self; 15] = [
        Self::EarlyPoll,
        Self::SlowDownIgnored,
        Self::RetryAfterIgnored,
        Self::PollAfterFinal,
        Self::PollAfterExpiry,
        Self::LoginGivenUp,
        Self::CodeReused,
        Self::RefreshReplayed,
        Self::RefreshRaced,
        Self::RefreshAfterRefusal,
        Self::SessionLost,
        Self::ClientNotNamed,
        Self::TokenToWrongHost,
        Self::TokenInUrl,
        Self::RedirectFollowed,
    ];

    /// What people are told about it.
    pub const fn words(self) -> Words {
        match self {
            Self::EarlyPoll => Words {
                level: Level::Must,
                source: "RFC 8628 §3.5",
                means: "waits for `interval` between two polls, and for 5 s where no interval is named",
                remedy: "sleep for the interval before every poll; take 5 s when the answer has none",
                needs: "a login that polls twice",
            },
            Self::SlowDownIgnored => Words {
                level: Level::Must,
                source: "RFC 8628 §3.5",
                means: "adds 5 s to the interval for every `slow_down`, for good",
                remedy: "on `slow_down`, make the interval 5 s longer for all polls that follow",
                needs: "a poll after a `slow_down`",
            },
            Self::RetryAfterIgnored => Words {
                level: Level::Should,
                source: "RFC 9110 §10.2.3, RFC 6585 §4",
                means: "does not come back before `Retry-After` is over",
                remedy: "read `Retry-After` of a 429 or 503, and wait for at least that long",
                needs: "a poll after an answer with `Retry-After`",
            },
            Self::PollAfterFinal => Words {
                level: Level::Must,
                source: "RFC 8628 §3.5",
                means: "stops polling when told no, or that the code is over",
                remedy: "end the login on every error but `authorization_pending` and `slow_down`",
                needs: "a login that is refused, or a code that expires while it is polled for",
            },
            Self::PollAfterExpiry => Words {
                level: Level::Should,
                source: "RFC 8628 §3.2",
                means: "stops polling when `expires_in` is over, by its own clock",
                remedy: "end the login `expires_in` seconds after the code came, whatever the server says",
                needs: "a login that nobody decides about, to the end of its time",
            },
            Self::LoginGivenUp => Words {
                level: Level::Should,
                source: "RFC 8628 §3.5, RFC 9110 §15.6.4",
                means: "goes on polling after a lost answer, a 429, a 503 or a `slow_down`",
                remedy: "take only an OAuth error for an answer; after anything else wait longer and poll again",
                needs: "trouble while a login is polled for",
            },
            Self::CodeReused => Words {
                level: Level::Should,
                source: "RFC 8628 §3.4, RFC 6749 §10.5",
                means: "sends a device code no more once it has the tokens",
                remedy: "forget the device code when the tokens come",
                needs: "a login that succeeds",
            },
            Self::RefreshReplayed => Words {
                level: Level::Must,
                source: "RFC 6749 §6, RFC 9700 §4.14.2",
                means: "spends the newest refresh token, never one that was spent",
                remedy: "store the new refresh token before anything else is done with the answer",
                needs: "a second refresh in one session",
            },
            Self::RefreshRaced => Words {
                level: Level::Should,
                source: "RFC 9700 §4.14.2",
                means: "lets one process at a time refresh, and the others take what it got",
                remedy: "take a lock that all processes share, read the token again under it, then refresh",
                needs: "several processes that need a new token at once",
            },
            Self::RefreshAfterRefusal => Words {
                level: Level::Should,
                source: "RFC 6749 §5.2",
                means: "does not send a refresh token again that `invalid_grant` was said of",
                remedy: "on `invalid_grant`, mark the refresh token as dead and ask for a login",
                needs: "a session that was revoked",
            },
            Self::SessionLost => Words {
                level: Level::Advice,
                source: "follows from RFC 9700 §4.14.2",
                means: "keeps its session when the answer to a refresh is lost, or is a 429 or 503",
                remedy: "keep the refresh token until its successor is stored; send it again, soon",
                needs: "trouble while a token is refreshed",
            },
            Self::ClientNotNamed => Words {
                level: Level::Should,
                source: "RFC 8628 §3.1 and §3.4, RFC 6749 §3.2.1",
                means: "names itself in every request for codes and tokens, as a public client does",
                remedy: "send `client_id` in the body, also with refresh tokens",
                needs: "an OAuth login",
            },
            Self::TokenToWrongHost => Words {
                level: Level::Must,
                source: "RFC 6750 §5.3, RFC 6749 §10.4",
                means: "sends each credential to the place that it is for, and nowhere else",
                remedy: "bind every token to the origin that it is for",
                needs: "a request with a token or code",
            },
            Self::TokenInUrl => Words {
                level: Level::Should,
                source: "RFC 6750 §2.3 and §5.3",
                means: "keeps credentials out of URLs",
                remedy: "send access tokens in `Authorization`, and all others in the body",
                needs: "a request with a token or code",
            },
            Self::RedirectFollowed => Words {
                level: Level::Advice,
                source: "RFC 9110 §15.4, RFC 6750 §5.3",
                means: "does not follow a redirect with or after a request that carried a credential",
                remedy: "switch redirects off for the token endpoint and the API",
                needs: "an answer that redirects",
            },
        }
    }

    /// Its id, as in every report.
    pub const fn id(self) -> &'static str {
        match self {
            Self::EarlyPoll => "early-poll",
            Self::SlowDownIgnored => "slow-down-ignored",
            Self::RetryAfterIgnored => "retry-after-ignored",
            Self::PollAfterFinal => "poll-after-final",
            Self::PollAfterExpiry => "poll-after-expiry",
            Self::LoginGivenUp => "login-given-up",
            Self::CodeReused => "code-reused",
            Self::RefreshReplayed => "refresh-replayed",
            Self::RefreshRaced => "refresh-raced",
            Self::RefreshAfterRefusal => "refresh-after-refusal",
            Self::SessionLost => "session-lost",
            Self::ClientNotNamed => "client-not-named",
            Self::TokenToWrongHost => "token-to-wrong-host",
            Self::TokenInUrl => "token-in-url",
            Self::RedirectFollowed => "redirect-followed",
        }
    }
}
