//! Variables that get in the way.

use crate::setup::Setup;

#[test]
fn a_token_in_the_environment() {
    let mut setup = Setup::new("hidden");
    setup.sealed.set("DOORKEY_TOKEN", "another");
    setup.doctor(&["--offline"]).expect(0, &["(token_hides_login)"]);
    setup.sealed.set("DOORKEY_TOKEN", "two words");
    setup.doctor(&["--offline"]).expect(2, &["malformed_token"]);
    std::fs::remove_file(setup.config().join("credentials")).unwrap();
    setup.sealed.set("DOORKEY_TOKEN", "another");
    setup.doctor(&["--offline"]).expect(0, &[]);

    let mut setup = Setup::pentify("hidden");
    setup.sealed.set("PENTIFY_API_TOKEN", "pt_live_abcdefghijklmnopqrstuvwx");
    setup.doctor(&["--offline"]).expect(0, &["(keychain_absent)", "(token_hides_login)"]);
    setup.sealed.set("PENTIFY_API_TOKEN", "no token");
    setup.doctor(&["--offline"]).expect(2, &["(keychain_absent)", "malformed_token"]);
}

#[test]
fn certificates_that_are_not_there() {
    for (variable, value) in [
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
        ("SSL_CERT_FILE", "/dev/zero"),
        ("SSL_CERT_FILE", "/proc/self/status"),
        ("SSL_CERT_FILE", ""),
        ("SSL_CERT_DIR", "/nonexistent:/also/nonexistent"),
        ("SSL_CERT_DIR", ""),
    ] {
        let mut setup = Setup::new("certificates");
        // Not asked: it would fail for the same reason.
        setup.configure("store = \"plain-file\"\n[profiles.other]\nissuer = \"https://a.invalid\"\ntoken_endpoint = \"https://a.invalid/\"\n");
        setup.sealed.set(variable, value);
        setup.doctor(&[]).expect(2, &["unusable_certificates"]);
    }
}

#[test]
fn a_browser_that_is_not_there() {
    let mut setup = Setup::new("browser");
    setup.sealed.set("BROWSER", "no-such-browser %s:/no/such/browser");
    setup.doctor(&["--offline"]).expect(0, &["(no_browser)"]);
    setup.sealed.set("BROWSER", "no-such-browser:true");
    setup.doctor(&["--offline"]).expect(0, &[]);
    setup.sealed.unset("BROWSER").set("DISPLAY", ":9").set("PATH", "/nonexistent");
    setup.doctor(&["--offline"]).expect(0, &["(no_browser)"]);
}
