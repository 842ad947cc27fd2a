//! Sessions at a strict issuer: what a refresh token is spent on, and what becomes of one that is spent twice.

use doorkey_blocking::Transport as _;
use doorkey_core::bearer::bearer_of;
use doorkey_core::failure::Exit;
use doorkey_core::oauth::{REFRESH_GRANT, TokenReply};
use doorkey_core::record::Record;
use doorkey_core::secret::Secret;
use doorkey_core::url::Text;
use doorkey_tests::PATIENCE;
use doorkey_tests::issuer::{Client, Issuer, Options, What};
use doorkey_tests::scratch::Scratch;
use doorkey_tests::seat::PutForward;
use futures_lite::future::block_on;

use crate::logins::sign_in;

/// How long access tokens live, in seconds: no test here takes as long.
const LIFETIME: u64 = 600;

/// The tokens that either driver hands out, by turns, each after the one before has died for the client.
struct Turns {
    clock: PutForward,
    blocking: doorkey_blocking::Client<'static>,
    asynchronous: doorkey_async::Client,
    turn: u32,
}

impl Turns {
    fn new(client: &Client) -> Self {
        let clock = PutForward::default();
        let driver = client.driver().with_clock(clock.clone());
        let blocking = doorkey_blocking::Client::new(driver, client.service.clone());
        let driver = client.async_driver().with_clock(clock.clone());
        let asynchronous = doorkey_async::Client::new(driver, client.service.clone());
        Self { clock, blocking, asynchronous, turn: 0 }
    }

    fn put_forward(&self) {
        self.clock.forward(std::time::Duration::from_secs(LIFETIME));
    }

    fn token(&mut self) -> Result<Secret, doorkey_core::failure::Failure> {
        self.turn += 1;
        match self.turn % 2 {
            0 => self.blocking.token(),
            _ => block_on(self.asynchronous.token()),
        }
    }
}

#[test]
fn every_expiry_is_one_refresh_and_nothing_is_used_twice() {
    let folder = Scratch::new("refreshed");
    let issuer = Issuer::start(&Options { access_lifetime: LIFETIME, ..Options::default() });
    let (client, record) = sign_in("refreshed", &issuer, &folder);
    let mut turns = Turns::new(&client);
    let first = bearer_of(&record).unwrap().clone();
    assert_eq!(turns.token().unwrap(), first, "it is good for a while");
    let mut seen = vec![first];
    for _ in 0..4 {
        turns.put_forward();
        let token = turns.token().unwrap();
        assert!(!seen.contains(&token));
        assert_eq!(issuer.resource(&token).status, 200);
        assert_eq!(turns.token().unwrap(), token, "the other one has it from the store");
        seen.push(token);
        // So that the next one to refresh is the other one.
        turns.turn += 1;
    }
    let numbers = issuer.events().into_iter().filter_map(|event| match event.what {
        What::Refreshed { number, .. } => Some(number),
        What::Reused { .. } | What::GrantRevoked { .. } | What::Fault { .. } => panic!("{event:?}"),
        _ => None,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn who_spends_a_token_twice_is_found_out_and_everybody_is_signed_out() {
    let folder = Scratch::new("twice");
    let issuer = Issuer::start(&Options { access_lifetime: LIFETIME, ..Options::default() });
    let (client, record) = sign_in("twice", &issuer, &folder);
    let TokenReply::Tokens(tokens) = refresh(&client, &record) else { panic!("the first one is answered") };
    assert_eq!(issuer.resource(&tokens.access).status, 200);
    assert_eq!(reuses(&issuer), 0);
    let TokenReply::Refused(error) = refresh(&client, &record) else { panic!("the second one is not") };
    assert_eq!(error.code, "invalid_grant");
    assert_eq!(reuses(&issuer), 1, "this is what the other tests look out for");
    for access in [&tokens.access, bearer_of(&record).unwrap()] {
        assert_eq!(issuer.resource(access).status, 401, "all that came of the grant is dead");
    }

    // Our own session, which did nothing of this, is over, too: it learns that from the next refresh.
    let mut turns = Turns::new(&client);
    turns.put_forward();
    let failure = turns.token().unwrap_err();
    assert_eq!(failure.exit, Exit::NotSignedIn, "{failure:?}");
    let asked = issuer.events().len();
    assert_eq!(turns.token().unwrap_err().exit, Exit::NotSignedIn);
    assert_eq!(issuer.events().len(), asked, "a dead token is not sent again");
}

/// Without a lock or a look at what is stored.
fn refresh(client: &Client, record: &Record) -> TokenReply {
    let oauth = client.oauth();
    let parameters = [
        ("client_id", Text::from(oauth.client_id.clone().unwrap())),
        ("grant_type", REFRESH_GRANT.into()),
        ("refresh_token", record.token.clone().into()),
    ];
    let request = oauth.dialect.request(&oauth.token_endpoint, &parameters);
    TokenReply::read(&client.transport().send(&request, PATIENCE).unwrap())
}

fn reuses(issuer: &Issuer) -> usize {
    issuer.events().iter().filter(|event| matches!(event.what, What::Reused { .. })).count()
}
