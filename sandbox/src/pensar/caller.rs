//! Who asks the API or the gateway.

use doorkey_core::http::HttpRequest;

use super::refusal::{INVALID_TOKEN, NO_TOKEN, Refusal};
use super::state::State;
use super::workspace::Workspace;
use crate::bearer::bearer;
use crate::moment::Moment;

/// The holder of a token that is good.
pub(super) struct Caller {
    /// The account's address.
    pub(super) account: String,
}

impl Caller {
    /// The holder of a request's bearer token.
    pub(super) fn of(request: &HttpRequest, state: &State, now: Moment) -> Result<Self, Refusal> {
        let token = bearer(request).ok_or(NO_TOKEN)?;
        let account = state.account_of_access_token(token, now).ok_or(INVALID_TOKEN)?;
        Ok(Self { account: account.to_owned() })
    }

    /// Whether a workspace may be used with this token.
    pub(super) fn may_use(&self, workspace: &Workspace) -> bool {
        workspace.has_member(&self.account)
    }
}
