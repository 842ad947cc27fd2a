//! Bodies that are no answer of the API.

use crate::sealed::hostile::Answer;
use crate::sealed::scene::TOKEN;
use crate::table::{HTML, ROW, Row, USE_STDIN, deep, ten_megabytes};

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "10 MB",
            answers: |_| vec![Answer::json(200, ten_megabytes())],
            exit: 8,
            code: "unexpected_answer",
            also: |scene, _| assert_eq!(scene.api.requests().len(), 1),

            stderr: "error: http://API: the answer is too long to be from the API\n\
                \x20 → check PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "10 MB for a pasted token",
            answers: |_| vec![Answer::json(200, ten_megabytes())],
            prepare: |scene| {
                scene.input = TOKEN.into();
                scene.sign_in();
            },
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API: the answer is too long to be from the API; nothing was stored\n\
                \x20 → check PENTIFY_API_URL and the proxy settings",
            ..USE_STDIN
        },
        Row {
            name: "HTML",
            answers: |_| vec![Answer::new(200, "text/html", HTML)],
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "HTML called JSON",
            answers: |_| vec![Answer::json(200, HTML)],
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "JSON called HTML",
            answers: |_| vec![Answer::new(200, "text/html", r#"{"tokens":{"balance":5,"used":1}}"#)],
            also: |_, seen| {
                assert!(seen.human.contains("tokens:     5 left, 1 used"), "{}", seen.human);
                assert_eq!(seen.json["tokens"]["balance"], 5);
            },
            ..ROW
        },
        Row {
            name: "HTML for a pasted token",
            answers: |_| vec![Answer::new(200, "text/html", HTML)],
            prepare: |scene| {
                scene.input = TOKEN.into();
                scene.sign_in();
            },
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API; nothing was stored\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..USE_STDIN
        },
        Row {
            name: "HTML with 401",
            answers: |_| vec![Answer::new(401, "text/html", HTML)],
            exit: 3,
            code: "unauthorized",

            stderr: "error: Pentify does not accept this token (HTTP 401)\n\
                \x20 → run `pentify login`",
            ..ROW
        },
        Row {
            name: "invalid UTF-8",
            answers: |_| vec![Answer::json(200, b"{\"tokens\":\"\xff\xfe\"}")],
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "invalid UTF-8 in an error",
            answers: |_| vec![Answer::json(402, b"{\"error\":{\"code\":\"\xff\"}}")],
            exit: 9,
            code: "payment_required",

            stderr: "error: the workspace has not enough tokens left\n\
                \x20 → top up at http://127.0.0.1:9",
            ..ROW
        },
        Row {
            name: "deep JSON",
            answers: |_| vec![Answer::json(200, deep("{\"a\":", "}"))],
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "deep JSON in an error",
            answers: |_| vec![Answer::json(409, deep(r#"{"error":{"code":"conflict","details":"#, "}}"))],
            exit: 9,
            code: "refused",

            stderr: "error: Pentify refused the request (HTTP 409)\n  → look at how things stand now, then try again",
            ..ROW
        },
        Row {
            name: "an empty answer",
            answers: |_| vec![Answer::json(200, "")],
            exit: 8,
            code: "unexpected_answer",

            stderr: "error: http://API does not answer like the Pentify API\n\
                \x20 → check the network, PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "no HTTP at all",
            answers: |_| {
                vec![
                    Answer::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
                    Answer::error(403, "insufficient_scope", "no"),
                ]
            },
            exit: 9,
            code: "insufficient_scope",

            stderr: "cannot reach http://API: no complete answer: what came is not HTTP; trying again\n\
                error: this token's scopes do not allow that: no (request req_7)\n\
                \x20 → see its scopes at http://127.0.0.1:9/settings/api-keys",
            ..ROW
        },
        Row {
            name: "a wait of an hour",
            answers: |_| vec![Answer::with_headers(429, "retry-after: 3600\r\n", "")],
            exit: 8,
            code: "rate_limited",

            stderr: "error: Pentify asks for fewer requests\n\
                \x20 → try again in 3600 s",
            ..ROW
        },
    ]
}
