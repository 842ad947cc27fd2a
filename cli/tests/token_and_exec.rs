//! `token` and `exec` of `pentify` and `pensar`: as `doorkey`'s, with the tokens and variables of these services.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use doorkey_sandbox::pensar::account;
use sealed::apex::Apex;
use sealed::scene::{Scene, TOKEN};
use serde_json::Value;

const OTHERS: &str = "printf '%s\\n' \"$PENTIFY_API_TOKEN\" \"$PENSAR_ACCESS_TOKEN\" \"$DOORKEY_TOKEN\"";

#[test]
fn pentify_hands_out_the_token_that_it_would_send() {
    let mut scene = Scene::new("token", |_| Vec::new());
    let signed_out = scene.run(&["token"]).expect(3);
    assert_eq!(signed_out.stdout, "");
    scene.sign_in();
    let stored = scene.run(&["token"]).expect(0).stdout;
    assert!(stored.starts_with("pt_live_") && stored.lines().count() == 1, "{stored}");
    scene.sealed.set("DOORKEY_TOKEN", "another").set("PENTIFY_API_TOKEN", TOKEN);
    assert_eq!(scene.run(&["token"]).expect(0).stdout, format!("{TOKEN}\n"));
    let json = scene.run(&["token", "--json"]).expect(0).json();
    assert_eq!((&json["access_token"], &json["expires_in"]), (&TOKEN.into(), &Value::Null));
    let exec = scene.run(&["exec", "--", "sh", "-c", OTHERS]).expect(0);
    assert_eq!(exec.stdout, format!("{TOKEN}\n\n\n"));
    let named = scene.run(&["exec", "--variable", "NAMED", "printenv", "NAMED"]).expect(0);
    assert_eq!(named.stdout, format!("{TOKEN}\n"));
    assert_eq!(scene.run(&["exec", "--", "sh", "-c", "exit 7"]).expect(7).stderr, "");
    let missing = scene.run(&["--json", "exec", "--", "no-such-command"]).expect(2);
    assert_eq!(missing.stdout, "", "standard output is the command's");
    assert!(missing.stderr.starts_with("error: there is no command"), "{missing:?}");
    assert!(scene.api.requests().is_empty(), "nobody is asked");
}

#[test]
fn pensar_renews_what_is_due_before_it_hands_it_out() {
    let apex = Apex::new("token-pensar");
    assert_eq!(apex.pensar(&["token"]).expect(3).stdout, "");
    apex.login(account::SOLO, &[]).expect(0);
    let first = apex.pensar(&["token"]).expect(0).stdout;
    assert_eq!(apex.pensar(&["token"]).expect(0).stdout, first);
    apex.make_due();
    let exec = apex.pensar(&["exec", "--", "sh", "-c", OTHERS]).expect(0);
    let renewed = exec.stdout.trim().to_owned();
    assert!(!renewed.is_empty() && renewed != first.trim_end(), "{exec:?}");
    assert_eq!(apex.pensar(&["token"]).expect(0).stdout.trim_end(), renewed);
    let missing = apex.pensar(&["exec", "--json", "--", "no-such-command"]).expect(2);
    assert_eq!(missing.stdout, "", "standard output is the command's");
    apex.expect_good_grade();
}
