//! The console: what a person with a browser sees of Pensar.

mod billing;
mod create;
mod credits;
mod device;
mod select;
mod sign_in;
mod sign_up;
mod usage;

use doorkey_core::http::HttpResponse;
use doorkey_core::text::harmless;
use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::form::Form;
use crate::page::redirect;
use crate::pensar::workspace::Workspace;
use crate::visit::Visit;

pub(super) use billing::HEADING as BILLING;
pub(super) use create::HEADING as CREATE;
pub(super) use credits::HEADING as CREDITS;
pub(super) use select::CHOSEN;
pub(super) use sign_up::PATH as SIGN_UP;
pub(super) use usage::HEADING as USAGE;

/// Where a person decides about a terminal.
pub(super) const DEVICE: &str = device::PATH;
/// Where a person chooses a workspace.
pub(super) const SELECT: &str = select::PATH;

/// The most characters of a name that somebody chose.
const NAME_CHARACTERS: usize = 40;

/// Answers a request to the console.
pub(crate) fn get(visit: &mut Visit<'_>) -> HttpResponse {
    match visit.request.url.path() {
        "/" => redirect(credits::PATH),
        device::PATH => device::show(visit),
        select::PATH => select::show(visit),
        sign_in::PATH => sign_in::show(visit),
        sign_up::PATH => sign_up::show(visit),
        create::PATH => create::show(visit),
        credits::PATH => credits::show(visit),
        path => match Settings::of(path) {
            Some(Settings { slug, page: Setting::Billing }) => billing::show(visit, slug),
            Some(Settings { slug, page: Setting::Usage }) => usage::show(visit, slug),
            None => visit.not_found(),
        },
    }
}

/// Answers a form of ours.
pub(crate) fn post(visit: &mut Visit<'_>, form: &Form) -> HttpResponse {
    match visit.request.url.path() {
        device::PATH => device::decide(visit, form),
        select::PATH => select::choose(visit, form),
        sign_in::PATH => sign_in::sign_in(visit, form),
        sign_in::OUT => sign_in::sign_out(visit),
        sign_up::PATH => sign_up::sign_up(visit, form),
        create::PATH => create::create(visit, form),
        path => match Settings::of(path) {
            Some(Settings { slug, page: Setting::Billing }) => billing::top_up(visit, slug, form),
            Some(Settings { slug, page: Setting::Usage }) => usage::switch(visit, slug, form),
            None => visit.refused(404, "There is nothing at this address."),
        },
    }
}

/// The settings of one workspace.
struct Settings<'a> {
    slug: &'a str,
    page: Setting,
}

enum Setting {
    Billing,
    Usage,
}

impl<'a> Settings<'a> {
    /// Which one a path like `/acme/settings/billing` means.
    fn of(path: &'a str) -> Option<Self> {
        let (slug, page) = path.strip_prefix('/')?.split_once("/settings/")?;
        let page = match page {
            "billing" => Setting::Billing,
            "usage" => Setting::Usage,
            _ => return None,
        };
        Some(Self { slug, page })
    }
}

/// Where a page of ours may send a person on: to one that needs somebody signed in.
fn onward(visit: &Visit<'_>, wanted: &str) -> Option<String> {
    let known = [device::PATH, select::PATH, create::PATH, credits::PATH];
    visit.place_of_ours(wanted, |path| known.contains(&path) || Settings::of(path).is_some())
}

/// A path with one parameter.
fn path_with(path: &str, name: &str, value: &str) -> String {
    let query = Serializer::new(String::new()).append_pair(name, value).finish();
    format!("{path}?{query}")
}

/// What somebody wrote into the field of this name, as it may be shown.
fn written(form: &Form, name: &str) -> String {
    harmless(form.value(name).trim()).chars().take(NAME_CHARACTERS).collect()
}

/// Buttons for a choice among workspaces.
fn choices<'a>(workspaces: impl Iterator<Item = &'a Workspace>) -> Markup {
    html! {
        ul.choices {
            @for workspace in workspaces {
                li {
                    button.choice type="submit" name="workspace" value=(workspace.slug) {
                        strong { (workspace.name) }
                        span { (workspace.slug) " · " (workspace.balance) }
                    }
                }
            }
        }
    }
}

/// Where to go from one of a workspace's pages.
fn links(workspace: &Workspace) -> Markup {
    html! {
        nav aria-label="Settings" {
            ul.links {
                li { a href=(workspace.billing_path()) { "Billing" } }
                li { a href=(workspace.usage_path()) { "Usage" } }
                li { a href=(credits::PATH) { "All workspaces" } }
            }
        }
    }
}
