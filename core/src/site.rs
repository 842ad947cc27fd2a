//! Which hosts belong together: what a server names is opened, or sent a credential, only on the service's own site
//! (invariants 17 and 18).

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::oauth::OAuth;
use crate::service::Service;
use crate::url::{Origin, Url};

/// Second labels below which a country's registry gives out names, as in `co.uk`.
const REGISTRIES: [&str; 9] = ["ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"];

impl Service {
    /// Whether a page may be opened in the person's browser: it is on the site of the API, the app or the issuer.
    pub fn has_page(&self, page: &Url) -> bool {
        let oauth = self.oauth.as_ref();
        let issuer = oauth.map(|oauth| {
            let endpoints = [Some(&oauth.token_endpoint), oauth.device_authorization_endpoint.as_ref()];
            endpoints.into_iter().flatten()
        });
        let is_named = |oauth: &OAuth| oauth.page_hosts.iter().any(|host| host == page.origin().host());
        self.has_host(page.origin())
            || issuer.into_iter().flatten().any(|endpoint| self.is_beside(page.origin(), endpoint.origin()))
            || oauth.is_some_and(is_named)
    }

    /// Whether the service's credentials may be sent there: it is on the site of the API, the app or the gateway. The
    /// issuer serves others, too.
    pub fn has_gateway(&self, gateway: &Url) -> bool {
        self.has_host(gateway.origin())
    }

    /// Whether a request with the service's token may go there (invariant 17): to its API, to its gateways, and to what
    /// [`OAuth::resources`] names. Of an issuer, neither a neighbour on the
    /// same site nor another port will do.
    pub fn takes_tokens(&self, origin: &Origin) -> bool {
        let is_gateway = self.gateway.is_some() && self.has_host(origin);
        let named = self.oauth.iter().flat_map(|oauth| &oauth.resources);
        origin == self.api.origin() || is_gateway || named.into_iter().any(|named| named == origin)
    }

    fn has_host(&self, origin: &Origin) -> bool {
        let own = [Some(&self.api), Some(&self.app), self.gateway.as_ref()];
        own.into_iter().flatten().any(|url| self.is_beside(origin, url.origin()))
    }

    /// A page on this machine is only for a service on this machine.
    fn is_beside(&self, origin: &Origin, known: &Origin) -> bool {
        same_site(origin, known) && origin.reach() >= self.api.origin().reach()
    }
}

/// Whether a host is on the same site as a known one: the same host, or in the domain that the known one is in (its
/// name without the first label, if at least two are left and they are not just a country's registry). A loopback
/// address goes with loopback addresses only, any other address with itself.
///
/// There is no list of public suffixes behind this: below a domain in which anybody can have a name (`github.io`), a
/// service's own hosts cannot be told from others.
pub fn same_site(origin: &Origin, known: &Origin) -> bool {
    if origin.is_loopback() || known.is_loopback() {
        return origin.is_loopback() && known.is_loopback();
    }
    if origin.host() == known.host() {
        return true;
    }
    let Some(domain) = domain(known.host()) else { return false };
    let rest = origin.host().strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || (rest.len() > 1 && rest.ends_with('.')))
}

