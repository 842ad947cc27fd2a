//! What servers answer: as they should, wrongly, and anything.

use std::time::Duration;

use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse, RequestFailure};
use serde_json::{Value, json};

use crate::bytes::Bytes;

use super::secrets::{MARK, secret, token_of};
use super::setup::START;

/// An answer, or none; with whether a trace can repeat it.
pub struct Reply {
    pub result: Result<HttpResponse, RequestFailure>,
    pub is_faithful: bool,
    /// What took the place of a part of it.
    pub junk: Option<String>,
}

/// What comes back to a request.
pub fn reply(bytes: &mut Bytes<'_>, request: &HttpRequest) -> Reply {
    let kind = bytes.below(16);
    let faithful = |result| Reply { result, is_faithful: true, junk: None };
    match kind {
        0..=8 => {
            let (status, body) = good(bytes, request);
            faithful(Ok(with_headers(bytes, HttpResponse::new(status, body.to_string()))))
        }
        9 | 10 => {
            let (status, body) = *bytes.pick(&REFUSALS);
            let is_faithful = serde_json::from_str::<Value>(body).is_ok() || body.is_empty();
            let result = Ok(with_headers(bytes, HttpResponse::new(status, body)));
            Reply { result, is_faithful, junk: None }
        }
        11 | 12 => {
            let (status, mut body) = good(bytes, request);
            let junk = spoil(bytes, &mut body);
            let result = Ok(with_headers(bytes, HttpResponse::new(status, body.to_string())));
            Reply { result, is_faithful: true, junk }
        }
        13 => {
            let status = 100 + 2 * u16::from(bytes.byte());
            let body = bytes.chunk();
            // No secret is made up by accident.
            let text = String::from_utf8_lossy(body);
            let has_mark = text.contains(MARK) || text.contains("\\u00") || text.contains('%');
            let body = if has_mark { &b""[..] } else { body };
            let result = Ok(with_headers(bytes, HttpResponse::new(status, body.to_vec())));
            Reply { result, is_faithful: false, junk: None }
        }
        _ => faithful(Err(failure(bytes))),
    }
}

/// A request without an answer.
pub fn failure(bytes: &mut Bytes<'_>) -> RequestFailure {
    use FailureKind::{AnswerLost, BodyTooLarge, Misconfigured, NotSent};
    let kind = *bytes.pick(&[NotSent, AnswerLost, NotSent, AnswerLost, BodyTooLarge, Misconfigured]);
    RequestFailure { kind, detail: "a wire was cut".to_owned() }
}

