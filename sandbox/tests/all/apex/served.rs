//! Pensar over real sockets.

use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_sandbox::pensar::account;
use doorkey_sandbox::{Options, Person, Running, serve};
use serde_json::json;

use super::*;

/// A whole login over HTTP.
pub(super) fn log_in(running: &Running, email: &str) -> Tokens {
    let client_id = client_id(running);
    let begin = running.workos.join("/user_management/authorize/device");
    let begun = json_of(&over_http(&post_json(begin, &json!({ "client_id": client_id }))).unwrap());
    let link = url(begun["verification_uri_complete"].as_str().unwrap());
    Person::new(email).approve(&link, over_http).unwrap();
    let body =
        json!({"client_id": client_id, "grant_type": DEVICE_GRANT, "device_code": begun["device_code"]});
    tokens_in(&over_http(&post_json(running.workos.join(AUTHENTICATE), &body)).unwrap())
}

pub(super) fn refresh_request(running: &Running, token: &str) -> HttpRequest {
    super::refresh_request(running.workos.clone(), &client_id(running), token)
}

/// Refreshes over HTTP.
pub(super) fn refresh_at(running: &Running, token: &str) -> std::io::Result<HttpResponse> {
    over_http(&refresh_request(running, token))
}

fn client_id(running: &Running) -> String {
    let config = HttpRequest::new(Method::Get, running.pensar_api.join("/api/cli/config"));
    json_of(&over_http(&config).unwrap())["workosClientId"].as_str().unwrap().to_owned()
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
