//! What `pensar` tells about a connection, how it ends one, and what older programs left.

use std::time::Duration;

use doorkey_sandbox::pensar::account::LOW;
use doorkey_tests::mishap::Mishap::{AnswerLost, Intercepted};
use doorkey_tests::somebody::Somebody;

use super::connect::{ANEW, CONNECT, LEGACY, OLDER};
use super::session::CALL;
use crate::scenario::{LIFETIME, LeftBehind, PENSAR, Run, STEP, Scenario, Step};

/// Longer than any access token lives.
const LATER: Duration = Duration::from_secs(1000);

const STATUS: Step = Step { run: Run::Connection, ..STEP };
const CREDITS: Step = Step { run: Run::Credits, requests: 1, ..STEP };
const LOGOUT: Step = Step { run: Run::Disconnect, ..STEP };
const TOKEN: Step = STEP;
const GONE: Step = Step { ends: "not_signed_in", ..TOKEN };

pub const ALL: &[Scenario] = &[
    Scenario { name: "status: connected", steps: &[CONNECT, STATUS], ..PENSAR },
    Scenario { name: "status: not connected", steps: &[STATUS], ..PENSAR },
    Scenario { name: "status: an API key", site: LEGACY, steps: &[OLDER, STATUS] },
    Scenario { name: "credits: good", steps: &[CONNECT, CREDITS], ..PENSAR },
    Scenario {
        name: "credits: low, after the access token's end",
        steps: &[
            Step { person: Somebody { email: LOW, ..Somebody::SOLO }, ..CONNECT },
            Step { later: LIFETIME, requests: 2, ..CREDITS },
        ],
        ..PENSAR
    },
    Scenario {
        name: "credits: the gateway is away for a while",
        steps: &[
            CONNECT,
            Step { mishaps: &[(1, Intercepted(503, "")), (2, AnswerLost)], requests: 3, ..CREDITS },
        ],
        ..PENSAR
    },
    Scenario { name: "credits: of an API key", site: LEGACY, steps: &[OLDER, CREDITS] },
    Scenario {
        name: "credits: not connected",
        steps: &[Step { requests: 0, ends: "not_signed_in", ..CREDITS }],
        ..PENSAR
    },
    Scenario { name: "logout: connected", steps: &[CONNECT, LOGOUT, GONE, LOGOUT, STATUS], ..PENSAR },
    Scenario { name: "logout: an API key", site: LEGACY, steps: &[OLDER, LOGOUT, GONE] },
    Scenario { name: "logout: and connected again", steps: &[CONNECT, LOGOUT, CONNECT, TOKEN], ..PENSAR },
    Scenario {
        name: "plain text: a session is moved",
        steps: &[
            CONNECT,
            LOGOUT,
            Step { left_behind: Some(LeftBehind::Session), ..TOKEN },
            TOKEN,
            Step { later: LATER, requests: 4, ..CALL },
        ],
        ..PENSAR
    },
    Scenario {
        name: "plain text: a session is moved, and has ended",
        steps: &[
            CONNECT,
            LOGOUT,
            Step {
                later: LATER,
                left_behind: Some(LeftBehind::Session),
                mishaps: &[(3, Intercepted(400, r#"{"error":"invalid_grant"}"#))],
                requests: 3,
                ends: "session_expired",
                ..CALL
            },
        ],
        ..PENSAR
    },
    Scenario {
        name: "plain text: a key is moved",
        site: LEGACY,
        steps: &[OLDER, LOGOUT, Step { left_behind: Some(LeftBehind::Key), ..TOKEN }, CREDITS],
    },
    Scenario {
        name: "plain text: signed out of, too",
        steps: &[CONNECT, Step { left_behind: Some(LeftBehind::Session), ..LOGOUT }, GONE],
        ..PENSAR
    },
    Scenario {
        name: "plain text: moved when the status is asked for, and a login asks where to work",
        steps: &[
            CONNECT,
            LOGOUT,
            Step { left_behind: Some(LeftBehind::Session), ..STATUS },
            Step { visits_after: &[], requests: 2, ..CONNECT },
        ],
        ..PENSAR
    },
    Scenario {
        name: "plain text: older than a new login",
        steps: &[CONNECT, LOGOUT, Step { left_behind: Some(LeftBehind::Session), ..ANEW }, TOKEN],
        ..PENSAR
    },
];
