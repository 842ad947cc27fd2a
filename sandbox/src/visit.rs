//! What the pages of both services share: who asks, what a form must prove, and what becomes of the cookie.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::url::Url;

use crate::config::Config;
use crate::form::Form;
use crate::moment::Moment;
use crate::page::{FORM_TOKEN, Page, asset};
use crate::session::{Site, Visitor};
use crate::state::State;

/// One request for a page, with all that answering it needs.
pub(crate) struct Visit<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) config: &'a Config,
    pub(crate) now: Moment,
    pub(crate) request: &'a HttpRequest,
    pub(crate) visitor: Visitor,
}

/// The pages of one site.
pub(crate) struct Pages<'a> {
    pub(crate) site: Site,
    /// Where they are.
    pub(crate) base: &'a Url,
    pub(crate) get: fn(&mut Visit<'_>) -> HttpResponse,
    /// Given only forms that are known to be ours.
    pub(crate) post: fn(&mut Visit<'_>, &Form) -> HttpResponse,
}

impl Pages<'_> {
    /// Answers a request for a page.
    pub(crate) fn respond(
        &self,
        state: &mut State,
        config: &Config,
        now: Moment,
        request: &HttpRequest,
    ) -> HttpResponse {
        match (request.url.path(), request.method) {
            ("/style.css", Method::Get) => {
                return asset("text/css; charset=utf-8", include_str!("pages/style.css"));
            }
            ("/icon.svg", Method::Get) => return asset("image/svg+xml", include_str!("pages/icon.svg")),
            _ => {}
        }
        let visitor = Visitor::of(self.site, request, state);
        let mut visit = Visit { state, config, now, request, visitor };
        let response = match request.method {
            Method::Get => (self.get)(&mut visit),
            Method::Post => self.post(&mut visit),
            _ => visit.refused(405, "This page does not know this method."),
        };
        match visit.visitor.set_cookie(&visit.state.instance) {
            Some(cookie) => response.header("set-cookie", cookie),
            None => response,
        }
    }

    /// Only our own forms, posted from our own pages by the browser that got them, change anything.
    fn post(&self, visit: &mut Visit<'_>) -> HttpResponse {
        let origin = visit.request.header_value("origin");
        if origin != Some(self.base.origin().to_string().as_str()) {
            return visit.refused(403, "This form was not sent from a page of ours.");
        }
        let Some(form) = Form::of(visit.request) else {
            return visit.refused(415, "That was not a form.");
        };
        if !visit.visitor.gave(form.value(FORM_TOKEN)) {
            return visit.refused(403, "This form is out of date. Open the page again.");
        }
        (self.post)(visit, &form)
    }
}

impl Visit<'_> {
    pub(crate) fn refused(&self, status: u16, why: &str) -> HttpResponse {
        Page::note(status, "Request refused", why).respond(&self.visitor)
    }

    /// There is nothing at this address.
    pub(crate) fn not_found(&self) -> HttpResponse {
        Page::note(404, "Page not found", "There is nothing at this address.").respond(&self.visitor)
    }

    /// An address that a form or link named, if it is one of these paths of ours and nothing else.
    pub(crate) fn place_of_ours(&self, wanted: &str, is_ours: impl Fn(&str) -> bool) -> Option<String> {
        let origin = self.request.url.origin();
        let url = Url::parse(&format!("{origin}{wanted}")).ok()?;
        let fits = url.origin() == origin && is_ours(url.path());
        fits.then(|| url.expose_target().expose_secret().to_owned())
    }
}
