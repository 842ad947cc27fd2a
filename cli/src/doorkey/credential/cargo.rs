//! cargo's credential providers, version 1 of their protocol: one JSON object a line
//! (<https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html>).

use std::io;
use std::process::ExitCode;

use doorkey_core::failure::Failure;
use serde_json::{Value, json};

use crate::doorkey::place::Profiles;
use crate::doorkey::run::Issuing;

use super::asked::cargo::{Request, VERSION};
use super::asked::lines::next_line;
use super::{Lent, lend, profile_for};

/// Why there is no token, in cargo's words.
enum Refusal {
    /// Not our registry: cargo asks the next provider.
    UrlNotSupported,
    /// Ours, but nobody is signed in.
    NotFound,
    /// Signing in and out is done by `doorkey login` and `doorkey logout`.
    OperationNotSupported,
    Other(Failure),
}

/// Answers cargo until it has no more questions.
///
/// # Errors
/// Its input cannot be read.
pub fn run(issuing: &Issuing<'_>, mut profiles: Profiles<'_>) -> Result<ExitCode, Failure> {
    issuing.watch.start();
    issuing.printer.json(&json!({"v": [VERSION]}));
    let mut input = io::stdin().lock();
    while let Some(line) = next_line(&mut input)? {
        let request = Request::read(&line).map_err(Refusal::from);
        issuing.printer.json(&match request.and_then(|request| answer(issuing, &mut profiles, &request)) {
            Ok(lent) => json!({"Ok": ok(&lent)}),
            Err(refusal) => json!({"Err": refusal.json()}),
        });
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(issuing: &Issuing<'_>, profiles: &mut Profiles<'_>, request: &Request) -> Result<Lent, Refusal> {
    if !request.is_get() {
        return Err(Refusal::OperationNotSupported);
    }
    if let Some(name) = request.profile()? {
        profiles.name(name);
    }
    let origin = request.origin().ok_or(Refusal::UrlNotSupported)?;
    let profile = profile_for(issuing, profiles, &origin)?.ok_or(Refusal::UrlNotSupported)?;
    Ok(lend(issuing, profiles, &profile)?)
}

/// cargo puts the token into `Authorization` as it is: the scheme (RFC 6750 §2.1) is ours to say.
fn ok(lent: &Lent) -> Value {
    let token = format!("Bearer {}", lent.token.expose_secret());
    let mut ok = json!({"kind": "get", "token": token, "cache": "session", "operation_independent": true});
    if let Some(expires_at) = lent.expires_at {
        ok["cache"] = "expires".into();
        ok["expiration"] = expires_at.into();
    }
    ok
}

impl Refusal {
    fn json(&self) -> Value {
        match self {
            Self::UrlNotSupported => json!({"kind": "url-not-supported"}),
            Self::NotFound => json!({"kind": "not-found"}),
            Self::OperationNotSupported => json!({"kind": "operation-not-supported"}),
            Self::Other(failure) => {
                let next = failure.next.iter().collect::<Vec<_>>();
                json!({"kind": "other", "message": failure.message, "caused-by": next})
            }
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match &*failure.code {
            "not_signed_in" => Self::NotFound,
            _ => Self::Other(failure),
        }
    }
}
