//! git's credential helpers (gitcredentials(7), git-credential(1)).

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;

use doorkey_core::distrust::Distrust;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::secret::Secret;
use doorkey_core::task::Task;
use doorkey_core::url::Origin;
use zeroize::Zeroizing;

use crate::doorkey::place::Profiles;
use crate::doorkey::run::Issuing;

use super::lines::lines_until_empty;
use super::{Lent, lend, profile_for};

/// The user's name where git knows none: what hosts take for "the password is an OAuth access token".
const USERNAME: &str = "oauth2";

/// Answers git. What is not for us is left to the next helper without a word.
///
/// # Errors
/// What git writes is no description of a credential; the token cannot be had.
pub fn run(issuing: &Issuing<'_>, profiles: &Profiles<'_>, operation: &OsStr) -> Result<ExitCode, Failure> {
    let is_get = operation == "get";
    if !is_get && operation != "erase" {
        // `store` among them: what we gave is stored already, and what others gave is theirs.
        return Ok(ExitCode::SUCCESS);
    }
    issuing.watch.start();
    let asked = Asked::read(&lines_until_empty(&mut io::stdin().lock())?)?;
    let profile = match asked.origin() {
        Some(origin) => profile_for(issuing, profiles, &origin)?,
        None => None,
    };
    let Some(profile) = profile else { return Ok(ExitCode::SUCCESS) };
    if is_get {
        let lent = lend(issuing, profiles, &profile)?;
        issuing.printer.bytes(answer(&asked, &lent).as_bytes());
    } else if let Some(token) = asked.password {
        let run = issuing.run(profiles.place(&profile)?);
        run.drive(Task::Distrust { token: token.clone() }, Distrust::new(token))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What git says of the credential that it wants, or that was refused.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    protocol: Option<String>,
    host: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
}

impl Asked {
    /// Reads lines of `key=value`. Keys that we do not know, those with several values among them, are git's to have.
    fn read(lines: &[Zeroizing<String>]) -> Result<Self, Failure> {
        // Either all lines end like Windows', or a carriage return is part of a value, where none belongs.
        let windows = !lines.is_empty() && lines.iter().all(|line| line.ends_with('\r'));
        let mut asked = Self::default();
        for line in lines {
            let line = if windows { line.trim_end_matches('\r') } else { line };
            let (key, value) = line.split_once('=').ok_or_else(|| malformed("has no = in it"))?;
            if value.contains(['\r', '\0']) {
                return Err(malformed("has a control character in it"));
            }
            let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
            match key {
                "protocol" => asked.protocol = text(),
                "host" => asked.host = text(),
                "username" => asked.username = text(),
                "password" => asked.password = text().map(Secret::new),
                _ => {}
            }
        }
        Ok(asked)
    }

    /// Where the credential would be sent; `None` where no token of ours ever is.
    fn origin(&self) -> Option<Origin> {
        let (protocol, host) = (self.protocol.as_deref()?, self.host.as_deref()?);
        Origin::parse(&format!("{protocol}://{host}")).ok()
    }
}

fn answer(asked: &Asked, lent: &Lent) -> Zeroizing<String> {
    let username = asked.username.as_deref().unwrap_or(USERNAME);
    let mut answer = format!("username={username}\npassword={}\n", lent.token.expose_secret());
    if let Some(expires_at) = lent.expires_at {
        answer += &format!("password_expiry_utc={expires_at}\n");
    }
    Zeroizing::new(answer)
}

fn malformed(why: &str) -> Failure {
    Failure::new(Exit::Usage, "bad_request", format!("a line of what git asks {why}"))
        .next("have git run this command, not a person")
}
