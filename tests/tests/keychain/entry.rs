//! The keychain's entries as another program sees them.

use doorkey_tests::desktop::Desktop;
use serde_json::Value;

const SERVICE: &str = "pentify-terminal";
/// The account of the token in use.
pub(crate) const ACTIVE: &str = "api-token";

/// What `secret-tool` finds under this account, by either of the names that an account goes by.
pub(crate) fn lookup(desktop: &Desktop, account: &str) -> Option<Value> {
    let found = ["username", "account"].map(|attribute| {
        let found = desktop.run("secret-tool", &["lookup", "service", SERVICE, attribute, account], "");
        String::from_utf8(found.stdout).unwrap()
    });
    assert_eq!(found[0], found[1], "both names find the same");
    (!found[0].is_empty()).then(|| serde_json::from_str(&found[0]).unwrap())
}

/// The token in such an entry.
pub(crate) fn token(desktop: &Desktop, account: &str) -> String {
    let entry = lookup(desktop, account).unwrap_or_else(|| panic!("no entry {account}"));
    entry["token"].as_str().unwrap().to_owned()
}

/// Writes an entry as another program would.
pub(crate) fn store(desktop: &Desktop, account: &str, value: &Value) {
    let args = ["store", "--label=x", "service", SERVICE, "username", account, "account", account];
    let stored = desktop.run("secret-tool", &args, &value.to_string());
    assert!(stored.status.success(), "{stored:?}");
}
