//! The token to use now, for whoever asks on the command line: printed, or put into another program's hands.

use std::process::ExitCode;
use std::time::Duration;

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::bearer::bearer_of;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::find::Find;
use doorkey_core::record::Record;
use doorkey_core::resolve::Given;
use doorkey_core::rotation::Access;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use serde_json::json;

use crate::printer::Printer;
use crate::run::Run;

/// A token that may be used.
pub struct Found {
    /// The token.
    pub token: Secret,
    /// How long it lives, if that is known.
    pub left: Option<Duration>,
}

impl Found {
    /// Looks for it as `given` says, and renews it if need be.
    ///
    /// # Errors
    /// As the machine says.
    pub fn find(run: Run<'_>, given: Given) -> Result<Self, Failure> {
        let service = run.place.service.clone();
        let found = run.drive(Task::Find { given: given.clone() }, Find::new(given, None))?;
        let record = found.as_ref().map(|found| &found.record);
        let token = record.and_then(bearer_of);
        // Nothing was refused, so that there is something, and it has a token.
        let token = token.ok_or_else(|| Failure::new(Exit::Internal, "internal", "no token was found"))?;
        let left = record.and_then(access_of).and_then(|access| left_of(&service, access));
        Ok(Self { token: token.clone(), left })
    }

    /// Prints it, and nothing else.
    pub fn print(&self, printer: Printer) -> ExitCode {
        if printer.json {
            printer.json(&json!({
                "access_token": self.token.expose_secret(),
                "token_type": "Bearer",
                "expires_in": self.left.map(|left| left.as_secs()),
            }));
        } else {
            printer.bytes(self.token.expose_secret().as_bytes());
        }
        ExitCode::SUCCESS
    }
}

/// A session's access token.
pub fn access_of(record: &Record) -> Option<&Access> {
    record.rotation.as_ref()?.access.as_ref()
}

/// How long an access token lives from now on, if that is known.
pub fn left_of(service: &Service, access: &Access) -> Option<Duration> {
    access.left(SystemClock.now(), &service.boot_id)
}
