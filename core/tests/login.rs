//! Whole logins: where the token comes to rest, what is believed afterwards, and what a kill leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::sync::Arc;

use doorkey_core::failure::Exit;
use doorkey_core::http::HttpResponse;
use doorkey_core::login::{LoggedIn, Login, LoginOptions};
use doorkey_core::machine::Outcome;
use doorkey_core::notice::Notice;
use doorkey_core::record::{Backend, Slot};
use doorkey_core::resolve::{Given, Resolved, Source};
use doorkey_core::status::{Status, StatusOptions, StatusReport};
use doorkey_core::store::{StoreFailureKind, StoreOp, Unsettled};
use doorkey_core::task::Task;
use world::{FILE, KEYCHAIN, World, elsewhere, envelope, record, server, slot};

fn login(world: &mut World, workspace: Option<&str>) -> Option<Outcome<LoggedIn>> {
    let workspace = workspace.map(str::to_owned);
    let options = LoginOptions { workspace, re_pair: false, open_browser: true, variable_set: false };
    world.run(&Task::Login(options.clone()), Login::new(options))
}

fn status(world: &mut World) -> StatusReport {
    let options = StatusOptions::default();
    world.run(&Task::Status(options.clone()), Status::new(options)).unwrap().unwrap()
}

/// What another command would use now.
fn resolved(world: &mut World) -> Outcome<Resolved> {
    status(world).winner
}

fn fell_back(world: &World) -> Option<(Backend, StoreFailureKind, Backend)> {
    world.notices.iter().find_map(|notice| match notice {
        Notice::FellBack { from, failure, to } => Some((*from, failure.kind, *to)),
        _ => None,
    })
}

const EVERY_FAILURE: [StoreFailureKind; 5] = [
    StoreFailureKind::Absent,
    StoreFailureKind::Locked,
    StoreFailureKind::TimedOut,
    StoreFailureKind::Volatile,
    StoreFailureKind::Refused,
];

#[test]
fn a_token_goes_to_the_keychain_the_workspace_first_the_active_one_last() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    let logged_in = login(&mut world, None).unwrap().unwrap();
    assert_eq!(logged_in.kept.backend, KEYCHAIN);
    let written: Vec<&Slot> = world
        .ops
        .iter()
        .filter_map(|op| match op {
            StoreOp::Write { slot, .. } => Some(slot),
            _ => None,
        })
        .collect();
    assert_eq!(written, [&slot("acme"), &Slot::Active]);
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_new"));
    assert_eq!(world.stores[&FILE].len(), 0);
    assert_eq!((world.ledger.backend, world.ledger.active.as_deref()), (Some(KEYCHAIN), Some("acme")));
    // Nothing beyond the contract: the polls are all the requests there are.
    assert_eq!(world.paths(), ["/auth/terminal/poll"]);
}

#[test]
fn whatever_ails_the_keychain_the_file_takes_the_token() {
    for kind in EVERY_FAILURE {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.broken.insert(KEYCHAIN, kind);
        let logged_in = login(&mut world, None).unwrap().unwrap();
        assert_eq!(logged_in.kept.backend, FILE, "{kind:?}");
        assert_eq!(fell_back(&world), Some((KEYCHAIN, kind, FILE)));
        assert_eq!(world.token(FILE, &Slot::Active), Some("pt_live_new"));
        assert_eq!(world.ledger.backend, Some(FILE));
        let report = status(&mut world);
        assert_eq!(report.winner.unwrap().source, Source::Store(FILE));
        let keychain = report.stores.unwrap().into_iter().find(|(backend, _)| *backend == KEYCHAIN).unwrap();
        assert_eq!(keychain.1.unwrap_err().kind, kind, "status names the reason");
    }
}

