//! The storms at their full size: three quarters of an hour.

use std::time::Duration;

use doorkey_tests::storm::site::Store;
use doorkey_tests::storm::storms::{Size, careless, strict, strict_with_kills, with_grace};

const FILE: Size = Size {
    clients: 64,
    expiries: 1_000,
    pause: Duration::from_millis(100),
    calm: Duration::from_millis(200),
};
/// A keyring has one thread for all its clients.
const KEYCHAIN: Size = Size { pause: Duration::from_secs(2), ..FILE };

const fn shorter(size: Size, expiries: usize) -> Size {
    Size { expiries, ..size }
}

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
    with_grace(Store::File, shorter(FILE, 300));
}

#[test]
fn kills_and_lost_answers_within_the_grace_in_the_keychain() {
    with_grace(Store::Keychain, shorter(KEYCHAIN, 300));
}

#[test]
fn strict_with_kills_in_a_file() {
    strict_with_kills(Store::File, shorter(FILE, 100));
}

#[test]
fn strict_with_kills_in_the_keychain() {
    strict_with_kills(Store::Keychain, shorter(KEYCHAIN, 100));
}

#[test]
fn careless_clients_lose_the_session_in_a_file() {
    careless(Store::File, FILE);
}

#[test]
fn careless_clients_lose_the_session_in_the_keychain() {
    careless(Store::Keychain, KEYCHAIN);
}
