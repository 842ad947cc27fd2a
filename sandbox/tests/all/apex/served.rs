//! Pensar over real sockets.

use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_sandbox::pensar::account;
use doorkey_sandbox::{Options, Person, Running, serve};
use serde_json::json;

use super::*;

/// A whole login over HTTP.
pub(super) fn log_in(running: &Running, email: &str) -> Tokens {
    let config =
        over_http(&HttpRequest::new(Method::Get, running.pensar_api.join("/api/cli/config"))).unwrap();
    let client_id = json_of(&config)["workosClientId"].clone();
    let begin = running.workos.join("/user_management/authorize/device");
    let begun = json_of(&over_http(&post_json(begin, &json!({ "client_id": client_id }))).unwrap());
    let link = url(begun["verification_uri_complete"].as_str().unwrap());
    Person::new(email).approve(&link, over_http).unwrap();
    let body =
        json!({"client_id": client_id, "grant_type": DEVICE_GRANT, "device_code": begun["device_code"]});
    tokens_in(&over_http(&post_json(running.workos.join(AUTHENTICATE), &body)).unwrap())
}

#[test]
fn a_terminal_logs_in_over_http() {
    let running = serve(Options::default()).unwrap();
    let tokens = log_in(&running, account::MULTI);
    let workspaces = HttpRequest::new(Method::Get, running.pensar_api.join("/api/cli/workspaces"));
    let answer = over_http(&workspaces.bearer(&Secret::from(tokens.access))).unwrap();
    let body = json_of(&answer);
    assert_eq!((answer.status, body["workspaces"].as_array().unwrap().len()), (200, 3));
    assert_eq!(body["consoleUrl"], running.console.origin().to_string());
    let grade = running.grade().unwrap();
    assert_eq!((grade.requests, grade.is_clean()), (4, true));
}
