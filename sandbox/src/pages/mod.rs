//! The pages: what a person with a browser sees.

mod keys;
mod pair;
mod sign_in;

use doorkey_core::http::{HttpRequest, HttpResponse, Method};

use crate::config::Config;
use crate::form::Form;
use crate::moment::Moment;
use crate::page::{FORM_TOKEN, Page, asset, redirect};
use crate::session::Visitor;
use crate::state::State;

pub(crate) use pair::{AUTHORIZED, DENIED};

/// Where the API's one redirect leads.
pub(crate) const REDIRECTED: &str = "/redirected";

/// One request for a page, with all that answering it needs.
pub(crate) struct Visit<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Moment,
    pub(crate) request: &'a HttpRequest,
    pub(crate) visitor: Visitor,
}

/// Answers a request to the app.
pub(crate) fn respond(
    state: &mut State,
    config: &Config,
    now: Moment,
    request: &HttpRequest,
) -> HttpResponse {
    match (request.url.path(), request.method) {
        ("/style.css", Method::Get) => return asset("text/css; charset=utf-8", include_str!("style.css")),
        ("/icon.svg", Method::Get) => return asset("image/svg+xml", include_str!("icon.svg")),
        _ => {}
    }
    let visitor = Visitor::of(request, state);
    let mut visit = Visit { state, now, request, visitor };
    let response = match request.method {
        Method::Get => visit.get(),
        Method::Post => visit.post(config),
        _ => visit.refused(405, "This page does not know this method."),
    };
    match visit.visitor.set_cookie(&visit.state.instance) {
        Some(cookie) => response.header("set-cookie", cookie),
        None => response,
    }
}

impl Visit<'_> {
    fn get(&mut self) -> HttpResponse {
        match self.request.url.path() {
            "/" => redirect(keys::PATH),
            pair::PATH => pair::show(self),
            sign_in::PATH => sign_in::show(self),
            keys::PATH => keys::show(self),
            REDIRECTED => {
                self.state.watch.followed_redirect();
                self.refused(404, "The API sends clients here to see whether they follow a redirect.")
            }
            _ => {
                Page::note(404, "Page not found", "There is nothing at this address.").respond(&self.visitor)
            }
        }
    }

    /// Only our own forms, posted from our own pages by the browser that got them, change anything.
    fn post(&mut self, config: &Config) -> HttpResponse {
        let origin = self.request.header_value("origin");
        if origin != Some(config.app.origin().to_string().as_str()) {
            return self.refused(403, "This form was not sent from a page of ours.");
        }
        let Some(form) = Form::of(self.request) else {
            return self.refused(415, "That was not a form.");
        };
        if !self.visitor.gave(form.value(FORM_TOKEN)) {
            return self.refused(403, "This form is out of date. Open the page again.");
        }
        match self.request.url.path() {
            pair::PATH => pair::decide(self, &form),
            sign_in::PATH => sign_in::sign_in(self, &form),
            sign_in::OUT => sign_in::sign_out(self),
            keys::REVOKE => keys::revoke(self, &form),
            _ => self.refused(404, "There is nothing at this address."),
        }
    }

    fn refused(&self, status: u16, why: &str) -> HttpResponse {
        Page::note(status, "Request refused", why).respond(&self.visitor)
    }
}
