//! The proxy variables.

use doorkey_core::url::Origin;
use doorkey_host::ProxySettings;

/// Two lines: the proxy, and `NO_PROXY`. Loopback is always direct; a value that is no proxy is an error, not a direct
/// connection; the password is shown nowhere.
pub fn proxy(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (proxy, no_proxy) = text.split_once('\n').unwrap_or((text, ""));
    let settings = ProxySettings::from_variables(|name| match name {
        "HTTPS_PROXY" => Some(proxy.to_owned()),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    });
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
                assert!(password.len() < 24 || !format!("{settings:?}").contains(password));
            }
        }
        Err(unusable) => {
            let said = unusable.to_string();
            assert!(proxy.trim().len() < 24 || !said.contains(proxy.trim()), "{said}");
        }
    }
}

fn rest(pattern: &str) -> String {
    pattern.trim().trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase()
}
