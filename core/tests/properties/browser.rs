//! `BrowserGrant`: the listener, the state, the verifier, and whoever comes (RFC 6749 §4.1, RFC 7636, RFC 8252, RFC 9207).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use data_encoding::BASE64URL_NOPAD;
use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::failure::Exit;
use doorkey_core::http::HttpResponse;
use doorkey_core::oauth::OAuth;
use doorkey_core::redirect::RedirectRequest;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::cases;
use crate::plan::{NetFault, Plan, net_fault};
use crate::world::{World, parameter};

/// For so long the link is good.
const PATIENCE: u64 = 300_000;

/// Who comes to the listener.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Visitor {
    /// The issuer's answer, with a code.
    Code,
    /// The issuer's answer, with an error.
    Error(&'static str),
    /// Right but for the issuer it names; or it names none, though this one always does.
    OtherIssuer,
    NoIssuer,
    /// Whoever does not know the state, or does not come as a browser would.
    WrongState,
    NoState,
    TwoStates,
    Posted,
    OtherHost,
    OtherPath,
}

use Visitor::{
    Code, Error, NoIssuer, NoState, OtherHost, OtherIssuer, OtherPath, Posted, TwoStates, WrongState,
};

fn visitor() -> impl Strategy<Value = Visitor> {
    let strangers = [WrongState, NoState, TwoStates, Posted, OtherHost, OtherPath];
    prop_oneof![
        6 => proptest::sample::select(strangers.to_vec()),
        3 => Just(Code),
        1 => Just(OtherIssuer),
        1 => Just(NoIssuer),
        2 => Just(Error("temporarily_unavailable")),
        1 => Just(Error("access_denied")),
        1 => Just(Error("invalid_scope")),
    ]
}

fn query(link: &Url) -> BTreeMap<String, String> {
    let text = link.expose().expose_secret().to_owned();
    let query = text.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

impl Visitor {
    fn request(self, link: &Url) -> RedirectRequest {
        let known = query(link);
        let (state, uri) = (&known["state"], Url::parse(&known["redirect_uri"]).unwrap());
        let host = uri.origin().to_string().trim_start_matches("http://").to_owned();
        let issuer = if self == OtherIssuer { "https://evil.example" } else { "https://auth.example.com" };
        let mut form = form_urlencoded::Serializer::new(String::new());
        if let Error(code) = self {
            form.append_pair("error", code);
        } else {
            form.append_pair("code", "hush-code");
        }
        if self != NoState {
            form.append_pair("state", if self == WrongState { "other" } else { state });
        }
        if self == TwoStates {
            form.append_pair("state", state);
        }
        if self != NoIssuer {
            form.append_pair("iss", issuer);
        }
        let path = if self == OtherPath { "/other" } else { uri.path() };
        RedirectRequest {
            method: if self == Posted { "POST" } else { "GET" }.into(),
            host: Some(if self == OtherHost { "evil.example:4711".into() } else { host }),
            target: Secret::from(format!("{path}?{}", form.finish())),
        }
    }
}

fn service() -> Service {
    let url = |path: &str| Url::parse(&format!("https://auth.example.com{path}")).unwrap();
    let oauth = OAuth {
        issuer: Some("https://auth.example.com".into()),
        authorization_endpoint: Some(url("/authorize")),
        client_id: Some("cli".into()),
        names_issuer: true,
        ..OAuth::new(url("/token"))
    };
    Service::issuer("https://auth.example.com", "work", "build-box".into()).unwrap().with_oauth(oauth)
}

/// The reference: who decides, of those who come while the link is good; and what is then the end, if it is no code.
fn decided(visitors: &[(u64, Visitor)]) -> Result<(), &'static str> {
    let mut at = 0;
    for (after, visitor) in visitors {
        at += after;
        match visitor {
            _ if at >= PATIENCE => break,
            Code => return Ok(()),
            OtherIssuer | NoIssuer => return Err("other_issuer"),
            Error("temporarily_unavailable") => {}
            Error(code) => return Err(code),
            WrongState | NoState | TwoStates | Posted | OtherHost | OtherPath => {}
        }
    }
    Err("login_timed_out")
}

