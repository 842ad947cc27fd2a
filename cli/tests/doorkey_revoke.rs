//! `doorkey logout --revoke` without an answer: which commands tell the issuer later, and which do not.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};

/// What the issuer is told when both tokens of the first login are revoked.
const BOTH: [&str; 2] = [
    "client_id=cli&token=refresh-1&token_type_hint=refresh_token",
    "client_id=cli&token=access-1&token_type_hint=access_token",
];

struct Scene {
    issuer: Issuer,
    home: Home,
    revokes: Arc<AtomicBool>,
}

/// Signed out, and the issuer had no answer. From then on it has one.
fn pending(name: &str) -> Scene {
    let revokes = Arc::<AtomicBool>::default();
    let up = Arc::clone(&revokes);
    let issuer = Issuer::start(move |_| match up.load(Ordering::SeqCst) {
        true => Answer::json(200, "{}"),
        // Later than anybody waits for.
        false => Answer::with_headers(503, "retry-after: 3600\r\n", ""),
    });
    let home = Home::new(name);
    let scene = Scene { issuer, home, revokes };
    scene.login();
    let logout = scene.home.doorkey(&["logout", "--revoke"]).expect(8);
    assert!(logout.stderr.contains("  → run `doorkey logout` again when it can be reached"), "{logout:?}");
    assert_eq!(scene.told(), BOTH[..1]);
    scene.revokes.store(true, Ordering::SeqCst);
    scene
}

impl Scene {
    fn login(&self) -> sealed::Ended {
        self.home.login(&self.issuer, &["--revocation-endpoint", &format!("{}/revoke", self.issuer.url())])
    }

    /// What the revocation endpoint was told.
    fn told(&self) -> Vec<String> {
        let asked = self.issuer.asked();
        assert!(asked.iter().all(|asked| asked.path() == "/revoke"), "{asked:?}");
        asked.into_iter().map(|asked| String::from_utf8(asked.body).unwrap()).collect()
    }

    fn state(&self) -> String {
        let list = self.home.doorkey(&["list", "--json"]).expect(0).json();
        list["profiles"][0]["state"].as_str().unwrap().to_owned()
    }
}

#[test]
fn who_wants_a_token_does_not_wait_for_a_revocation() {
    let scene = pending("revoke-token");
    for args in [&["token"][..], &["exec", "true"], &["api", "/"], &["status"], &["list"]] {
        scene.home.doorkey(args).expect(if args == ["list"] { 0 } else { 3 });
    }
    assert_eq!(scene.state(), "revocation_pending");
    assert_eq!(scene.told().len(), 1);
}

#[test]
fn a_login_tells_the_issuer_of_the_earlier_one() {
    let scene = pending("revoke-login");
    let login = scene.login();
    assert!(login.stderr.contains("The issuer has revoked the tokens of the earlier login.\n"), "{login:?}");
    assert_eq!(scene.told()[1..], BOTH);
    assert_eq!(scene.state(), "signed_in");
    assert_eq!(scene.home.doorkey(&["token"]).expect(0).stdout.trim_end(), "access-2");
}

#[test]
fn a_login_says_what_could_not_be_revoked() {
    let scene = pending("revoke-lost");
    scene.revokes.store(false, Ordering::SeqCst);
    let login = scene.login();
    assert!(
        login.stderr.contains("warning: the issuer did not revoke the tokens of the earlier login: "),
        "{login:?}"
    );
    assert_eq!(scene.told().len(), 3, "once before the grant, once after it");
    assert_eq!(scene.state(), "signed_in");
}

#[test]
fn a_check_tells_the_issuer() {
    let scene = pending("revoke-check");
    scene.revokes.store(false, Ordering::SeqCst);
    let check = scene.home.doorkey(&["status", "--check"]).expect(3);
    assert!(check.stderr.contains("\nwarning: the issuer could not be told: "), "{check:?}");
    assert_eq!(scene.state(), "revocation_pending");

    scene.revokes.store(true, Ordering::SeqCst);
    let check = scene.home.doorkey(&["status", "--check", "--json"]).expect(3).json();
    assert_eq!((&check["revocation"], &check["state"]), (&"done".into(), &"signed_out".into()), "{check}");
    assert_eq!(scene.told()[2..], BOTH);
    let check = scene.home.doorkey(&["status", "--check", "--json"]).expect(3).json();
    assert_eq!(check["revocation"], "not_asked");
    assert_eq!(scene.told().len(), 4);
}
