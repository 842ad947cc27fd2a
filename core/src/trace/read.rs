//! Tasks and events back from JSON, placeholders standing for secrets.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use form_urlencoded::Serializer;
use serde_json::Value;

use crate::command::CommandId;
use crate::connect::ConnectOptions;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::http::{FailureKind, HttpRequest, HttpResponse, Method, RequestFailure};
use crate::login::LoginOptions;
use crate::logout::LogoutOptions;
use crate::machine::Outcome;
use crate::pending_grant::PendingGrant;
use crate::record::{Backend, Slot};
use crate::redirect::RedirectRequest;
use crate::resolve::{Given, Resolved, Source};
use crate::secret::{Body, Secret};
use crate::sign_in::{GrantKind, SignInOptions};
use crate::status::StatusOptions;
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, Unsettled};
use crate::task::Task;
use crate::time::{Now, Timestamp, WallTime};
use crate::url::{Text, Url};
use crate::verdict::{Refusal, RefusalKind};

use super::placeholder::{Placeholders, entropy};
use super::record::{read_fingerprint, read_moment, read_record, read_version};
use super::service;
use super::write::{failure_kind, grant_kind};

/// The longest body that a replay makes up.
const LONGEST_BODY: u64 = 2 * 1024 * 1024;

/// A trace that cannot be read: not one, damaged, or of another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableTrace {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for UnreadableTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for UnreadableTrace {}

/// `Err` names the field that is missing or of another type.
pub(super) type Read<T> = Result<T, String>;

pub(super) fn task(value: &Value) -> Read<Task> {
    let (name, fields) = variant(value)?;
    Ok(match name {
        "login" => Task::Login(LoginOptions {
            workspace: optional(fields, "workspace"),
            re_pair: flag(fields, "re_pair")?,
            open_browser: flag(fields, "open_browser")?,
            variable_set: flag(fields, "variable_set")?,
        }),
        "use_token" => Task::UseToken {
            token: Secret::from(text(fields, "token")?),
            variable_set: flag(fields, "variable_set")?,
        },
        "logout" => Task::Logout(LogoutOptions {
            workspace: optional(fields, "workspace"),
            revoke: flag(fields, "revoke")?,
        }),
        "status" => Task::Status(StatusOptions {
            given: given(field(fields, "given")?),
            explain: flag(fields, "explain")?,
            check: flag(fields, "check")?,
        }),
        "connect" => Task::Connect(ConnectOptions {
            workspace: optional(fields, "workspace"),
            force: flag(fields, "force")?,
            open_browser: flag(fields, "open_browser")?,
        }),
        "disconnect" => Task::Disconnect,
        "connection" => Task::Connection,
        "explain_connection" => Task::ExplainConnection,
        "credits" => Task::Credits,
        "session" if fields.is_null() => Task::Session { refusal: None },
        "session" => {
            let token = read_fingerprint(field(fields, "token")?, &Placeholders::default())?;
            let kind = if flag(fields, "rights")? { RefusalKind::Rights } else { RefusalKind::Token };
            Task::Session { refusal: Some(Refusal { token, kind }) }
        }
        "call" => {
            Task::Call { given: given(field(fields, "given")?), request: request(field(fields, "request")?)? }
        }
        "shared_call" => Task::SharedCall { request: request(field(fields, "request")?)? },
        "find" => Task::Find { given: given(field(fields, "given")?) },
        "discover" => Task::Discover {
            issuer: text(fields, "issuer")?.to_owned(),
            given: Box::new(service::read_endpoints(field(fields, "given")?)?),
            remembered: match field(fields, "remembered")? {
                Value::Null => None,
                known => Some(Box::new(service::read_metadata(known)?)),
            },
        },
        "sign_in" => Task::SignIn {
            options: SignInOptions {
                open_browser: flag(fields, "open_browser")?,
                browser_is_here: flag(fields, "browser_is_here")?,
                grant: optional(fields, "grant").map(|name| known_grant_kind(&name)).transpose()?,
            },
            pending: match field(fields, "pending")? {
                Value::Null => None,
                value => Some(Box::new(pending(value)?)),
            },
        },
        "start_grant" => Task::StartGrant,
        "sign_out" => Task::SignOut { revoke: flag(fields, "revoke")? },
        "resume_sign_out" => Task::ResumeSignOut,
        "distrust" => Task::Distrust { token: Secret::from(text(fields, "token")?) },
        "device_grant" => Task::DeviceGrant { open_browser: flag(fields, "open_browser")? },
        "browser_grant" => Task::BrowserGrant { open_browser: flag(fields, "open_browser")? },
        other => return Err(format!("unknown task {other:?}")),
    })
}

