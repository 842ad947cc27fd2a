//! `doorkey api`: a request by hand, with the profile's token.

use std::process::ExitCode;

use doorkey_core::call::{Call, ORIGIN_NOT_ALLOWED};
use doorkey_core::failure::Failure;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::resolve::Given;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::text::harmless;
use doorkey_core::url::{Origin, Url};

use crate::api::{bad_request, json_data, method, show, url_below};
use crate::signals::Watch;

use super::args::Api;
use super::place::Profiles;
use super::run::{Issuing, TOKEN};
use super::settings::Profile;

/// What a good request looks like.
const EXAMPLE: &str = "write it like `doorkey api GET https://api.example.com/v1/things`";
/// Headers that say whose request it is, or how it is carried: they are ours to write.
const OURS: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Sends the request and prints the answer.
///
/// # Errors
/// The request makes no sense, must not go there, or is refused; as the machine says.
pub fn api(issuing: &Issuing<'_>, profiles: &Profiles<'_>, args: &Api) -> Result<ExitCode, Failure> {
    let profile = profiles.current()?;
    let run = issuing.run(profiles.place(&profile)?);
    let (printer, service) = (run.printer, run.place.service.clone());
    let on_terminal = run.environment.stdout_is_terminal;
    let request = request(&profile, &service, args, &run.watch)?;
    let origin = request.url.origin().clone();
    let variable = run.environment.get(TOKEN).filter(|_| !profiles.is_named_by_flag()).map(Secret::from);
    let given = Given { variable, ..Given::default() };
    let task = Task::Call { given: given.clone(), request: request.clone() };
    let called = run.drive(task, Call::new(given, request)).map_err(|f| explain(f, &service, &origin))?;
    show(printer, on_terminal, &service, &called.response)
}

fn request(profile: &Profile, service: &Service, args: &Api, watch: &Watch) -> Result<HttpRequest, Failure> {
    let (named, place) = match args.request.as_slice() {
        [place] => (None, place),
        [named, place] => (Some(named), place),
        _ => return Err(bad_request("there is no URL", EXAMPLE)),
    };
    let method = match (named, &args.data) {
        (Some(named), _) => method(named, EXAMPLE)?,
        (None, Some(_)) => Method::Post,
        (None, None) => Method::Get,
    };
    let mut request = HttpRequest::new(method, url(profile, service, place)?);
    for line in &args.header {
        let (name, value) = header(line)?;
        // Whatever it is for, it may be a key.
        request = request.header(&name, Secret::from(value));
    }
    let Some(data) = &args.data else { return Ok(request) };
    let data = json_data(data, watch)?;
    Ok(match request.header_value("content-type") {
        Some(_) => HttpRequest { body: data.into(), ..request },
        None => request.body("application/json", data),
    })
}

/// A whole URL as it is, a path at the profile's own place.
fn url(profile: &Profile, service: &Service, place: &str) -> Result<Url, Failure> {
    if place.starts_with('/') {
        return url_below(&profile.base(service)?, place, EXAMPLE);
    }
    // Whatever follows the host is checked like a path that stands alone.
    let host = place.find("://").map_or(0, |at| at + "://".len());
    let end = place.get(host..).and_then(|rest| rest.find(['/', '?', '#', '\\']));
    let (base, path) = place.split_at(end.map_or(place.len(), |end| host + end));
    let base = Url::parse(base).map_err(|e| bad_request(format!("the URL cannot be used: {e}"), EXAMPLE))?;
    match path {
        "" => Ok(base),
        path if path.starts_with('?') => url_below(&base, &format!("/{path}"), EXAMPLE),
        path => url_below(&base, path, EXAMPLE),
    }
}

fn header(line: &str) -> Result<(String, &str), Failure> {
    let wrong = |why: &str| bad_request(why, "give --header like `accept: text/plain`");
    let (name, value) = line.split_once(':').ok_or_else(|| wrong("the header has no colon"))?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(wrong("the header's name has characters that no header has"));
    }
    if OURS.contains(&name.as_str()) {
        return Err(wrong(&format!("the header {name} is written by doorkey alone")));
    }
    if !value.bytes().all(|b| b.is_ascii_graphic() || b == b' ' || b == b'\t') {
        return Err(wrong("the header's value has characters that no header has"));
    }
    Ok((name, value))
}

/// How a person allows what the core has refused.
fn explain(failure: Failure, service: &Service, origin: &Origin) -> Failure {
    if failure.code != ORIGIN_NOT_ALLOWED {
        return failure;
    }
    let login = harmless(&service.login_line());
    failure.next(format!(
        "to allow it, add \"{origin}\" to `api` of the profile in config.toml, or run `{login} --api {origin}`"
    ))
}
