//! What `pensar doctor` looks at.

use crate::doctor::{Host, Login, Subject};
use crate::environment::Environment;
use crate::place::{Place, keychain};

use super::place::real;

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
    subject.folder = environment.home().map(|home| home.join(&*service.names.folder));
    subject.keychain = keychain(&service);
    let issuer = service.oauth.as_ref().map(|oauth| &oauth.token_endpoint);
    let asked = [Some(&service.api), issuer, service.gateway.as_ref()].into_iter().flatten();
    subject.hosts = asked.map(Host::of).chain([Host::of_page(&service.app)]).collect();
    subject.logins = vec![Login { profile: None, service, vault, needs_passphrase: false }];
    subject
}
