//! Somebody in front of the issuer's pages, in a real browser.

use crate::browser::Browser;
use crate::wait_for;

/// The field for the code, which the provider itself makes, without a label.
const CODE: &str = "//input[@name = 'user_code' and not(@type = 'hidden')]";

/// A person with a browser.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    /// The browser. It may still be signed in from before, as whoever that was.
    pub browser: &'a Browser,
    /// The name to sign in with.
    pub account: &'a str,
}

impl Person<'_> {
    /// Types the code that the terminal shows into the page that it names, and says yes to everything.
    pub fn connect(&self, page: &str, user_code: &str) {
        self.type_code(page, user_code);
        self.approve();
    }

    /// Opens a link that has the code in it, and says yes to everything.
    pub fn connect_by_link(&self, link: &str) {
        self.browser.open(link);
        self.approve();
    }

    /// Types the code, then says that it is not the one in the terminal.
    pub fn deny(&self, page: &str, user_code: &str) {
        self.type_code(page, user_code);
        self.browser.await_heading("Is this your code?");
        self.browser.press("Deny");
        self.browser.await_heading("Denied");
    }

    /// Types the code and signs in, but does not consent.
    pub fn refuse_consent(&self, page: &str, user_code: &str) {
        self.type_code(page, user_code);
        self.answer("Deny");
        self.browser.await_heading("Denied");
    }

    /// Opens the page of an authorization request (RFC 6749 §4.1.1) and says yes, which leads to where the request
    /// wanted the answer.
    pub fn authorize(&self, request: &str) {
        self.browser.open(request);
        self.browse_to("Allow access?");
        self.browser.press("Allow");
    }

    /// The same, but says no.
    pub fn refuse(&self, request: &str) {
        self.browser.open(request);
        self.browse_to("Allow access?");
        self.browser.press("Deny");
    }

    fn type_code(&self, page: &str, user_code: &str) {
        self.browser.open(page);
        self.browser.await_heading("Enter the code");
        let fields = self.browser.session.find(CODE);
        assert_eq!(fields.len(), 1, "on: {}", self.browser.text());
        self.browser.session.type_into(&fields[0], user_code);
        self.browser.press("Continue");
    }

    fn approve(&self) {
        self.answer("Allow");
        self.browser.await_heading("Device connected");
    }

    /// To the question for consent, which comes after the one for the code and, perhaps, the name.
    fn answer(&self, answer: &str) {
        self.browser.await_heading("Is this your code?");
        self.browser.press("It is");
        self.browse_to("Allow access?");
        self.browser.press(answer);
    }

    /// Signs in if that is asked for first.
    fn browse_to(&self, heading: &str) {
        let shown = wait_for(heading, || {
            let shown = self.browser.heading();
            (shown == "Sign in" || shown == heading).then_some(shown)
        });
        if shown == "Sign in" {
            self.browser.fill("Account", self.account);
            self.browser.press("Sign in");
            self.browser.await_heading(heading);
        }
    }
}