#[test]
fn where_it_cannot_be_remembered_a_token_stays_where_it_is_looked_for() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.put(FILE, "acme", "pt_live_old", true);
    world.ledger_full = true;
    let logged_in = login(&mut world, None).unwrap().unwrap();
    assert_eq!(logged_in.kept.backend, FILE);
    assert_eq!(resolved(&mut world).unwrap().record.token.expose_secret(), "pt_live_new");
    // Where no place would be looked at it is no success: a logout could not reach this one, and nothing else is known.
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.ledger.unsettled = vec![Unsettled { backend: KEYCHAIN, slot: Slot::Active, version: None }];
    world.ledger_full = true;
    assert_eq!(login(&mut world, None).unwrap().unwrap_err().code, "stored_nowhere");
}

#[test]
fn a_keychain_that_comes_back_wins_with_no_older_token() {
    for kind in EVERY_FAILURE {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.put(KEYCHAIN, "acme", "pt_live_old", true);
        world.broken.insert(KEYCHAIN, kind);
        login(&mut world, None).unwrap().unwrap();
        world.broken.clear();
        assert_eq!(resolved(&mut world).unwrap().record.token.expose_secret(), "pt_live_new", "{kind:?}");
        // Even without the file, the entry that was made old is not believed.
        let file = world.stores.insert(FILE, Default::default()).unwrap();
        assert_eq!(resolved(&mut world).unwrap_err().exit, Exit::NotSignedIn);
        world.stores.insert(FILE, file);
        // The next login moves house: keychain written, file emptied.
        world.server = Box::new(server("acme", "pt_live_newest", &[]));
        login(&mut world, None).unwrap().unwrap();
        assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_newest"));
        assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_newest"));
        assert_eq!(world.stores[&FILE].len(), 0);
        assert_eq!(world.ledger.unsettled, []);
    }
}

#[test]
fn the_remembered_backend_is_read_first_whatever_its_rank() {
    for (remembered, token) in [(Some(FILE), "pt_live_b"), (Some(KEYCHAIN), "pt_live_a"), (None, "pt_live_a")]
    {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.put(KEYCHAIN, "acme", "pt_live_a", true);
        world.put(FILE, "acme", "pt_live_b", true);
        world.ledger.backend = remembered;
        assert_eq!(resolved(&mut world).unwrap().record.token.expose_secret(), token, "{remembered:?}");
    }
}

#[test]
fn a_stale_keychain_entry_of_another_workspace_is_removed_when_reachable() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.put(KEYCHAIN, "acme", "pt_live_old", true);
    world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
    login(&mut world, None).unwrap().unwrap();
    world.broken.clear();
    world.server = Box::new(server("blue", "pt_live_b", &[]));
    login(&mut world, None).unwrap().unwrap();
    // Blue is active now, acme's newest token is still in the file, the old one is gone.
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_b"));
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), None);
    assert_eq!(world.token(FILE, &slot("acme")), Some("pt_live_new"));
}

#[test]
fn a_write_that_comes_true_after_its_time_limit_is_not_believed_and_removed_later() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.put(KEYCHAIN, "acme", "pt_live_old", true);
    world.unwritable.insert(KEYCHAIN, StoreFailureKind::TimedOut);
    let kept = login(&mut world, None).unwrap().unwrap().kept;
    assert_eq!(kept.backend, FILE);
    // The late write happens, then somebody pairs again in the file.
    world.stores.get_mut(&KEYCHAIN).unwrap().insert(slot("acme"), kept.record.clone());
    assert!(world.ledger.unsettled.iter().any(|u| u.version.as_ref() == Some(&kept.record.version())));
    assert_eq!(resolved(&mut world).unwrap().source, Source::Store(FILE));
    world.unwritable.clear();
    world.server = Box::new(server("blue", "pt_live_b", &[]));
    login(&mut world, None).unwrap().unwrap();
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), None);
}

