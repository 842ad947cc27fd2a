//! The audit itself: it must find what it is there for, or every page would pass.

use doorkey_tests::audit::faults;
use doorkey_tests::browser::Browser;
use doorkey_tests::sandbox::Sandbox;

#[test]
fn planted_faults_are_found() {
    let sandbox = Sandbox::start("audited", &[]);
    let browser = Browser::start("audited");
    // By script, since the pages' policy ignores styles that are written into them.
    let add = "const it = document.querySelector('main').appendChild(document.createElement('p')); it.textContent = 'some text'";
    let faint = format!("{add}; it.style.color = '#888888'; it.style.background = '#999999'");
    for (plant, found) in [
        ("document.querySelector('.brand img').removeAttribute('alt')", "image-alt"),
        (faint.as_str(), "light: color-contrast"),
        (faint.as_str(), "dark: color-contrast"),
        (&format!("{add}; it.style.width = '400px'"), "scrolls sideways"),
        ("document.body.appendChild(document.createElement('script'))", "has a script"),
    ] {
        browser.open(&format!("{}/sign-in", sandbox.app));
        assert_eq!(faults(&browser), [""; 0], "the page is good by itself");
        browser.open(&format!("{}/sign-in", sandbox.app));
        browser.session.execute(plant);
        let faults = faults(&browser);
        assert!(faults.iter().any(|fault| fault.contains(found)), "{plant} → {found}: {faults:?}");
    }
    browser.open("data:text/html,<title>x</title><main><h1>x</h1></main>");
    assert!(faults(&browser).iter().any(|fault| fault.contains("content security policy")));
}
