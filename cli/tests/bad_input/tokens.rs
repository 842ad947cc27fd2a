//! Tokens from people, files and servers.

use crate::sealed::hostile::Answer;
use crate::table::{LOGIN, ROW, Row, USE_STDIN, unasked};

macro_rules! malformed {
    ($place:literal) => {
        concat!(
            "error: ",
            $place,
            " does not hold an API token (expected pt_live_…, pt_test_…, pk_live_… or pk_test_… of letters, digits, - and _, \
             at most 32 KiB)\n\x20 → copy it again; keys are made at http://127.0.0.1:9/settings/api-keys"
        )
    };
}

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "an escape in the flag's token",
            args: &["--api-token", "pt_live_a\x1b[31mb", "usage"],
            exit: 2,
            code: "malformed_token",
            also: unasked,

            stderr: malformed!("--api-token"),
            ..ROW
        },
        Row {
            name: "a line break in the variable's token",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_TOKEN", "pt_live_abc\ndef");
                scene.sign_in();
            },
            exit: 2,
            code: "malformed_token",
            also: unasked,

            stderr: malformed!("PENTIFY_API_TOKEN"),
            ..ROW
        },
        Row {
            name: "a variable's token that is not Unicode",
            prepare: |scene| {
                scene.sign_in();
                scene.before = Some("export PENTIFY_API_TOKEN=$(printf 'pt_live_abc\\377')".into());
            },
            exit: 2,
            code: "malformed_token",
            also: unasked,

            stderr: malformed!("PENTIFY_API_TOKEN"),
            ..ROW
        },
        Row {
            name: "a bell in the token on standard input",
            prepare: |scene| scene.input = b"pt_live_abc\x07def\n".to_vec(),
            exit: 2,
            code: "malformed_token",
            also: unasked,

            stderr: malformed!("the input"),
            ..USE_STDIN
        },
        Row {
            name: "a variable's token that no server would take",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_TOKEN", format!("pt_live_{}", "a".repeat(100_000)));
            },
            exit: 2,
            code: "malformed_token",
            also: unasked,

            stderr: malformed!("PENTIFY_API_TOKEN"),
            ..ROW
        },
        Row {
            name: "a token on standard input that no server would take",
            prepare: |scene| scene.input = format!("pt_live_{}", "a".repeat(1_000_000)).into_bytes(),
            exit: 2,
            code: "malformed_token",
            also: unasked,

            stderr: malformed!("the input"),
            ..USE_STDIN
        },
        Row {
            name: "standard input that is not UTF-8",
            prepare: |scene| scene.input = b"pt_live_\xff\xfe\n".to_vec(),
            exit: 2,
            code: "unreadable_input",
            also: unasked,

            stderr: "error: cannot read standard input: it is not UTF-8\n\
                \x20 → correct what is piped in, then try again",
            ..USE_STDIN
        },
        Row {
            name: "10 MB on standard input",
            prepare: |scene| scene.input = vec![b'a'; 10_000_000],
            exit: 2,
            code: "unreadable_input",
            also: unasked,

            stderr: "error: cannot read standard input: it is longer than 1 MiB\n\
                \x20 → correct what is piped in, then try again",
            ..USE_STDIN
        },
        Row {
            name: "nothing on standard input",
            exit: 2,
            code: "malformed_token",
            also: unasked,

            stderr: malformed!("the input"),
            ..USE_STDIN
        },
        Row {
            name: "no token and no terminal",
            args: &["auth", "use-token"],
            exit: 2,
            code: "no_token",
            also: unasked,

            stderr: "error: no token was given, and there is no terminal to ask\n\
                \x20 → pass it on standard input: `pentify auth use-token -`",
            ..USE_STDIN
        },
        Row {
            name: "a minted token with an escape",
            answers: |_| vec![Answer::json(200, r#"{"token":"pt_live_a\u001b[31mb"}"#)],
            exit: 8,
            code: "unexpected_answer",

            stderr: "Open this page in a browser and authorize this device (box):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=box\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                error: Pentify authorized this device, but its answer has no usable token\n\
                \x20 → run `pentify login` again",
            ..LOGIN
        },
        Row {
            name: "a minted token of another kind",
            answers: |_| vec![Answer::json(200, r#"{"token":7}"#)],
            exit: 8,
            code: "unexpected_answer",

            stderr: "Open this page in a browser and authorize this device (box):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=box\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                error: Pentify authorized this device, but its answer has no usable token\n\
                \x20 → run `pentify login` again",
            ..LOGIN
        },
        Row {
            name: "no minted token",
            answers: |_| vec![Answer::json(200, r#"{"token_":"pt_live_x"}"#)],
            exit: 8,
            code: "unexpected_answer",

            stderr: "Open this page in a browser and authorize this device (box):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=box\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                error: Pentify authorized this device, but its answer has no usable token\n\
                \x20 → run `pentify login` again",
            ..LOGIN
        },
        Row {
            name: "a stored token with a space",
            prepare: |scene| drop(scene.credentials(r#"{"v":1,"records":{"":"pt_live_a b"},"active":""}"#)),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials is not a credentials file, or has a damaged entry\n\
                \x20 → move it away and sign in again",
            ..ROW
        },
    ]
}
