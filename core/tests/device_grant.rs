//! The device grant on a timetable: what it sends, when, and what each answer leads to.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod timetable;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::device_grant::{DeviceGrant, Granted};
use doorkey_core::http::HttpResponse;
use timetable::{Timetable, start_device_grant};

fn json(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status, body).header("content-type", "application/json")
}

fn config() -> HttpResponse {
    json(200, r#"{"workosClientId":"client_01"}"#)
}

fn code() -> HttpResponse {
    json(
        200,
        r#"{"device_code":"dev-code-1","user_code":"ABCD-EFGH","verification_uri":"https://auth.pensar.dev/device",
        "verification_uri_complete":"https://auth.pensar.dev/device?user_code=ABCD-EFGH","expires_in":300,"interval":5}"#,
    )
}

fn error(status: u16, code: &str) -> HttpResponse {
    json(status, &format!(r#"{{"error":"{code}"}}"#))
}

fn begun() -> Timetable<DeviceGrant> {
    let mut table = start_device_grant();
    let (id, _) = table.take_request();
    table.reply(id, config());
    let (id, _) = table.take_request();
    table.reply(id, code());
    table
}

fn first_poll() -> (Timetable<DeviceGrant>, CommandId) {
    let mut table = begun();
    table.expect_silence_until(5_000);
    let (id, _) = table.expect_poll_now();
    (table, id)
}

#[test]
fn polls_every_interval_until_the_tokens_come() {
    let (mut table, id) = first_poll();
    table.reply(id, error(400, "authorization_pending"));
    table.expect_silence_until(10_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, json(200, r#"{"access_token":"at","refresh_token":"rt","expires_in":300}"#));
    let Granted::Tokens { client_id, tokens } = table.success() else { panic!("tokens") };
    assert_eq!((client_id.as_str(), tokens.access.expose_secret()), ("client_01", "at"));
    let _ = |c: Command| c;
}
