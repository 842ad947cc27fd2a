//! The proxy variables.

use doorkey_core::url::Origin;
use doorkey_host::{ProxySettings, UnusableProxy};

/// Two lines: the proxy, and `NO_PROXY`. Loopback is always direct; a value that is no proxy is an error, not a direct
/// connection; the password is shown nowhere.
pub fn proxy(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (proxy, no_proxy) = text.split_once('\n').unwrap_or((text, ""));
    // Without the other variable, which is shown and may hold the same.
    let shown = format!("{:?}", settings(proxy, ""));
    let settings = settings(proxy, no_proxy);
    let origin = |text: &str| Origin::parse(text).expect("an origin");
    assert_eq!(settings.for_origin(&origin("http://127.0.0.1:8080")), Ok(None));
    let remote = origin("https://api.example.com");
    assert_eq!(settings.check(&remote).is_ok(), settings.for_origin(&remote).is_ok());
    match settings.for_origin(&remote) {
        Ok(None) => assert!(
            proxy.trim().is_empty()
                || no_proxy.split(',').any(|host| "api.example.com".ends_with(&rest(host))),
            "{text:?}"
        ),
        Ok(Some(proxy)) => {
            assert!(!proxy.host.is_empty() && !proxy.host.contains(['@', '/', '\r', '\n', ' ']), "{proxy:?}");
            if let Some((_, password)) = &proxy.credentials {
                let password = password.expose_secret();
                assert!(password.len() < 24 || !shown.contains(password));
            }
        }
        // It says which variable, and nothing of its value.
        Err(unusable) => assert_eq!(unusable, UnusableProxy { variable: "HTTPS_PROXY".to_owned() }),
    }
}

fn settings(proxy: &str, no_proxy: &str) -> ProxySettings {
    ProxySettings::from_variables(|name| match name {
        "HTTPS_PROXY" => Some(proxy.to_owned()),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    })
}

fn rest(pattern: &str) -> String {
    pattern.trim().trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase()
}
