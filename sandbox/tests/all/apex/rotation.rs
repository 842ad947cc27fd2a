//! Refresh tokens: good once, repeated for a while, taken for stolen otherwise.

use std::time::Duration;

use doorkey_core::time::WallTime;
use doorkey_sandbox::pensar::{Grant, Outcome, Settings, TokenRequest, account};
use doorkey_sandbox::{Answer, Fault};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cases::cases;

fn with_grace(millis: u64) -> Settings {
    Settings { grace: Duration::from_millis(millis), ..Settings::default() }
}

fn is_signed_in(world: &mut World, tokens: &Tokens) -> bool {
    world.ask("/api/cli/workspaces", &tokens.access).status == 200
}

#[test]
fn a_refresh_token_is_spent_for_the_next_pair() {
    let mut world = World::new();
    let first = world.log_in_as(account::SOLO);
    let second = tokens_in(&world.refresh(&first.refresh));
    let third = tokens_in(&world.refresh(&second.refresh));
    assert!(first.refresh != second.refresh && second.refresh != third.refresh);
    assert!(first.access != second.access && second.access != third.access, "even within one second");
    for tokens in [first, second, third] {
        assert!(is_signed_in(&mut world, &tokens), "access tokens live until they expire");
    }
}

#[test]
fn the_token_spent_last_is_answered_with_the_same_pair_within_the_grace() {
    let mut world = World::apex(with_grace(20_000));
    let first = world.log_in_as(account::SOLO);
    let second = tokens_in(&world.refresh(&first.refresh));
    for wait in [0, 10_000, 9_999] {
        world.wait(wait);
        assert_eq!(tokens_in(&world.refresh(&first.refresh)), second);
    }
    // The grace counts from the first use; repeating does not prolong it.
    world.wait(1);
    assert_eq!(oauth_error(&world.refresh(&first.refresh)), error(400, "invalid_grant"));
    assert_eq!(oauth_error(&world.refresh(&second.refresh)), error(400, "invalid_grant"), "revoked with it");
    assert!(!is_signed_in(&mut world, &second));
}

