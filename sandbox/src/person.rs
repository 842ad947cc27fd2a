//! Somebody with a browser: opens a link, signs in, picks a workspace, presses a button.

use std::collections::BTreeMap;
use std::fmt;

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::url::{Text, Url};
use form_urlencoded::Serializer;

use crate::markup::{Button, Form, Markup};
use crate::pages;

/// More steps than any way through the pages takes.
const MOST_STEPS: usize = 12;

/// Walks the pages as a browser without script would: follows redirects within one origin, keeps cookies, and submits
/// the forms that it finds in the markup. How a request is sent is the caller's: straight into a
/// [`Service`](crate::Service), or over HTTP.
#[derive(Clone, Debug)]
pub struct Person {
    pub(crate) email: String,
    workspace: Option<String>,
    /// What to write into the fields of these names.
    entries: BTreeMap<&'static str, String>,
    cookies: BTreeMap<String, Secret>,
}

/// The page on which a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastPage {
    /// The status it came with.
    pub status: u16,
    /// Its first heading.
    pub heading: String,
}

impl Person {
    /// Somebody who signs in as `email`, in a fresh browser.
    pub fn new(email: &str) -> Self {
        Self { email: email.to_owned(), workspace: None, entries: BTreeMap::new(), cookies: BTreeMap::new() }
    }

    /// The same, who takes the workspace of this slug where there is a choice. Without it, the first.
    #[must_use]
    pub fn choosing(mut self, slug: &str) -> Self {
        self.workspace = Some(slug.to_owned());
        self
    }

    /// The same, who types this user code where a page asks for one.
    #[must_use]
    pub fn entering(self, user_code: &str) -> Self {
        self.writing("user_code", user_code)
    }

    /// The same, who writes this into the field of that name.
    pub(crate) fn writing(mut self, field: &'static str, text: &str) -> Self {
        self.entries.insert(field, text.to_owned());
        self
    }

    /// Opens the link of a terminal, of either service, and authorizes it.
    ///
    /// # Errors
    /// If `send` fails, or if the walk ends on any other page than the one that confirms it.
    pub fn approve<E>(
        &mut self,
        link: &Url,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        self.walk(link, Some(("decision", "approve")), pages::AUTHORIZED, send)
    }

    /// Opens the link of a terminal, of either service, and refuses.
    ///
    /// # Errors
    /// As for [`Person::approve`].
    pub fn deny<E>(
        &mut self,
        link: &Url,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        self.walk(link, Some(("decision", "deny")), pages::DENIED, send)
    }

    /// Goes on from a link, presses the wanted button once, and ends on the page with this heading.
    pub(crate) fn walk<E>(
        &mut self,
        link: &Url,
        wanted: Option<(&str, &str)>,
        hoped_for: &str,
        mut send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        let mut request = HttpRequest::new(Method::Get, link.clone());
        let mut wanted = wanted;
        for _ in 0..MOST_STEPS {
            let here = request.url.clone();
            let response = send(&self.with_cookies(request)).map_err(PersonError::Send)?;
            self.keep_cookies(&response);
            if (300..400).contains(&response.status) {
                request = follow(&here, &response).ok_or(PersonError::Lost)?;
                continue;
            }
            let markup = Markup::read(response.body.as_bytes());
            let page = LastPage { status: response.status, heading: markup.heading.clone() };
            // A page that refuses is not tried again.
            let next = self.next_step(&here, &markup, wanted).filter(|_| page.status == 200);
            match next {
                Some((step, pressed_wanted)) => {
                    request = step;
                    wanted = wanted.filter(|_| !pressed_wanted);
                }
                None if page.status == 200 && page.heading == hoped_for => return Ok(page),
                None => return Err(PersonError::Elsewhere(page)),
            }
        }
        Err(PersonError::Lost)
    }