fn pending(value: &Value) -> Read<PendingGrant> {
    let time = |key: &str| number(value, key).map(Duration::from_millis);
    let complete = field(value, "verification_uri_complete")?;
    Ok(PendingGrant {
        issuer: text(value, "issuer")?.to_owned(),
        client_id: text(value, "client_id")?.to_owned(),
        device_code: Secret::from(text(value, "device_code")?),
        user_code: Secret::from(text(value, "user_code")?),
        verification_uri: url(field(value, "verification_uri")?)?,
        verification_uri_complete: if complete.is_null() { None } else { Some(url(complete)?) },
        started: read_moment(field(value, "started")?)?,
        lag: time("lag_ms")?,
        lifetime: time("lifetime_ms")?,
        interval: time("interval_ms")?,
        polled: flag(value, "polled")?,
    })
}

pub(super) fn now(value: &Value) -> Read<Now> {
    Ok(Now {
        mono: Timestamp::from_millis(number(value, "mono")?),
        wall: WallTime::from_unix_millis(number(value, "wall")?),
    })
}

/// An event, its placeholders standing for what `known` says.
pub(super) fn event(value: &Value, known: &Placeholders) -> Read<Event> {
    match value.as_str() {
        Some("woke") => return Ok(Event::Woke),
        Some("cancelled") => return Ok(Event::Cancelled),
        _ => {}
    }
    let (name, fields) = variant(value)?;
    let id = || Ok::<_, String>(CommandId(u32::try_from(number(fields, "id")?).map_err(|_| "id")?));
    Ok(match name {
        "started" => Event::Started { jitter_seed: number(fields, "jitter_seed")? },
        "entropy" => Event::Entropy { id: id()?, entropy: entropy(number(fields, "draw")?) },
        "response" => Event::Response { id: id()?, response: response(fields, known)? },
        "request_failed" => Event::RequestFailed {
            id: id()?,
            failure: RequestFailure {
                kind: request_failure_kind(text(fields, "kind")?)?,
                detail: text(fields, "detail")?.to_owned(),
            },
        },
        "store" => Event::Store { id: id()?, answer: answer(field(fields, "answer")?, known)? },
        "page_opened" => Event::PageOpened { id: id()? },
        "page_not_opened" => Event::PageNotOpened { id: id()?, reason: text(fields, "reason")?.to_owned() },
        "answered" => Event::Answered { id: id()?, yes: flag(fields, "yes")? },
        "chosen" => {
            let index = fields.get("index").and_then(Value::as_u64);
            Event::Chosen { id: id()?, index: index.map(usize::try_from).transpose().map_err(|_| "index")? }
        }
        "token_found" => Event::TokenFound { id: id()?, found: found(field(fields, "found")?, known)? },
        "listening" => {
            Event::Listening { id: id()?, port: number(fields, "port")?.try_into().map_err(|_| "port")? }
        }
        "not_listening" => Event::NotListening { id: id()?, reason: text(fields, "reason")?.to_owned() },
        "redirected" => Event::Redirected {
            id: id()?,
            visit: number(fields, "visit")?.try_into().map_err(|_| "visit")?,
            request: redirect(field(fields, "request")?, known)?,
        },
        other => return Err(format!("unknown event {other:?}")),
    })
}

fn redirect(value: &Value, known: &Placeholders) -> Read<RedirectRequest> {
    let mut query = Vec::new();
    for pair in list(value, "query")? {
        let text = |index: usize| pair.get(index).and_then(Value::as_str).ok_or("a parameter");
        query.push((text(0)?.to_owned(), known.meaning(text(1)?)));
    }
    let (method, host) = (text(value, "method")?.to_owned(), optional(value, "host"));
    Ok(RedirectRequest::from_parts(method, host, text(value, "path")?, &query))
}

