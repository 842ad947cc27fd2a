//! Who is asking for a page: cookies, sign-ins and the proof that a form was ours.

use doorkey_core::http::HttpRequest;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::digest::Digest;
use crate::moment::{HOUR, Moment};
use crate::state::State;

/// How long a sign-in lasts.
const LIFETIME: u64 = 12 * HOUR;

/// A sign-in; the state knows it by the SHA-256 of its cookie.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The account's address.
    pub(crate) account: String,
    pub(crate) since: Moment,
}

impl Session {
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now.since(self.since) > LIFETIME
    }
}

/// A browser that asks for a page.
pub(crate) struct Visitor {
    cookie: String,
    /// Whether the cookie is new and must be sent along.
    is_new: bool,
    pub(crate) account: Option<&'static Account>,
}

impl Visitor {
    /// Recognises a browser by its cookie; a new one gets one, so that its forms can be told from others'.
    pub(crate) fn of(request: &HttpRequest, state: &mut State) -> Self {
        let name = cookie_name(&state.instance);
        let cookie = request.header_value("cookie").and_then(|header| cookie_value(header, &name));
        match cookie {
            Some(cookie) => {
                let session = state.sessions.get(&Digest::of(cookie));
                let account = session.and_then(|session| Account::find(&session.account));
                Self { cookie: cookie.to_owned(), is_new: false, account }
            }
            None => Self { cookie: state.ratchet.next().to_base64url(), is_new: true, account: None },
        }
    }

    /// Signs in under a new cookie: one that somebody planted before is worth nothing.
    pub(crate) fn sign_in(&mut self, account: &'static Account, state: &mut State, now: Moment) {
        self.sign_out(state);
        self.cookie = state.open_session(account.email, now);
        self.account = Some(account);
    }

    /// Signs out and forgets the cookie.
    pub(crate) fn sign_out(&mut self, state: &mut State) {
        state.sessions.remove(&Digest::of(&self.cookie));
        self.cookie = state.ratchet.next().to_base64url();
        self.is_new = true;
        self.account = None;
    }

    /// What every form carries.
    pub(crate) fn form_token(&self) -> String {
        Digest::of_parts("form", &[self.cookie.as_bytes()]).to_base64url()
    }

    /// Whether a form is one that we gave this browser. Hashes are compared, so timing tells nothing.
    pub(crate) fn gave(&self, form_token: &str) -> bool {
        !self.is_new && Digest::of(form_token) == Digest::of(&self.form_token())
    }

    /// The header that gives a browser its cookie, if it needs one. Lax, so that a link from elsewhere finds the
    /// person signed in; forms are guarded by their own token and their origin.
    pub(crate) fn set_cookie(&self, instance: &str) -> Option<String> {
        let name = cookie_name(instance);
        self.is_new.then(|| format!("{name}={}; Path=/; HttpOnly; SameSite=Lax", self.cookie))
    }
}

/// Cookies do not tell ports apart: two sandboxes on one machine need two names.
fn cookie_name(instance: &str) -> String {
    format!("pentify_sandbox_{instance}")
}

fn cookie_value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name && !value.is_empty()).then_some(value)
    })
}
