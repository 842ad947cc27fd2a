//! Those that take long; they begin first.

use crate::sealed::hostile::Answer;
use crate::table::{DENIED, LOGIN, ROW, Row, ten_megabytes};

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "500 for ever",
            answers: |_| vec![Answer::error(500, "server_error", "boom")],
            exit: 8,
            code: "server_error",
            also: |scene, _| assert_eq!(scene.api.requests().len(), 5),

            stderr: "Pentify has trouble (HTTP 500, server_error): boom; trying again\n\
                Pentify has trouble (HTTP 500, server_error): boom; trying again\n\
                Pentify has trouble (HTTP 500, server_error): boom; trying again\n\
                Pentify has trouble (HTTP 500, server_error): boom; trying again\n\
                error: Pentify has trouble (HTTP 500, server_error): boom (request req_7)\n\
                \x20 → try again later",
            ..ROW
        },
        Row {
            name: "nobody listens",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_URL", "http://127.0.0.1:1");
                scene.sign_in_at("http://127.0.0.1:1");
            },
            exit: 7,
            code: "network",

            stderr: "cannot reach http://127.0.0.1:1: Connection refused (os error 111); trying again\n\
                cannot reach http://127.0.0.1:1: Connection refused (os error 111); trying again\n\
                cannot reach http://127.0.0.1:1: Connection refused (os error 111); trying again\n\
                cannot reach http://127.0.0.1:1: Connection refused (os error 111); trying again\n\
                error: cannot reach http://127.0.0.1:1: Connection refused (os error 111)\n\
                \x20 → check the network and the proxy settings, then try again",
            ..ROW
        },
        Row {
            name: "redirects instead of polls' answers, as from a captive portal, then a refusal",
            answers: |other| {
                let redirect =
                    || Answer::with_headers(307, &format!("location: {other}/auth/terminal/poll\r\n"), "");
                vec![redirect(), redirect(), redirect(), DENIED()]
            },
            exit: 5,
            code: "access_denied",

            stderr: "Open this page in a browser and authorize this device (box):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=box\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                waiting for the browser, … left: trouble: HTTP 307 that is not from the API\n\
                error: this device was refused in the browser (request req_7)\n\
                \x20 → run `pentify login` again if that was a mistake",
            ..LOGIN
        },
        Row {
            name: "10 MB instead of a poll's answer, then a refusal",
            answers: |_| vec![Answer::json(200, ten_megabytes()), DENIED()],
            exit: 5,
            code: "access_denied",

            stderr: "Open this page in a browser and authorize this device (box):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=box\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                waiting for the browser, … left: trouble: the answer is too long to be from the API\n\
                error: this device was refused in the browser (request req_7)\n\
                \x20 → run `pentify login` again if that was a mistake",
            ..LOGIN
        },
        Row {
            name: "an answer that breaks off, then a whole one",
            answers: |_| {
                vec![
                    Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"tok".to_vec()),
                    Answer::json(200, "{}"),
                ]
            },
            also: |scene, _| assert_eq!(scene.api.requests().len(), 2),

            stderr: "cannot reach http://API: no complete answer: Peer disconnected; trying again",
            ..ROW
        },
    ]
}