fn found(value: &Value, known: &Placeholders) -> Read<Outcome<Option<Box<Resolved>>>> {
    if value.is_null() {
        return Ok(Ok(None));
    }
    if let Some(failed) = value.get("failed") {
        let exit =
            u8::try_from(number(failed, "exit_code")?).ok().and_then(Exit::from_code).ok_or("exit_code")?;
        let failure = Failure::new(exit, text(failed, "code")?.to_owned(), text(failed, "message")?);
        let next = optional(failed, "next");
        return Ok(Err(Failure { next, ..failure }.request_id(optional(failed, "request_id"))));
    }
    let source = source(text(value, "source")?)?;
    Ok(Ok(Some(Box::new(Resolved { source, record: read_record(field(value, "record")?, known)? }))))
}

fn given(value: &Value) -> Given {
    let secret = |key| optional(value, key).map(Secret::new);
    Given { flag: secret("flag"), variable: secret("variable"), workspace: optional(value, "workspace") }
}

fn request(value: &Value) -> Read<HttpRequest> {
    let method = Method::parse(text(value, "method")?).ok_or("method")?;
    let mut request = HttpRequest::new(method, url(field(value, "url")?)?);
    for pair in list(value, "headers")? {
        let (name, value) = named(pair)?;
        request = request.header(name, value);
    }
    request.body = body(field(value, "body")?, &Placeholders::default())?;
    Ok(request)
}

fn url(value: &Value) -> Read<Url> {
    let base = format!("{}{}", text(value, "origin")?, text(value, "path")?);
    let mut url = Url::parse(&base).map_err(|e| e.to_string())?;
    for pair in list(value, "query")? {
        let (name, value) = named(pair)?;
        url = url.with(name, value);
    }
    Ok(url)
}

/// A pair of a name and a [`Text`].
fn named(pair: &Value) -> Read<(&str, Text)> {
    let name = pair.get(0).and_then(Value::as_str).ok_or("a name")?;
    let value = pair.get(1).ok_or("a value")?;
    match (value.as_str(), value.get("secret").and_then(Value::as_str)) {
        (Some(plain), _) => Ok((name, Text::from(plain))),
        (None, Some(secret)) => Ok((name, Text::Secret(Secret::from(secret)))),
        (None, None) => Err("a value".to_owned()),
    }
}

fn response(value: &Value, known: &Placeholders) -> Read<HttpResponse> {
    let status = u16::try_from(number(value, "status")?).map_err(|_| "status")?;
    let mut response = HttpResponse::new(status, body(field(value, "body")?, known)?);
    for pair in list(value, "headers")? {
        let (name, value) = (pair.get(0).and_then(Value::as_str), pair.get(1).and_then(Value::as_str));
        response = response.header(name.ok_or("a header")?, value.ok_or("a header")?);
    }
    Ok(response)
}

/// A body that is not JSON is replayed as so many bytes that are not JSON either.
fn body(value: &Value, known: &Placeholders) -> Read<Body> {
    if let Some(json) = value.get("json") {
        return Ok(Body::from(meant(json, known).to_string()));
    }
    if let Some(pairs) = value.get("form").and_then(Value::as_array) {
        let mut form = Serializer::new(String::new());
        for pair in pairs {
            let text = |index: usize| pair.get(index).and_then(Value::as_str).ok_or("a form's field");
            form.append_pair(text(0)?, known.meaning(text(1)?).expose_secret());
        }
        return Ok(Body::from(form.finish()));
    }
    let length = number(value, "bytes")?.min(LONGEST_BODY);
    Ok(Body::from(vec![b'<'; usize::try_from(length).map_err(|_| "bytes")?]))
}

/// A body's JSON with the meanings of its placeholders.
fn meant(value: &Value, known: &Placeholders) -> Value {
    match value {
        Value::String(text) => known.meaning(text).expose_secret().into(),
        Value::Array(items) => items.iter().map(|item| meant(item, known)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), meant(value, known))).collect()
        }
        other => other.clone(),
    }
}

