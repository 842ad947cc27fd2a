//! Tasks, events and commands as JSON, secrets replaced.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Map, Value, json};

use crate::command::Command;
use crate::connect::ConnectOptions;
use crate::event::Event;
use crate::failure::Failure;
use crate::http::{FailureKind, HttpRequest, HttpResponse};
use crate::json::Json;
use crate::login::LoginOptions;
use crate::logout::LogoutOptions;
use crate::machine::Outcome;
use crate::money::Money;
use crate::notice::Notice;
use crate::pending_grant::PendingGrant;
use crate::record::Slot;
use crate::redirect::{REDIRECT_PATH, RedirectRequest};
use crate::resolve::{Given, Resolved};
use crate::secret::Body;
use crate::sign_in::{GrantKind, SignInOptions};
use crate::status::StatusOptions;
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreOp, Unsettled};
use crate::task::Task;
use crate::url::{Text, Url};
use crate::verdict::{Refusal, RefusalKind};

use super::record::write_moment;
use super::{Recorder, service};

/// Headers of answers that a machine looks at, or that help a reader.
const KEPT_HEADERS: &[&str] = &["age", "content-type", "date", "retry-after", "www-authenticate"];

pub(super) fn grant_kind(kind: GrantKind) -> &'static str {
    match kind {
        GrantKind::Device => "device",
        GrantKind::Browser => "browser",
    }
}

pub(super) fn failure_kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::NotSent => "not_sent",
        FailureKind::AnswerLost => "answer_lost",
        FailureKind::BodyTooLarge => "body_too_large",
        FailureKind::Misconfigured => "misconfigured",
    }
}

impl Recorder {
    pub(super) fn task(&mut self, task: &Task) -> Value {
        match task {
            Task::Login(LoginOptions { workspace, re_pair, open_browser, variable_set }) => json!({"login": {
                "workspace": workspace, "re_pair": re_pair, "open_browser": open_browser, "variable_set": variable_set,
            }}),
            Task::UseToken { token, variable_set } => json!({"use_token": {
                "token": self.placeholders.secret(token), "variable_set": variable_set,
            }}),
            Task::Logout(LogoutOptions { workspace, revoke }) => {
                json!({"logout": {"workspace": workspace, "revoke": revoke}})
            }
            Task::Status(StatusOptions { given, explain, check }) => {
                json!({"status": {"given": self.given(given), "explain": explain, "check": check}})
            }
            Task::Connect(ConnectOptions { workspace, force, open_browser }) => json!({"connect": {
                "workspace": workspace, "force": force, "open_browser": open_browser,
            }}),
            Task::Disconnect => json!({"disconnect": null}),
            Task::Connection => json!({"connection": null}),
            Task::ExplainConnection => json!({"explain_connection": null}),
            Task::Credits => json!({"credits": null}),
            Task::Session { refusal } => json!({"session": self.refusal(refusal.as_ref())}),
            Task::Call { given, request } => {
                json!({"call": {"given": self.given(given), "request": self.request(request)}})
            }
            Task::SharedCall { request } => json!({"shared_call": {"request": self.request(request)}}),
            Task::Find { given } => json!({"find": {"given": self.given(given)}}),
            Task::Discover { issuer, given, remembered } => json!({"discover": {
                "issuer": issuer,
                "given": service::write_endpoints(given),
                "remembered": remembered.as_ref().map(|known| service::write_metadata(known)),
            }}),
            Task::SignIn { options: SignInOptions { open_browser, browser_is_here, grant }, pending } => {
                let pending = pending.as_ref().map(|pending| self.pending(pending));
                json!({"sign_in": {
                    "open_browser": open_browser,
                    "browser_is_here": browser_is_here,
                    "grant": grant.map(grant_kind),
                    "pending": pending,
                }})
            }
            Task::StartGrant => json!({"start_grant": null}),
            Task::SignOut { revoke } => json!({"sign_out": {"revoke": revoke}}),
            Task::ResumeSignOut => json!({"resume_sign_out": null}),
            Task::Distrust { token } => json!({"distrust": {"token": self.placeholders.secret(token)}}),
            Task::DeviceGrant { open_browser } => json!({"device_grant": {"open_browser": open_browser}}),
            Task::BrowserGrant { open_browser } => json!({"browser_grant": {"open_browser": open_browser}}),
        }
    }

