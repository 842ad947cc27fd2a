//! `config.toml`: the profiles, which of them is active, and where credentials go. No secrets.

use std::path::PathBuf;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::metadata::{Endpoints, Metadata};
use doorkey_core::oauth::OAuth;
use doorkey_core::resolve::store_failure;
use doorkey_core::service::Service;
use doorkey_core::text::harmless;
use doorkey_core::url::{Origin, Url};
use doorkey_store::ConfigFile;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

/// The names in the file.
const ACTIVE: &str = "active";
const STORE: &str = "store";
const KEY_FILE: &str = "key_file";
const PROFILES: &str = "profiles";
const ISSUER: &str = "issuer";
const CLIENT_ID: &str = "client_id";
const SCOPE: &str = "scope";
const AUTHORIZATION: &str = "authorization_endpoint";
const DEVICE_AUTHORIZATION: &str = "device_authorization_endpoint";
const TOKEN: &str = "token_endpoint";
const REVOCATION: &str = "revocation_endpoint";
const NAMES_ISSUER: &str = "names_issuer";
const PAGE_HOSTS: &str = "page_hosts";
const API: &str = "api";

/// The file.
#[derive(Debug)]
pub struct SettingsFile {
    file: ConfigFile,
}

/// What it said when it was read.
#[derive(Debug)]
pub struct Settings {
    document: DocumentMut,
}

/// An issuer, and who signs in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The issuer, with everything that its metadata said when the login was made.
    pub oauth: OAuth,
}

impl SettingsFile {
    /// The file at this path, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self { file: ConfigFile::new(path) }
    }

    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or has a setting that nobody knows or of another kind: who wrote it wants something, and
    /// as unset it would be done otherwise, tokens kept as plain text, say.
    pub fn read(&self) -> Result<Settings, Failure> {
        let text = self.file.read().map_err(store_failure)?;
        let document =
            parse(text.expose_secret()).map_err(|why| store_failure(self.file.unreadable(&why)))?;
        check(&document)?;
        Ok(Settings { document })
    }

    /// Nobody is sent to a browser for a login that could not be remembered.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn probe(&self) -> Result<(), Failure> {
        self.file.probe().map_err(store_failure)
    }

    /// Remembers a profile, with what it says by now beyond what was known when the login began, and makes it the active one.
    ///
    /// # Errors
    /// It cannot be written, or is not TOML.
    pub fn keep(&self, profile: &Profile) -> Result<(), Failure> {
        self.change(|document| remember(document, profile))
    }

    /// Makes a profile the active one.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn activate(&self, name: &str) -> Result<(), Failure> {
        self.change(|document| {
            set(document.as_item_mut(), ACTIVE, Some(value(name)));
            Ok(())
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut DocumentMut) -> Result<(), &'static str>,
    ) -> Result<(), Failure> {
        let edit = |text: &str| {
            let mut document = parse(text)?;
            change(&mut document)?;
            Ok(document.to_string())
        };
        self.file.change(edit).map_err(store_failure)
    }
}

impl Settings {
    /// The active profile's name.
    pub fn active(&self) -> Option<&str> {
        self.document.get(ACTIVE)?.as_str()
    }

    /// Where credentials go, if it says so.
    pub fn store(&self) -> Option<&str> {
        self.document.get(STORE)?.as_str()
    }

    /// The file with the key of the encrypted store, if it names one.
    pub fn key_file(&self) -> Option<&str> {
        self.document.get(KEY_FILE)?.as_str()
    }

    /// The names of all profiles, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.document
            .get(PROFILES)
            .and_then(Item::as_table_like)
            .into_iter()
            .flat_map(|profiles| profiles.iter())
            .map(|(name, _)| name)
    }

    /// A profile; `None` if there is none of this name.
    ///
    /// # Errors
    /// What it says cannot be used.
    pub fn profile(&self, name: &str) -> Result<Option<Profile>, Failure> {
        let Some(entry) = self.document.get(PROFILES).and_then(|profiles| profiles.get(name)) else {
            return Ok(None);
        };
        let oauth = read(entry).map_err(|why| unusable(name, &why))?;
        Ok(Some(Profile { name: name.to_owned(), oauth }))
    }
}

impl Profile {
    /// Where a path without a host goes: the first API, else the issuer.
    ///
    /// # Errors
    /// It cannot be written as a URL.
    pub fn base(&self, service: &Service) -> Result<Url, Failure> {
        let origin = self.oauth.resources.first().unwrap_or_else(|| service.api.origin());
        Url::parse(&origin.to_string()).map_err(|e| unusable(&self.name, &format!("{API}: {e}")))
    }

