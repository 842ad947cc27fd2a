//! The proxy variables. A proxy that cannot be used is an error, never silently skipped; `NO_PROXY` names hosts and domains,
//! and what is neither excludes nothing.

use std::fmt;

use doorkey_core::http::{FailureKind, RequestFailure};
use doorkey_core::secret::Secret;
use doorkey_core::url::Origin;

/// What the environment says about proxies. Empty values count as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// The variable's name and value: `HTTPS_PROXY`, else `ALL_PROXY`, in either case. The value may hold a password.
    pub proxy: Option<(String, Secret)>,
    /// `NO_PROXY`: hosts that are reached directly.
    pub no_proxy: Option<String>,
}

impl ProxySettings {
    /// Takes the settings from the environment's variables, as `lookup` finds them.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let find = |names: &[&str]| {
            names.iter().find_map(|name| {
                lookup(name).filter(|value| !value.trim().is_empty()).map(|value| ((*name).to_owned(), value))
            })
        };
        Self {
            proxy: find(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
                .map(|(name, value)| (name, Secret::new(value))),
            no_proxy: find(&["NO_PROXY", "no_proxy"]).map(|(_, value)| value),
        }
    }

    /// Whether requests to `origin` could leave.
    ///
    /// # Errors
    /// [`UnusableProxy`] if there is a value that is no http proxy.
    pub fn check(&self, origin: &Origin) -> Result<(), UnusableProxy> {
        self.for_origin(origin).map(drop)
    }

    /// The proxy to reach `origin` by; `None` for a direct connection. Loopback is always direct (invariant 16).
    ///
    /// # Errors
    /// [`UnusableProxy`] if there is a value that is no http proxy.
    pub fn for_origin(&self, origin: &Origin) -> Result<Option<Proxy>, UnusableProxy> {
        let Some((variable, value)) = &self.proxy else { return Ok(None) };
        if origin.is_loopback() || self.excludes(origin.host()) {
            return Ok(None);
        }
        let proxy = Proxy::parse(value.expose_secret().trim());
        proxy.map(Some).ok_or_else(|| UnusableProxy { variable: variable.clone() })
    }

    /// The failure of a request to `origin`: where a proxy was asked and nothing was sent, it is named, for what is wrong may
    /// be the proxy.
    #[must_use]
    pub fn attribute(&self, origin: &Origin, failure: RequestFailure) -> RequestFailure {
        match (&self.proxy, self.for_origin(origin)) {
            (Some((variable, _)), Ok(Some(_))) if failure.kind == FailureKind::NotSent => RequestFailure {
                detail: format!("{} (by the proxy in {variable})", failure.detail),
                ..failure
            },
            _ => failure,
        }
    }

    fn excludes(&self, host: &str) -> bool {
        self.no_proxy.as_deref().unwrap_or_default().split(',').map(str::trim).any(|pattern| {
            let suffix = pattern.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
            pattern == "*"
                || (!suffix.is_empty()
                    && (host == suffix
                        || host.strip_suffix(&suffix).is_some_and(|front| front.ends_with('.'))))
        })
    }
}

/// An HTTP proxy, which is asked by `CONNECT` (RFC 9110 §9.3.6) for a way to the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// Whether TLS is spoken with the proxy itself.
    pub is_https: bool,
    /// Its host, an IPv6 address in brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name and password to show to it (RFC 7617).
    pub credentials: Option<(String, Secret)>,
}

impl Proxy {
    /// `http://user:password@host:port` and shorter ones; user and password percent-encoded.
    fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        let (is_https, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, server) = match authority.rsplit_once('@') {
            Some((user, server)) => (Some(user), server),
            None => (None, authority),
        };
        let server: http::uri::Authority = server.parse().ok()?;
        if server.host().is_empty() {
            return None;
        }
        let port = match server.as_str().strip_prefix(server.host())? {
            "" => port,
            _ => server.port_u16()?,
        };
        let credentials = match user {
            None => None,
            Some(user) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                Some((decoded(name)?, Secret::new(decoded(password)?)))
            }
        };
        Some(Self { is_https, host: server.host().to_owned(), port, credentials })
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// A proxy variable holds something that is no http proxy. The value is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableProxy {
    /// The variable.
    pub variable: String,
}

impl fmt::Display for UnusableProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not hold a usable proxy (expected http://host:port)", self.variable)
    }
}

impl std::error::Error for UnusableProxy {}

#[cfg(test)]
mod tests {
    use doorkey_core::url::Url;

    use super::*;

    fn settings(proxy: &str, no_proxy: &str) -> ProxySettings {
        ProxySettings::from_variables(|name| match name {
            "HTTPS_PROXY" => Some(proxy.to_owned()),
            "NO_PROXY" => Some(no_proxy.to_owned()),
            _ => None,
        })
    }

    fn chosen(proxy: &str, no_proxy: &str, url: &str) -> Result<Option<String>, UnusableProxy> {
        let url = Url::parse(url).unwrap();
        let proxy = settings(proxy, no_proxy).for_origin(url.origin())?;
        Ok(proxy.map(|proxy| format!("{}:{}", proxy.host, proxy.port)))
    }

    #[test]
    fn a_proxy_is_used_or_refused_never_skipped() {
        let api = "https://api.example";
        assert_eq!(chosen("", "", api), Ok(None));
        assert_eq!(chosen("http://proxy.example:3128", "", api), Ok(Some("proxy.example:3128".into())));
        assert_eq!(chosen("proxy.example:3128", "", api), Ok(Some("proxy.example:3128".into())));
        for unusable in [
            "http://[",
            "ftp://proxy.example",
            "socks5://proxy.example:1080",
            "http://",
            ":::",
            "http://p:x",
            "http://p:",
        ] {
            assert!(chosen(unusable, "", api).is_err(), "{unusable}");
        }
    }

    #[test]
    fn a_proxy_in_full() {
        let proxy = Proxy::parse("HTTPS://us%40er:p%3Aw@[::1]:3128/").unwrap();
        let credentials = Some(("us@er".to_owned(), Secret::from("p:w")));
        assert_eq!(proxy, Proxy { is_https: true, host: "[::1]".into(), port: 3128, credentials });
        assert_eq!(Proxy::parse("https://p.example").unwrap().port, 443);
        assert!(!format!("{proxy:?}").contains("p:w"), "{proxy:?}");
    }

    #[test]
    fn loopback_and_excluded_hosts_are_direct() {
        assert_eq!(chosen("socks5://x", "", "http://127.0.0.1:80"), Ok(None));
        for (no_proxy, host, direct) in [
            ("*", "a.example", true),
            ("a.example", "a.example", true),
            (".example", "a.example", true),
            ("example", "a.example", true),
            ("*.example", "a.example", true),
            ("b.example, a.example", "a.example", true),
            ("a.example", "aa.example", false),
            ("xample", "a.example", false),
        ] {
            let chosen = chosen("http://proxy.example:1", no_proxy, &format!("https://{host}")).unwrap();
            assert_eq!(chosen.is_none(), direct, "{no_proxy} {host}");
        }
    }
}
