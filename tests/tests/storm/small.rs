//! Storms of a few seconds. `tests/run --long` has those of a thousand expiries.

use std::time::Duration;

use doorkey_tests::storm::site::Store;
use doorkey_tests::storm::storms::{Size, careless, strict, strict_with_kills, with_grace};

const FILE: Size =
    Size { clients: 12, expiries: 8, pause: Duration::from_millis(50), calm: Duration::from_millis(150) };
const KEYCHAIN: Size = Size { pause: Duration::from_millis(400), ..FILE };

#[test]
fn strict_in_a_file() {
    strict(Store::File, FILE);
}

#[test]
fn strict_in_the_keychain() {
    strict(Store::Keychain, KEYCHAIN);
}

#[test]
fn kills_and_lost_answers_within_the_grace_in_a_file() {
    with_grace(Store::File, FILE);
}

#[test]
fn kills_and_lost_answers_within_the_grace_in_the_keychain() {
    with_grace(Store::Keychain, KEYCHAIN);
}

#[test]
fn strict_with_kills_in_a_file() {
    strict_with_kills(Store::File, FILE);
}

#[test]
fn strict_with_kills_in_the_keychain() {
    strict_with_kills(Store::Keychain, KEYCHAIN);
}

#[test]
fn careless_clients_lose_the_session_in_a_file() {
    careless(Store::File, FILE);
}

#[test]
fn careless_clients_lose_the_session_in_the_keychain() {
    careless(Store::Keychain, KEYCHAIN);
}
