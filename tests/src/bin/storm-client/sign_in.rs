//! A login from the device code to the stored session, with the person at the other side.

use std::time::Duration;

use doorkey_blocking::{Browser, Clock as _, Driver, Surface, Transport as _};
use doorkey_core::failure::Failure;
use doorkey_core::http::HttpRequest;
use doorkey_core::keep::Keep;
use doorkey_core::machine::Machine;
use doorkey_core::notice::Notice;
use doorkey_core::oauth::{DEVICE_CODE_GRANT, OAuth, TokenReply, Tokens};
use doorkey_core::record::Record;
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::time::Now;
use doorkey_core::url::{Text, Url};
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::account;
use doorkey_tests::storm::line::Told;
use serde_json::Value;

use crate::args::Args;
use crate::lines::{Lines, access, fingerprint, login};
use crate::place;

/// The sandbox's one client.
pub const CLIENT: &str = "client_pensar_apex_sandbox";
const LIMIT: Duration = Duration::from_secs(60);
/// Answers get lost in some experiments; then it begins anew.
const TRIES: usize = 50;

pub fn run(args: &Args) -> Result<(), Failure> {
    let service = place::service(args);
    let clock = place::clock(args);
    let now = clock.now();
    let tokens = (0..TRIES).find_map(|_| grant(service.oauth.as_ref().unwrap())).expect("a grant");
    let access_token = Access {
        token: tokens.access,
        received: Moment::new(now, &service.boot_id),
        lifetime: tokens.lifetime,
    };
    let rotation = Rotation {
        client_id: Some(CLIENT.to_owned()),
        machine: service.machine_id.clone(),
        access: Some(access_token),
        journal: Journal::Settled,
        spent: Vec::new(),
    };
    let record = Record {
        rotation: Some(Box::new(rotation)),
        ..Record::new(service.issuer.clone(), None, tokens.refresh.unwrap())
    };
    let vault = place::vault(args, &service);
    let mut surface = Silent;
    let transport = Box::new(place::transport());
    let mut driver = Driver::new(&clock, &mut surface, transport, vault, Browser::default());
    let keep = Keep::new(record, service.backends);
    let lines = Lines::new(args.name);
    match driver.run(Machine::new(service, keep)) {
        Ok(kept) => {
            let record = &kept.record;
            let (login, token) = (login(record), fingerprint(record));
            lines.tell(Told::SignedIn { login, token, access: access(record) });
            Ok(())
        }
        Err(failure) => {
            lines.failed(None, &failure);
            Err(failure)
        }
    }
}

/// Shows nothing.
pub struct Silent;

impl Surface for Silent {
    fn show(&mut self, _: Now, _: &Notice) {}
}

/// RFC 8628 without its waits: the person has approved before the one poll leaves. `None` if an answer was lost.
fn grant(oauth: &OAuth) -> Option<Tokens> {
    let mut transport = place::transport();
    let mut send = |request: &HttpRequest| transport.send(request, LIMIT);
    let client = || ("client_id", Text::from(CLIENT.to_owned()));
    let asked = send(&oauth.dialect.request(&oauth.device_authorization_endpoint, &[client()])).ok()?;
    let codes: Value = serde_json::from_slice(asked.body.as_bytes()).unwrap();
    let text = |name: &str| codes[name].as_str().unwrap().to_owned();
    let page = Url::parse(&text("verification_uri_complete")).unwrap();
    Person::new(account::SOLO).approve(&page, |request| send(request).map_err(|e| e.detail)).unwrap();
    let grant = ("grant_type", Text::from(DEVICE_CODE_GRANT.to_owned()));
    let code = ("device_code", Text::from(text("device_code")));
    let answer = send(&oauth.dialect.request(&oauth.token_endpoint, &[client(), grant, code])).ok()?;
    match TokenReply::read(&answer) {
        TokenReply::Tokens(tokens) => Some(tokens),
        _ => None,
    }
}
