//! The sandbox's person at our command, over HTTP: for tests that are not about the pages.

use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::url::Url;
use doorkey_sandbox::Person;

/// Has one workspace, `acme`.
pub const SOLO: &str = "solo@pentify.sandbox";
/// Has three: `acme`, `blue-team`, `client-labs`.
pub const MULTI: &str = "multi@pentify.sandbox";

/// Signs in as this person, picks this workspace where there is a choice, and authorizes the terminal of the link.
pub fn approve(link: &str, email: &str, workspace: &str) {
    let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
    let send = |request: &_| transport.send(request, Duration::from_secs(30)).map_err(|e| e.detail);
    Person::new(email).choosing(workspace).approve(&Url::parse(link).unwrap(), send).unwrap();
}
