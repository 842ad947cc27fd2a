//! What Pensar's API and its issuer answer, and device grants brought so far.
#![allow(dead_code, reason = "each test file uses its own part")]

use doorkey_core::command::CommandId;
use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::http::HttpResponse;
use doorkey_core::oauth::Dialect;
use doorkey_core::service::Service;

use crate::timetable::{Timetable, pensar};

pub fn json(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status, body).header("content-type", "application/json")
}

pub fn page(status: u16) -> HttpResponse {
    HttpResponse::new(status, "<html>Please sign in to the hotel's network</html>")
}

pub fn config() -> HttpResponse {
    json(200, r#"{"workosClientId":"client_01"}"#)
}

/// A device code with these further fields, each after a comma.
pub fn code(fields: &str) -> HttpResponse {
    let body = format!(
        r#"{{"device_code":"dev-code-1","user_code":"ABCD-EFGH","verification_uri":"https://auth.pensar.dev/device",
            "verification_uri_complete":"https://auth.pensar.dev/device?user_code=ABCD-EFGH"{fields}}}"#
    );
    json(200, &body)
}

pub fn legacy_code() -> HttpResponse {
    json(
        200,
        r#"{"deviceCode":"legacy-code-1","userCode":"WXYZ","verificationUri":"https://console.pensar.dev/device",
            "verificationUriComplete":"https://console.pensar.dev/device?code=WXYZ","expiresIn":600,"interval":5}"#,
    )
}

pub fn error(status: u16, code: &str) -> HttpResponse {
    json(status, &format!(r#"{{"error":"{code}","error_description":"as it is"}}"#))
}

pub fn pending() -> HttpResponse {
    error(400, "authorization_pending")
}

/// `slow_down` with this `interval`, unless it is empty.
pub fn slow_down(interval: &str) -> HttpResponse {
    let interval = if interval.is_empty() { String::new() } else { format!(r#","interval":{interval}"#) };
    json(400, &format!(r#"{{"error":"slow_down"{interval}}}"#))
}

pub fn tokens() -> HttpResponse {
    json(200, r#"{"access_token":"access-minted-1","refresh_token":"refresh-minted-1","user":{"id":"u1"}}"#)
}

/// Pensar whose client is known beforehand.
pub fn known_client(dialect: Dialect) -> Service {
    let mut service = pensar();
    if let Some(oauth) = &mut service.oauth {
        oauth.client_id = Some("client_01".into());
        oauth.dialect = dialect;
    }
    service
}

/// A grant whose device code is here, with these further fields.
pub fn begun(fields: &str) -> Timetable<DeviceGrant> {
    begun_at(1000, fields)
}

/// The same, the monotonic clock running at so many thousandths of real time.
pub fn begun_at(rate: u64, fields: &str) -> Timetable<DeviceGrant> {
    let mut table = Timetable::grant_at(known_client(Dialect::Json), false, rate);
    let (id, _) = table.take_request();
    table.reply(id, code(fields));
    table
}

pub const USUAL: &str = r#","expires_in":300,"interval":5"#;

/// Goes on until the first poll is in flight, at 5 s of 300.
pub fn first_poll() -> (Timetable<DeviceGrant>, CommandId) {
    let mut table = begun(USUAL);
    table.expect_silence_until(5_000);
    let (id, _) = table.expect_poll_now();
    (table, id)
}
