//! What `pentify doctor` looks at.

use doorkey_core::resolve::{Given, given_token};
use doorkey_core::secret::Secret;

use crate::doctor::{GivenToken, Host, Login, Subject};
use crate::environment::Environment;
use crate::place::{Place, keychain};

use super::place::{TOKEN, check_login, real};

/// What there is, and what of it cannot be used.
pub fn subject(environment: &Environment, user_agent: &'static str) -> Subject {
    let mut subject = Subject { user_agent, ..Subject::default() };
    let place = match real(environment) {
        Ok(place) => place,
        Err(failure) => {
            subject.settings.push(failure);
            return subject;
        }
    };
    let Place { service, vault, .. } = place;
    subject.folder = environment.config_home().map(|home| home.join(&*service.names.folder));
    subject.keychain = keychain(&service);
    subject.settings.extend(check_login(&service).err());
    subject.hosts = vec![Host::of(&service.api), Host::of_page(&service.app)];
    subject.token = environment.get(TOKEN).map(|text| {
        let given = Given { variable: Some(Secret::from(text)), ..Given::default() };
        GivenToken { variable: TOKEN, usable: given_token(&service, &given).map(drop) }
    });
    subject.logins = vec![Login { profile: None, service, vault, needs_passphrase: false }];
    subject
}
