//! A login from its link to its end, with the sandbox's person at the other side: for tests that are not about the
//! pages.

use std::time::{Duration, Instant};

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::url::Url;
use doorkey_sandbox::Person;

use crate::home::Home;
use crate::running::{Ended, Running};

/// Has one workspace, `acme`.
pub const SOLO: &str = "solo@pentify.sandbox";
/// Has three: `acme`, `blue-team`, `client-labs`.
pub const MULTI: &str = "multi@pentify.sandbox";

/// Signs in as this person, picks this workspace where there is a choice, and authorizes the terminal of the link.
pub fn approve(link: &str, email: &str, workspace: &str) {
    approve_as(Person::new(email).choosing(workspace), link);
}

/// Lets this person authorize the terminal of the link.
pub fn approve_as(mut person: Person, link: &str) {
    let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
    let send = |request: &_| transport.send(request, Duration::from_secs(30)).map_err(|e| e.detail);
    person.approve(&Url::parse(link).unwrap(), send).unwrap();
}

/// Authorizes a waiting login and waits for its end; how long that took since the person opened the link.
pub fn approved(login: Running, email: &str, workspace: &str) -> (Ended, Duration) {
    let link = login.invitation().link;
    let clicked = Instant::now();
    approve(&link, email, workspace);
    (login.end(), clicked.elapsed())
}

/// Pairs as this person with this workspace.
pub fn pair(home: &Home, email: &str, workspace: &str) -> Ended {
    approved(home.start(&["login", "--re-pair"]), email, workspace).0.expect(0)
}