    /// Whether its tokens may be sent there (invariant 17).
    ///
    /// # Errors
    /// Its issuer is none.
    pub fn may_send_to(&self, origin: &Origin) -> Result<bool, Failure> {
        Ok(self.service(String::new())?.takes_tokens(origin))
    }

    /// What the last login knew of its issuer.
    pub fn metadata(&self) -> Metadata {
        let endpoints = Endpoints {
            authorization: self.oauth.authorization_endpoint.clone(),
            device_authorization: self.oauth.device_authorization_endpoint.clone(),
            token: Some(self.oauth.token_endpoint.clone()),
            revocation: self.oauth.revocation_endpoint.clone(),
        };
        Metadata {
            issuer: self.oauth.issuer.clone().unwrap_or_default(),
            endpoints,
            names_issuer: self.oauth.names_issuer,
            speaks_openid: false,
        }
    }

    /// The profile as TOML, for somewhere else.
    pub fn encode(&self) -> String {
        let mut document = DocumentMut::new();
        document[ACTIVE] = value(&self.name);
        write(document.entry(PROFILES).or_insert_with(toml_edit::table), &self.oauth);
        document.to_string()
    }

    /// Reads it back.
    ///
    /// # Errors
    /// What it says cannot be used.
    pub fn decode(text: &str) -> Result<Self, Failure> {
        let odd = |why: &str| unusable("that was begun", why);
        let document = parse(text).map_err(|why| odd(&why))?;
        let name = document.get(ACTIVE).and_then(Item::as_str).ok_or_else(|| odd("it has no name"))?;
        let oauth = document.get(PROFILES).ok_or_else(|| odd("it is empty")).map(read)?;
        Ok(Self { name: name.to_owned(), oauth: oauth.map_err(|why| odd(&why))? })
    }

    /// The service behind it.
    ///
    /// # Errors
    /// Its issuer is none.
    pub fn service(&self, device_name: String) -> Result<Service, Failure> {
        let issuer = self.oauth.issuer.as_deref().unwrap_or_default();
        let service = Service::issuer(issuer, &self.name, device_name);
        let service = service.map_err(|e| unusable(&self.name, &format!("issuer: {e}")))?;
        Ok(service.with_oauth(self.oauth.clone()))
    }
}

/// Appends what a list does not have yet.
pub fn add_missing<T: PartialEq>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

/// Adds what the stored state of a profile has beyond a login's: a person may have added to its lists meanwhile, and another
/// login may have learned that the issuer names itself.
fn join(oauth: &mut OAuth, stored: Option<OAuth>) {
    let Some(stored) = stored.filter(|stored| stored.issuer == oauth.issuer) else { return };
    oauth.names_issuer |= stored.names_issuer;
    add_missing(&mut oauth.page_hosts, stored.page_hosts);
    add_missing(&mut oauth.resources, stored.resources);
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse::<DocumentMut>().map_err(|e| {
        let first = e.message().lines().next().unwrap_or_default();
        let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("is not TOML (line {}: {first})", before.matches('\n').count() + 1)
    })
}

/// Whether every setting is one of ours, and of its kind. What a profile says is looked at when it is used: one that cannot be
/// must not hide the others.
fn check(document: &DocumentMut) -> Result<(), Failure> {
    for (key, item) in document.iter() {
        let kind = match key {
            ACTIVE | STORE | KEY_FILE if item.is_str() => continue,
            PROFILES if item.is_table_like() => continue,
            ACTIVE | STORE | KEY_FILE => "is no text",
            PROFILES => "is no table of profiles",
            _ => "is no setting that there is",
        };
        let what = format!("`{}` in config.toml {kind}", harmless(key));
        return Err(
            Failure::new(Exit::Usage, "unusable_setting", what).next("correct or remove it, then try again")
        );
    }
    Ok(())
}

/// Into the document, and as the active profile.
fn remember(document: &mut DocumentMut, profile: &Profile) -> Result<(), &'static str> {
    let profiles = document.entry(PROFILES).or_insert_with(|| {
        let mut profiles = Table::new();
        profiles.set_implicit(true);
        Item::Table(profiles)
    });
    let new = if profiles.is_table() { toml_edit::table() } else { value(InlineTable::new()) };
    let profiles = profiles.as_table_like_mut().ok_or("has no table of profiles")?;
    let mut oauth = profile.oauth.clone();
    match profiles.get(&profile.name).filter(|entry| entry.is_table_like()) {
        Some(entry) => join(&mut oauth, read(entry).ok()),
        // None, or nothing that could be used: made anew.
        None => drop(profiles.insert(&profile.name, new)),
    }
    write(profiles.get_mut(&profile.name).ok_or("has no place for a profile")?, &oauth);
    set(document.as_item_mut(), ACTIVE, Some(value(&profile.name)));
    Ok(())
}

