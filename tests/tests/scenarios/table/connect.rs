//! `pensar login`.

use std::time::Duration;

use doorkey_sandbox::pensar::Settings;
use doorkey_sandbox::pensar::account::{LOW, MULTI, NEW, OFF, UNPAID};
use doorkey_tests::mishap::Mishap::{AnswerLost, Intercepted, Later, NotSent};
use doorkey_tests::somebody::Somebody;

use crate::scenario::{Browser, ISSUER, PENSAR, Run, STEP, Scenario, Site, Step};

/// Approved after the first poll: client id, device code, two polls, workspaces, choice.
pub const CONNECT: Step = Step { run: connect(None), visits_after: &[3], requests: 6, ..STEP };
/// Connected or not.
pub const ANEW: Step =
    Step { run: Run::Connect { workspace: None, force: true, browser: Browser::Unwanted }, ..CONNECT };
/// An older deployment, approved after the first poll.
pub const OLDER: Step = Step { visits_after: &[3], requests: 4, ..CONNECT };
/// An older deployment.
pub const LEGACY: Site = Site::Pensar(Settings { legacy: true, ..ISSUER });

const THREE: Somebody = Somebody { email: MULTI, chooses: 2, ..Somebody::SOLO };
const PAGE: &str = "<html>Bad gateway</html>";

pub const ALL: &[Scenario] = &[
    Scenario { name: "connect: one workspace", steps: &[CONNECT], ..PENSAR },
    Scenario {
        name: "connect: a browser opens",
        steps: &[Step {
            run: Run::Connect { workspace: None, force: false, browser: Browser::Opens },
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: three workspaces, one is chosen at the terminal",
        steps: &[Step { person: THREE, asked: true, ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: three workspaces, one is chosen in the browser",
        steps: &[Step { person: THREE, visits_after: &[3, 7], requests: 9, ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: three workspaces, one was named",
        steps: &[Step { run: connect(Some("blue-team")), person: THREE, ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: no such workspace",
        steps: &[Step {
            run: connect(Some("nowhere")),
            person: THREE,
            requests: 5,
            ends: "unknown_workspace",
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: no workspace, one is created meanwhile",
        steps: &[Step {
            person: Somebody { email: NEW, ..Somebody::SOLO },
            visits_after: &[3, 6],
            requests: 8,
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: no workspace, and none is created",
        steps: &[Step {
            person: Somebody { email: NEW, creates: false, ..Somebody::SOLO },
            requests: 106,
            ends: "no_workspace",
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: a low balance",
        steps: &[Step { person: Somebody { email: LOW, ..Somebody::SOLO }, ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: billing is not ready",
        steps: &[Step { person: Somebody { email: UNPAID, ..Somebody::SOLO }, ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: inference is switched off",
        steps: &[Step { person: Somebody { email: OFF, ..Somebody::SOLO }, ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: denied",
        steps: &[Step {
            person: Somebody { denies: true, ..Somebody::SOLO },
            requests: 4,
            ends: "access_denied",
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: nobody comes",
        steps: &[Step { visits_after: &[], requests: 61, ends: "expired_token", ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: the code is refused",
        steps: &[Step {
            mishaps: &[(3, Intercepted(400, r#"{"error":"invalid_grant"}"#))],
            visits_after: &[],
            requests: 3,
            ends: "invalid_grant",
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: asked to slow down, more than once",
        steps: &[Step {
            mishaps: &[
                (3, Intercepted(400, r#"{"error":"slow_down"}"#)),
                (4, Intercepted(400, r#"{"error":"slow_down","interval":30}"#)),
            ],
            visits_after: &[5],
            requests: 8,
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: the issuer's interval is longer than usual",
        site: Site::Pensar(Settings { device_interval: Duration::from_secs(9), ..ISSUER }),
        steps: &[CONNECT],
    },
    Scenario {
        name: "connect: everything that may go wrong goes wrong meanwhile",
        steps: &[Step {
            mishaps: &[
                (1, NotSent),
                (2, Intercepted(503, PAGE)),
                (4, AnswerLost),
                (5, Later(3)),
                (7, Intercepted(502, PAGE)),
                (8, AnswerLost),
                (9, Intercepted(429, "")),
                (10, Intercepted(400, r#"{"error":"temporarily_unavailable"}"#)),
                (13, AnswerLost),
                (15, Intercepted(503, PAGE)),
            ],
            visits_after: &[11],
            requests: 16,
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario {
        name: "connect: the answer with the tokens is lost",
        steps: &[Step { mishaps: &[(4, AnswerLost)], requests: 5, ends: "invalid_grant", ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: the answer with the tokens is lost, and she signs in again",
        steps: &[Step {
            asked: true,
            mishaps: &[(4, AnswerLost)],
            visits_after: &[3, 8],
            requests: 11,
            ..CONNECT
        }],
        ..PENSAR
    },
    Scenario { name: "connect: an older deployment", site: LEGACY, steps: &[OLDER] },
    Scenario {
        name: "connect: an older deployment, denied",
        site: LEGACY,
        steps: &[Step {
            person: Somebody { denies: true, ..Somebody::SOLO },
            ends: "invalid_grant",
            ..OLDER
        }],
    },
    Scenario {
        name: "connect: connected already",
        steps: &[CONNECT, Step { visits_after: &[], requests: 0, ..CONNECT }],
        ..PENSAR
    },
    Scenario {
        name: "connect: connected already, and asked whether to reconnect",
        steps: &[
            CONNECT,
            Step {
                person: Somebody { says_yes: false, ..Somebody::SOLO },
                asked: true,
                visits_after: &[],
                requests: 0,
                ..CONNECT
            },
            Step { person: Somebody { email: LOW, ..Somebody::SOLO }, asked: true, ..CONNECT },
        ],
        ..PENSAR
    },
    Scenario { name: "connect: connected already, and connected anew", steps: &[CONNECT, ANEW], ..PENSAR },
    Scenario {
        name: "connect: connected already, to work elsewhere",
        steps: &[
            Step { run: connect(Some("acme")), person: THREE, ..CONNECT },
            Step {
                run: connect(Some("blue-team")),
                person: THREE,
                visits_after: &[],
                requests: 2,
                ..CONNECT
            },
        ],
        ..PENSAR
    },
];

const fn connect(workspace: Option<&'static str>) -> Run {
    Run::Connect { workspace, force: false, browser: Browser::Unwanted }
}