#[test]
fn what_cannot_be_cleared_away_is_told_and_remembered() {
    for (kind, told) in [(StoreFailureKind::Refused, true), (StoreFailureKind::Absent, false)] {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.put(FILE, "acme", "pt_live_old", true);
        world.broken.insert(FILE, kind);
        assert_eq!(login(&mut world, None).unwrap().unwrap().kept.backend, KEYCHAIN);
        let stale =
            world.notices.iter().filter(|n| matches!(n, Notice::StaleEntry { backend: FILE, .. })).count();
        assert_eq!(stale, usize::from(told), "told once, if at all");
        let slots: Vec<&Slot> =
            world.ledger.unsettled.iter().filter(|u| u.backend == FILE).map(|u| &u.slot).collect();
        assert_eq!(slots, [&slot("acme"), &Slot::Active]);
        world.broken.clear();
        assert_eq!(resolved(&mut world).unwrap().record.token.expose_secret(), "pt_live_new");
        // The next login clears it away.
        world.server = Box::new(server("blue", "pt_live_b", &[]));
        login(&mut world, None).unwrap().unwrap();
        assert_eq!((world.stores[&FILE].len(), world.ledger.unsettled.len()), (0, 0));
    }
}

#[test]
fn a_mark_for_one_version_spares_every_other() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    let late = record("blue", "pt_live_old").version();
    let newer = world.put(KEYCHAIN, "blue", "pt_live_b", false);
    let left = |version| Unsettled { backend: KEYCHAIN, slot: slot("blue"), version: Some(version) };
    world.ledger.unsettled = vec![left(late)];
    login(&mut world, None).unwrap().unwrap();
    assert_eq!(world.token(KEYCHAIN, &slot("blue")), Some("pt_live_b"));
    world.ledger.unsettled = vec![left(newer.version())];
    login(&mut world, None).unwrap().unwrap();
    assert_eq!(world.token(KEYCHAIN, &slot("blue")), None);
}

#[test]
fn without_any_place_for_a_token_nobody_is_sent_to_the_browser() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.broken.insert(KEYCHAIN, StoreFailureKind::Absent);
    world.broken.insert(FILE, StoreFailureKind::Refused);
    let failure = login(&mut world, None).unwrap().unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Store, "no_place_for_token"));
    assert!(world.pages.is_empty() && world.sent.is_empty() && world.notices.is_empty());
}

#[test]
fn a_token_that_no_place_takes_is_told_with_the_page_to_revoke_it() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.unwritable.insert(KEYCHAIN, StoreFailureKind::Refused);
    world.unwritable.insert(FILE, StoreFailureKind::Refused);
    let failure = login(&mut world, None).unwrap().unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Store, "stored_nowhere"));
    assert!(failure.next.unwrap().contains("https://app.pentify.io/settings/api-keys"));
}

#[test]
fn a_locked_keychain_is_unlocked_by_a_person_or_left_alone() {
    for (person_present, unseals, home) in [(true, true, KEYCHAIN), (true, false, FILE), (false, true, FILE)]
    {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.service.person_present = person_present;
        world.unseals = unseals;
        world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
        let logged_in = login(&mut world, None).unwrap().unwrap();
        assert_eq!(logged_in.kept.backend, home, "{person_present} {unseals}");
        let asked = world.ops.iter().filter(|op| matches!(op, StoreOp::Unseal { .. })).count();
        assert_eq!(asked, usize::from(person_present), "asked once, if at all");
        assert_eq!(fell_back(&world).is_some(), home == FILE);
    }
}

#[test]
fn a_keychain_that_stays_locked_is_told_in_one_cause_and_one_next_step() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.service.person_present = true;
    world.detail = "it says no; mend it";
    world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
    login(&mut world, None).unwrap().unwrap();
    let told = world.notices.iter().find_map(|notice| match notice {
        Notice::FellBack { failure, .. } => Some(failure.detail.as_str()),
        _ => None,
    });
    assert_eq!(told, Some("locked: it says no (asked to unlock it: timed_out: it says no); mend it"));
}