    /// What to press or fill in on a page, if there is something for us; and whether that was the wanted button.
    fn next_step(
        &self,
        here: &Url,
        markup: &Markup,
        wanted: Option<(&str, &str)>,
    ) -> Option<(HttpRequest, bool)> {
        let press = |name: &str, wanted: Option<&str>| {
            markup.forms.iter().find_map(|form| {
                let fits = |button: &&Button| {
                    button.name == name && wanted.is_none_or(|wanted| button.value == wanted)
                };
                Some((form, form.buttons.iter().find(fits)?))
            })
        };
        let can_fill = |form: &&Form| {
            !form.fields.is_empty()
                && form.fields.iter().all(|field| self.entries.contains_key(field.as_str()))
        };
        let fill = || markup.forms.iter().find(can_fill).and_then(|form| Some((form, form.buttons.first()?)));
        if let Some((form, button)) = wanted.and_then(|(name, value)| press(name, Some(value))) {
            return Some((self.submit(here, form, button)?, true));
        }
        let (form, button) = press("email", Some(&self.email))
            .or_else(|| press("workspace", self.workspace.as_deref()))
            .or_else(fill)?;
        Some((self.submit(here, form, button)?, false))
    }

    /// The request that pressing a button sends.
    fn submit(&self, here: &Url, form: &Form, button: &Button) -> Option<HttpRequest> {
        let pressed = (!button.name.is_empty()).then(|| (button.name.clone(), button.value.clone()));
        let written = form
            .fields
            .iter()
            .map(|field| (field.clone(), self.entries.get(field.as_str()).cloned().unwrap_or_default()));
        let fields = form.hidden.iter().cloned().chain(written).chain(pressed);
        let url = resolve(here, &form.action)?;
        if !form.is_post {
            let filled = fields.fold(url, |url, (name, value)| url.with(&name, Secret::new(value)));
            return Some(HttpRequest::new(Method::Get, filled));
        }
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = HttpRequest::new(Method::Post, url)
            .header("origin", Text::from(here.origin().to_string()))
            .body("application/x-www-form-urlencoded", body);
        Some(request)
    }

    fn with_cookies(&self, request: HttpRequest) -> HttpRequest {
        if self.cookies.is_empty() {
            return request;
        }
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect();
        request.header("cookie", Secret::new(pairs.join("; ")))
    }

    fn keep_cookies(&mut self, response: &HttpResponse) {
        for (_, cookie) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.trim().to_owned(), Secret::from(value.trim()));
            }
        }
    }
}

/// Why a walk did not end as hoped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonError<E> {
    /// A request could not be sent.
    Send(E),
    /// The walk ended on another page: the link was used, has expired, is not valid.
    Elsewhere(LastPage),
    /// The pages led nowhere: away from their origin, or around in circles.
    Lost,
}

impl<E: fmt::Display> fmt::Display for PersonError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(cause) => write!(f, "the page could not be reached: {cause}"),
            Self::Elsewhere(page) => write!(f, "the page said: {} ({})", page.heading, page.status),
            Self::Lost => f.write_str("the pages led nowhere"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for PersonError<E> {}

/// The request that a redirect asks for, if it stays on its origin.
fn follow(here: &Url, response: &HttpResponse) -> Option<HttpRequest> {
    let url = resolve(here, response.header_value("location")?)?;
    Some(HttpRequest::new(Method::Get, url))
}

/// An address found on a page. Ours are all paths of their own origin.
fn resolve(here: &Url, address: &str) -> Option<Url> {
    let url = Url::parse(&format!("{}{address}", here.origin())).ok()?;
    (url.origin() == here.origin()).then_some(url)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn a_person_is_not_led_elsewhere() {
        let link = Url::parse("https://app.example/auth").unwrap();
        let addresses = [".evil.example/", "https://evil.example/", "//", "@evil.example/", ":1/", "/auth"];
        for address in addresses {
            let form = format!("<form action=\"{address}\"><button name=decision value=approve></form>");
            let redirect = HttpResponse::new(302, "").header("location", address);
            for answer in [redirect, HttpResponse::new(200, form)] {
                let walk = Person::new("x").approve(&link, |request| {
                    assert_eq!(request.url.origin(), link.origin(), "{address}");
                    Ok::<_, Infallible>(answer.clone())
                });
                assert!(matches!(walk, Err(PersonError::Lost | PersonError::Elsewhere(_))), "{address}");
            }
        }
    }
}
