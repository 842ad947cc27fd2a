//! What a machine wants the person to see while it runs.

use alloc::string::String;
use core::time::Duration;

use crate::failure::Failure;
use crate::record::{Backend, Workspace};
use crate::secret::Secret;
use crate::store::StoreFailure;
use crate::time::Timestamp;
use crate::url::{Origin, Text, Url};

/// Something to show. Texts of servers in it are harmless already, but for a workspace's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// A pairing has begun: the person opens the link, compares the code and authorizes.
    PairingStarted {
        /// The page; its query holds the device id, which is a secret.
        link: Url,
        /// The page shows the same code. Derived from a secret.
        check_code: Text,
        /// When the pairing ends.
        expires_at: Timestamp,
    },
    /// The state of the pairing changed.
    Waiting {
        /// What the last poll said.
        last_poll: PollState,
        /// When the next one leaves, if one will.
        next_poll: Option<Timestamp>,
        /// When the pairing ends.
        expires_at: Timestamp,
    },
    /// No browser could be started; the link must be opened by hand.
    PageNotOpened {
        /// Why.
        reason: String,
    },
    /// The variable with a token is set and will hide what is being stored.
    VariableHides {
        /// Its name.
        variable: String,
    },
    /// The person picked another workspace in the browser than the command named.
    OtherWorkspace {
        /// What the command named.
        asked: String,
        /// What was picked.
        picked: String,
    },
    /// `--workspace` has no effect, since the token comes from a flag or the environment.
    WorkspaceIgnored,
    /// A request is tried again.
    Retrying {
        /// Why.
        reason: String,
        /// In how long.
        wait: Duration,
    },
    /// The keychain is locked; the operating system asks the person now.
    UnlockingKeychain,
    /// A better backend could not take the credential; another one does.
    FellBack {
        /// The better one.
        from: Backend,
        /// Why it could not.
        failure: StoreFailure,
        /// The one that took it.
        to: Backend,
    },
    /// Something stored elsewhere is out of date and could not be removed now.
    StaleEntry {
        /// Where.
        backend: Backend,
        /// Why it could not be removed.
        failure: StoreFailure,
    },
    /// What is remembered without secrets could not be written.
    LedgerNotWritten(StoreFailure),
    /// A device authorization has begun (RFC 8628 §3.3): the person opens the page, compares or types the code, and
    /// approves.
    DeviceCode {
        /// The code, which is a secret.
        user_code: Secret,
        /// The page for typing the code.
        verification_uri: Url,
        /// The page with the code filled in, if the issuer has one.
        verification_uri_complete: Option<Url>,
        /// When the code expires.
        expires_at: Timestamp,
    },
    /// A login in the browser has begun (RFC 6749 §4.1.1): the person opens the link on this machine, which is where the
    /// browser's answer is awaited, and approves.
    AuthorizationRequest {
        /// The link; its query holds secrets.
        link: Url,
        /// When the wait for the browser ends.
        expires_at: Timestamp,
    },
    /// No browser on this machine can bring anything back: the login goes on with a device code.
    NotListening {
        /// Why.
        reason: String,
    },
    /// What an earlier login had was still to be revoked, and now is.
    EarlierLoginRevoked,
    /// What an earlier login had was still to be revoked, but the issuer was not told or refused; nobody has its tokens
    /// any more.
    EarlierLoginNotRevoked {
        /// Why.
        reason: String,
    },
    /// There is a connection already, which the person is asked about next.
    AlreadyConnected {
        /// The workspace that it is for.
        workspace: Option<Workspace>,
        /// A session, not an API key.
        session: bool,
        /// Where it rests.
        backend: Backend,
    },
    /// The service is an older deployment, which mints API keys.
    LegacyService,
    /// The account has no workspace yet: the page creates one.
    CreateWorkspace {
        /// The page.
        page: Url,
        /// When waiting for it ends.
        expires_at: Timestamp,
    },
    /// Nobody can be asked here which workspace to use: the page asks.
    ChooseInBrowser {
        /// The page, whose address is a secret.
        page: Url,
        /// When waiting for it ends.
        expires_at: Timestamp,
    },
    /// From here to [`Notice::RotationEnded`] a refresh token is on its way: an interrupt waits for the end.
    RotationStarted,
    /// Whatever came of it is stored.
    RotationEnded,
    /// An interrupt came in between: the rotation is brought to its end first.
    FinishingRotation,
    /// The new tokens could not be stored where they belong; the emergency file has them.
    KeptInEmergencyFile {
        /// Why.
        failure: StoreFailure,
    },
    /// The new tokens could not be stored at all; only this command has them.
    NotKept {
        /// Why.
        failure: StoreFailure,
    },
    /// What the emergency file had is back where it belongs.
    Recovered,
    /// The token in use cannot be renewed now; it is used for as long as it lives.
    NotRenewed {
        /// Why.
        failure: Failure,
    },
    /// Older plain text credentials were moved to where they belong.
    Moved {
        /// Where they are now.
        to: Backend,
    },
    /// The issuer's metadata names an endpoint on another site.
    EndpointElsewhere {
        /// Its name in the metadata.
        name: &'static str,
        /// Where it is.
        origin: Origin,
    },
}

/// What the last poll of a pairing said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PollState {
    /// None has been answered.
    None,
    /// Nobody has authorized yet.
    NotYet,
    /// The service asked for fewer requests.
    SlowedDown,
    /// It brought no definite answer.
    Trouble(String),
}
