//! The pages: what a person with a browser sees.

mod keys;
mod pair;
mod sign_in;

use doorkey_core::http::HttpResponse;

use crate::form::Form;
use crate::page::redirect;
use crate::visit::Visit;

pub(crate) use pair::{AUTHORIZED, DENIED, PATH as PAIR};

/// Where the API's one redirect leads.
pub(crate) const REDIRECTED: &str = "/redirected";

/// Answers a request to the app.
pub(crate) fn get(visit: &mut Visit<'_>) -> HttpResponse {
    match visit.request.url.path() {
        "/" => redirect(keys::PATH),
        pair::PATH => pair::show(visit),
        sign_in::PATH => sign_in::show(visit),
        keys::PATH => keys::show(visit),
        REDIRECTED => visit.refused(404, "The API sends clients here to see whether they follow a redirect."),
        _ => visit.not_found(),
    }
}

/// Answers a form of ours.
pub(crate) fn post(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    match visit.request.url.path() {
        pair::PATH => pair::decide(visit, form),
        sign_in::PATH => sign_in::sign_in(visit, form),
        sign_in::OUT => sign_in::sign_out(visit),
        keys::REVOKE => keys::revoke(visit, form),
        _ => visit.refused(404, "There is nothing at this address."),
    }
}
