//! A session that a device grant (RFC 8628) of the sandbox's Pensar has just yielded, without the waits of one.

use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport as _};
use doorkey_core::http::HttpRequest;
use doorkey_core::oauth::{DEVICE_CODE_GRANT, OAuth, TokenReply, Tokens};
use doorkey_core::record::Record;
use doorkey_core::rotation::{Access, Journal, Moment, Rotation};
use doorkey_core::service::Service;
use doorkey_core::time::Now;
use doorkey_core::url::{Text, Url};
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::account;
use serde_json::Value;

/// The sandbox's one client.
pub const CLIENT: &str = "client_pensar_apex_sandbox";
const LIMIT: Duration = Duration::from_secs(60);
/// Answers get lost in some experiments; then it begins anew.
const TRIES: usize = 50;

/// What a login would store.
pub fn record(service: &Service, now: Now) -> Record {
    let oauth = service.oauth.as_ref().expect("a service with sessions");
    let tokens = (0..TRIES).find_map(|_| grant(oauth)).expect("a grant");
    let access = Access {
        token: tokens.access,
        received: Moment::new(now, &service.boot_id),
        lifetime: tokens.lifetime,
    };
    let rotation = Rotation {
        client_id: Some(CLIENT.to_owned()),
        machine: service.machine_id.clone(),
        access: Some(access),
        journal: Journal::Settled,
        spent: Vec::new(),
    };
    let refresh = tokens.refresh.expect("a refresh token");
    Record { rotation: Some(rotation.into()), ..Record::new(&service.issuer, None, refresh) }
}

/// The person has approved before the one poll leaves. `None` if an answer was lost.
fn grant(oauth: &OAuth) -> Option<Tokens> {
    let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
    let mut send = |request: &HttpRequest| transport.send(request, LIMIT);
    let client = || ("client_id", Text::from(CLIENT.to_owned()));
    let endpoint = oauth.device_authorization_endpoint.as_ref()?;
    let asked = send(&oauth.dialect.request(endpoint, &[client()])).ok()?;
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
