//! What could steer a terminal.

use crate::sealed::hostile::Answer;
use crate::sealed::scene::{OLD_TOKEN, TOKEN};
use crate::table::{LOGIN, ROW, Row, unasked};

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "escapes in an error",
            answers: |_| {
                vec![Answer::error(
                    422,
                    "bad\u{1b}[2J",
                    "\u{1b}]0;pwned\u{7}\u{9b}31m \u{202e}txt.exe\r\nerror: signed out",
                )]
            },
            exit: 9,
            code: "bad\u{fffd}[2J",

            stderr: "error: Pentify refused the request (HTTP 422, bad�[2J): �]0;pwned��31m �txt.exe  error: signed out (request req_7)\n  → correct the request, then try again",
            ..ROW
        },
        Row {
            name: "a very long error",
            answers: |_| vec![Answer::error(422, "long", &"a".repeat(100_000))],
            exit: 9,
            code: "long",

            stderr: "error: Pentify refused the request (HTTP 422, long): aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… (request req_7)\n  → correct the request, then try again",
            ..ROW
        },
        Row {
            name: "where to top up",
            answers: |_| {
                vec![Answer::json(
                    402,
                    r#"{"error":{"code":"insufficient_tokens","message":"empty","details":{"top_up_url":"https://app.pentify.io/billing"},"request_id":"r\u001b1"}}"#,
                )]
            },
            exit: 9,
            code: "insufficient_tokens",

            stderr: "error: the workspace has not enough tokens left: empty (request r�1)\n\
                \x20 → top up at https://app.pentify.io/billing",
            ..ROW
        },
        Row {
            name: "a script as the place to top up",
            answers: |_| {
                vec![Answer::json(
                    402,
                    r#"{"error":{"code":"insufficient_tokens","details":{"top_up_url":"javascript:alert(1)"}}}"#,
                )]
            },
            exit: 9,
            code: "insufficient_tokens",

            stderr: "error: the workspace has not enough tokens left\n\
                \x20 → top up at http://127.0.0.1:9",
            ..ROW
        },
        Row {
            name: "escapes in a workspace's name",
            answers: |_| {
                vec![Answer::json(
                    200,
                    format!(
                        r#"{{"token":"{TOKEN}","workspace":{{"slug":"ac\u001b[2Jme","name":"\u202eemcA\u0007"}},"user":{{"email":"a\u009b@b"}},"key_name":"k\u2066"}}"#
                    ),
                )]
            },
            writes: true,
            also: |_, seen| {
                assert!(
                    seen.human.contains("workspace \u{fffd}emcA\u{fffd} (ac\u{fffd}[2Jme)"),
                    "{}",
                    seen.human
                )
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
            name: "escapes in a profile",
            args: &["profile"],
            answers: |_| vec![Answer::json(200, r#"{"user":{"name":"\u001b[31m\u202e","email":"\u009b"}}"#)],
            also: |_, seen| assert_eq!(seen.json["user"]["name"], "\u{1b}[31m\u{202e}"),
            ..ROW
        },
        Row {
            name: "escapes in a stored workspace",
            args: &["status"],
            prepare: |scene| {
                let origin = scene.api.url();
                scene.credentials(&format!(r#"{{"v":1,"records":{{"x":{{"v":1,"gen":"0.1","origin":"{origin}","workspace":{{"slug":"\u001b[2J\u202e"}},"token":"{OLD_TOKEN}"}}}},"active":"x"}}"#));
            },
            also: unasked,
            ..ROW
        },
        Row {
            name: "escapes in a stored origin",
            prepare: |scene| drop(scene.sign_in_at("\\u001b[2J")),
            exit: 3,
            code: "other_issuer",
            also: unasked,

            stderr: "error: the stored token belongs to �[2J; it was not sent to http://API\n\
                \x20 → run `pentify login` for this host, or correct PENTIFY_API_URL",
            ..ROW
        },
        Row {
            name: "escapes in an asked workspace",
            args: &["--workspace", "a\x1b[2J", "usage"],
            exit: 3,
            code: "not_signed_in",
            also: unasked,

            stderr: "error: not signed in to workspace \"a�[2J\"\n\
                \x20 → run `pentify login --workspace \"a\u{fffd}[2J\"`",
            ..ROW
        },
        Row {
            name: "an ambiguous workspace",
            args: &["--workspace", "Twin", "usage"],
            prepare: |scene| {
                let origin = scene.api.url();
                let record = |slug: &str| {
                    format!(
                        r#""{slug}":{{"v":1,"gen":"{slug}.1","origin":"{origin}","workspace":{{"slug":"{slug}","name":"Twin"}},"token":"{OLD_TOKEN}"}}"#
                    )
                };
                scene.credentials(&format!(r#"{{"v":1,"records":{{{},{}}}}}"#, record("one"), record("two")));
            },
            exit: 2,
            code: "ambiguous_workspace",
            also: unasked,

            stderr: "error: several workspaces are named \"Twin\": one, two\n\
                \x20 → name one by its slug",
            ..ROW
        },
    ]
}
