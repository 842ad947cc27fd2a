//! Requests by hand.

use crate::table::{API, Row, ten_megabytes};

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "api //evil/x",
            args: &["api", "GET", "//evil/x"],
            stderr: "error: the path begins with //, which would name another host\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api http://evil/",
            args: &["api", "GET", "http://evil/"],
            stderr: "error: the path does not begin with /\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api /v1/../..",
            args: &["api", "GET", "/v1/../.."],
            stderr: "error: the path has . or .. in it\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api /v1/%2E%2e/",
            args: &["api", "GET", "/v1/%2E%2e/"],
            stderr: "error: the path has . or .. in it\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api @evil",
            args: &["api", "GET", "@evil"],
            stderr: "error: the path does not begin with /\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api /\\evil",
            args: &["api", "GET", "/\\evil"],
            stderr: "error: the path has characters that must be percent-encoded\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api with a line break",
            args: &["api", "GET", "/v1/usage\r\nx-evil: 1"],
            stderr: "error: the path has characters that must be percent-encoded\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api with a space",
            args: &["api", "GET", "/v1/a b"],
            stderr: "error: the path has characters that must be percent-encoded\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api with what is not ASCII",
            args: &["api", "GET", "/v1/\u{202e}ü"],
            stderr: "error: the path has characters that must be percent-encoded\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api with a fragment",
            args: &["api", "GET", "/v1/scans#top"],
            stderr: "error: the path has characters that must be percent-encoded\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api TRACE",
            args: &["api", "TRACE", "/v1/usage"],
            stderr: "error: the method is none of GET, POST, PUT, PATCH and DELETE\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api with a method and a header",
            args: &["api", "GET / HTTP/1.1\r\nx: y", "/v1/usage"],

            stderr: "error: the method is none of GET, POST, PUT, PATCH and DELETE\n\
                \x20 → write it like `pentify api GET /v1/scans`",
            ..API
        },
        Row {
            name: "api with data that is no JSON",
            args: &["api", "POST", "/v1/scans", "--data", "{\"a\":"],

            stderr: "error: the data is not JSON (line 1, column 5)\n\
                \x20 → correct it, then try again",
            ..API
        },
        Row {
            name: "api with 10 MB of data",
            args: &["api", "POST", "/v1/scans", "--data", "-"],
            prepare: |scene| {
                scene.sign_in();
                scene.input = ten_megabytes();
            },
            code: "unreadable_input",

            stderr: "error: cannot read standard input: it is longer than 1 MiB\n\
                \x20 → correct what is piped in, then try again",
            ..API
        },
    ]
}