/// Into a table.
fn write(entry: &mut Item, oauth: &OAuth) {
    let url = |url: Option<&Url>| url.map(|url| url.expose().expose_secret().to_owned());
    let list = |list: Array| (!list.is_empty()).then(|| value(list));
    let values = [
        (ISSUER, oauth.issuer.clone().map(value)),
        (CLIENT_ID, oauth.client_id.clone().map(value)),
        (SCOPE, oauth.scope.clone().map(value)),
        (AUTHORIZATION, url(oauth.authorization_endpoint.as_ref()).map(value)),
        (DEVICE_AUTHORIZATION, url(oauth.device_authorization_endpoint.as_ref()).map(value)),
        (TOKEN, url(Some(&oauth.token_endpoint)).map(value)),
        (REVOCATION, url(oauth.revocation_endpoint.as_ref()).map(value)),
        (NAMES_ISSUER, oauth.names_issuer.then(|| value(true))),
        (PAGE_HOSTS, list(oauth.page_hosts.iter().collect())),
        (API, list(oauth.resources.iter().map(Origin::to_string).collect())),
    ];
    for (key, value) in values {
        set(entry, key, value);
    }
}

/// Sets or removes a value. What people wrote around it stays, and one that says the same already is left alone.
fn set(table: &mut Item, key: &str, new: Option<Item>) {
    let Some(table) = table.as_table_like_mut() else { return };
    match (new.and_then(|new| new.into_value().ok()), table.get_mut(key).and_then(Item::as_value_mut)) {
        (None, _) => drop(table.remove(key)),
        (Some(new), Some(old)) if says_the_same(old, &new) => {}
        (Some(mut new), Some(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        (Some(new), None) => drop(table.insert(key, Item::Value(new))),
    }
}

/// However it is written.
fn says_the_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| says_the_same(one, other))
        }
        _ => match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_bool().is_some() && one.as_bool() == other.as_bool(),
        },
    }
}

fn read(entry: &Item) -> Result<OAuth, String> {
    let text = |key: &str| match entry.get(key) {
        None => Ok(None),
        Some(item) => item.as_str().map(|text| Some(text.to_owned())).ok_or(format!("{key} is no text")),
    };
    let url = |key: &str| {
        let url = text(key)?.map(|text| Url::parse(&text).map_err(|e| format!("{key}: {e}")));
        url.transpose()
    };
    let texts = |key: &str| {
        let no_list = || format!("{key} is no list of texts");
        let list = entry.get(key).map(|item| item.as_array().ok_or_else(no_list)).transpose()?;
        let texts = list.into_iter().flatten().map(|item| item.as_str().ok_or_else(no_list));
        texts.collect::<Result<Vec<_>, _>>()
    };
    let switch = |key: &str| {
        let switch =
            entry.get(key).map(|item| item.as_bool().ok_or(format!("{key} is neither true nor false")));
        switch.transpose()
    };
    let origin = |text| Origin::parse(text).map_err(|e| format!("{API}: {e}"));
    Ok(OAuth {
        issuer: Some(text(ISSUER)?.ok_or("it has no issuer")?),
        authorization_endpoint: url(AUTHORIZATION)?,
        device_authorization_endpoint: url(DEVICE_AUTHORIZATION)?,
        revocation_endpoint: url(REVOCATION)?,
        scope: text(SCOPE)?,
        names_issuer: switch(NAMES_ISSUER)?.unwrap_or_default(),
        page_hosts: texts(PAGE_HOSTS)?.into_iter().map(str::to_ascii_lowercase).collect(),
        resources: texts(API)?.into_iter().map(origin).collect::<Result<_, _>>()?,
        client_id: text(CLIENT_ID)?,
        ..OAuth::new(url(TOKEN)?.ok_or("it has no token_endpoint")?)
    })
}