fn answer(value: &Value, known: &Placeholders) -> Read<StoreAnswer> {
    match value.as_str() {
        Some("done") => return Ok(StoreAnswer::Done),
        Some("conflict") => return Ok(StoreAnswer::Conflict),
        _ => {}
    }
    let (name, fields) = variant(value)?;
    Ok(match name {
        "ledger" => StoreAnswer::Ledger(ledger(fields, known)?),
        "records" => {
            let pair = |pair: &Value| {
                Ok((slot(pair.get(0).ok_or("a slot")?)?, read_record(pair.get(1).ok_or("a record")?, known)?))
            };
            StoreAnswer::Records(fields.as_array().ok_or("records")?.iter().map(pair).collect::<Read<_>>()?)
        }
        "failed" => StoreAnswer::Failed(StoreFailure {
            kind: store_failure_kind(text(fields, "kind")?)?,
            detail: text(fields, "detail")?.to_owned(),
        }),
        other => return Err(format!("unknown answer {other:?}")),
    })
}

fn ledger(value: &Value, known: &Placeholders) -> Read<Ledger> {
    let unsettled = |value: &Value| {
        Ok(Unsettled {
            backend: backend(text(value, "backend")?)?,
            slot: slot(field(value, "slot")?)?,
            version: value
                .get("version")
                .filter(|v| !v.is_null())
                .map(|v| read_version(v, known))
                .transpose()?,
        })
    };
    Ok(Ledger {
        backend: optional(value, "backend").map(|name| backend(&name)).transpose()?,
        active: optional(value, "active"),
        workspace_id: optional(value, "workspace_id"),
        gateway_url: optional(value, "gateway_url"),
        session: flag(value, "session")?,
        unsettled: list(value, "unsettled")?.iter().map(unsettled).collect::<Read<_>>()?,
    })
}

fn slot(value: &Value) -> Read<Slot> {
    match value {
        Value::Null => Ok(Slot::Active),
        Value::String(slug) => Ok(Slot::Workspace(slug.clone())),
        _ => Err("a slot".to_owned()),
    }
}

fn source(name: &str) -> Read<Source> {
    match [Source::Flag, Source::Variable].into_iter().find(|source| source.as_str() == name) {
        Some(source) => Ok(source),
        None => backend(name).map(Source::Store),
    }
}

fn backend(name: &str) -> Read<Backend> {
    Backend::ALL.into_iter().find(|backend| backend.as_str() == name).ok_or_else(|| "a backend".to_owned())
}

fn known_grant_kind(name: &str) -> Read<GrantKind> {
    let all = [GrantKind::Device, GrantKind::Browser];
    all.into_iter().find(|kind| grant_kind(*kind) == name).ok_or_else(|| "a way to sign in".to_owned())
}

fn request_failure_kind(name: &str) -> Read<FailureKind> {
    use FailureKind::{AnswerLost, BodyTooLarge, Misconfigured, NotSent};
    let all = [NotSent, AnswerLost, BodyTooLarge, Misconfigured];
    all.into_iter().find(|kind| failure_kind(*kind) == name).ok_or_else(|| "a kind of failure".to_owned())
}

fn store_failure_kind(name: &str) -> Read<StoreFailureKind> {
    use StoreFailureKind::{Absent, Busy, Locked, Refused, Shared, TimedOut, Unreadable, Volatile};
    let all = [Absent, Busy, Locked, Refused, Shared, TimedOut, Unreadable, Volatile];
    all.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| "a kind of failure".to_owned())
}

/// The one key of an object, with its value.
fn variant(value: &Value) -> Read<(&str, &Value)> {
    let mut fields = value.as_object().ok_or("an object is missing")?.iter();
    match (fields.next(), fields.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => Err("an object of one key is missing".to_owned()),
    }
}

pub(super) fn field<'v>(value: &'v Value, key: &str) -> Read<&'v Value> {
    value.get(key).ok_or_else(|| format!("{key} is missing"))
}

pub(super) fn list<'v>(value: &'v Value, key: &str) -> Read<&'v Vec<Value>> {
    value.get(key).and_then(Value::as_array).ok_or_else(|| format!("{key} is missing"))
}

pub(super) fn text<'v>(value: &'v Value, key: &str) -> Read<&'v str> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| format!("{key} is missing"))
}

pub(super) fn number(value: &Value, key: &str) -> Read<u64> {
    value.get(key).and_then(Value::as_u64).ok_or_else(|| format!("{key} is missing"))
}

pub(super) fn flag(value: &Value, key: &str) -> Read<bool> {
    value.get(key).and_then(Value::as_bool).ok_or_else(|| format!("{key} is missing"))
}

pub(super) fn optional(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(ToOwned::to_owned)
}
