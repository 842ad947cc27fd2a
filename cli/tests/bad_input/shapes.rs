//! JSON, but not as agreed.

use serde_json::Value;

use crate::sealed::hostile::Answer;
use crate::sealed::scene::TOKEN;
use crate::table::{DENIED, LOGIN, ROW, Row, USE_STDIN};

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "an empty profile",
            args: &["profile"],
            also: |_, seen| assert!(seen.human.starts_with("user:       - (-)\n"), "{}", seen.human),
            ..ROW
        },
        Row {
            name: "a profile of wrong types",
            args: &["profile"],
            answers: |_| {
                vec![Answer::json(200, r#"{"user":[],"key":{"scopes":{"a":1},"name":7,"prefix":null}}"#)]
            },
            also: |_, seen| assert!(seen.human.contains("key:        7 (-…)"), "{}", seen.human),
            ..ROW
        },
        Row {
            name: "usage of wrong types",
            answers: |_| vec![Answer::json(200, r#"{"tokens":"many","period":3}"#)],
            also: |_, seen| assert!(seen.human.contains("tokens:     - left, - used"), "{}", seen.human),
            ..ROW
        },
        Row {
            name: "a list instead of an object",
            answers: |_| vec![Answer::json(200, "[]")],
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "no list of scans",
            args: &["scans", "list"],
            exit: 8,
            code: "unexpected_answer",
            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "a text as list of scans",
            args: &["scans", "list"],
            answers: |_| vec![Answer::json(200, r#"{"data":"none"}"#)],
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "scans of wrong types",
            args: &["scans", "list"],
            answers: |_| vec![Answer::json(200, r#"{"data":[7,null,{"id":{"a":1}}],"next_cursor":7}"#)],
            also: |_, seen| {
                assert!(
                    seen.human.lines().count() == 4 && seen.human.contains(r#"{"a":1}"#),
                    "{}",
                    seen.human
                )
            },
            ..ROW
        },
        Row {
            name: "an error's code is a number",
            answers: |_| vec![Answer::json(403, r#"{"error":{"code":7,"message":[]}}"#)],
            exit: 9,
            code: "refused",

            stderr: "error: Pentify refused the request (HTTP 403)\n  → ask for the right to do that, or sign in as somebody who has it",
            ..ROW
        },
        Row {
            name: "an error's message is a list",
            answers: |_| {
                vec![Answer::json(
                    422,
                    r#"{"error":{"code":"unprocessable","message":["x"],"request_id":9}}"#,
                )]
            },
            exit: 9,
            code: "unprocessable",

            stderr: "error: Pentify refused the request (HTTP 422, unprocessable)\n  → correct the request, then try again",
            ..ROW
        },
        Row {
            name: "an error is a text",
            answers: |_| vec![Answer::json(404, r#"{"error":"nope"}"#)],
            exit: 9,
            code: "not_found",

            stderr: "error: Pentify refused the request (HTTP 404)\n  → check the path, and PENTIFY_API_URL",
            ..ROW
        },
        Row {
            name: "usage without a workspace for a pasted token",
            prepare: |scene| scene.input = TOKEN.into(),
            answers: |_| vec![Answer::json(200, r#"{"workspace":7}"#)],
            writes: true,
            also: |scene, seen| {
                assert_eq!(seen.json["workspace"], Value::Null);
                assert!(scene.sealed.file(".config/pentify/credentials").contains(TOKEN));
            },

            stderr: "warning: there is no D-Bus session here, so the token is stored as plain text in the credentials file, which only you can read\n\
                \x20 → start a keychain service and log in again to change that",
            ..USE_STDIN
        },
        Row {
            name: "a pairing's workspace of wrong types",
            answers: |_| {
                vec![Answer::json(
                    200,
                    format!(
                        r#"{{"token":"{TOKEN}","workspace":{{"slug":[],"name":1}},"user":"me","scopes":3,"key_name":{{}}}}"#
                    ),
                )]
            },
            writes: true,
            also: |_, seen| {
                assert_eq!((&seen.json["workspace"], &seen.json["email"]), (&Value::Null, &Value::Null))
            },

            stderr: "Open this page in a browser and authorize this device (box):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=box\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                warning: there is no D-Bus session here, so the token is stored as plain text in the credentials file, which only you can read\n\
                \x20 → start a keychain service and log in again to change that",
            ..LOGIN
        },
        Row {
            name: "a poll's error without a code",
            answers: |_| vec![Answer::json(403, r#"{"error":{"message":"go away"}}"#), DENIED()],
            exit: 5,
            code: "access_denied",

            stderr: "Open this page in a browser and authorize this device (box):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=box\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                waiting for the browser, … left: trouble: HTTP 403 that is not from the API\n\
                error: this device was refused in the browser (request req_7)\n\
                \x20 → run `pentify login` again if that was a mistake",
            ..LOGIN
        },
    ]
}
