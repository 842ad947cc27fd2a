//! What a command runs, as data: enough to build its machine again.

use alloc::boxed::Box;
use alloc::string::String;

use crate::connect::ConnectOptions;
use crate::http::HttpRequest;
use crate::login::LoginOptions;
use crate::logout::LogoutOptions;
use crate::metadata::{Endpoints, Metadata};
use crate::pending_grant::PendingGrant;
use crate::resolve::Given;
use crate::secret::Secret;
use crate::sign_in::SignInOptions;
use crate::status::StatusOptions;
use crate::verdict::Refusal;

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
    /// [`Connect`](crate::connect::Connect).
    Connect(ConnectOptions),
    /// [`Disconnect`](crate::disconnect::Disconnect).
    Disconnect,
    /// [`Connection`](crate::connection::Connection).
    Connection,
    /// [`Connection::explained`](crate::connection::Connection::explained).
    ExplainConnection,
    /// [`Credits`](crate::credits::Credits).
    Credits,
    /// [`Session`](crate::session::Session).
    Session {
        /// The token that was refused, if one was.
        refusal: Option<Refusal>,
    },
    /// [`Call`](crate::call::Call).
    Call {
        /// Where the token may come from.
        given: Given,
        /// The request, without the token.
        request: HttpRequest,
    },
    /// [`Call::shared`](crate::call::Call::shared).
    SharedCall {
        /// The request, without the token.
        request: HttpRequest,
    },
    /// [`Find`](crate::find::Find).
    Find {
        /// Where the token may come from.
        given: Given,
    },
    /// [`Discover`](crate::discover::Discover).
    Discover {
        /// The issuer's identifier.
        issuer: String,
        /// What is known without it.
        given: Box<Endpoints>,
        /// What is known of an earlier login.
        remembered: Option<Box<Metadata>>,
    },
    /// [`SignIn`](crate::sign_in::SignIn).
    SignIn {
        /// How.
        options: SignInOptions,
        /// What another process began.
        pending: Option<Box<PendingGrant>>,
    },
    /// [`StartGrant`](crate::pending_grant::StartGrant).
    StartGrant,
    /// [`SignOut`](crate::sign_out::SignOut).
    SignOut {
        /// Whether the issuer is told.
        revoke: bool,
    },
    /// [`SignOut::resume`](crate::sign_out::SignOut::resume).
    ResumeSignOut,
    /// [`Distrust`](crate::distrust::Distrust).
    Distrust {
        /// The token.
        token: Secret,
    },
    /// [`DeviceGrant`](crate::device_grant::DeviceGrant).
    DeviceGrant {
        /// Whether a browser may be opened.
        open_browser: bool,
    },
    /// [`BrowserGrant`](crate::browser_grant::BrowserGrant).
    BrowserGrant {
        /// Whether a browser may be opened.
        open_browser: bool,
    },
}
