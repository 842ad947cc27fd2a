//! Issuers that people have, as data: `presets.toml`.

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::metadata::Endpoints;
use doorkey_core::text::harmless;
use doorkey_core::url::Url;
use toml_edit::{DocumentMut, Item};

const PRESETS: &str = include_str!("presets.toml");

/// What is known of an issuer before it is asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its identifier.
    pub issuer: String,
    /// What its metadata lacks.
    pub endpoints: Endpoints,
    /// Hosts beside its own whose pages may be opened.
    pub page_hosts: Vec<String>,
}

impl Preset {
    /// The one of this name, like `github` or `gitlab:gitlab.example.com`; `None` if there is none.
    ///
    /// # Errors
    /// It wants to be told more than its name, or nothing more, or makes no address of what it was told.
    pub fn find(text: &str) -> Result<Option<Self>, Failure> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let Ok(presets) = PRESETS.parse::<DocumentMut>() else { return Ok(None) };
        let Some(preset) = presets.get(name) else { return Ok(None) };
        let words = |key: &str| preset.get(key).and_then(Item::as_str);
        let takes_more = words("issuer").is_some_and(|issuer| issuer.contains("{}"));
        let rest = rest.filter(|rest| !rest.is_empty());
        let rest = match rest.or_else(|| words("default")) {
            Some(_) if !takes_more => return Err(at_one_place(name)),
            Some(rest) => match words("below") {
                Some(folder) => below(rest, folder).ok_or_else(|| incomplete(name, words("form")))?,
                None => rest.to_owned(),
            },
            None if takes_more => return Err(incomplete(name, words("form"))),
            None => String::new(),
        };
        let filled = |key: &str| words(key).map(|text| text.replace("{}", &rest));
        let url = |key: &str| {
            let url =
                filled(key).map(|text| Url::parse(&text).map_err(|e| odd(text.as_str(), &e.to_string())));
            url.transpose()
        };
        let hosts = preset.get("page_hosts").and_then(Item::as_array).into_iter().flatten();
        Ok(Some(Self {
            issuer: filled("issuer").unwrap_or_default(),
            endpoints: Endpoints {
                authorization: url("authorization_endpoint")?,
                device_authorization: url("device_authorization_endpoint")?,
                token: url("token_endpoint")?,
                revocation: url("revocation_endpoint")?,
            },
            page_hosts: hosts.filter_map(|host| Some(host.as_str()?.to_owned())).collect(),
        }))
    }
}

/// `HOST/NAME` as `HOST/folder/NAME`, which may be written out; `None` if it is neither.
fn below(rest: &str, folder: &str) -> Option<String> {
    let rest = rest.trim_end_matches('/');
    let (before, name) =
        rest.rsplit_once('/').filter(|(before, name)| !before.is_empty() && !name.is_empty())?;
    match before.rsplit_once('/') {
        Some((_, last)) if last == folder => Some(rest.to_owned()),
        None if name != folder => Some(format!("{before}/{folder}/{name}")),
        _ => None,
    }
}

fn incomplete(name: &str, form: Option<&str>) -> Failure {
    Failure::new(Exit::Usage, "usage", format!("{name} is at many places: which one?"))
        .next(format!("name it, as in `doorkey login {name}:{}`", form.unwrap_or("HOST")))
}

fn at_one_place(name: &str) -> Failure {
    Failure::new(Exit::Usage, "usage", format!("{name} is at one place alone: nothing follows its name"))
        .next("give another issuer by its own address, like https://auth.example.com")
}

fn odd(text: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, "no_issuer", format!("{:?} is no address: {why}", harmless(text)))
        .next("correct what follows the colon")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Preset {
        Preset::find(text).unwrap().unwrap()
    }

    #[test]
    fn every_preset_makes_a_login_possible_and_has_its_source() {
        let presets: DocumentMut = PRESETS.parse().unwrap();
        let known = [
            "issuer",
            "form",
            "below",
            "default",
            "authorization_endpoint",
            "device_authorization_endpoint",
            "token_endpoint",
            "revocation_endpoint",
            "page_hosts",
            "source",
        ];
        let mut names = Vec::new();
        for (name, preset) in presets.iter() {
            let keys = preset.as_table().unwrap();
            assert!(keys.iter().all(|(key, _)| known.contains(&key)), "{name}");
            assert!(keys["source"].as_str().unwrap().starts_with("https://"), "{name}");
            let found = match Preset::find(name) {
                Ok(found) => found.unwrap(),
                Err(_) => find(&format!("{name}:one.example.com/staff")),
            };
            assert!(Url::parse(&found.issuer).is_ok(), "{name}");
            names.push(name.to_owned());
        }
        assert_eq!(names, ["github", "gitlab", "google", "microsoft", "auth0", "keycloak"]);
    }

    #[test]
    fn what_an_issuer_of_one_place_is_told_beyond_its_name_is_refused() {
        for text in ["github:ghe.example.com", "google:example.com", "github:https://ghe.example.com"] {
            let failure = Preset::find(text).unwrap_err();
            assert_eq!((failure.exit, &*failure.code), (Exit::Usage, "usage"), "{text}");
            assert!(failure.next.unwrap().contains("https://"), "{text}");
        }
        assert_eq!(find("github:"), find("github"));
    }

    #[test]
    fn a_keycloak_is_a_host_and_a_realm() {
        for (text, issuer) in [
            ("keycloak:sso.example.com/staff", "https://sso.example.com/realms/staff"),
            ("keycloak:sso.example.com/realms/staff", "https://sso.example.com/realms/staff"),
            ("keycloak:sso.example.com:8443/staff/", "https://sso.example.com:8443/realms/staff"),
            // Before Keycloak 17, and wherever a proxy puts it.
            ("keycloak:sso.example.com/auth/realms/staff", "https://sso.example.com/auth/realms/staff"),
            ("keycloak:sso.example.com/realms/realms", "https://sso.example.com/realms/realms"),
        ] {
            assert_eq!(find(text).issuer, issuer, "{text}");
        }
        for text in [
            "keycloak",
            "keycloak:",
            "keycloak:sso.example.com",
            "keycloak:sso.example.com/",
            "keycloak:a/b/c",
        ] {
            let failure = Preset::find(text).unwrap_err();
            assert_eq!(&*failure.code, "usage", "{text}");
            assert!(failure.next.unwrap().contains("keycloak:HOST/REALM"), "{text}");
        }
    }

    #[test]
    fn what_follows_the_colon_is_where_it_is() {
        assert_eq!(find("gitlab").issuer, "https://gitlab.com");
        assert_eq!(find("gitlab:git.example.com").issuer, "https://git.example.com");
        let tenant = find("microsoft:contoso.example");
        assert!(tenant.endpoints.suffice());
        assert_eq!(tenant.issuer, "https://login.microsoftonline.com/contoso.example/v2.0");
        assert_eq!(find("auth0:one.example.com").issuer, "https://one.example.com/");
        let domain = Preset::find("auth0").unwrap_err();
        assert!(&*domain.code == "usage" && domain.next.unwrap().contains("auth0:DOMAIN`"));
        assert_eq!(&*Preset::find("gitlab:a b").unwrap_err().code, "no_issuer");
        for other in ["https://auth.example.com", "example", ""] {
            assert_eq!(Preset::find(other).unwrap(), None, "{other}");
        }
    }
}