fn unusable(name: &str, why: &str) -> Failure {
    let what = format!("the profile {:?} in config.toml cannot be used: {}", harmless(name), harmless(why));
    Failure::new(Exit::Usage, "unusable_profile", what).next("correct it, or sign in anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "# mine\nactive = \"work\" # for now\n\n[profiles.work] # at the office\n\
        issuer = \"https://auth.example.com\"\nclient_id = \"cli\" # registered in May\n\
        token_endpoint = 'https://auth.example.com/token'\n# where things are\n\
        api = [\n  \"https://api.example.com\", # the first\n]\n";

    fn profile(text: &str) -> Profile {
        Settings { document: parse(text).unwrap() }.profile("work").unwrap().unwrap()
    }

    /// What a login makes of a text.
    fn kept(text: &str, profile: &Profile) -> String {
        let mut document = parse(text).unwrap();
        remember(&mut document, profile).unwrap();
        document.to_string()
    }

    #[test]
    fn what_people_wrote_stays() {
        let mut profile = profile(WRITTEN);
        assert_eq!(kept(WRITTEN, &profile), WRITTEN);
        profile.oauth.client_id = Some("other".into());
        profile.oauth.scope = Some("openid".into());
        let changed = WRITTEN.replace("\"cli\" #", "\"other\" #") + "scope = \"openid\"\n";
        assert_eq!(kept(WRITTEN, &profile), changed);
    }

    /// Why a text cannot be used; `None` if it can.
    fn refused(text: &str) -> Option<Failure> {
        check(&parse(text).unwrap()).err()
    }

    #[test]
    fn what_is_of_another_kind_or_nobodys_is_told_by_its_name() {
        assert_eq!(refused(WRITTEN), None);
        assert_eq!(refused("store = \"plain-file\"\nkey_file = \"/k\"\nprofiles.work.issuer = \"x\""), None);
        for (text, key) in [
            ("store = [\"encrypted-file\"]", "`store`"),
            ("store = true", "`store`"),
            ("[store]\nis = \"encrypted-file\"", "`store`"),
            ("active = 1", "`active`"),
            ("key_file = [\"/k\"]", "`key_file`"),
            ("profiles = []", "`profiles`"),
            ("[[profiles]]\nissuer = \"https://a.example\"", "`profiles`"),
            ("stores = \"encrypted-file\"", "`stores`"),
            ("Store = \"encrypted-file\"", "`Store`"),
        ] {
            let failure = refused(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((failure.exit, &*failure.code), (Exit::Usage, "unusable_setting"), "{text}");
            assert!(failure.message.contains(key) && failure.next.is_some(), "{failure:?}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        for (text, line) in [("active = 1\n\nnonsense\n", 3), ("active 1", 1), ("\nactive = \"x", 2)] {
            let why = parse(text).unwrap_err();
            assert!(why.starts_with(&format!("is not TOML (line {line}: ")), "{why}");
        }
    }

    #[test]
    fn whether_an_issuer_names_itself_is_yes_or_no() {
        for (said, named) in [("true", Some(true)), ("false", Some(false)), ("\"true\"", None), ("1", None)] {
            let text = WRITTEN.to_owned() + "names_issuer = " + said;
            let settings = Settings { document: parse(&text).unwrap() };
            match (settings.profile("work"), named) {
                (Ok(Some(profile)), Some(named)) => assert_eq!(profile.oauth.names_issuer, named),
                (Err(failure), None) => assert!(failure.message.contains("names_issuer"), "{failure:?}"),
                (other, _) => panic!("{said}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_profile_is_read_back_as_it_was() {
        let mut profile = profile(WRITTEN);
        profile.oauth.names_issuer = true;
        profile.oauth.page_hosts = ["www.example.com".to_owned()].into();
        assert_eq!(Profile::decode(&profile.encode()).unwrap(), profile);
    }

    #[test]
    fn what_was_added_while_somebody_signed_in_stays() {
        let began = profile(WRITTEN);
        let more = "\"https://other.example\",\n  \"https://api.example.com\"";
        let meanwhile = WRITTEN.replace("\"https://api.example.com\"", more) + "names_issuer = true\n";
        let ends = profile(&kept(&meanwhile, &began));
        assert!(ends.oauth.names_issuer);
        assert_eq!(ends.oauth.resources.len(), 2);
        // What is said of another issuer is not said of this one.
        let elsewhere = meanwhile.replace("https://auth.example.com\"", "https://auth.other.example\"");
        assert_eq!(profile(&kept(&elsewhere, &began)), began);
    }

    #[test]
    fn profiles_may_be_written_in_one_line_and_what_is_none_is_made_anew() {
        let profile = profile(WRITTEN);
        for text in [
            "profiles = { work = { issuer = \"https://auth.example.com\", token_endpoint = 1 } } # mine\n",
            "profiles = { other = 3 }\n",
            "profiles = {}\n",
            "[profiles]\nwork = 3\n",
            "profiles.work = 3\n",
            "",
        ] {
            let settings = Settings { document: parse(&kept(text, &profile)).unwrap() };
            assert_eq!(settings.profile("work"), Ok(Some(profile.clone())), "{text}");
            assert_eq!(settings.active(), Some("work"), "{text}");
        }
    }
}
