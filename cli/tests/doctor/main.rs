//! `doctor` in broken set-ups of every kind: each has its one code, a sound one has none, and nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "others use the rest")]
#[path = "../../../store/tests/desktop/mod.rs"]
mod desktop;
mod environment;
mod files;
mod keychains;
#[path = "../../../store/tests/leash/mod.rs"]
mod leash;
mod network;
#[path = "../../../store/tests/scratch/mod.rs"]
mod scratch;
#[path = "../sealed/mod.rs"]
mod sealed;
mod setup;
mod stores;

use sealed::shape::Shapes;
use setup::Setup;

#[test]
fn a_sound_set_up_is_all_ok() {
    let setup = Setup::new("sound");
    let seen = setup.doctor(&[]);
    assert_eq!((seen.code, seen.codes()), (0, Vec::new()), "{seen:?}");
    for check in
        ["home", "disk", "files", "settings", "credentials", "lock", "proxy", "certificates", "network"]
    {
        assert_eq!(seen.state(check), Some("ok"), "{check}: {seen:?}");
    }
    for check in ["browser", "core-dumps"] {
        assert_eq!(seen.state(check), Some("ok"), "{check}: {seen:?}");
    }
    assert_eq!(seen.state("keychain"), None, "it is not used");
    assert_eq!(seen.state("clock"), None, "the server did not tell the time");
    assert_eq!(setup.server.requests().len(), 2, "one request of each of two runs");
}

#[test]
fn offline_asks_nobody() {
    let setup = Setup::new("offline");
    let seen = setup.doctor(&["--offline"]);
    assert_eq!((seen.code, seen.codes()), (0, Vec::new()), "{seen:?}");
    assert_eq!(setup.server.connections(), 0);
}

#[test]
fn the_findings_are_as_documented() {
    let shapes = Shapes::read();
    let setup = Setup::new("shape");
    std::fs::write(setup.config().join("credentials"), "{").unwrap();
    for args in [&[][..], &["--offline"]] {
        let seen = setup.doctor(args);
        shapes.check("doctor: findings", &seen.json);
        for check in seen.json["checks"].as_array().unwrap() {
            shapes.check("doctor: check", check);
        }
    }
    shapes.expect_all_seen(|heading| heading.starts_with("doctor: "));
}

#[test]
fn every_code_is_documented() {
    const TABLE: &str = include_str!("../../../docs/doctor.md");
    let sources = [
        include_str!("../../src/doctor/browser.rs"),
        include_str!("../../src/doctor/credentials.rs"),
        include_str!("../../src/doctor/environment.rs"),
        include_str!("../../src/doctor/files.rs"),
        include_str!("../../src/doctor/keychain.rs"),
        include_str!("../../src/doctor/leftovers.rs"),
        include_str!("../../src/doctor/network.rs"),
    ];
    let is_code = |word: &str| {
        word.contains('_') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && word.len() < 40
    };
    let mut found = 0;
    for source in sources {
        for code in source.split('"').skip(1).step_by(2).filter(|word| is_code(word)) {
            assert!(TABLE.contains(&format!("`{code}`")), "{code} is not documented");
            found += 1;
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn what_it_has_no_use_for_is_refused() {
    let setup = Setup::new("flags");
    for (command, args) in [
        ("pentify", &["doctor", "--sandbox", "--json"][..]),
        ("pensar", &["doctor", "--sandbox", "--json"]),
        ("doorkey", &["doctor", "--trace", "x", "--json"]),
    ] {
        let refused = setup.run(command, args).expect(2).json();
        assert_eq!(refused["error"]["code"], "usage", "{refused}");
    }
}
