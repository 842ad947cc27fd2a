//! The console: what a person with a browser sees of Pensar.

mod device;
mod sign_in;

use doorkey_core::http::HttpResponse;

use crate::form::Form;
use crate::visit::Visit;

/// Where a person decides about a terminal.
pub(super) const DEVICE: &str = device::PATH;

/// Answers a request to the console.
pub(crate) fn get(visit: &mut Visit<'_>) -> HttpResponse {
    match visit.request.url.path() {
        device::PATH => device::show(visit),
        sign_in::PATH => sign_in::show(visit),
        _ => visit.not_found(),
    }
}

/// Answers a form of ours.
pub(crate) fn post(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    match visit.request.url.path() {
        device::PATH => device::decide(visit, form),
        sign_in::PATH => sign_in::sign_in(visit, form),
        sign_in::OUT => sign_in::sign_out(visit),
        _ => visit.refused(404, "There is nothing at this address."),
    }
}