const REFUSALS: [(u16, &str); 30] = [
    (400, r#"{"error":"authorization_pending"}"#),
    (400, r#"{"error":"slow_down"}"#),
    (400, r#"{"error":"slow_down","interval":30}"#),
    (428, r#"{"error":"authorization_pending"}"#),
    (403, r#"{"error":"access_denied","error_description":"no"}"#),
    (400, r#"{"error":"expired_token"}"#),
    (400, r#"{"error":"invalid_grant","error_description":"\u001b[2J\u202eno"}"#),
    (200, r#"{"error":"invalid_grant"}"#),
    (401, r#"{"error":"invalid_client"}"#),
    (400, r#"{"error":"temporarily_unavailable"}"#),
    (503, r#"{"error":"server_error"}"#),
    (400, r#"{"error":"a_new_one"}"#),
    (404, r#"{"error":{"code":"not_found","message":"m","request_id":"req_1"}}"#),
    (410, r#"{"error":{"code":"gone","message":"m","request_id":"req_1"}}"#),
    (403, r#"{"error":{"code":"denied","message":"\u001b]0;x\u0007","request_id":"req_1"}}"#),
    (
        402,
        r#"{"error":{"code":"insufficient_tokens","message":"m","details":{"top_up_url":"https://app.pentify.io/buy"}}}"#,
    ),
    (401, r#"{"error":{"code":"unauthorized","message":"m"}}"#),
    (429, r#"{"error":{"code":"too_many_requests","message":"m"}}"#),
    (429, "slow down"),
    (401, ""),
    (400, ""),
    (403, ""),
    (404, "<html>"),
    (405, ""),
    (500, "<html>"),
    (502, ""),
    (503, ""),
    (302, ""),
    (200, "<html>"),
    (200, "{}"),
];

/// Of the services' own forms, by the path of the request.
fn good(bytes: &mut Bytes<'_>, request: &HttpRequest) -> (u16, Value) {
    let which = bytes.byte();
    let (kind, number) = (which % 4, which / 4 % 8);
    let path = request.url.path();
    let body = if path.ends_with("/terminal/poll") {
        let workspace = json!({"id": "w", "name": "Acme", "slug": "acme"});
        json!({"token": format!("pt_live_{}", secret(number)), "workspace": workspace, "user": {"email": "a@b"}})
    } else if path.ends_with("/cli/config") {
        json!({"workosClientId": "client_1"})
    } else if path.ends_with("/authorize/device") || path.ends_with("/device") {
        device_code(
            kind,
            number,
            "https://auth.example.com/activate",
            "https://console.pensar.dev/device",
            path,
        )
    } else if path.ends_with("/device/code") {
        let page = "https://console.pensar.dev/device";
        json!({
            "deviceCode": secret(number), "userCode": secret(number + 8), "verificationUri": page,
            "verificationUriComplete": format!("{page}?user_code={}", secret(number + 8)),
            "expiresIn": 600, "interval": 5,
        })
    } else if path.ends_with("/device/token") {
        match kind {
            0 => json!({"status": "pending"}),
            1 => json!({"status": "expired"}),
            _ => json!({
                "status": "complete", "apiKey": secret(number), "signingKey": secret(number + 8),
                "workspace": {"id": "ws_1", "name": "Acme", "slug": "acme"}, "credits": {"balance": 12.5},
                "gatewayUrl": "https://eu.gateway.pensar.dev",
            }),
        }
    } else if path.ends_with("/authenticate") || path.ends_with("/token") {
        tokens(kind, number)
    } else if path.ends_with("/workspaces") {
        workspaces(kind)
    } else if path.ends_with("/workspace-selection") {
        match kind {
            0 => json!({"selectionId": secret(number), "selectionUrl":
                format!("https://console.pensar.dev/select?id={}", secret(number)), "expiresIn": 600}),
            1 => json!({"status": "pending"}),
            2 => json!({"status": "complete", "workspaceId": "ws_2"}),
            _ => json!({"status": "expired"}),
        }
    } else if path.ends_with("/select-workspace") {
        let balance = [0.0, 0.4, 12.5, -1.0][usize::from(kind)];
        json!({
            "confirmed": true, "workspace": {"id": "ws_1", "name": "Acme", "slug": "acme"},
            "billing": {"balance": balance, "hasPaymentMethod": kind == 2,
                "ready": kind >= 2},
            "billingUrl": "https://console.pensar.dev/acme/settings/billing", "signingKey": secret(number),
        })
    } else if path.ends_with("/validate") {
        json!({
            "workspace": {"id": "ws_1", "name": "Acme", "slug": "acme"}, "credits": {"balance": 3.25},
            "signingKey": secret(number), "gatewayUrl": "https://gateway.pensar.dev",
        })
    } else if path.contains("/.well-known/") {
        metadata(kind)
    } else {
        json!({"workspace": {"id": "w", "name": "N", "slug": "acme"}, "tokens": {}, "user": {"email": "a@b"}})
    };
    (200, body)
}

fn device_code(kind: u8, number: u8, one: &str, other: &str, path: &str) -> Value {
    let page = if path.contains("user_management") { other } else { one };
    let mut body = json!({
        "device_code": secret(number), "user_code": secret(number + 8), "verification_uri": page,
        "expires_in": 600, "interval": 5,
    });
    if kind & 1 == 0 {
        body["verification_uri_complete"] = format!("{page}?user_code={}", secret(number + 8)).into();
    }
    if kind & 2 != 0 {
        body["interval"] = Value::Null;
    }
    body
}

fn tokens(kind: u8, number: u8) -> Value {
    let issued = START.wall.as_unix_seconds();
    match kind {
        0 => {
            json!({"access_token": token_of(number, issued, Duration::from_secs(300)), "refresh_token": secret(number + 16)})
        }
        1 => {
            json!({"access_token": secret(number), "refresh_token": secret(number + 16), "expires_in": 300, "token_type": "bearer"})
        }
        2 => json!({"access_token": secret(number), "expires_in": "300", "token_type": "Bearer"}),
        _ => json!({"access_token": secret(number), "refresh_token": secret(number + 16)}),
    }
}

fn workspaces(kind: u8) -> Value {
    let one =
        json!({"id": "ws_1", "name": "Acme", "slug": "acme", "balance": 12.5, "hasPaymentMethod": true});
    let two = json!({"id": "ws_2", "name": "Blue\u{1b}[2J\u{202e}", "slug": "blue", "balance": -0.5});
    match kind {
        0 => json!({"workspaces": [one]}),
        1 => json!({"workspaces": [], "consoleUrl": "https://console.pensar.dev"}),
        2 => json!({"workspaces": [one, two], "consoleUrl": "https://elsewhere.example"}),
        _ => json!({"workspaces": [two, one]}),
    }
}

fn metadata(kind: u8) -> Value {
    let at = |path: &str| format!("https://auth.example.com{path}");
    let mut body = json!({
        "issuer": "https://auth.example.com", "token_endpoint": at("/token"), "authorization_endpoint": at("/authorize"),
        "revocation_endpoint": at("/revoke"), "scopes_supported": ["openid"],
        "authorization_response_iss_parameter_supported": true,
    });
    if kind & 1 == 0 {
        body["device_authorization_endpoint"] = at("/device").into();
    }
    if kind & 2 != 0 {
        body["token_endpoint"] = "https://tokens.elsewhere.example/".into();
    }
    body
}

/// One value, somewhere in it, is something else.
fn spoil(bytes: &mut Bytes<'_>, body: &mut Value) -> Option<String> {
    let junk: [Value; 18] = [
        Value::Null,
        json!(""),
        json!(0),
        json!(-1),
        json!(1.5e300),
        json!(u64::MAX),
        json!(true),
        json!([]),
        json!({}),
        json!(" 7 "),
        json!("\u{1b}[2J\u{202e}\r\n"),
        json!("https://evil.example/x?y=z"),
        json!("http://127.0.0.1/"),
        json!("https://user@console.pensar.dev/"),
        json!("https://console.pensar.dev/é"),
        json!("a b"),
        json!("x".repeat(300)),
        json!("../.."),
    ];
    match body {
        Value::Object(fields) if !fields.is_empty() => {
            let at = usize::from(bytes.byte()) % fields.len();
            fields.values_mut().nth(at).and_then(|inner| spoil(bytes, inner))
        }
        Value::Array(items) if !items.is_empty() => {
            let at = usize::from(bytes.byte()) % items.len();
            spoil(bytes, &mut items[at])
        }
        _ => {
            *body = bytes.pick(&junk).clone();
            body.as_str().map(str::to_owned)
        }
    }
}

fn with_headers(bytes: &mut Bytes<'_>, response: HttpResponse) -> HttpResponse {
    let dated = |response: HttpResponse| response.header("date", "Tue, 14 Nov 2023 22:13:20 GMT");
    match bytes.below(12) {
        0 => dated(response),
        1 => dated(response).header("age", "600"),
        2 => response.header("retry-after", "7"),
        3 => response.header("retry-after", "999999"),
        4 => dated(response).header("retry-after", "Tue, 14 Nov 2023 22:13:40 GMT"),
        5 => response.header("www-authenticate", r#"Bearer error="invalid_token""#),
        6 => response.header("content-type", "text/html"),
        _ => response,
    }
}
