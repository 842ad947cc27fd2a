//! The server, over real sockets.

use crate::world::*;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::secret::Secret;
use doorkey_sandbox::{Options, Person, serve};

#[test]
fn a_person_approves_over_http() {
    let running = serve(Options::default()).unwrap();
    let id = device_id(1);
    let link =
        running.app.join("/auth/terminal-pair").with("device_id", id.as_str()).with("device_name", "laptop");
    Person::new(MULTI).choosing("blue-team").approve(&link, over_http).unwrap();
    let poll = running.api.join("/auth/terminal/poll").with("device_id", id.as_str());
    let answer = over_http(&HttpRequest::new(Method::Get, poll)).unwrap();
    assert_eq!(json_of(&answer)["workspace"]["slug"], "blue-team");
    let token = Secret::from(token_in(&answer));
    let scans = HttpRequest::new(Method::Get, running.api.join("/v1/scans")).bearer(&token);
    assert_eq!(over_http(&scans).unwrap().status, 200);
}
