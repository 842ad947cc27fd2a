//! The proxy variables, read strictly: a value that cannot be used is an error, never silently skipped.

use std::fmt;

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
    pub(crate) fn for_origin(&self, origin: &Origin) -> Result<Option<ureq::Proxy>, UnusableProxy> {
        let Some((variable, value)) = &self.proxy else { return Ok(None) };
        if origin.is_loopback() || self.excludes(origin.host()) {
            return Ok(None);
        }
        let unusable = || UnusableProxy { variable: variable.clone() };
        let value = value.expose_secret().trim();
        let supported = match value.split_once("://") {
            Some((scheme, _)) => matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https"),
            None => true,
        };
        if !supported {
            return Err(unusable());
        }
        let proxy = ureq::Proxy::new(value).map_err(|_| unusable())?;
        if proxy.host().is_empty() { Err(unusable()) } else { Ok(Some(proxy)) }
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
        Ok(proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())))
    }

    #[test]
    fn a_proxy_is_used_or_refused_never_skipped() {
        let api = "https://api.example";
        assert_eq!(chosen("", "", api), Ok(None));
        assert_eq!(chosen("http://proxy.example:3128", "", api), Ok(Some("proxy.example:3128".into())));
        assert_eq!(chosen("proxy.example:3128", "", api), Ok(Some("proxy.example:3128".into())));
        for unusable in ["http://[", "ftp://proxy.example", "socks5://proxy.example:1080", "http://", ":::"] {
            assert!(chosen(unusable, "", api).is_err(), "{unusable}");
        }
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
