//! cargo's credential providers, version 1 of their protocol: one JSON object a line
//! (<https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html>).

use std::io;
use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use doorkey_core::url::{Origin, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::doorkey::place::Profiles;
use crate::doorkey::run::Issuing;

use super::lines::next_line;
use super::{Lent, lend, profile_for};

/// The version of the protocol.
const VERSION: u64 = 1;

/// A question. What else cargo says does not matter here.
#[derive(Deserialize)]
struct Request {
    v: u64,
    kind: String,
    registry: Registry,
    /// What stands behind our name in cargo's configuration.
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    index_url: String,
}

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
        let answered = serde_json::from_str(&line).map_err(|_| malformed()).and_then(|request| {
            let request: Request = request;
            answer(issuing, &mut profiles, &request)
        });
        issuing.printer.json(&match answered {
            Ok(lent) => json!({"Ok": ok(&lent)}),
            Err(refusal) => json!({"Err": refusal.json()}),
        });
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(issuing: &Issuing<'_>, profiles: &mut Profiles<'_>, request: &Request) -> Result<Lent, Refusal> {
    if request.v != VERSION {
        let what = "cargo speaks a version of its protocol that this program does not know";
        return Err(Failure::new(Exit::Usage, "bad_request", what).into());
    }
    if request.kind != "get" {
        return Err(Refusal::OperationNotSupported);
    }
    if let Some(name) = profile_in(&request.args)? {
        profiles.name(name);
    }
    let origin = origin(&request.registry.index_url).ok_or(Refusal::UrlNotSupported)?;
    let profile = profile_for(issuing, profiles, &origin)?.ok_or(Refusal::UrlNotSupported)?;
    Ok(lend(issuing, profiles, &profile)?)
}

/// cargo runs the bare program and sends the arguments that stand behind it along: `credential cargo`, if somebody
/// wrote that, and `--profile`.
fn profile_in(args: &[String]) -> Result<Option<String>, Refusal> {
    let mut named = None;
    let mut args = args.iter().map(String::as_str).peekable();
    args.next_if_eq(&"credential").and_then(|_| args.next_if_eq(&"cargo"));
    while let Some(argument) = args.next() {
        let value = match argument.split_once('=') {
            Some(("--profile", value)) => Some(value),
            None if argument == "--profile" => args.next(),
            _ => None,
        };
        let value = value.filter(|value| !value.is_empty()).ok_or_else(|| {
            let what = format!("{:?} is no argument of the provider", harmless(argument));
            Refusal::from(
                Failure::new(Exit::Usage, "usage", what).next("only --profile NAME may stand there"),
            )
        })?;
        named = Some(value.to_owned());
    }
    Ok(named)
}

/// The registry's own host. Where its index sends cargo for crates is for the registry to say.
fn origin(index: &str) -> Option<Origin> {
    let index = index.strip_prefix("sparse+").unwrap_or(index);
    Url::parse(index).ok().map(|url| url.origin().clone())
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

fn malformed() -> Refusal {
    let what = "a line of what cargo asks is not of its protocol";
    Failure::new(Exit::Usage, "bad_request", what).next("have cargo run this command, not a person").into()
}
