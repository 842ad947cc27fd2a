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
    /// It wants to be told more than its name, or makes no address of what it was told.
    pub fn find(text: &str) -> Result<Option<Self>, Failure> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let Ok(presets) = PRESETS.parse::<DocumentMut>() else { return Ok(None) };
        let Some(preset) = presets.get(name) else { return Ok(None) };
        let words = |key: &str| preset.get(key).and_then(Item::as_str);
        let takes_more = words("issuer").is_some_and(|issuer| issuer.contains("{}"));
        let rest = match rest.filter(|rest| !rest.is_empty()).or_else(|| words("default")) {
            Some(rest) if takes_more => rest,
            None if takes_more => return Err(incomplete(name)),
            _ => "",
        };
        let filled = |key: &str| words(key).map(|text| text.replace("{}", rest));
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

fn incomplete(name: &str) -> Failure {
    Failure::new(Exit::Usage, "usage", format!("{name} is at many places: which one?"))
        .next(format!("name it, as in `doorkey login {name}:HOST`"))
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
            let found = find(&format!("{name}:one.example.com"));
            assert!(Url::parse(&found.issuer).is_ok(), "{name}");
            names.push(name.to_owned());
        }
        assert_eq!(names, ["github", "gitlab", "google", "microsoft", "auth0", "keycloak"]);
    }

    #[test]
    fn what_follows_the_colon_is_where_it_is() {
        assert_eq!(find("gitlab").issuer, "https://gitlab.com");
        assert_eq!(find("gitlab:git.example.com").issuer, "https://git.example.com");
        let tenant = find("microsoft:contoso.example");
        assert!(tenant.endpoints.suffice());
        assert_eq!(tenant.issuer, "https://login.microsoftonline.com/contoso.example/v2.0");
        assert_eq!(find("auth0:one.example.com").issuer, "https://one.example.com/");
        assert_eq!(&*Preset::find("auth0").unwrap_err().code, "usage");
        assert_eq!(&*Preset::find("gitlab:a b").unwrap_err().code, "no_issuer");
        for other in ["https://auth.example.com", "example", ""] {
            assert_eq!(Preset::find(other).unwrap(), None, "{other}");
        }
    }
}
