//! Who asks the API or the gateway.

use doorkey_core::http::HttpRequest;

use super::refusal::{INVALID_TOKEN, NO_TOKEN, Refusal};
use super::state::State;
use super::workspace::Workspace;
use crate::bearer::bearer;
use crate::digest::Digest;
use crate::moment::Moment;

/// The holder of a token or key that is good.
pub(super) struct Caller {
    /// The account's address.
    pub(super) account: String,
    /// The slug of the only workspace that an API key is good for.
    pub(super) workspace: Option<String>,
}

impl Caller {
    /// The holder of a request's bearer token.
    pub(super) fn of(request: &HttpRequest, state: &State, now: Moment) -> Result<Self, Refusal> {
        let token = bearer(request).ok_or(NO_TOKEN)?;
        if let Some(account) = state.account_of_access_token(token, now) {
            return Ok(Self { account: account.to_owned(), workspace: None });
        }
        let key = state.keys.get(&Digest::of(token)).ok_or(INVALID_TOKEN)?;
        Ok(Self { account: key.account.clone(), workspace: Some(key.workspace.clone()) })
    }

    /// Whether a workspace may be used with this token.
    pub(super) fn may_use(&self, workspace: &Workspace) -> bool {
        workspace.has_member(&self.account)
            && self.workspace.as_ref().is_none_or(|slug| *slug == workspace.slug)
    }
}
