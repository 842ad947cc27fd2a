//! What an issuer granted, as the record of a new login.

use alloc::boxed::Box;
use alloc::string::String;

use crate::machine::Context;
use crate::oauth::Tokens;
use crate::record::Record;
use crate::rotation::{Access, Journal, Moment, Rotation};

/// A record that has not been stored. Without a refresh token it is good for as long as its access token is.
pub(crate) fn granted_record(cx: &Context<'_>, client_id: String, tokens: Tokens) -> Record {
    let Tokens { access, refresh, lifetime } = tokens;
    let journal = if refresh.is_some() { Journal::Settled } else { Journal::Unrenewable };
    let token = refresh.unwrap_or_else(|| access.clone());
    let rotation = Rotation {
        client_id: Some(client_id),
        machine: cx.service.machine_id.clone(),
        access: Some(Access {
            token: access,
            received: Moment::new(cx.now, &cx.service.boot_id),
            lifetime: lifetime.or_else(|| cx.service.oauth.as_ref()?.access_lifetime),
        }),
        journal,
        spent: [].into(),
    };
    Record { rotation: Some(Box::new(rotation)), ..Record::new(cx.service.issuer.clone(), None, token) }
}
