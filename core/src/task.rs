//! What a command runs, as data: enough to build its machine again.

use crate::http::HttpRequest;
use crate::login::LoginOptions;
use crate::logout::LogoutOptions;
use crate::resolve::Given;
use crate::secret::Secret;
use crate::status::StatusOptions;

/// One run of a machine, before it begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// [`Login`](crate::login::Login).
    Login(LoginOptions),
    /// [`UseToken`](crate::use_token::UseToken).
    UseToken {
        /// The token.
        token: Secret,
        /// A token in the environment will hide it.
        variable_set: bool,
    },
    /// [`Logout`](crate::logout::Logout).
    Logout(LogoutOptions),
    /// [`Status`](crate::status::Status).
    Status(StatusOptions),
    /// [`Call`](crate::call::Call).
    Call {
        /// Where the token may come from.
        given: Given,
        /// The request, without the token.
        request: HttpRequest,
    },
    /// [`DeviceGrant`](crate::device_grant::DeviceGrant).
    DeviceGrant {
        /// Whether a browser may be opened.
        open_browser: bool,
    },
}
