//! URLs and origins (invariant 16).

use doorkey_core::secret::Secret;
use doorkey_core::url::{Origin, Text, Url};

/// What is accepted is safe to send something to, prints as something that is read as the same, and shows no value.
pub fn url(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(url) = Url::parse(text) {
        check(&url);
        assert_eq!(host(text), host(&url.to_string()), "{text:?}");
        assert_eq!(Url::parse(url.expose().expose_secret()).as_ref(), Ok(&url), "{text:?}");
        let more = url.clone().with("a&b=", "c #ü\u{1b}+").with("d", Text::from("e"));
        let again = Url::parse(more.expose().expose_secret()).expect("what was encoded is read");
        assert_eq!(again.query().len(), url.query().len() + 2);
        let added = &again.query()[url.query().len()];
        assert_eq!((added.0.as_str(), added.1.expose()), ("a&b=", "c #ü\u{1b}+"));
        let joined = url.join("/x");
        assert_eq!(joined.origin(), url.origin());
        assert_eq!(Url::parse(&joined.to_string()), Ok(joined));
        // Whatever the values are, what is shown is the same.
        let names = url.query().iter().map(|(name, _)| name);
        let without = names.fold(url.at_root(url.path()), |url, name| url.with(name, Secret::default()));
        assert_eq!(url.to_string(), without.to_string());
    }
    if let Ok(url) = Url::parse_as_written(text) {
        check(&url);
        let written = text.split_once('?').map(|(_, query)| query);
        let target = url.expose_target();
        assert_eq!(target.expose_secret().split_once('?').map(|(_, query)| query), written, "{text:?}");
        assert_eq!(Url::parse_as_written(url.expose().expose_secret()).as_ref(), Ok(&url), "{text:?}");
    }
    if let Ok(origin) = Origin::parse(text) {
        assert_eq!(Origin::parse(&origin.to_string()).as_ref(), Ok(&origin));
        assert_eq!(Url::parse(text).map(|url| url.origin().clone()), Ok(origin));
    }
}

/// What stands between the scheme and a port, without a look at what is in it.
fn host(text: &str) -> String {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if is_port { host } else { authority }.to_ascii_lowercase()
}

fn check(url: &Url) {
    let origin = url.origin();
    assert!(origin.is_https() || origin.is_loopback(), "{url}");
    assert!(!origin.host().bytes().any(|b| b.is_ascii_uppercase() || b == b'@'), "{url}");
    assert!(!origin.host().contains(['[', ']']), "{url}");
    let whole = url.expose();
    let whole = whole.expose_secret();
    assert!(whole.bytes().all(|b| b.is_ascii_graphic()) && !whole.contains('#'), "{whole:?}");
    let uri: http::Uri = whole.parse().expect("what is sent is a URI");
    assert_eq!(uri.path(), url.path());
    assert!(url.path().starts_with('/'), "{whole:?}");
}