/// The domain that a host name is in.
fn domain(host: &str) -> Option<&str> {
    if host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok() {
        return None;
    }
    let (_, domain) = host.split_once('.')?;
    let (rest, top) = domain.rsplit_once('.')?;
    let is_registry = top.len() == 2 && REGISTRIES.contains(&rest);
    (!rest.is_empty() && !top.is_empty() && !is_registry).then_some(domain)
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;
    use crate::service::PensarHosts;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_site_is_the_domain_of_a_known_host() {
        for (host, known, same) in [
            ("api.pensar.dev", "api.pensar.dev", true),
            ("API.pensar.dev:8443", "api.pensar.dev", true),
            ("console.pensar.dev", "api.pensar.dev", true),
            ("pensar.dev", "api.pensar.dev", true),
            ("a.b.pensar.dev", "api.pensar.dev", true),
            ("pensar.dev.evil.example", "api.pensar.dev", false),
            ("evilpensar.dev", "api.pensar.dev", false),
            (".pensar.dev", "api.pensar.dev", false),
            ("xn--pnsar-xya.dev", "api.pensar.dev", false),
            ("dev", "api.pensar.dev", false),
            ("evil.dev", "pensar.dev", false),
            ("login.pensar.dev", "pensar.dev", false),
            ("pensar.dev", "pensar.dev", true),
            ("other.co.uk", "pensar.co.uk", false),
            ("console.pensar.co.uk", "api.pensar.co.uk", true),
            ("other.io", "fly.io", false),
            ("page.fly.io", "api.fly.io", true),
            ("192.0.2.9", "192.0.2.9", true),
            ("5.0.2.9", "192.0.2.9", false),
            ("a.192.0.2.example", "192.0.2.9", false),
            ("[2001:db8::2]", "[2001:db8::1]", false),
            ("127.0.0.1", "127.0.0.2:8080", true),
            ("127.0.0.1", "[::1]", true),
            ("127.0.0.1", "api.pensar.dev", false),
            ("api.pensar.dev", "127.0.0.1", false),
            ("localhost", "127.0.0.1", false),
        ] {
            let (one, other) = (url(&format!("https://{host}")), url(&format!("https://{known}")));
            assert_eq!(same_site(one.origin(), other.origin()), same, "{host} beside {known}");
        }
    }

    fn service(base: &str) -> Service {
        let at = |host: &str| url(&base.replace('*', host));
        Service::pensar(
            PensarHosts {
                api: at("api"),
                console: at("console"),
                gateway: at("gateway"),
                workos: url("https://api.workos.com"),
            },
            "box".into(),
        )
    }

    #[test]
    fn pages_may_be_the_issuers_and_gateways_not() {
        let service = service("https://*.pensar.dev");
        for (text, page, gateway) in [
            ("https://console.pensar.dev/device?user_code=A", true, true),
            ("https://auth.pensar.dev/device", true, true),
            ("https://signin.workos.com/device", true, false),
            ("https://workos.com.evil.example/device", false, false),
            ("https://evil.example/device", false, false),
            ("http://127.0.0.1:8080/device", false, false),
        ] {
            assert_eq!(service.has_page(&url(text)), page, "{text}");
            assert_eq!(service.has_gateway(&url(text)), gateway, "{text}");
        }
    }

    #[test]
    fn tokens_of_an_issuer_go_to_it_and_to_what_is_named() {
        let url = url("https://auth.example.com/realms/one");
        let mut service =
            Service::issuer("https://auth.example.com/realms/one", "work", "box".into()).unwrap();
        let origin = |text: &str| Origin::parse(text).unwrap();
        let oauth = OAuth::new(url.join("/token"));
        service =
            service.with_oauth(OAuth { resources: vec![origin("https://api.example.com:8443")], ..oauth });
        for (text, allowed) in [
            ("https://auth.example.com", true),
            ("https://api.example.com:8443", true),
            ("https://api.example.com", false),
            ("https://auth.example.com:8443", false),
            ("https://www.example.com", false),
            ("https://example.com", false),
            ("http://127.0.0.1:8443", false),
        ] {
            assert_eq!(service.takes_tokens(&origin(text)), allowed, "{text}");
        }
    }

    #[test]
    fn tokens_of_a_service_go_to_its_api_and_its_gateways() {
        let pensar = service("https://*.pensar.dev");
        let pentify =
            Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "box".into());
        for (text, by_pensar, by_pentify) in [
            ("https://api.pensar.dev", true, false),
            ("https://eu.gateway.pensar.dev", true, false),
            ("https://api.workos.com", false, false),
            ("https://api.pentify.io", false, true),
            ("https://app.pentify.io", false, false),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!(pensar.takes_tokens(&origin), by_pensar, "{text}");
            assert_eq!(pentify.takes_tokens(&origin), by_pentify, "{text}");
        }
    }

    #[test]
    fn loopback_is_for_services_on_loopback() {
        let mut here = service("http://127.0.0.1:4000");
        assert!(
            here.has_page(&url("http://127.0.0.1:4001/device")) && here.has_gateway(&url("http://[::1]:1"))
        );
        assert!(!here.has_page(&url("https://console.pensar.dev/device")));
        // An issuer on loopback makes no page of it, while the API is elsewhere.
        here.api = url("https://api.pensar.dev");
        assert!(!here.has_page(&url("http://127.0.0.1:4001/device")));
        let by_name = Service { api: here.api, ..service("https://localhost:4000") };
        assert!(!by_name.has_page(&url("https://localhost:4001/device")));
        assert!(service("https://localhost:4000").has_page(&url("https://localhost:4001/device")));
    }
}
