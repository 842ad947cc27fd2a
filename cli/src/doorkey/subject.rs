//! What `doorkey doctor` looks at: all profiles, or the one that `--profile` names.

use doorkey_core::failure::Failure;
use doorkey_core::record::Backend;
use doorkey_core::secret::Secret;
use doorkey_core::token::bearer_given;
use doorkey_core::url::Url;
use doorkey_store::KeychainConfig;

use crate::doctor::{GivenToken, Host, Login, Subject};
use crate::environment::Environment;
use crate::place::KEYCHAIN_LIMIT;
use crate::signals::Watch;

use super::place::{FOLDER, Profiles, folder, unknown};
use super::run::{TOKEN, USER_AGENT};
use super::settings::Profile;

/// What there is, and what of it cannot be used.
pub fn subject(environment: &Environment, named: Option<String>, watch: Watch) -> Subject {
    let mut subject = Subject {
        folder: folder(environment),
        user_agent: USER_AGENT,
        token: environment.get(TOKEN).map(|text| GivenToken {
            variable: TOKEN,
            usable: bearer_given(Secret::from(text), TOKEN).map(drop),
        }),
        ..Subject::default()
    };
    let only = named.clone();
    let profiles = match Profiles::read(environment, named, watch) {
        Ok(profiles) => profiles.without_asking(),
        Err(failure) => {
            subject.settings.push(failure);
            return subject;
        }
    };
    match profiles.backends() {
        Ok(backends) if backends.contains(&Backend::Keychain) => {
            subject.keychain = Some(any_entry());
            subject.keychain_only = backends == [Backend::Keychain];
        }
        Ok(_) => {}
        // No profile has a place then.
        Err(failure) => {
            subject.settings.push(failure);
            return subject;
        }
    }
    let chosen = profiles.chosen().filter(|name| !profiles.settings.names().any(|known| known == *name));
    subject.settings.extend(chosen.map(unknown));
    for name in profiles.settings.names().filter(|name| only.as_deref().is_none_or(|only| only == *name)) {
        if let Err(failure) = add(&mut subject, &profiles, name) {
            subject.settings.push(failure);
        }
    }
    subject
}

fn add(subject: &mut Subject, profiles: &Profiles<'_>, name: &str) -> Result<(), Failure> {
    let Some(profile) = profiles.settings.profile(name)? else { return Ok(()) };
    let place = profiles.place(&profile)?;
    for host in hosts(&profile) {
        let is_known = subject.hosts.iter().any(|known| known.url.origin() == host.url.origin());
        if !is_known {
            subject.hosts.push(host);
        }
    }
    let (service, vault) = (place.service, place.vault);
    let needs_passphrase = profiles.needs_passphrase()?;
    subject.logins.push(Login { profile: Some(profile.name), service, vault, needs_passphrase });
    Ok(())
}

/// The issuer, for its metadata, its endpoints, and the APIs that take its tokens. The authorization endpoint is a page.
fn hosts(profile: &Profile) -> Vec<Host> {
    let oauth = &profile.oauth;
    let issuer = oauth.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
    let token = Some(oauth.token_endpoint.clone());
    let others = [oauth.device_authorization_endpoint.clone(), oauth.revocation_endpoint.clone()];
    let apis = oauth.resources.iter().filter_map(|origin| Url::parse(&origin.to_string()).ok());
    let asked = [token, issuer].into_iter().chain(others).flatten().chain(apis);
    let page = oauth.authorization_endpoint.as_ref().map(Host::of_page);
    asked.map(|url| Host::of(&url)).chain(page).collect()
}

/// The names in the keychain of what is no profile yet: enough to ask whether it answers.
fn any_entry() -> KeychainConfig {
    KeychainConfig { service: FOLDER.to_owned(), account: String::new(), limit: KEYCHAIN_LIMIT }
}
