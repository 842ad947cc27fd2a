//! Logins in the browser brought so far, and what browsers bring back.
#![allow(dead_code, reason = "each test file uses its own part")]

use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::http::HttpRequest;
use doorkey_core::machine::Disposition;
use doorkey_core::oauth::Dialect;
use doorkey_core::redirect::{RedirectPage, RedirectRequest};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;

use crate::timetable::{Timetable, pensar, url};

/// Of 32 bytes 1, and of 32 bytes 2.
pub const STATE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
pub const VERIFIER: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
pub const CHALLENGE: &str = "bB1ju9q0N8VDaMu9iIaohqea2XcpfiZe6_H19fAVM7k";
pub const CODE: &str = "code-given-1";
pub const ISSUER: &str = "https://api.workos.com";
pub const PORT: u16 = 4711;
pub const HOST: &str = "127.0.0.1:4711";

/// An issuer with an authorization endpoint, which says in each answer that it is its own.
pub fn service() -> Service {
    let mut service = pensar();
    if let Some(oauth) = &mut service.oauth {
        oauth.issuer = Some(ISSUER.into());
        oauth.authorization_endpoint = Some(url("https://api.workos.com/authorize"));
        oauth.client_id = Some("client_01".into());
        oauth.dialect = Dialect::Form;
        oauth.names_issuer = true;
    }
    service
}

/// A grant whose link is shown.
pub fn waiting() -> Timetable<BrowserGrant> {
    waiting_for(service())
}

pub fn waiting_for(service: Service) -> Timetable<BrowserGrant> {
    let mut table = Timetable::browser(service, false);
    listen(&mut table);
    give_entropy(&mut table);
    table.expect_nothing_left();
    table
}

pub fn listen(table: &mut Timetable<BrowserGrant>) -> CommandId {
    let Command::Listen { id, address } = table.take() else { panic!("a listener was expected") };
    assert_eq!(address.to_string(), "127.0.0.1");
    table.event(Event::Listening { id, port: PORT });
    id
}

pub fn give_entropy(table: &mut Timetable<BrowserGrant>) {
    table.give_entropy_of(1);
    table.give_entropy_of(2);
}

pub fn get(target: &str) -> RedirectRequest {
    RedirectRequest { method: "GET".into(), host: Some(HOST.into()), target: Secret::from(target) }
}

/// What the issuer's own answer is, with this in its query beside `state` and `iss`.
pub fn answer(query: &str) -> RedirectRequest {
    get(&format!("/callback?{query}&state={STATE}&iss=https%3A%2F%2Fapi.workos.com"))
}

pub fn right_answer() -> RedirectRequest {
    answer(&format!("code={CODE}"))
}

/// The listener's id: of the first command.
pub const LISTENER: CommandId = CommandId(1);

pub fn visit(table: &mut Timetable<BrowserGrant>, visit: u32, request: RedirectRequest) -> Disposition {
    table.event(Event::Redirected { id: LISTENER, visit, request })
}

/// Brings the right answer, whose code must leave.
pub fn bring_code(table: &mut Timetable<BrowserGrant>) -> (CommandId, HttpRequest) {
    visit(table, 1, right_answer());
    table.take_request()
}

pub fn expect_answer(table: &mut Timetable<BrowserGrant>, visit: u32, page: RedirectPage) {
    assert_eq!(table.take(), Command::AnswerRedirect { id: LISTENER, visit, page });
}

/// The listener ends, and with that everybody who waits there is answered so.
pub fn expect_stop(table: &mut Timetable<BrowserGrant>, page: RedirectPage) {
    assert_eq!(table.take(), Command::StopListening { id: LISTENER, page });
}
