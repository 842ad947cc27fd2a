//! `pentify` once there is a token.

use doorkey_tests::mishap::Mishap::{AnswerLost, Intercepted, Later, NotSent};

use super::pairing::LOGIN;
use crate::scenario::{PENTIFY, Run, STEP, Scenario, Step};

const USAGE: Step = Step { run: get("/v1/usage"), requests: 1, ..STEP };
const LOGOUT: Step = Step { run: Run::Logout { workspace: None, revoke: false }, ..STEP };
const STATUS: Step = Step { run: Run::Status { check: false }, ..STEP };

const WRONG: &str = "pt_live_wrong";
const REVOKED: &str = r#"{"error":{"code":"invalid_api_key","message":"m","request_id":"r"}}"#;
const POOR: &str = r#"{"error":{"code":"insufficient_tokens","message":"m","details":{"top_up_url":"https://app.pentify.io/billing"},"request_id":"r"}}"#;
const BUSY: &str = r#"{"error":{"code":"engine_unavailable","message":"m","request_id":"r"}}"#;

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "tokens: stored by hand",
        steps: &[LOGIN, LOGOUT, Step { run: Run::UseMintedToken, ..USAGE }, USAGE],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: a wrong one is not stored, and the old one is kept",
        steps: &[
            LOGIN,
            Step { run: Run::UseToken(WRONG), requests: 1, ends: "invalid_api_key", ..STEP },
            USAGE,
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: what is none is not sent",
        steps: &[Step { run: Run::UseToken("hunter2"), ends: "malformed_token", ..STEP }],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: the service is away while one is checked",
        steps: &[
            LOGIN,
            Step {
                run: Run::UseMintedToken,
                mishaps: &[(1, Intercepted(503, BUSY)), (2, AnswerLost), (3, NotSent)],
                requests: 4,
                ..STEP
            },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: signed out",
        steps: &[STATUS, LOGOUT, Step { requests: 0, ends: "not_signed_in", ..USAGE }],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: what is stored is told, and asked about",
        steps: &[LOGIN, STATUS, Step { run: Run::Status { check: true }, requests: 1, ..STEP }],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: what is stored is asked about, and refused",
        steps: &[
            LOGIN,
            Step {
                run: Run::Status { check: true },
                mishaps: &[(1, Intercepted(401, ""))],
                requests: 1,
                ..STEP
            },
        ],
        ..PENTIFY
    },
    Scenario { name: "tokens: signed out twice", steps: &[LOGIN, LOGOUT, LOGOUT, STATUS], ..PENTIFY },
    Scenario {
        name: "tokens: revoked, too",
        steps: &[
            LOGIN,
            Step { run: Run::Logout { workspace: None, revoke: true }, requests: 1, ..STEP },
            Step { run: Run::UseMintedToken, requests: 1, ends: "invalid_api_key", ..STEP },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: revoking fails",
        steps: &[
            LOGIN,
            Step {
                run: Run::Logout { workspace: None, revoke: true },
                mishaps: &[(1, Intercepted(403, ""))],
                requests: 1,
                ..STEP
            },
            STATUS,
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: a call with one that was revoked by pairing again elsewhere",
        steps: &[
            LOGIN,
            Step { mishaps: &[(1, Intercepted(401, REVOKED))], ends: "invalid_api_key", ..USAGE },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: one from the command line is used, and never stored",
        steps: &[
            Step {
                run: Run::Get { path: "/v1/usage", flag: Some(WRONG) },
                requests: 1,
                ends: "invalid_api_key",
                ..STEP
            },
            STATUS,
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: a call is tried again",
        steps: &[
            LOGIN,
            Step {
                mishaps: &[(1, Intercepted(503, BUSY)), (2, Later(9)), (3, AnswerLost), (4, NotSent)],
                requests: 5,
                ..USAGE
            },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: a call is given up",
        steps: &[
            LOGIN,
            Step {
                mishaps: &[
                    (1, Intercepted(503, BUSY)),
                    (2, Intercepted(503, BUSY)),
                    (3, Intercepted(503, BUSY)),
                    (4, Intercepted(503, BUSY)),
                    (5, Intercepted(503, BUSY)),
                ],
                requests: 5,
                ends: "engine_unavailable",
                ..USAGE
            },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: a call that changes something is not tried again",
        steps: &[
            LOGIN,
            Step {
                run: Run::Post { path: "/v1/scans", body: r#"{"target":"https://www.acme.example"}"# },
                mishaps: &[(1, AnswerLost)],
                requests: 1,
                ends: "network",
                ..STEP
            },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "tokens: a call that is refused",
        steps: &[
            LOGIN,
            Step { mishaps: &[(1, Intercepted(402, POOR))], ends: "insufficient_tokens", ..USAGE },
            Step { run: get("/v1/nothing"), ends: "not_found", ..USAGE },
        ],
        ..PENTIFY
    },
];

const fn get(path: &'static str) -> Run {
    Run::Get { path, flag: None }
}