    fn pending(&mut self, pending: &PendingGrant) -> Value {
        json!({
            "issuer": pending.issuer,
            "client_id": pending.client_id,
            "device_code": self.placeholders.secret(&pending.device_code),
            "user_code": self.placeholders.secret(&pending.user_code),
            "verification_uri": self.url(&pending.verification_uri),
            "verification_uri_complete": pending.verification_uri_complete.as_ref().map(|url| self.url(url)),
            "started": write_moment(&pending.started),
            "lag_ms": millis(pending.lag),
            "lifetime_ms": millis(pending.lifetime),
            "interval_ms": millis(pending.interval),
            "polled": pending.polled,
        })
    }

    fn given(&mut self, given: &Given) -> Value {
        json!({
            "flag": given.flag.as_ref().map(|token| self.placeholders.secret(token)),
            "variable": given.variable.as_ref().map(|token| self.placeholders.secret(token)),
            "workspace": given.workspace,
        })
    }

    fn refusal(&mut self, refusal: Option<&Refusal>) -> Value {
        let Some(Refusal { token, kind }) = refusal else { return Value::Null };
        json!({"token": self.placeholders.fingerprint(token), "rights": *kind == RefusalKind::Rights})
    }

    fn found(&mut self, found: &Outcome<Option<Box<Resolved>>>) -> Value {
        match found {
            Ok(None) => Value::Null,
            Ok(Some(found)) => json!({"source": found.source.as_str(), "record": self.record(&found.record)}),
            Err(Failure { exit, code, message, next, request_id }) => json!({"failed": {
                "exit_code": exit.code(), "code": code, "message": message, "next": next, "request_id": request_id,
            }}),
        }
    }

    pub(super) fn event(&mut self, event: &Event) -> Value {
        match event {
            Event::Started { jitter_seed } => json!({"started": {"jitter_seed": jitter_seed}}),
            Event::Woke => json!("woke"),
            Event::Cancelled => json!("cancelled"),
            Event::Entropy { id, .. } => json!({"entropy": {"id": id.0, "draw": self.placeholders.draw()}}),
            Event::Response { id, response } => json!({"response": {
                "id": id.0, "status": response.status, "headers": kept(response), "body": self.body(&response.body),
            }}),
            Event::RequestFailed { id, failure } => json!({"request_failed": {
                "id": id.0, "kind": failure_kind(failure.kind), "detail": self.placeholders.plain(&failure.detail),
            }}),
            Event::Store { id, answer } => json!({"store": {"id": id.0, "answer": self.answer(answer)}}),
            Event::PageOpened { id } => json!({"page_opened": {"id": id.0}}),
            Event::PageNotOpened { id, reason } => {
                json!({"page_not_opened": {"id": id.0, "reason": self.placeholders.plain(reason)}})
            }
            Event::Answered { id, yes } => json!({"answered": {"id": id.0, "yes": yes}}),
            Event::Chosen { id, index } => json!({"chosen": {"id": id.0, "index": index}}),
            Event::TokenFound { id, found } => {
                json!({"token_found": {"id": id.0, "found": self.found(found)}})
            }
            Event::Listening { id, port } => json!({"listening": {"id": id.0, "port": port}}),
            Event::NotListening { id, reason } => {
                json!({"not_listening": {"id": id.0, "reason": self.placeholders.plain(reason)}})
            }
            Event::Redirected { id, visit, request } => json!({"redirected": {
                "id": id.0, "visit": visit, "request": self.redirect(request),
            }}),
        }
    }

