//! A session of Pensar's: which token is used now, and how it is renewed.

use std::time::Duration;

use doorkey_sandbox::pensar::Settings;
use doorkey_tests::mishap::Mishap::{AnswerLost, Intercepted, Later, NotSent, WithoutRefreshToken};

use super::connect::CONNECT;
use crate::scenario::{ISSUER, LIFETIME, PENSAR, Run, STEP, Scenario, Site, Step};

/// A token that is as good as new.
const FRESH: Step = Step { run: Run::Session, ..STEP };
/// After the access token's end: renewed.
const RENEWED: Step = Step { later: LIFETIME, requests: 1, ..FRESH };
/// A request to the API.
pub const CALL: Step = Step {
    later: Duration::from_secs(100),
    run: Run::Get { path: "/api/cli/workspaces", flag: None },
    requests: 1,
    ..STEP
};
/// An issuer that takes a refresh token once.
const STRICT: Site = Site::Pensar(Settings { grace: Duration::ZERO, ..ISSUER });

const GONE: &str = r#"{"error":"invalid_grant"}"#;

pub const ALL: &[Scenario] = &[
    Scenario { name: "session: fresh", steps: &[CONNECT, FRESH, FRESH], ..PENSAR },
    Scenario { name: "session: renewed", steps: &[CONNECT, RENEWED, FRESH, RENEWED], ..PENSAR },
    Scenario {
        name: "session: renewed shortly before the end",
        steps: &[
            CONNECT,
            Step { later: Duration::from_secs(260), ..FRESH },
            Step { later: Duration::from_secs(15), ..RENEWED },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: the answer is lost, and asked for again within the grace period",
        steps: &[CONNECT, Step { mishaps: &[(1, AnswerLost)], requests: 2, ..RENEWED }, FRESH],
        ..PENSAR
    },
    Scenario {
        name: "session: the answer is lost, at a strict issuer",
        site: STRICT,
        steps: &[
            CONNECT,
            Step { mishaps: &[(1, AnswerLost)], ends: "session_not_renewed", ..RENEWED },
            Step { requests: 1, ends: "rotation_interrupted", ..FRESH },
            Step { requests: 0, ends: "rotation_interrupted", ..FRESH },
            CONNECT,
            FRESH,
        ],
    },
    Scenario {
        name: "session: the answer is lost while the access token lives, at a strict issuer",
        site: STRICT,
        steps: &[
            CONNECT,
            Step { later: Duration::from_secs(280), mishaps: &[(1, AnswerLost)], ..RENEWED },
            FRESH,
        ],
    },
    Scenario {
        name: "session: refused",
        steps: &[
            CONNECT,
            Step { mishaps: &[(1, Intercepted(400, GONE))], ends: "session_expired", ..RENEWED },
            Step { ends: "session_expired", ..FRESH },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: refused while the access token lives",
        steps: &[
            CONNECT,
            Step { later: Duration::from_secs(280), mishaps: &[(1, Intercepted(400, GONE))], ..RENEWED },
            FRESH,
            Step { later: Duration::from_secs(20), ends: "session_expired", ..FRESH },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: a refusal without words",
        steps: &[CONNECT, Step { mishaps: &[(1, Intercepted(401, ""))], requests: 2, ..RENEWED }],
        ..PENSAR
    },
    Scenario {
        name: "session: a refusal without words, at a strict issuer",
        site: STRICT,
        steps: &[
            CONNECT,
            Step { mishaps: &[(1, Intercepted(401, ""))], ends: "session_not_renewed", ..RENEWED },
            Step { requests: 1, ..FRESH },
        ],
    },
    Scenario {
        name: "session: too many requests, and away",
        steps: &[
            CONNECT,
            Step { mishaps: &[(1, Later(4)), (2, NotSent)], requests: 3, ..RENEWED },
            Step { mishaps: &[(1, Intercepted(503, ""))], requests: 2, ..RENEWED },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: never reached",
        steps: &[
            CONNECT,
            Step {
                mishaps: &[(1, NotSent), (2, NotSent), (3, NotSent)],
                requests: 3,
                ends: "session_not_renewed",
                ..RENEWED
            },
            Step { requests: 1, ..FRESH },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: the client is refused",
        steps: &[
            CONNECT,
            Step {
                mishaps: &[(1, Intercepted(401, r#"{"error":"invalid_client"}"#))],
                ends: "invalid_client",
                ..RENEWED
            },
            Step { requests: 1, ..FRESH },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: an answer without a refresh token",
        steps: &[CONNECT, Step { mishaps: &[(1, WithoutRefreshToken)], ..RENEWED }, FRESH],
        ..PENSAR
    },
    Scenario {
        name: "session: the computer slept a night",
        steps: &[CONNECT, Step { later: Duration::from_secs(8 * 3600), ..RENEWED }, FRESH],
        ..PENSAR
    },
    Scenario {
        name: "session: the wall clock jumps",
        steps: &[
            CONNECT,
            Step { later: Duration::from_secs(60), wall_jump: 86_400, ..FRESH },
            Step { wall_jump: -2 * 86_400, ..FRESH },
            RENEWED,
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: the computer was restarted",
        steps: &[
            CONNECT,
            Step { later: Duration::from_secs(60), restarted: true, ..FRESH },
            Step { restarted: true, ..RENEWED },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: a call",
        steps: &[CONNECT, CALL, Step { later: LIFETIME, requests: 2, ..CALL }],
        ..PENSAR
    },
    Scenario {
        name: "session: the access token is refused, and renewed once",
        steps: &[CONNECT, Step { mishaps: &[(1, Intercepted(401, "{}"))], requests: 3, ..CALL }],
        ..PENSAR
    },
    Scenario {
        name: "session: the access token is refused, and so is the next one",
        steps: &[
            CONNECT,
            Step {
                mishaps: &[(1, Intercepted(401, "{}")), (3, Intercepted(401, "{}"))],
                requests: 3,
                ends: "unauthorized",
                ..CALL
            },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: the access token is refused though it is new",
        steps: &[
            CONNECT,
            Step {
                later: Duration::ZERO,
                mishaps: &[(1, Intercepted(401, "{}"))],
                ends: "unauthorized",
                ..CALL
            },
        ],
        ..PENSAR
    },
    Scenario {
        name: "session: a call that is not allowed",
        steps: &[CONNECT, Step { mishaps: &[(1, Intercepted(403, "{}"))], ends: "refused", ..CALL }],
        ..PENSAR
    },
    Scenario {
        name: "session: signed out",
        steps: &[
            Step { ends: "not_signed_in", ..FRESH },
            Step { requests: 0, ends: "not_signed_in", ..CALL },
        ],
        ..PENSAR
    },
];
