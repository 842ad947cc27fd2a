//! What every page must keep: readable by everyone, on a small screen, without scripts.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::browser::Browser;

/// The narrowest screen that the pages are made for.
const NARROW: u64 = 360;
const WIDE: u64 = 1200;
const HEIGHT: u64 = 800;

/// Fails unless the page that is shown holds up, and keeps pictures of it as `name`.
pub fn check_page(browser: &Browser, name: &str) {
    let faults = faults(browser);
    assert!(faults.is_empty(), "page {name}: {faults:#?}");
    for width in [NARROW, WIDE] {
        for scheme in ["light", "dark"] {
            browser.prefer(scheme);
            browser.resize(width, HEIGHT);
            let whole = browser.session.execute("return document.documentElement.scrollHeight").as_u64();
            browser.resize(width, whole.unwrap().max(HEIGHT / 2));
            browser.screenshot(&pictures().join(format!("{name}-{width}-{scheme}.png")));
        }
    }
    browser.prefer("light");
}

/// Everything that is wrong with the page that is shown.
pub fn faults(browser: &Browser) -> Vec<String> {
    let mut faults = Vec::new();
    browser.resize(NARROW, HEIGHT);
    let width = browser.session.execute("return document.documentElement.scrollWidth").as_u64().unwrap();
    if width > NARROW {
        faults.push(format!("scrolls sideways: {width} of {NARROW} px"));
    }
    if !browser.session.find("//script").is_empty() {
        faults.push("has a script".to_owned());
    }
    // The list of the protocol's log is emptied by asking.
    if let Some(answer) = browser.answers().last() {
        let policy = answer.headers["content-security-policy"].as_str().unwrap_or_default();
        for wanted in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            if !policy.contains(wanted) {
                faults.push(format!("its content security policy lacks {wanted}: {policy:?}"));
            }
        }
    } else {
        faults.push("was never answered by a server".to_owned());
    }
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        faults.extend(axe(browser).into_iter().map(|fault| format!("{scheme}: {fault}")));
    }
    faults
}

/// What axe-core finds.
fn axe(browser: &Browser) -> Vec<String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("npm/node_modules/axe-core/axe.min.js");
    let program = std::fs::read_to_string(&program)
        .unwrap_or_else(|e| panic!("axe-core is missing ({e}): run tests/install"));
    browser.session.execute(&program);
    let result = browser.session.execute_async(
        "const done = arguments[arguments.length - 1];
         axe.run().then(done, error => done({failed: String(error)}))",
    );
    assert_eq!(result["failed"], Value::Null);
    let passed = result["passes"].as_array().unwrap();
    assert!(passed.iter().any(|rule| rule["id"] == "color-contrast"), "it has looked at nothing: {result}");
    let violations = result["violations"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    violations.map(|found| format!("{}: {}", text(&found["id"]), text(&found["nodes"][0]["html"]))).collect()
}

/// Where pictures of the pages go.
pub fn pictures() -> PathBuf {
    let folder = std::env::var_os("DOORKEY_SCREENSHOTS").map_or_else(
        || {
            let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
            let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
            target.unwrap_or_else(ours).join("screenshots")
        },
        PathBuf::from,
    );
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