    pub(super) fn command(&mut self, command: &Command) -> Value {
        match command {
            Command::DrawEntropy { id } => json!({"draw_entropy": {"id": id.0}}),
            Command::Send { id, request, limit } => json!({"send": {
                "id": id.0, "request": self.request(request), "limit_ms": u64::try_from(limit.as_millis()).ok(),
            }}),
            Command::Store { id, op } => json!({"store": {"id": id.0, "op": self.op(op)}}),
            Command::OpenPage { id, url } => json!({"open_page": {"id": id.0, "url": self.url(url)}}),
            Command::Ask { id, question } => {
                json!({"ask": {"id": id.0, "question": format!("{question:?}")}})
            }
            // Names and balances are no secrets.
            Command::Choose { id, choices } => {
                let choices: Vec<Value> = choices
                    .iter()
                    .map(|choice| json!([choice.name, choice.slug, choice.balance.map(Money::to_json)]))
                    .collect();
                json!({"choose": {"id": id.0, "choices": choices}})
            }
            Command::FindToken { id, refusal } => {
                json!({"find_token": {"id": id.0, "refusal": self.refusal(refusal.as_ref())}})
            }
            Command::Listen { id, address } => {
                json!({"listen": {"id": id.0, "address": address.to_string()}})
            }
            Command::AnswerRedirect { id, visit, page } => json!({"answer_redirect": {
                "id": id.0, "visit": visit, "status": page.status(), "page": page.as_str(),
            }}),
            Command::StopListening { id, page } => json!({"stop_listening": {
                "id": id.0, "status": page.status(), "page": page.as_str(),
            }}),
            // The one notice whose secrets are in nothing that the machine sends before they come back.
            Command::Show(Notice::AuthorizationRequest { link, .. }) => {
                json!({"show": "AuthorizationRequest", "link": self.url(link)})
            }
            // `Debug` of a notice shows no secret.
            Command::Show(notice) => json!({"show": self.placeholders.plain(&format!("{notice:?}"))}),
        }
    }

    fn request(&mut self, request: &HttpRequest) -> Value {
        let headers: Vec<Value> =
            request.headers.iter().map(|(name, value)| json!([name, self.text(value)])).collect();
        let body = match request.header_value("content-type") {
            Some("application/x-www-form-urlencoded") => self.form(&request.body),
            _ => self.sent(&request.body),
        };
        json!({
            "method": request.method.as_str(), "url": self.url(&request.url), "headers": headers, "body": body,
        })
    }

    /// A server's own page may have a secret in its path or in the name of a parameter.
    fn url(&mut self, url: &Url) -> Value {
        let query: Vec<Value> = url
            .query()
            .iter()
            .map(|(name, value)| json!([self.placeholders.plain(name), self.text(value)]))
            .collect();
        let path = self.placeholders.plain(url.path());
        json!({"origin": url.origin().to_string(), "path": path, "query": query})
    }

    fn form(&mut self, body: &Body) -> Value {
        let pairs: Vec<Value> = form_urlencoded::parse(body.as_bytes())
            .map(|(name, value)| {
                let value = Json::from(Value::from(value));
                json!([name, self.parameter(&name, &value)])
            })
            .collect();
        json!({"form": pairs})
    }

    /// The same parameters as a JSON object, or another body.
    fn sent(&mut self, body: &Body) -> Value {
        let read = Json::read(body.as_bytes());
        let Some(fields) = read.as_deref().and_then(Value::as_object) else { return self.body(body) };
        let fields: Map<String, Value> =
            fields.iter().map(|(name, value)| (name.clone(), self.parameter(name, value))).collect();
        json!({"json": fields})
    }

    /// In what is sent a `code` is a secret one; in answers it names an error.
    fn parameter(&mut self, name: &str, value: &Value) -> Value {
        self.placeholders.json(Some(name).filter(|name| *name != "code"), value)
    }

    /// Anybody can have sent it: of what no machine looks at only that it was there is kept.
    fn redirect(&mut self, request: &RedirectRequest) -> Value {
        let query: Vec<Value> = request
            .query()
            .iter()
            .map(|(name, value)| match name.as_str() {
                "error" | "error_description" | "iss" => {
                    json!([name, self.placeholders.plain(value.expose_secret())])
                }
                "code" | "state" => json!([name, self.placeholders.secret(value)]),
                _ => json!(["other", ""]),
            })
            .collect();
        let path = if request.path() == REDIRECT_PATH { REDIRECT_PATH } else { "/other" };
        let host = request.host.as_deref().map(|host| self.placeholders.plain(host));
        json!({"method": self.placeholders.plain(&request.method), "host": host, "path": path, "query": query})
    }

