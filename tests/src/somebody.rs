//! Somebody in front of a computer, with a browser.

use std::fmt;

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::url::Url;
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::account;

/// The slugs of those who have several workspaces, in the order of the lists.
const SLUGS: [&str; 3] = ["acme", "blue-team", "client-labs"];

/// The person in front of this computer, with a browser.
#[derive(Clone, Copy, Debug)]
pub struct Somebody {
    /// Signs in as this.
    pub email: &'static str,
    /// Refuses the terminal.
    pub denies: bool,
    /// Chooses the workspace of this number, here or in the browser, if there is a choice.
    pub chooses: usize,
    /// Answers questions so.
    pub says_yes: bool,
    /// Creates a workspace when asked to.
    pub creates: bool,
}

impl Somebody {
    /// Has one workspace at Pensar, and does whatever is asked.
    pub const SOLO: Self =
        Self { email: account::SOLO, denies: false, chooses: 0, says_yes: true, creates: true };

    /// Looks at a page and does what is asked there.
    ///
    /// # Errors
    /// If the page is another one, or the walk from it does not end as it should: in words.
    pub fn visit<E: fmt::Debug>(
        &self,
        page: &Url,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<(), String> {
        let mut person = Person::new(self.email);
        if self.email.starts_with("multi@") {
            person = person.choosing(SLUGS[self.chooses]);
        }
        let done = match page.path() {
            "/device" | "/auth/terminal-pair" if self.denies => person.deny(page, send),
            "/device" | "/auth/terminal-pair" => person.approve(page, send),
            "/create-workspace" if !self.creates => return Ok(()),
            "/create-workspace" => person.create_workspace(page, "New Team", send),
            "/select-workspace" => person.choose_workspace(page, send),
            other => return Err(format!("nobody knows what to do at {other}")),
        };
        done.map(drop).map_err(|e| format!("{}: {e:?}", page.path()))
    }
}