/// The reference: what a code comes to that is sent again only if it surely had no effect.
fn exchanged(faults: &BTreeMap<usize, NetFault>) -> (usize, Result<(), &'static str>) {
    for tries in 1.. {
        match faults.get(&(tries - 1)) {
            None => return (tries, Ok(())),
            Some(fault) if fault.is_unclear() => return (tries, Err("answer_lost")),
            Some(NetFault::Later(seconds)) if *seconds > 120 || tries == 5 => {
                return (tries, Err("rate_limited"));
            }
            Some(_) if tries == 5 => return (tries, Err("network")),
            Some(_) => {}
        }
    }
    (0, Ok(()))
}

proptest! {
    #![proptest_config(cases(200))]

    /// Whoever comes in whatever order: only the issuer's own answer to this login decides, its code goes once to the
    /// token endpoint with the verifier of this link, and everybody is answered.
    #[test]
    fn only_the_issuers_answer_decides(
        visitors in vec((prop_oneof![4 => 0u64..5_000, 1 => 0u64..200_000], visitor()), 0..6),
        faults in proptest::collection::btree_map(0usize..3, net_fault(), 0..3),
        ports in prop_oneof![4 => Just([true, true]), 2 => Just([false, true]), 1 => Just([false, false])],
        open_browser in any::<bool>(),
        has_browser in any::<bool>(),
        says_yes in any::<bool>(),
        cancelled in proptest::option::weighted(0.1, 0usize..20),
    ) {
        let tokens = r#"{"access_token":"hush-a","refresh_token":"hush-r","expires_in":300}"#;
        let mut world = World::new(service(), move |_, _, _| HttpResponse::new(200, tokens));
        (world.ports, world.person.has_browser, world.person.says_yes) = (ports, has_browser, says_yes);
        let links = Rc::new(RefCell::new(Vec::<Url>::new()));
        let (log, comers) = (Rc::clone(&links), visitors.clone());
        world.browser = Box::new(move |link| {
            log.borrow_mut().push(link.clone());
            // Nobody comes to a second login.
            let comers = if log.borrow().len() > 1 { &[][..] } else { &comers };
            let times = comers.iter().scan(0, |at, (after, _)| {
                *at += after;
                Some(*at)
            });
            times.zip(comers).map(|(at, (_, visitor))| (at, visitor.request(link))).collect()
        });
        let plan = Plan { net: faults.clone(), cancelled, ..Plan::default() };
        world.plan(&plan);
        let handle = world.start(Some(Task::BrowserGrant { open_browser }), BrowserGrant::new(open_browser));
        world.finish(&[handle.pid], &[]);
        let links = links.borrow().clone();
        let sent = world.sent.clone();

        let (mut tries, mut expected) = (0, decided(&visitors));
        if expected.is_ok() {
            (tries, expected) = exchanged(&faults);
        }
        if !ports.contains(&true) {
            (tries, expected) = (0, Err("not_listening"));
        }
        if expected == Err("answer_lost") && says_yes {
            expected = Err("login_timed_out");
        }
        let end = handle.outcome().unwrap();
        let interrupted = end.as_ref().is_err_and(|failure| failure.exit == Exit::Interrupted);
        let code = end.as_ref().map(|_| ()).map_err(|failure| failure.code.as_ref());
        world.check(interrupted || code == expected, || format!("{code:?}, not {expected:?}"));
        world.check(interrupted || sent.len() == tries, || format!("{} requests, not {tries}", sent.len()));
        for sent in &sent {
            let link = query(&links[0]);
            let verifier = parameter(&sent.request, "code_verifier").unwrap_or_default();
            let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes()));
            // RFC 7636 §4.2 and §4.1; RFC 6749 §4.1.3.
            let fits = challenge == link["code_challenge"] && link["code_challenge_method"] == "S256";
            world.check(fits && verifier.len() >= 43, || "the verifier is not the challenge's".to_owned());
            let same = parameter(&sent.request, "redirect_uri").as_ref() == Some(&link["redirect_uri"]);
            world.check(same, || "another redirect URI".to_owned());
            world.check(sent.request.url.path() == "/token", || format!("the code goes to {}", sent.request.url));
            world.check(verifier != link["state"], || "the verifier is in the link".to_owned());
        }
        if let [one, other] = links.as_slice() {
            let (one, other) = (query(one), query(other));
            let fresh = ["state", "code_challenge"].iter().all(|name| one[*name] != other[*name]);
            world.check(fresh, || "a second login with the secrets of the first".to_owned());
        }
        world.check(open_browser || world.pages.is_empty(), || "a browser is opened".to_owned());
        world.verdict()?;
    }
}
