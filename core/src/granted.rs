//! What an issuer granted, as the record of a new login.

use alloc::string::String;

use crate::machine::Context;
use crate::oauth::Tokens;
use crate::record::Record;
use crate::rotation::{Access, Journal, Moment, Rotation};
use crate::time::Now;

/// A record that has not been stored, of tokens whose request left at `sent`: they are never taken for younger than they
/// are, whatever happened on the way. Without a refresh token it is good for as long as its access token is.
pub(crate) fn granted_record(cx: &Context<'_>, client_id: String, tokens: Tokens, sent: Now) -> Record {
    let Tokens { access, refresh, lifetime } = tokens;
    let journal = if refresh.is_some() { Journal::Settled } else { Journal::Unrenewable };
    let token = refresh.unwrap_or_else(|| access.clone());
    let rotation = Rotation {
        client_id: Some(client_id),
        machine: cx.service.machine_id.clone(),
        access: Some(Access {
            token: access,
            received: Moment::new(sent, &cx.service.boot_id),
            lifetime: lifetime.or_else(|| cx.service.oauth.as_ref()?.access_lifetime),
        }),
        journal,
        spent: [].into(),
    };
    Record { rotation: Some(rotation.into()), ..Record::new(&cx.service.issuer, None, token) }
}