#[test]
fn an_encrypted_file_without_its_key_has_no_prompt() {
    let encrypted = Backend::EncryptedFile;
    let locked = |broken: bool| {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.service.person_present = true;
        world.service.backends = &[Backend::EncryptedFile];
        world.unseals = true;
        world.stores.entry(encrypted).or_default();
        let why = if broken { &mut world.broken } else { &mut world.unwritable };
        why.insert(encrypted, StoreFailureKind::Locked);
        let failure = login(&mut world, None).unwrap().unwrap_err();
        assert!(!world.ops.iter().any(|op| matches!(op, StoreOp::Unseal { .. })), "{:?}", world.ops);
        (failure.code, world.pages.len())
    };
    assert_eq!(locked(true), ("no_place_for_token".into(), 0), "told before a browser is opened");
    assert_eq!(locked(false).0, "stored_nowhere");
}

#[test]
fn switching_needs_no_browser() {
    let mut world = World::new(server("acme", "pt_live_new", &["pt_live_a", "pt_live_b"]));
    world.put(KEYCHAIN, "acme", "pt_live_a", false);
    world.put(KEYCHAIN, "blue", "pt_live_b", true);
    for name in ["acme", "BLUE"] {
        let logged_in = login(&mut world, Some(name)).unwrap().unwrap();
        assert_eq!(logged_in.paired, None, "{name}");
        assert_eq!(world.paths(), ["/v1/usage"]);
        let slug = name.to_lowercase();
        assert_eq!(resolved(&mut world).unwrap().record.slug(), Some(slug.as_str()));
    }
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_a"));
    assert_eq!(world.token(KEYCHAIN, &slot("blue")), Some("pt_live_b"));
}

#[test]
fn a_revoked_workspace_is_paired_again_and_the_other_token_stays() {
    let mut world = World::new(server("acme", "pt_live_new", &["pt_live_b"]));
    world.put(KEYCHAIN, "acme", "pt_live_a", false);
    world.put(KEYCHAIN, "blue", "pt_live_b", true);
    let logged_in = login(&mut world, Some("acme")).unwrap().unwrap();
    assert!(logged_in.paired.is_some());
    assert_eq!(world.pages.first().unwrap().query_value("workspace"), Some("acme"));
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_new"));
    assert_eq!(world.token(KEYCHAIN, &slot("blue")), Some("pt_live_b"));
}

#[test]
fn the_active_workspace_is_paired_again_and_so_is_any_with_re_pair() {
    let mut world = World::new(server("acme", "pt_live_new", &["pt_live_a"]));
    world.put(KEYCHAIN, "acme", "pt_live_a", true);
    assert!(login(&mut world, Some("acme")).unwrap().unwrap().paired.is_some());
    world.put(KEYCHAIN, "blue", "pt_live_b", true);
    let options = LoginOptions { workspace: Some("acme".into()), re_pair: true, ..LoginOptions::default() };
    let logged_in = world.run(&Task::Login(options.clone()), Login::new(options)).unwrap().unwrap();
    assert!(logged_in.paired.is_some());
}

#[test]
fn a_name_that_two_workspaces_share_is_ambiguous() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    for (slug, token) in [("one", "pt_live_a"), ("two", "pt_live_b")] {
        let mut twin = world.put(KEYCHAIN, slug, token, false);
        Arc::make_mut(twin.workspace.as_mut().unwrap()).name = Some("Twin".into());
        world.stores.get_mut(&KEYCHAIN).unwrap().insert(slot(slug), twin);
    }
    let failure = login(&mut world, Some("Twin")).unwrap().unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Usage, "ambiguous_workspace"));
    assert!(failure.message.contains("one, two"), "{}", failure.message);
}

#[test]
fn trouble_while_checking_a_stored_token_is_not_taken_for_its_end() {
    let mut world = World::new(|_| Ok(envelope(503, "engine_unavailable")));
    world.put(KEYCHAIN, "acme", "pt_live_a", false);
    let failure = login(&mut world, Some("acme")).unwrap().unwrap_err();
    assert_eq!(failure.exit, Exit::Server);
    assert_eq!(world.sent.len(), 5);
    assert!(world.pages.is_empty());
}

