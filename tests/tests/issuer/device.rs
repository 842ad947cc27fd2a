//! The device authorization grant (RFC 8628), on both drivers at once.

use doorkey_core::bearer::bearer_of;
use doorkey_core::failure::Exit;
use doorkey_core::keep::Kept;
use doorkey_tests::browser::Browser;
use doorkey_tests::issuer::{Client, Event, Issuer, Options, Person, What};
use doorkey_tests::scratch::Scratch;

use crate::logins::{Code, DRIVERS, Login, Runtime};

/// It never says an interval, so that is five seconds (RFC 8628 §3.2).
const INTERVAL_MILLIS: u64 = 5_000;

/// Both drivers with a code each.
fn two_logins(issuer: &Issuer, folders: [&Scratch; 2]) -> [(Login<Kept>, Code); 2] {
    let mut started = folders.into_iter().zip(DRIVERS).map(|(folder, runtime)| {
        let login = Login::start(&Client::discover(&issuer.at, folder), runtime);
        let code = login.code();
        (login, code)
    });
    [(); 2].map(|()| started.next().unwrap())
}

#[test]
fn a_code_that_was_typed_and_one_that_came_with_the_link_are_granted() {
    let (one, other) = (Scratch::new("granted-blocking"), Scratch::new("granted-async"));
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("granted");
    let [first, second] = two_logins(&issuer, [&one, &other]);
    Person { browser: &browser, account: "somebody" }.connect(&first.1.page, &first.1.code);
    Person { browser: &browser, account: "somebody" }.connect_by_link(&second.1.link);
    for (login, _) in [first, second] {
        let record = login.end().unwrap().record;
        assert_eq!(issuer.resource(bearer_of(&record).unwrap()).status, 200, "it is good for what it is for");
    }
    let events = issuer.events();
    assert_eq!(count(&events, |what| *what == What::DeviceApproved), 2, "{events:?}");
    let granted =
        |what: &What| matches!(what, What::Granted { grant_type, .. } if is_device_grant(grant_type));
    assert_eq!(count(&events, granted), 2, "{events:?}");
    let pending = count(&events, is_pending);
    assert_eq!(events.len(), 4 + pending, "nothing else happened: {events:?}");
}

#[test]
fn polls_are_five_seconds_apart_where_the_issuer_says_nothing() {
    let folder = Scratch::new("interval");
    // Four polls, of which a slow machine leaves two, and the end.
    let issuer = Issuer::start(&Options { device_code_lifetime: 22, ..Options::default() });
    let login = Login::start(&Client::discover(&issuer.at, &folder), Runtime::Async);
    let failure = login.end().unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::TimedOut, "expired_token"), "{failure:?}");
    let events = issuer.events();
    let polls: Vec<u64> = events.iter().map(|event| event.at).collect();
    let between: Vec<u64> = polls.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(!between.is_empty(), "{events:?}");
    assert!(between.iter().all(|millis| *millis >= INTERVAL_MILLIS), "{events:?}");
}

#[test]
fn denied_with_the_code_or_with_the_consent() {
    let (one, other) = (Scratch::new("denied-blocking"), Scratch::new("denied-async"));
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("denied");
    let person = Person { browser: &browser, account: "somebody" };
    let [first, second] = two_logins(&issuer, [&one, &other]);
    person.deny(&first.1.page, &first.1.code);
    person.refuse_consent(&second.1.page, &second.1.code);
    for (login, _) in [first, second] {
        let failure = login.end().unwrap_err();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Denied, "access_denied"), "{failure:?}");
    }
    let events = issuer.events();
    assert_eq!(count(&events, |what| *what == What::DeviceDenied), 2, "{events:?}");
    let refused = |what: &What| matches!(what, What::Refused { error, .. } if error == "access_denied");
    assert_eq!(count(&events, refused), 2, "each heard it once and went home: {events:?}");
    assert_eq!(events.len(), 4 + count(&events, is_pending), "{events:?}");
}

#[test]
fn nobody_came() {
    let folder = Scratch::new("nobody");
    // Shorter than the interval: there is one poll all the same, just before the end; on a slow machine, none. That it is
    // one where nothing is late is shown in virtual time.
    let issuer = Issuer::start(&Options { device_code_lifetime: 4, ..Options::default() });
    let client = Client::discover(&issuer.at, &folder);
    let logins = DRIVERS.map(|runtime| Login::start(&client, runtime));
    for login in logins {
        let failure = login.end().unwrap_err();
        assert_eq!((failure.exit, failure.code.as_ref()), (Exit::TimedOut, "expired_token"), "{failure:?}");
    }
    let events = issuer.events();
    let polled =
        |what: &What| matches!(what, What::Refused { grant_type: Some(kind), .. } if is_device_grant(kind));
    assert!(count(&events, polled) <= 2, "{events:?}");
}

fn count(events: &[Event], is_it: impl Fn(&What) -> bool) -> usize {
    events.iter().filter(|event| is_it(&event.what)).count()
}

fn is_pending(what: &What) -> bool {
    matches!(what, What::Refused { error, .. } if error == "authorization_pending")
}

fn is_device_grant(grant_type: &str) -> bool {
    grant_type == doorkey_core::oauth::DEVICE_CODE_GRANT
}
