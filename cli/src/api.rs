//! Requests by hand and their answers, the same way for every command with an `api`.

use std::process::ExitCode;

use doorkey_core::exchange::not_the_api;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{HttpResponse, Method};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::text::harmless_lines;
use doorkey_core::url::Url;
use serde::de::IgnoredAny;

use crate::input::read_input;
use crate::printer::Printer;
use crate::signals::Watch;

/// A request that makes no sense; `example` is one that does.
pub fn bad_request(message: impl Into<String>, example: &str) -> Failure {
    Failure::new(Exit::Usage, "bad_request", message).next(example)
}

/// The method of that name.
///
/// # Errors
/// There is none.
pub fn method(name: &str, example: &str) -> Result<Method, Failure> {
    Method::parse(name)
        .ok_or_else(|| bad_request("the method is none of GET, POST, PUT, PATCH and DELETE", example))
}

/// The address of a path below `base`. It cannot lead anywhere else, whatever the person pasted and whatever a proxy
/// on the way makes of it.
///
/// # Errors
/// The path is not plainly one below it.
pub fn url_below(base: &Url, path: &str, example: &str) -> Result<Url, Failure> {
    checked(base, path).map_err(|why| bad_request(why, example))
}

/// The data of a request, which must be JSON; `-` is standard input.
///
/// # Errors
/// It is something else, or cannot be read.
pub fn json_data(data: &str, watch: &Watch) -> Result<Secret, Failure> {
    let data = if data == "-" { read_input(watch)? } else { data.into() };
    match serde_json::from_str::<IgnoredAny>(data.expose_secret()) {
        Ok(_) => Ok(data),
        Err(e) => Err(bad_request(
            format!("the data is not JSON (line {}, column {})", e.line(), e.column()),
            "correct it, then try again",
        )),
    }
}

/// Prints an answer: as it came, but fit for a terminal on one, and on one line with `--json`.
///
/// # Errors
/// With `--json`: it is not JSON.
pub fn show(
    printer: Printer,
    on_terminal: bool,
    service: &Service,
    response: &HttpResponse,
) -> Result<ExitCode, Failure> {
    let body = response.body.as_bytes();
    if printer.json {
        let text = str::from_utf8(body).map_err(|_| not_the_api(service))?;
        let text = if text.is_empty() { "null" } else { text };
        // Numbers, the order of names, and what is there twice: all of it as it came.
        serde_json::from_str::<IgnoredAny>(text).map_err(|_| not_the_api(service))?;
        printer.json_text(text);
    } else if on_terminal {
        printer.line(&harmless_lines(&String::from_utf8_lossy(body)));
    } else {
        printer.bytes(body);
    }
    Ok(ExitCode::SUCCESS)
}

fn checked(base: &Url, path: &str) -> Result<Url, &'static str> {
    if !path.starts_with('/') {
        return Err("the path does not begin with /");
    }
    if path.starts_with("//") {
        return Err("the path begins with //, which would name another host");
    }
    let is_plain = |c: char| c.is_ascii_graphic() && c != '#' && c != '\\';
    if !path.chars().all(is_plain) {
        return Err("the path has characters that must be percent-encoded");
    }
    let segments = path.split('?').next().unwrap_or_default().split('/');
    if segments.map(|segment| segment.to_ascii_lowercase().replace("%2e", ".")).any(|s| s == "." || s == "..")
    {
        return Err("the path has . or .. in it");
    }
    let url = Url::parse_as_written(&format!("{}{path}", base.join("")))
        .map_err(|_| "the path cannot stand in a URL")?;
    if url.origin() == base.origin() { Ok(url) } else { Err("the path leads to another host") }
}
