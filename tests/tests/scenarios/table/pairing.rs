//! `pentify login`.

use doorkey_tests::login::{MULTI, SOLO};
use doorkey_tests::mishap::Mishap::{AnswerLost, Intercepted, Later, NotSent};
use doorkey_tests::somebody::Somebody;

use crate::scenario::{Browser, PENTIFY, Run, STEP, Scenario, Site, Step};

/// Has one workspace.
pub const ONE: Somebody = Somebody { email: SOLO, ..Somebody::SOLO };
/// Has three, and takes the second.
const SECOND: Somebody = Somebody { email: MULTI, chooses: 1, ..Somebody::SOLO };
/// Has three, and takes the first.
const FIRST: Somebody = Somebody { email: MULTI, ..Somebody::SOLO };

/// Authorized before the second poll.
pub const LOGIN: Step = Step { run: login(None), person: ONE, visits_after: &[1], requests: 2, ..STEP };

const PAGE: &str = "<html>Bad gateway</html>";
const STRANGE: &str = r#"{"error":{"code":"region_closed","message":"m","request_id":"r"}}"#;
const INVALID: &str = r#"{"error":{"code":"validation_error","message":"m","request_id":"r"}}"#;
const CONSUMED: &str = r#"{"error":{"code":"pairing_consumed","message":"m","request_id":"r"}}"#;

pub const ALL: &[Scenario] = &[
    Scenario { name: "pairing: authorized", steps: &[LOGIN], ..PENTIFY },
    Scenario {
        name: "pairing: a browser opens, with the workspace that was named",
        steps: &[Step {
            run: Run::Login { workspace: Some("blue-team"), re_pair: false, browser: Browser::Opens },
            person: SECOND,
            ..LOGIN
        }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: no browser can be opened",
        steps: &[Step {
            run: Run::Login { workspace: None, re_pair: false, browser: Browser::Fails },
            ..LOGIN
        }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: another workspace is picked than was named",
        steps: &[Step { run: login(Some("blue-team")), person: FIRST, ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: authorized just before the end",
        steps: &[Step { visits_after: &[119], requests: 120, ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: nobody comes",
        steps: &[Step { visits_after: &[], requests: 120, ends: "pairing_timed_out", ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: denied",
        steps: &[Step { person: Somebody { denies: true, ..ONE }, ends: "access_denied", ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: the answer with the token is lost, and repeated",
        steps: &[Step { mishaps: &[(2, AnswerLost)], requests: 3, ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: the answer with the token is lost for good",
        site: Site::Pentify { strict: true },
        steps: &[Step { mishaps: &[(2, AnswerLost)], requests: 3, ends: "pairing_consumed", ..LOGIN }],
    },
    Scenario {
        name: "pairing: the answer with the token is lost for good, and she pairs again",
        site: Site::Pentify { strict: true },
        steps: &[Step {
            asked: true,
            mishaps: &[(2, AnswerLost)],
            visits_after: &[1, 4],
            requests: 5,
            ..LOGIN
        }],
    },
    Scenario {
        name: "pairing: the answer with the token is lost for good, and she does not pair again",
        site: Site::Pentify { strict: true },
        steps: &[Step {
            asked: true,
            person: Somebody { says_yes: false, ..ONE },
            mishaps: &[(2, AnswerLost)],
            requests: 3,
            ends: "pairing_consumed",
            ..LOGIN
        }],
    },
    Scenario {
        name: "pairing: somebody else took the token",
        steps: &[Step { mishaps: &[(2, Intercepted(410, CONSUMED))], ends: "pairing_consumed", ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: everything that may go wrong goes wrong meanwhile",
        steps: &[Step {
            mishaps: &[
                (1, NotSent),
                (2, Intercepted(502, PAGE)),
                (3, AnswerLost),
                (4, Intercepted(429, "")),
                (6, Later(7)),
                (7, Intercepted(200, PAGE)),
                (8, Intercepted(500, "")),
                (9, Intercepted(404, PAGE)),
            ],
            visits_after: &[9],
            requests: 10,
            ..LOGIN
        }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: a wrong host",
        steps: &[Step {
            mishaps: &[(1, Intercepted(404, PAGE)), (2, Intercepted(404, PAGE)), (3, Intercepted(404, PAGE))],
            visits_after: &[],
            requests: 3,
            ends: "wrong_host",
            ..LOGIN
        }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: a refusal that nobody knows",
        steps: &[Step { mishaps: &[(2, Intercepted(404, STRANGE))], ends: "region_closed", ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: a request that is not understood",
        steps: &[Step { mishaps: &[(2, Intercepted(400, INVALID))], ends: "validation_error", ..LOGIN }],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: switching to a workspace that is stored, without pairing",
        steps: &[
            Step { person: FIRST, ..LOGIN },
            Step { run: login(Some("blue-team")), person: SECOND, requests: 2, ..LOGIN },
            Step { run: login(Some("acme")), visits_after: &[], requests: 1, ..LOGIN },
            Step { run: Run::Get { path: "/v1/usage", flag: None }, requests: 1, ..STEP },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: the stored token is no longer accepted",
        steps: &[
            Step { person: FIRST, ..LOGIN },
            Step { run: login(Some("blue-team")), person: SECOND, requests: 2, ..LOGIN },
            Step {
                run: login(Some("acme")),
                person: FIRST,
                mishaps: &[(1, Intercepted(401, ""))],
                visits_after: &[2],
                requests: 3,
                ..LOGIN
            },
        ],
        ..PENTIFY
    },
    Scenario {
        name: "pairing: again, though it need not be",
        steps: &[
            LOGIN,
            Step {
                later: std::time::Duration::from_secs(60),
                run: Run::Login { workspace: None, re_pair: true, browser: Browser::Unwanted },
                ..LOGIN
            },
        ],
        ..PENTIFY
    },
];

const fn login(workspace: Option<&'static str>) -> Run {
    Run::Login { workspace, re_pair: false, browser: Browser::Unwanted }
}