#[test]
fn another_pick_in_the_browser_is_said_and_stored_under_its_own_name() {
    let mut world = World::new(server("blue", "pt_live_new", &[]));
    login(&mut world, Some("acme")).unwrap().unwrap();
    assert!(world.notices.iter().any(
        |n| matches!(n, Notice::OtherWorkspace { asked, picked } if asked == "acme" && picked == "blue")
    ));
    assert_eq!(world.token(KEYCHAIN, &slot("blue")), Some("pt_live_new"));
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), None);
}

#[test]
fn killed_anywhere_the_right_workspace_is_named_and_a_login_mends_it() {
    let fresh = || {
        let mut world = World::new(server("blue", "pt_live_new", &[]));
        world.put(KEYCHAIN, "acme", "pt_live_a", true);
        world
    };
    let mut whole = fresh();
    login(&mut whole, None).unwrap().unwrap();
    let ops = whole.ops.len();
    assert!(ops > 10, "{ops}");
    for at in 1..=ops {
        let mut world = fresh();
        world.killed_at_op = Some(at);
        assert!(login(&mut world, None).is_none(), "killed at {at}");
        world.killed_at_op = None;
        let active = resolved(&mut world).unwrap().record;
        let held = world.stores[&KEYCHAIN].get(&Slot::Active).unwrap().clone();
        assert_eq!(active, held, "killed at {at}");
        let expected = if held.token.expose_secret() == "pt_live_a" { "acme" } else { "blue" };
        assert_eq!(active.slug(), Some(expected), "killed at {at}");
        login(&mut world, None).unwrap().unwrap();
        assert_eq!(resolved(&mut world).unwrap().record.slug(), Some("blue"));
        assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_a"), "the other one stays");
    }
}

#[test]
fn killed_anywhere_in_a_fallback_no_older_token_wins() {
    let fresh = || {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.put(KEYCHAIN, "acme", "pt_live_old", true);
        world.broken.insert(KEYCHAIN, StoreFailureKind::Locked);
        world
    };
    let mut whole = fresh();
    login(&mut whole, None).unwrap().unwrap();
    let mut stored = 0;
    for at in 1..=whole.ops.len() {
        let mut world = fresh();
        world.killed_at_op = Some(at);
        assert!(login(&mut world, None).is_none(), "killed at {at}");
        world.killed_at_op = None;
        world.broken.clear();
        if world.token(FILE, &Slot::Active).is_some() {
            stored += 1;
            assert_eq!(
                resolved(&mut world).unwrap().record.token.expose_secret(),
                "pt_live_new",
                "killed at {at}"
            );
        }
    }
    assert!(stored > 1, "some kills were after the write");
}

#[test]
fn a_minted_token_waits_half_a_minute_for_the_lock() {
    for (busy_for, ends_well) in [(5, true), (6, false)] {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.busy_for = busy_for;
        let end = login(&mut world, None).unwrap();
        assert_eq!(end.is_ok(), ends_well, "{busy_for}");
        if let Err(failure) = end {
            assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Store, "store_busy"));
            assert!(failure.next.unwrap().contains("revoke the key"));
        }
    }
}

#[test]
fn a_token_without_rights_or_behind_a_portal_is_not_switched_to() {
    let mut world = World::new(|request| {
        let polled = request.url.path() == "/auth/terminal/poll";
        Ok(if polled { world::paired("acme", "pt_live_new") } else { envelope(403, "insufficient_scope") })
    });
    world.put(KEYCHAIN, "acme", "pt_live_a", false);
    assert!(login(&mut world, Some("acme")).unwrap().unwrap().paired.is_some());
    let mut world = World::new(|_| Ok(HttpResponse::new(200, "<html>Please sign in to the hotel</html>")));
    world.put(KEYCHAIN, "acme", "pt_live_a", false);
    let failure = login(&mut world, Some("acme")).unwrap().unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Server, "unexpected_answer"));
}

