//! Where requests may go, and how host names are sent.

use crate::sealed::hostile::Answer;
use crate::sealed::scene::{OLD_TOKEN, TOKEN};
use crate::table::{DENIED, LOGIN, NOBODY, ROW, Row, USE_STDIN, unasked};

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "a redirect to another host",
            answers: |other| vec![Answer::with_headers(307, &format!("location: {other}/v1/usage\r\n"), "")],
            exit: 8,
            code: "redirect_refused",

            stderr: "error: http://API answers with a redirect, which is never followed with a token\n\
                \x20 → check PENTIFY_API_URL and the proxy settings",
            ..ROW
        },
        Row {
            name: "a redirect for a pasted token",
            answers: |other| vec![Answer::with_headers(302, &format!("location: {other}/\r\n"), "")],
            prepare: |scene| scene.input = TOKEN.into(),
            exit: 8,
            code: "redirect_refused",

            stderr: "error: http://API answers with a redirect, which is never followed with a token; nothing was stored\n\
                \x20 → check PENTIFY_API_URL and the proxy settings",
            ..USE_STDIN
        },
        Row {
            name: "plain http to a public host",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_URL", "http://api.pentify.io");
            },
            exit: 2,
            code: "unusable_setting",

            stderr: "error: PENTIFY_API_URL is not usable: plain http is allowed for 127.0.0.0/8 and [::1] only\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "plain http to localhost",
            prepare: |scene| {
                let port = scene.api.port();
                scene.sealed.set("PENTIFY_API_URL", format!("http://localhost:{port}"));
            },
            exit: 2,
            code: "unusable_setting",
            also: unasked,

            stderr: "error: PENTIFY_API_URL is not usable: plain http is allowed for 127.0.0.0/8 and [::1] only\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "a host that only begins like loopback",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_URL", "http://127.0.0.1.evil.example");
            },
            exit: 2,
            code: "unusable_setting",

            stderr: "error: PENTIFY_API_URL is not usable: plain http is allowed for 127.0.0.0/8 and [::1] only\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "a user in the API's address",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_URL", "https://me:pw@api.pentify.io");
            },
            exit: 2,
            code: "unusable_setting",

            stderr: "error: PENTIFY_API_URL is not usable: it has a user name or password in it\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "a query in the API's address",
            prepare: |scene| {
                let url = scene.api.url();
                scene.sealed.set("PENTIFY_API_URL", format!("{url}/base?x=1"));
            },
            exit: 2,
            code: "unusable_setting",
            also: unasked,

            stderr: "error: PENTIFY_API_URL is not usable: it has a query\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "a page address that is no URL",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_APP_URL", "app.pentify.io");
            },
            args: &["login"],
            exit: 2,
            code: "unusable_setting",
            also: unasked,

            stderr: "error: PENTIFY_APP_URL is not usable: its scheme is not https\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "a login at a strange API with the service's own pages",
            args: &["login"],
            answers: |_| vec![DENIED()],
            prepare: |scene| {
                scene.sealed.unset("PENTIFY_APP_URL");
            },
            exit: 2,
            code: "unusable_setting",
            also: unasked,

            stderr: "error: https://app.pentify.io is not on the site of the API, http://API\n\
                \x20 → set PENTIFY_API_URL and PENTIFY_APP_URL to hosts that belong together",
            ..NOBODY
        },
        Row {
            name: "a login at the service's own API with strange pages",
            args: &["login"],
            prepare: |scene| {
                let strange = scene.bystander.url();
                scene.sealed.unset("PENTIFY_API_URL").set("PENTIFY_APP_URL", strange);
                // Were it not refused, it would end here.
                scene.sealed.set("HTTPS_PROXY", "socks5://127.0.0.1:9");
            },
            exit: 2,
            code: "unusable_setting",
            also: unasked,

            stderr: "error: http://OTHER is not on the site of the API, https://api.pentify.io\n\
                \x20 → set PENTIFY_API_URL and PENTIFY_APP_URL to hosts that belong together",
            ..NOBODY
        },
        Row {
            name: "loopback behind a proxy",
            prepare: |scene| {
                let proxy = scene.bystander.url();
                for name in
                    ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"]
                {
                    scene.sealed.set(name, &proxy);
                }
                scene.sign_in();
            },
            also: |scene, _| assert_eq!(scene.api.requests().len(), 1),
            ..ROW
        },
        Row {
            name: "an unusable proxy",
            prepare: |scene| {
                scene
                    .sealed
                    .set("PENTIFY_API_URL", "https://api.pentify.io")
                    .set("HTTPS_PROXY", "socks5://me:secret@127.0.0.1:9");
                scene.sign_in_at("https://api.pentify.io");
            },
            exit: 2,
            code: "unusable_setting",

            stderr: "error: HTTPS_PROXY does not hold a usable proxy (expected http://host:port)\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "an unusable proxy for a login",
            args: &["login"],
            prepare: |scene| {
                scene
                    .sealed
                    .set("PENTIFY_API_URL", "https://api.pentify.io")
                    .set("PENTIFY_APP_URL", "https://app.pentify.io")
                    .set("all_proxy", "ftp://127.0.0.1:9");
            },
            exit: 2,
            code: "unusable_setting",

            stderr: "error: all_proxy does not hold a usable proxy (expected http://host:port)\n\
                \x20 → correct or unset it, then try again",
            ..NOBODY
        },
        Row {
            name: "another API than the token's",
            prepare: |scene| drop(scene.sign_in_at("https://api.pentify.io")),
            exit: 3,
            code: "other_issuer",
            also: unasked,

            stderr: "error: the stored token belongs to https://api.pentify.io; it was not sent to http://API\n\
                \x20 → run `pentify login` for this host, or correct PENTIFY_API_URL",
            ..ROW
        },
        Row {
            name: "a bare token and another API",
            prepare: |scene| {
                drop(scene.credentials(&format!(r#"{{"v":1,"records":{{"":"{OLD_TOKEN}"}},"active":""}}"#)))
            },
            exit: 3,
            code: "other_issuer",
            also: unasked,

            stderr: "error: the stored token belongs to https://api.pentify.io; it was not sent to http://API\n\
                \x20 → run `pentify login` for this host, or correct PENTIFY_API_URL",
            ..ROW
        },
        Row {
            name: "a host name with URL characters",
            answers: |_| vec![DENIED()],
            prepare: |scene| scene.before = Some("printf '%s' 'a&?#=b' > /proc/sys/kernel/hostname".into()),
            exit: 5,
            code: "access_denied",

            stderr: "Open this page in a browser and authorize this device (a&?#=b):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=a%26%3F%23%3Db\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                error: this device was refused in the browser (request req_7)\n\
                \x20 → run `pentify login` again if that was a mistake",
            ..LOGIN
        },
        Row {
            name: "a host name that is not ASCII",
            answers: |_| vec![DENIED()],
            prepare: |scene| {
                scene.before = Some("printf 'b\\303\\274ro\\033[31m' > /proc/sys/kernel/hostname".into())
            },
            exit: 5,
            code: "access_denied",

            stderr: "Open this page in a browser and authorize this device (büro�[31m):\n\
                \n\
                \x20 http://127.0.0.1:9/auth/terminal-pair?device_id=…&device_name=b%C3%BCro%1B%5B31m\n\
                \n\
                The page shows this check code: …\n\
                waiting for the browser, … left: nothing heard yet\n\
                error: this device was refused in the browser (request req_7)\n\
                \x20 → run `pentify login` again if that was a mistake",
            ..LOGIN
        },
    ]
}
