//! Finding an issuer's endpoints: where is asked, what is believed, and what fills the gaps.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use doorkey_core::discover::Discover;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{FailureKind, HttpRequest, HttpResponse};
use doorkey_core::metadata::{Endpoints, Metadata};
use doorkey_core::notice::Notice;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use world::World;

const ISSUER: &str = "https://auth.example.com/tenant";
const OAUTH: &str = "/.well-known/oauth-authorization-server/tenant";
const OPENID: &str = "/tenant/.well-known/openid-configuration";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Metadata of `issuer` with these further fields, each after a comma.
fn metadata(issuer: &str, fields: &str) -> HttpResponse {
    HttpResponse::new(200, format!(r#"{{"issuer":"{issuer}"{fields}}}"#))
        .header("content-type", "application/json")
}

const TOKEN: &str = r#","token_endpoint":"https://auth.example.com/token""#;
const DEVICE: &str = r#","device_authorization_endpoint":"https://auth.example.com/device""#;

type Answer = Result<HttpResponse, FailureKind>;

fn not_found() -> Answer {
    Ok(HttpResponse::new(404, "<html>no</html>"))
}

/// Discovers an issuer that answers so at the two places.
fn discover(
    issuer: &str,
    given: Endpoints,
    answers: impl Fn(&str) -> Answer + 'static,
) -> (Result<Metadata, Failure>, World) {
    let mut world = World::new(move |request: &HttpRequest| answers(request.url.path()));
    world.service = Service::issuer(issuer, "work", "build-box".into()).unwrap();
    (run(&mut world, issuer, given, None), world)
}

fn run(
    world: &mut World,
    issuer: &str,
    given: Endpoints,
    remembered: Option<Metadata>,
) -> Result<Metadata, Failure> {
    let issuer = issuer.to_owned();
    let task = Task::Discover {
        issuer: issuer.clone(),
        given: Box::new(given.clone()),
        remembered: remembered.clone().map(Box::new),
    };
    world.run(&task, Discover::new(issuer, given, remembered)).unwrap()
}

fn at(place: &'static str, answer: HttpResponse) -> impl Fn(&str) -> Answer {
    move |path| if path == place { Ok(answer.clone()) } else { not_found() }
}

fn failure(end: Result<Metadata, Failure>) -> (Exit, String, String) {
    let failure = end.unwrap_err();
    (failure.exit, failure.code.to_string(), failure.next.unwrap_or_default())
}

#[test]
fn each_of_the_two_places_is_enough() {
    for place in [OAUTH, OPENID] {
        let (end, world) =
            discover(ISSUER, Endpoints::default(), at(place, metadata(ISSUER, &(TOKEN.to_owned() + DEVICE))));
        let metadata = end.unwrap();
        assert_eq!(metadata.issuer, ISSUER);
        assert_eq!(metadata.endpoints.token, Some(url("https://auth.example.com/token")));
        assert_eq!(metadata.endpoints.device_authorization, Some(url("https://auth.example.com/device")));
        assert!(!metadata.names_issuer);
        let asked: &[&str] = if place == OAUTH { &[OAUTH] } else { &[OAUTH, OPENID] };
        assert_eq!(world.paths(), asked, "the second place is asked only if the first left something open");
        assert_eq!(world.notices, []);
    }
}

/// Such words also stand in paths and requests, and decide about the scope: a trace keeps them.
#[test]
fn what_an_issuer_supports_is_no_secret() {
    let words = r#","scopes_supported":["openid","email"],"grant_types_supported":["authorization_code"]"#;
    let (end, world) =
        discover(ISSUER, Endpoints::default(), at(OAUTH, metadata(ISSUER, &(TOKEN.to_owned() + words))));
    assert!(end.unwrap().speaks_openid);
    assert_eq!(world.paths(), [OAUTH, OPENID]);
}

#[test]
fn an_issuer_without_a_path_has_its_places_at_the_root() {
    let issuer = "https://auth.example.com";
    let (_, world) = discover(issuer, Endpoints::default(), |_| not_found());
    assert_eq!(
        world.paths(),
        ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
    );
}

#[test]
fn the_second_place_fills_what_the_first_left_open() {
    let (end, _) = discover(ISSUER, Endpoints::default(), |path| {
        Ok(match path {
            OAUTH => {
                metadata(ISSUER, &format!(r#"{TOKEN},"authorization_response_iss_parameter_supported":true"#))
            }
            _ => metadata(ISSUER, &format!(r#"{DEVICE},"token_endpoint":"https://auth.example.com/other""#)),
        })
    });
    let metadata = end.unwrap();
    assert_eq!(metadata.endpoints.token, Some(url("https://auth.example.com/token")), "the first counts");
    assert_eq!(metadata.endpoints.device_authorization, Some(url("https://auth.example.com/device")));
    assert!(metadata.names_issuer);
}

#[test]
fn flags_fill_the_gaps_and_count_more() {
    let given = Endpoints {
        device_authorization: Some(url("https://auth.example.com/given")),
        ..Endpoints::default()
    };
    let (end, _) = discover(ISSUER, given.clone(), at(OAUTH, metadata(ISSUER, TOKEN)));
    assert_eq!(end.unwrap().endpoints.device_authorization, given.device_authorization);
    let (end, world) =
        discover(ISSUER, given.clone(), at(OAUTH, metadata(ISSUER, &(TOKEN.to_owned() + DEVICE))));
    assert_eq!(end.unwrap().endpoints.device_authorization, given.device_authorization);
    assert_eq!(world.paths(), [OAUTH]);
}

#[test]
fn whoever_was_told_enough_needs_no_metadata() {
    let given = Endpoints {
        device_authorization: Some(url("https://auth.example.com/d")),
        token: Some(url("https://auth.example.com/t")),
        ..Endpoints::default()
    };
    let templated = r#"https://auth.example.com/{tenantid}"#;
    let answers: [fn(&str) -> Answer; 4] = [
        |_| not_found(),
        |_| Err(FailureKind::NotSent),
        |_| {
            Ok(metadata(
                "https://auth.example.com/{tenantid}",
                r#","revocation_endpoint":"https://evil.example/""#,
            ))
        },
        |_| Ok(metadata(ISSUER, r#","revocation_endpoint":"http://auth.example.com/r""#)),
    ];
    for answer in answers {
        let (end, _) = discover(ISSUER, given.clone(), answer);
        assert_eq!(end.unwrap().endpoints, given, "{templated}: nothing is taken from what is not believed");
    }
}

#[test]
fn metadata_of_another_issuer_is_refused() {
    let whole = TOKEN.to_owned() + DEVICE;
    for other in [
        "https://evil.example",
        "https://auth.example.com",
        "https://AUTH.example.com/tenant",
        "https://auth.example.com/tenant/x",
    ] {
        let (end, world) = discover(ISSUER, Endpoints::default(), at(OAUTH, metadata(other, &whole)));
        let (exit, code, next) = failure(end);
        assert_eq!((exit, &*code), (Exit::Server, "other_issuer"), "{other}");
        assert!(next.contains("do not sign in"), "{next}");
        assert_eq!(world.paths(), [OAUTH], "{other}: it ends there");
    }
    // What people get wrong when they type it.
    let (end, _) = discover(
        ISSUER,
        Endpoints::default(),
        at(OAUTH, metadata("https://auth.example.com/tenant/", &whole)),
    );
    assert_eq!(failure(end).2, "give https://auth.example.com/tenant/ as the issuer");
}

#[test]
fn an_endpoint_that_is_not_safe_is_refused() {
    for unsafe_url in [
        "http://auth.example.com/token",
        "http://127.0.0.1:8080/token",
        "https://127.0.0.1/token",
        "https://[::1]/token",
        "https://[::ffff:127.0.0.1]/token",
        "https://0.0.0.0/token",
        "https://127.1/token",
        "https://2130706433/token",
        "https://0x7f000001/token",
        "https://localhost/token",
        "https://auth.localhost./token",
        "https://192.168.1.1/token",
        "https://169.254.169.254/token",
        "https://[fd00::1]/token",
        "https://user@auth.example.com/token",
        "ftp://auth.example.com/token",
        "//auth.example.com/token",
        "https://auth.example.com/token#x",
    ] {
        for name in [
            "token_endpoint",
            "device_authorization_endpoint",
            "authorization_endpoint",
            "revocation_endpoint",
        ] {
            let fields = format!(r#"{TOKEN}{DEVICE},"{name}":"{unsafe_url}""#);
            let (end, _) = discover(ISSUER, Endpoints::default(), at(OAUTH, metadata(ISSUER, &fields)));
            let failure = end.unwrap_err();
            assert_eq!(
                (failure.exit, &*failure.code),
                (Exit::Server, "unsafe_endpoint"),
                "{name} {unsafe_url}"
            );
            assert!(failure.message.contains(name), "{failure}");
        }
    }
}

#[test]
fn an_endpoint_on_another_site_is_shown() {
    let fields = format!(r#"{DEVICE},"token_endpoint":"https://token.example.net/t""#);
    let (end, world) = discover(ISSUER, Endpoints::default(), at(OPENID, metadata(ISSUER, &fields)));
    assert!(end.is_ok());
    let origin = url("https://token.example.net").origin().clone();
    assert_eq!(world.notices, [Notice::EndpointElsewhere { name: "token_endpoint", origin }]);
}

#[test]
fn an_issuer_on_loopback_may_have_its_endpoints_there() {
    let issuer = "http://127.0.0.1:4000";
    let fields = r#","token_endpoint":"http://127.0.0.1:4000/token","device_authorization_endpoint":"http://[::1]:4000/device""#;
    let (end, _) = discover(
        issuer,
        Endpoints::default(),
        at("/.well-known/openid-configuration", metadata(issuer, fields)),
    );
    assert!(end.is_ok(), "{end:?}");
}

#[test]
fn an_issuer_names_nothing_that_is_nearer_than_itself() {
    for (issuer, endpoint, is_taken) in [
        ("https://localhost:4000", "http://127.0.0.1:4000/token", true),
        ("https://127.0.0.1:4000", "https://localhost:4000/token", true),
        ("https://127.0.0.1:4000", "https://auth.example.com/token", true),
        ("https://10.0.0.1", "https://10.0.0.2/token", true),
        ("https://10.0.0.1", "https://auth.example.com/token", true),
        ("https://10.0.0.1", "https://localhost/token", false),
        ("https://auth.example.com", "https://10.0.0.1/token", false),
        ("https://localhost.example.com", "https://localhost/token", false),
    ] {
        let fields = format!(r#"{DEVICE},"token_endpoint":"{endpoint}""#);
        let answer = metadata(issuer, &fields);
        let (end, _) = discover(issuer, Endpoints::default(), move |_| Ok(answer.clone()));
        let code = end.map_err(|failure| failure.code.to_string()).map(drop);
        assert_eq!(code.is_ok(), is_taken, "{issuer} {endpoint}: {code:?}");
        assert!(is_taken || code == Err("unsafe_endpoint".into()), "{code:?}");
        // A person may know better.
        let given = Endpoints { token: Some(url(endpoint)), ..Endpoints::default() };
        let answer = metadata(issuer, DEVICE);
        let (end, _) = discover(issuer, given, move |_| Ok(answer.clone()));
        assert!(end.is_ok(), "{issuer} {endpoint}: {end:?}");
    }
}

#[test]
fn an_issuer_that_tells_nothing_is_told_apart_from_a_dead_network() {
    let (end, world) = discover(ISSUER, Endpoints::default(), |_| not_found());
    let (exit, code, next) = failure(end);
    assert_eq!((exit, &*code), (Exit::Server, "no_metadata"));
    assert!(next.contains("--token-endpoint"), "{next}");
    assert_eq!(world.paths(), [OAUTH, OPENID]);

    let (end, world) = discover(ISSUER, Endpoints::default(), |_| Err(FailureKind::NotSent));
    assert_eq!(failure(end).0, Exit::Network);
    assert_eq!(world.sent.len(), 5, "tried again, and at one place only");
}

#[test]
fn what_is_no_metadata_is_none() {
    let odd = [
        HttpResponse::new(200, "<html>Please sign in to the hotel's network</html>"),
        HttpResponse::new(200, "[]"),
        HttpResponse::new(200, r#"{"token_endpoint":"https://evil.example/"}"#),
        HttpResponse::new(200, r#"{"issuer":7,"token_endpoint":"https://evil.example/"}"#),
        HttpResponse::new(302, "").header("location", "https://evil.example/"),
        HttpResponse::new(401, r#"{"issuer":"https://auth.example.com/tenant"}"#),
    ];
    for answer in odd {
        let (end, _) = discover(ISSUER, Endpoints::default(), at(OAUTH, answer.clone()));
        assert_eq!(failure(end).1, "no_metadata", "{answer:?}");
        let whole = metadata(ISSUER, &(TOKEN.to_owned() + DEVICE));
        let (end, _) = discover(ISSUER, Endpoints::default(), move |path| {
            Ok(if path == OAUTH { answer.clone() } else { whole.clone() })
        });
        assert!(end.is_ok(), "the second place has it");
    }
}

#[test]
fn only_an_address_is_an_issuer() {
    for odd in ["https://auth.example.com/?a=b", "http://auth.example.com", "auth.example.com", ""] {
        let mut world = World::new(|_| panic!("nothing is sent"));
        let end = run(&mut world, odd, Endpoints::default(), None);
        assert_eq!(failure(end).1, "no_issuer", "{odd}");
    }
}

#[test]
fn an_earlier_login_fills_what_is_left_open_and_hides_nothing() {
    let endpoints = Endpoints {
        device_authorization: Some(url("https://auth.example.com/old-device")),
        token: Some(url("https://auth.example.com/old-token")),
        ..Endpoints::default()
    };
    let remembered = Metadata {
        issuer: ISSUER.into(),
        endpoints: endpoints.clone(),
        names_issuer: true,
        speaks_openid: false,
    };
    let again = |answer: fn(&str) -> Answer| {
        let mut world = World::new(move |request: &HttpRequest| answer(request.url.path()));
        run(&mut world, ISSUER, Endpoints::default(), Some(remembered.clone()))
    };
    assert_eq!(again(|_| not_found()).unwrap(), remembered, "without metadata nothing is unlearned");
    let moved = again(|path| if path == OPENID { Ok(metadata(ISSUER, TOKEN)) } else { not_found() }).unwrap();
    assert_eq!(moved.endpoints.token, Some(url("https://auth.example.com/token")), "what it says now counts");
    assert_eq!(moved.endpoints.device_authorization, endpoints.device_authorization);
    let other = again(|_| Ok(metadata("https://evil.example", TOKEN)));
    assert_eq!(failure(other).1, "other_issuer", "it does not hide that another answers");
}

#[test]
fn that_an_issuer_names_itself_is_not_unlearned() {
    const NAMES_ISSUER: &str = r#","authorization_response_iss_parameter_supported":true"#;
    fn whole(more: &str) -> HttpResponse {
        metadata(ISSUER, &format!("{TOKEN}{DEVICE}{more}"))
    }
    let answers: [fn(&str) -> Answer; 5] = [
        // The only place that says so is kept from answering, in all ways that there are.
        |path| if path == OPENID { Ok(whole("")) } else { Ok(HttpResponse::new(503, "")) },
        |path| if path == OPENID { Ok(whole("")) } else { not_found() },
        |path| if path == OAUTH { Ok(whole("")) } else { Err(FailureKind::NotSent) },
        |path| if path == OAUTH { Ok(metadata(ISSUER, TOKEN)) } else { Err(FailureKind::AnswerLost) },
        |path| {
            let said_now = NAMES_ISSUER.replace("true", "false");
            if path == OPENID { Ok(whole(&said_now)) } else { Ok(HttpResponse::new(503, "")) }
        },
    ];
    for (index, answer) in answers.into_iter().enumerate() {
        for (issuer, named_itself, names_itself) in
            [(ISSUER, true, true), (ISSUER, false, false), ("https://other.example.com", true, false)]
        {
            let remembered = Metadata {
                issuer: issuer.into(),
                endpoints: Endpoints {
                    token: Some(url("https://auth.example.com/token")),
                    device_authorization: Some(url("https://auth.example.com/device")),
                    ..Endpoints::default()
                },
                names_issuer: named_itself,
                speaks_openid: false,
            };
            let mut world = World::new(move |request: &HttpRequest| answer(request.url.path()));
            let end = run(&mut world, ISSUER, Endpoints::default(), Some(remembered));
            let end = end.map(|known| known.names_issuer);
            // What is remembered of another issuer does not fill what this one cannot be asked for either.
            let is_lost = issuer != ISSUER && index == 3;
            assert_eq!(end.ok(), (!is_lost).then_some(names_itself), "{index} {issuer} {named_itself}");
        }
    }
}

#[test]
fn an_openid_provider_is_asked_for_openid_unless_a_scope_is_named() {
    for (scopes, named, asked) in [
        (r#","scopes_supported":["profile","openid"]"#, None, Some("openid")),
        (r#","scopes_supported":["profile","openid"]"#, Some("api"), Some("api")),
        (r#","scopes_supported":["profile"]"#, None, None),
        (r#","scopes_supported":"openid""#, None, None),
        ("", None, None),
    ] {
        let answer = metadata(ISSUER, &format!("{TOKEN}{DEVICE}{scopes}"));
        let (end, _) = discover(ISSUER, Endpoints::default(), at(OPENID, answer));
        let oauth = end.unwrap().client("cli".into(), named.map(str::to_owned)).unwrap();
        assert_eq!(oauth.scope.as_deref(), asked, "{scopes}");
    }
}
