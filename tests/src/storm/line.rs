//! What the clients of a storm tell, in the order in which it happened: all of them add to one file, each line in one
//! write. Tokens are told apart by their fingerprints.

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which client; no number is used twice in a storm.
    pub client: u32,
    /// What it tells.
    #[serde(flatten)]
    pub told: Told,
}

/// What a client tells, or what is told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Told {
    /// A new login will be stored next, of which nobody else has told anything.
    SignedIn {
        /// The random id of the login.
        login: String,
        /// Its first refresh token.
        token: String,
        /// Its first access token.
        access: String,
    },
    /// The journal will say next that a refresh token is on its way.
    Spending {
        /// The login.
        login: String,
        /// The refresh token.
        token: String,
        /// The one attempt after the grace period.
        last_resort: bool,
    },
    /// A refresh token leaves as soon as this line is written.
    Sending {
        /// The login.
        login: String,
        /// The refresh token.
        token: String,
        /// Which number of attempt it is, by the journal.
        attempt: u32,
        /// The one attempt after the grace period.
        last_resort: bool,
        /// The time since the first attempt began.
        age_millis: u64,
        /// The client's monotonic clock.
        mono_millis: u64,
    },
    /// A record without an open question is stored durably: a new pair, or an old one that was not spent.
    Stored {
        /// The login.
        login: String,
        /// Its refresh token.
        token: String,
        /// Its access token.
        access: String,
    },
    /// There is a token to use.
    Token {
        /// The login.
        login: String,
        /// The access token.
        access: String,
        /// What was stored was not good enough as it was.
        needed: bool,
        /// Requests that this took.
        requests: u32,
        /// How long it took.
        wait_micros: u64,
    },
    /// There is none.
    Failed {
        /// The login that was read last.
        login: Option<String>,
        /// The failure's stable code.
        code: String,
        /// The person is asked to sign in.
        asks_for_login: bool,
    },
    /// What is stored.
    Record {
        /// The login.
        login: String,
        /// The refresh token.
        token: String,
        /// The access token.
        access: String,
        /// The kind of entry in the journal.
        journal: String,
    },
    /// The client is about to be ended or stopped by itself.
    Struck {
        /// Before or after this command was performed.
        moment: Moment,
        /// The command.
        command: String,
    },
    /// It was ended by SIGKILL, and is gone.
    Killed,
    /// It ends by itself.
    Ended {
        /// How often it asked for a token.
        asked: u64,
        /// How often it called the API.
        called: u64,
    },
}

/// Around a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Just before it was performed.
    Before,
    /// After it was performed, before its result was taken.
    After,
}

impl Line {
    /// Every complete line.
    ///
    /// # Panics
    /// If one is no line of ours.
    pub fn read_all(text: &str) -> Vec<Self> {
        super::complete_lines(text)
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }
}