#[test]
fn interrupted_anywhere_the_lock_is_given_back_and_a_lost_token_is_told() {
    let mut whole = World::new(server("acme", "pt_live_new", &[]));
    login(&mut whole, None).unwrap().unwrap();
    let paired_at = whole.ops.iter().position(|op| matches!(op, StoreOp::Load { .. })).unwrap();
    for at in 1..whole.ops.len() {
        let mut world = World::new(server("acme", "pt_live_new", &[]));
        world.cancelled_at_op = Some(at);
        let failure = login(&mut world, None).unwrap().unwrap_err();
        assert_eq!(failure.exit, Exit::Interrupted, "at {at}");
        let told = failure.next.is_some_and(|next| next.contains("https://app.pentify.io/settings/api-keys"));
        // The lock and the ledger come before the first look into a slot.
        assert_eq!(told, at > paired_at - 2, "at {at}");
    }
}

#[test]
fn a_lost_compare_and_swap_is_read_again_and_repeated() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    login(&mut world, None).unwrap().unwrap();
    let first_write = world.ops.iter().position(|op| matches!(op, StoreOp::Write { .. })).unwrap() + 1;
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.meddling = Some((first_write, |world| {
        world.stores.get_mut(&KEYCHAIN).unwrap().insert(slot("acme"), record("acme", "pt_live_b"));
    }));
    login(&mut world, None).unwrap().unwrap();
    assert_eq!(world.token(KEYCHAIN, &slot("acme")), Some("pt_live_new"));
    assert_eq!(world.token(KEYCHAIN, &Slot::Active), Some("pt_live_new"));
}

#[test]
fn a_compare_and_swap_that_is_always_lost_is_given_up_after_five_rounds() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.rival = true;
    let logged_in = login(&mut world, None).unwrap().unwrap();
    assert_eq!(logged_in.kept.backend, FILE);
    assert_eq!(fell_back(&world), Some((KEYCHAIN, StoreFailureKind::Busy, FILE)));
    let tries = world.ops.iter().filter(|op| matches!(op, StoreOp::Write { backend: KEYCHAIN, .. })).count();
    assert_eq!(tries, 5);
}

#[test]
fn a_busy_lock_stores_nothing() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    world.locked_by_another = true;
    let failure = login(&mut world, None).unwrap().unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Store, "store_busy"));
    assert!(world.stores.values().all(std::collections::BTreeMap::is_empty));
}

#[test]
fn a_bare_token_of_another_tool_is_used_and_belongs_to_the_default_host() {
    let mut world = World::new(server("acme", "pt_live_new", &[]));
    let mut bare = record("acme", "pt_live_a");
    (bare.generation, bare.issuer, bare.workspace) = (None, None, None);
    world.stores.get_mut(&KEYCHAIN).unwrap().insert(Slot::Active, bare);
    assert_eq!(resolved(&mut world).unwrap().record.token.expose_secret(), "pt_live_a");
    world.service = elsewhere();
    let failure = resolved(&mut world).unwrap_err();
    assert_eq!((failure.exit, failure.code.as_ref()), (Exit::NotSignedIn, "other_issuer"));
}

#[test]
fn with_a_flag_or_a_variable_no_store_is_opened() {
    for given in [
        Given { flag: Some("pt_live_a".into()), variable: Some("pt_live_b".into()), workspace: None },
        Given { flag: None, variable: Some("pt_live_b".into()), workspace: None },
    ] {
        let mut world = World::new(|_| Err(doorkey_core::http::FailureKind::NotSent));
        let options = StatusOptions { given: given.clone(), ..StatusOptions::default() };
        let report = world.run(&Task::Status(options.clone()), Status::new(options)).unwrap().unwrap();
        let expected = if given.flag.is_some() { Source::Flag } else { Source::Variable };
        assert_eq!(report.winner.unwrap().source, expected);
        assert_eq!((world.ops.len(), report.stores), (0, None));
        let explained = StatusOptions { given, explain: true, check: false };
        let report = world.run(&Task::Status(explained.clone()), Status::new(explained)).unwrap().unwrap();
        assert_eq!(report.winner.unwrap().source, expected);
        assert_eq!(report.stores.unwrap().len(), 2);
    }
}