    /// `{"secret": …}` or the plain text.
    fn text(&mut self, text: &Text) -> Value {
        match text {
            Text::Plain(text) => self.placeholders.plain(text).into(),
            Text::Secret(secret) => json!({"secret": self.placeholders.secret(secret)}),
        }
    }

    /// What is not JSON may hold half a secret: only its size is kept.
    fn body(&mut self, body: &Body) -> Value {
        match Json::read(body.as_bytes()) {
            Some(value) => json!({"json": self.placeholders.json(None, &value)}),
            None => json!({"bytes": body.len()}),
        }
    }

    fn op(&mut self, op: &StoreOp) -> Value {
        match op {
            StoreOp::ReadLedger => json!("read_ledger"),
            StoreOp::WriteLedger(ledger) => json!({"write_ledger": self.ledger(ledger)}),
            StoreOp::Lock { wait } => json!({"lock": {"wait_ms": u64::try_from(wait.as_millis()).ok()}}),
            StoreOp::Unlock => json!("unlock"),
            StoreOp::Probe(backend) => json!({"probe": backend.as_str()}),
            StoreOp::Unseal { backend, .. } => json!({"unseal": backend.as_str()}),
            StoreOp::Load { backend, slot } => json!({"load": [backend.as_str(), self.slot(slot)]}),
            StoreOp::LoadAll(backend) => json!({"load_all": backend.as_str()}),
            StoreOp::Write { backend, slot, expected, record } => json!({"write": {
                "backend": backend.as_str(), "slot": self.slot(slot),
                "expected": expected.as_ref().map(|version| self.version(version)), "record": self.record(record),
            }}),
            StoreOp::CheckLock => json!("check_lock"),
            StoreOp::ReadEmergency => json!("read_emergency"),
            StoreOp::ReserveEmergency { .. } => json!("reserve_emergency"),
            StoreOp::WriteEmergency(record) => json!({"write_emergency": self.record(record)}),
            StoreOp::RemoveEmergency => json!("remove_emergency"),
            StoreOp::WritePending(pending) => json!({"write_pending": self.pending(pending)}),
            StoreOp::ReadPlaintext => json!("read_plaintext"),
            StoreOp::RemovePlaintext { expected } => json!({"remove_plaintext": self.version(expected)}),
            StoreOp::Delete { backend, slot, expected } => json!({"delete": {
                "backend": backend.as_str(), "slot": self.slot(slot), "expected": self.version(expected),
            }}),
        }
    }

    fn answer(&mut self, answer: &StoreAnswer) -> Value {
        match answer {
            StoreAnswer::Done => json!("done"),
            StoreAnswer::Conflict => json!("conflict"),
            StoreAnswer::Ledger(ledger) => json!({"ledger": self.ledger(ledger)}),
            StoreAnswer::Records(records) => {
                let records: Vec<Value> = records
                    .iter()
                    .map(|(slot, record)| json!([self.slot(slot), self.record(record)]))
                    .collect();
                json!({"records": records})
            }
            StoreAnswer::Failed(StoreFailure { kind, detail }) => {
                json!({"failed": {"kind": kind.as_str(), "detail": self.placeholders.plain(detail)}})
            }
        }
    }

    fn ledger(&mut self, ledger: &Ledger) -> Value {
        let unsettled: Vec<Value> = ledger
            .unsettled
            .iter()
            .map(|Unsettled { backend, slot, version }| {
                json!({"backend": backend.as_str(), "slot": self.slot(slot),
                    "version": version.as_ref().map(|version| self.version(version))})
            })
            .collect();
        json!({
            "backend": ledger.backend.map(|backend| backend.as_str()), "active": ledger.active,
            "workspace_id": ledger.workspace_id, "gateway_url": ledger.gateway_url, "session": ledger.session,
            "unsettled": unsettled,
        })
    }

    /// `null` for the active slot, else the slug.
    fn slot(&self, slot: &Slot) -> Value {
        match slot {
            Slot::Active => Value::Null,
            Slot::Workspace(slug) => slug.as_str().into(),
        }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn kept(response: &HttpResponse) -> Vec<Value> {
    let kept = response.headers.iter().filter(|(name, _)| KEPT_HEADERS.contains(&name.as_str()));
    kept.map(|(name, value)| json!([name, value])).collect()
}
