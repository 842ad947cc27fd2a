//! What the tests of single clients have in common.

use doorkey_tests::storm::issuer::Outcome;
use doorkey_tests::storm::line::Told;
use doorkey_tests::storm::site::{Issuer, Site, Store};

/// Access tokens live five minutes; clients whose clocks are so much later find them dead, or due and alive.
pub(crate) const DEAD: [&str; 2] = ["--later", "400"];
pub(crate) const DUE: [&str; 2] = ["--later", "280"];

/// How an issuer takes a token that was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It revokes the login.
    Strict,
    /// It answers again.
    Graceful,
}

pub(crate) fn site(name: &str, store: Store, kind: Kind) -> Site {
    let (grace, believed_grace) = match kind {
        Kind::Strict => (0, 0),
        // Long enough for a machine that stops for a while.
        Kind::Graceful => (3_600, 10),
    };
    Site::new(name, store, &Issuer { access_lifetime: 300, grace, believed_grace, faults: &[] })
}

/// The access token that a client got, without having asked the issuer if `fresh`.
pub(crate) fn access(told: &[Told], fresh: bool) -> String {
    match told.last() {
        Some(Told::Token { access, requests, .. }) => {
            assert_eq!(*requests == 0, fresh, "{told:?}");
            access.clone()
        }
        _ => panic!("no token: {told:?}"),
    }
}

/// The code of a client's failure, and whether it asks the person to sign in.
pub(crate) fn failure(told: &[Told]) -> (&str, bool) {
    match told.last() {
        Some(Told::Failed { code, asks_for_login, .. }) => (code, *asks_for_login),
        _ => panic!("no failure: {told:?}"),
    }
}

/// What became of the refresh tokens of the newest login.
pub(crate) fn outcomes(site: &Site) -> Vec<Outcome> {
    site.refreshes().iter().map(|request| request.outcome).collect()
}