#[test]
fn a_strict_server_revokes_the_family_at_once() {
    let mut world = World::apex(with_grace(0));
    let other = world.log_in_as(account::SOLO);
    let first = world.log_in_as(account::SOLO);
    let second = tokens_in(&world.refresh(&first.refresh));
    assert_eq!(oauth_error(&world.refresh(&first.refresh)), error(400, "invalid_grant"));
    assert_eq!(oauth_error(&world.refresh(&second.refresh)), error(400, "invalid_grant"));
    for tokens in [&first, &second] {
        let answer = world.ask("/api/cli/workspaces", &tokens.access);
        assert_eq!(oauth_error(&answer), error(401, "invalid_token"));
        assert_eq!(answer.header_value("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    assert!(is_signed_in(&mut world, &other), "another login of the same account is not concerned");
    tokens_in(&world.refresh(&other.refresh));
}

#[test]
fn a_token_older_than_the_last_is_never_repeated() {
    let mut world = World::new();
    let first = world.log_in_as(account::SOLO);
    let second = tokens_in(&world.refresh(&first.refresh));
    let third = tokens_in(&world.refresh(&second.refresh));
    assert_eq!(oauth_error(&world.refresh(&first.refresh)), error(400, "invalid_grant"));
    assert_eq!(oauth_error(&world.refresh(&third.refresh)), error(400, "invalid_grant"));
}

#[test]
fn a_lost_answer_can_be_asked_for_again() {
    let mut world = World::new();
    let first = world.log_in_as(account::SOLO);
    let request = world.refresh_request(&first.refresh);
    for fault in [Fault::LostAnswer, Fault::Truncate, Fault::Reset, Fault::HtmlError, Fault::TooManyRequests]
    {
        world.send_with(&request, Some(fault));
        world.wait(1_000);
    }
    let second = tokens_in(&world.refresh(&first.refresh));
    tokens_in(&world.refresh(&second.refresh));
    let tally = world.service.grade().token_requests;
    let expected =
        [(Outcome::Issued, 1), (Outcome::Rotated, 2), (Outcome::Repeated, 2), (Outcome::NotHandled, 3)];
    assert_eq!(tally, expected.into());
    assert!(world.service.grade().is_clean());
}

#[test]
fn other_tokens_and_other_clients_are_refused() {
    let mut world = World::new();
    let tokens = world.log_in_as(account::SOLO);
    for token in ["psr_refresh_unknown", "", &tokens.access] {
        assert_eq!(oauth_error(&world.refresh(token)), error(400, "invalid_grant"), "{token}");
    }
    let body = json!({
        "client_id": "client_of_others", "grant_type": "refresh_token", "refresh_token": tokens.refresh,
    });
    assert_eq!(oauth_error(&world.workos(AUTHENTICATE, &body)), error(401, "invalid_client"));
    tokens_in(&world.refresh(&tokens.refresh));
}

#[test]
fn access_tokens_can_be_short_lived() {
    let mut world = World::apex(Settings { access_lifetime: Duration::from_secs(1), ..Settings::default() });
    world.wait(999);
    let first = world.log_in_as(account::SOLO);
    world.wait(1_000);
    assert!(is_signed_in(&mut world, &first), "a whole second, wherever in a second it began");
    world.wait(1_000);
    assert!(!is_signed_in(&mut world, &first));
    let second = tokens_in(&world.refresh(&first.refresh));
    assert!(is_signed_in(&mut world, &second));
}

#[test]
fn what_a_request_came_to_is_told_without_secrets() {
    let mut world = World::new();
    let first = world.log_in_as(account::SOLO);
    let told = |world: &mut World, request: &HttpRequest, fault| {
        world.service.handle_noting(WallTime::from_unix_millis(world.now), request, fault)
    };
    let request = world.refresh_request(&first.refresh);
    let (lost, rotated) = told(&mut world, &request, Some(Fault::LostAnswer));
    let (_, repeated) = told(&mut world, &request, None);
    let (_, unhandled) = told(&mut world, &request, Some(Fault::Reset));
    let workspaces = HttpRequest::new(Method::Get, world.pensar().api.join("/api/cli/workspaces"));
    assert_eq!((lost, told(&mut world, &workspaces, None).1), (Answer::Lost, None));
    let rotated = rotated.unwrap();
    let family = rotated.family.clone();
    assert_eq!(family.as_ref().unwrap().len(), 16);
    let grant = Some(Grant::RefreshToken);
    let (number, issued) = (Some(1), Some(2));
    let expected = TokenRequest { id: 2, grant, outcome: Outcome::Rotated, family, number, issued };
    assert_eq!(rotated, expected);
    assert_eq!(repeated, Some(TokenRequest { id: 3, outcome: Outcome::Repeated, ..expected.clone() }));
    let expected = TokenRequest { id: 4, outcome: Outcome::NotHandled, issued: None, ..expected };
    assert_eq!(unhandled, Some(expected.clone()));
    assert_eq!(
        serde_json::to_value(&expected).unwrap(),
        json!({"id": 4, "grant": "refresh_token", "outcome": "not_handled", "family": expected.family,
            "number": 1, "issued": null})
    );
}

/// What the rules say, on a list of the tokens of one family.
#[derive(Default)]
struct Model {
    spent: Vec<u64>,
    revoked: bool,
}

impl Model {
    fn present(&mut self, index: usize, now: u64, grace: u64) -> Outcome {
        if self.revoked {
            return Outcome::Revoked;
        }
        if index == self.spent.len() {
            self.spent.push(now);
            return Outcome::Rotated;
        }
        if index + 1 == self.spent.len() && now - self.spent[index] < grace {
            return Outcome::Repeated;
        }
        self.revoked = true;
        Outcome::ReuseRevoked
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_order_of_refreshes_ends_as_the_rules_say(
        grace in prop::sample::select(vec![0_u64, 1, 10_000, 30_000]),
        steps in prop::collection::vec((0_usize..3, prop::sample::select(vec![0_u64, 1, 999, 5_000, 10_000])), 1..20),
    ) {
        let mut world = World::apex(with_grace(grace));
        let mut tokens = vec![world.log_in_as(account::SOLO)];
        let mut model = Model::default();
        for (back, wait) in steps {
            world.wait(wait);
            let index = tokens.len().saturating_sub(1 + back);
            let request = world.refresh_request(&tokens[index].refresh);
            let now = WallTime::from_unix_millis(world.now);
            let (answer, told) = world.service.handle_noting(now, &request, None);
            let expected = model.present(index, world.now, grace);
            prop_assert_eq!(told.unwrap().outcome, expected);
            let answer = answer.complete().unwrap();
            match expected {
                Outcome::Rotated => tokens.push(tokens_in(&answer)),
                Outcome::Repeated => prop_assert_eq!(&tokens_in(&answer), &tokens[index + 1]),
                _ => prop_assert_eq!(oauth_error(&answer), error(400, "invalid_grant")),
            }
            let newest = tokens.last().unwrap().clone();
            prop_assert_eq!(is_signed_in(&mut world, &newest), !model.revoked);
        }
    }
}
