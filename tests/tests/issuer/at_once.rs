//! Many processes with one session at a strict issuer, around several expiries in real time.

use std::path::Path;
use std::process::Command;

use doorkey_tests::issuer::{Asked, Issuer, Options, What};
use doorkey_tests::measured;
use doorkey_tests::running::Running;
use doorkey_tests::scratch::Scratch;

use crate::logins::sign_in;

const PROCESSES: usize = 16;
/// In seconds. The issuer counts whole ones, so a token may die up to a second early: a tenth of this, when it is
/// refreshed, is more.
const LIFETIME: u64 = 12;
/// A token is due when less than a tenth of its life is left (invariant 10).
const DUE_MILLIS: u64 = LIFETIME * 900;
const EXPIRIES: usize = 3;

#[test]
fn sixteen_processes_refresh_once_for_each_expiry() {
    let folder = Scratch::new("many");
    let issuer = Issuer::start(&Options { access_lifetime: LIFETIME, ..Options::default() });
    sign_in("many", &issuer, &folder);
    let endpoints = serde_json::to_string(&issuer.at).unwrap();
    let tokens = (EXPIRIES + 1).to_string();
    let folder: &Path = &folder;
    let started: Vec<Running> = (0..PROCESSES)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_issuer-client"));
            command.env_clear().arg(&endpoints).arg(folder).arg(&tokens);
            Running::start(command)
        })
        .collect();
    let told = started.into_iter().map(|running| running.end().expect(0));
    let asked: Vec<Vec<Asked>> = told
        .map(|ended| ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
        .collect();
    let all = || asked.iter().flatten();

    for asked in all() {
        let died_meanwhile = asked.dead_for.is_some_and(|dead_for| dead_for <= asked.took);
        assert!(asked.status == 200 || died_meanwhile, "it was dead when it was asked for: {asked:?}");
    }
    let good = all().filter(|asked| asked.status == 200).count();

    let mut sent: Vec<u64> = all().flat_map(|asked| asked.sent_at.clone()).collect();
    sent.sort_unstable();
    assert!(sent.len() >= EXPIRIES, "{sent:?}");
    let between: Vec<u64> = sent.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(between.iter().all(|millis| *millis >= DUE_MILLIS), "none before its time: {between:?}");

    let numbers = issuer.events().into_iter().filter_map(|event| match event.what {
        What::Refreshed { number, .. } => Some(number),
        What::Reused { .. } | What::GrantRevoked { .. } | What::Fault { .. } => panic!("{event:?}"),
        What::Refused { ref error, .. } if error != "authorization_pending" => panic!("{event:?}"),
        _ => None,
    });
    let each_once: Vec<u64> = (1..).take(sent.len()).collect();
    assert_eq!(numbers.collect::<Vec<_>>(), each_once, "the issuer has seen what was sent, and nothing else");
    measured::told(format_args!(
        "oidc-provider: {PROCESSES} processes, {} refreshes, {} tokens handed out, {good} of them alive when used",
        sent.len(),
        all().count(),
    ));
}
