//! What all pages share: the frame around them, their headers, and how a browser is sent on.

use doorkey_core::http::HttpResponse;
use maud::{DOCTYPE, Markup, html};

use crate::session::Visitor;

/// Nothing but our own style sheet, icon and forms; nobody may frame us.
const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                   frame-ancestors 'none'";

/// The name of the hidden field that proves that a form is ours.
pub(crate) const FORM_TOKEN: &str = "form_token";

/// A page before it is written out.
pub(crate) struct Page {
    /// The status it is sent with.
    pub(crate) status: u16,
    /// Title and first heading.
    pub(crate) heading: &'static str,
    /// What follows the heading.
    pub(crate) content: Markup,
    /// Whether the page needs the room for a list.
    pub(crate) wide: bool,
}

impl Page {
    pub(crate) fn new(heading: &'static str, content: Markup) -> Self {
        Self { status: 200, heading, content, wide: false }
    }

    /// A page with one paragraph, for what did not work out.
    pub(crate) fn note(status: u16, heading: &'static str, text: &str) -> Self {
        Self { status, ..Self::new(heading, html! { p { (text) } }) }
    }

    /// The whole answer.
    pub(crate) fn respond(&self, visitor: &Visitor) -> HttpResponse {
        with_page_headers(HttpResponse::new(self.status, self.document(visitor).into_string()))
            .header("content-type", "text/html; charset=utf-8")
            .header("cache-control", "no-store")
    }

    fn document(&self, visitor: &Visitor) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.heading) " · " (visitor.site.brand()) " sandbox" }
                    link rel="icon" type="image/svg+xml" href="/icon.svg";
                    link rel="stylesheet" href="/style.css";
                }
                body {
                    header {
                        p.brand {
                            img src="/icon.svg" alt="" width="28" height="28";
                            span { (visitor.site.brand()) }
                            span.badge { "sandbox" }
                        }
                        @if let Some(email) = &visitor.email {
                            (signed_in(email, visitor))
                        }
                    }
                    main.wide[self.wide] {
                        h1 { (self.heading) }
                        (self.content)
                    }
                    footer {
                        p { "A practice service on this computer. No real accounts, no real keys." }
                    }
                }
            }
        }
    }
}

/// The hidden field that every form carries.
pub(crate) fn form_token(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name=(FORM_TOKEN) value=(visitor.form_token()); }
}

/// Sends a browser on, to a place of ours.
pub(crate) fn redirect(target: &str) -> HttpResponse {
    with_page_headers(HttpResponse::new(303, ""))
        .header("location", target)
        .header("cache-control", "no-store")
}

/// The style sheet, the icon: things without secrets, which a browser may keep for a while.
pub(crate) fn asset(content_type: &str, text: &'static str) -> HttpResponse {
    with_page_headers(HttpResponse::new(200, text))
        .header("content-type", content_type)
        .header("cache-control", "max-age=60")
}

fn with_page_headers(response: HttpResponse) -> HttpResponse {
    response
        .header("content-security-policy", CSP)
        .header("x-content-type-options", "nosniff")
        .header("x-frame-options", "DENY")
        // Not `no-referrer`: under that, browsers send `Origin: null` with our own forms, and their origin could
        // not be checked. Other sites get nothing under either.
        .header("referrer-policy", "same-origin")
}

fn signed_in(email: &str, visitor: &Visitor) -> Markup {
    html! {
        form.account method="post" action="/sign-out" {
            (form_token(visitor))
            span { (email) }
            button.link type="submit" { "Sign out" }
        }
    }
}
