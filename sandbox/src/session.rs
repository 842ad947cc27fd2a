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

/// Whose pages are asked for. Each has sign-ins of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    Pentify,
    Pensar,
}

impl Site {
    /// As its pages are headed.
    pub(crate) fn brand(self) -> &'static str {
        match self {
            Self::Pentify => "Pentify",
            Self::Pensar => "Pensar Console",
        }
    }

    /// Cookies do not tell ports apart: two sites, and two sandboxes, on one machine need names of their own.
    fn cookie_name(self, instance: &str) -> String {
        let name = match self {
            Self::Pentify => "pentify",
            Self::Pensar => "pensar",
        };
        format!("{name}_sandbox_{instance}")
    }

    fn knows(self, email: &str, state: &State) -> bool {
        match self {
            Self::Pentify => Account::find(email).is_some(),
            Self::Pensar => state.pensar.accounts.contains_key(email),
        }
    }
}

/// A browser that asks for a page.
pub(crate) struct Visitor {
    pub(crate) site: Site,
    cookie: String,
    /// Whether the cookie is new and must be sent along.
    is_new: bool,
    /// The address of the account that is signed in.
    pub(crate) email: Option<String>,
}

impl Visitor {
    /// Recognises a browser by its cookie; a new one gets one, so that its forms can be told from others'.
    pub(crate) fn of(site: Site, request: &HttpRequest, state: &mut State) -> Self {
        let name = site.cookie_name(&state.instance);
        let cookie = request.header_value("cookie").and_then(|header| cookie_value(header, &name));
        match cookie {
            Some(cookie) => {
                let session = state.sessions.get(&Digest::of(cookie));
                let email = session.map(|session| session.account.clone());
                let email = email.filter(|email| site.knows(email, state));
                Self { site, cookie: cookie.to_owned(), is_new: false, email }
            }
            None => Self { site, cookie: state.ratchet.next().to_base64url(), is_new: true, email: None },
        }
    }

    /// Pentify's account that is signed in.
    pub(crate) fn account(&self) -> Option<&'static Account> {
        self.email.as_deref().and_then(Account::find)
    }

    /// Signs in under a new cookie: one that somebody planted before is worth nothing.
    pub(crate) fn sign_in(&mut self, email: &str, state: &mut State, now: Moment) {
        self.sign_out(state);
        self.cookie = state.open_session(email, now);
        self.email = Some(email.to_owned());
    }

    /// Signs out and forgets the cookie.
    pub(crate) fn sign_out(&mut self, state: &mut State) {
        state.sessions.remove(&Digest::of(&self.cookie));
        self.cookie = state.ratchet.next().to_base64url();
        self.is_new = true;
        self.email = None;
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
        let name = self.site.cookie_name(instance);
        self.is_new.then(|| format!("{name}={}; Path=/; HttpOnly; SameSite=Lax", self.cookie))
    }
}

fn cookie_value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name && !value.is_empty()).then_some(value)
    })
}
