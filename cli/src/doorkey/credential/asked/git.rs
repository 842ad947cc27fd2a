//! The lines of git's credential helpers (gitcredentials(7), git-credential(1)).

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::secret::Secret;
use doorkey_core::url::Origin;
use zeroize::Zeroizing;

/// What git says of the credential that it wants, or that was refused.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    protocol: Option<String>,
    host: Option<String>,
    /// The user's name, if git knows it.
    pub username: Option<String>,
    /// The token that was refused.
    pub password: Option<Secret>,
}

impl Asked {
    /// Reads lines of `key=value`. Keys that we do not know, those with several values among them, are git's to have.
    ///
    /// # Errors
    /// They are no description of a credential.
    pub fn read(lines: &[Zeroizing<String>]) -> Result<Self, Failure> {
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
    pub fn origin(&self) -> Option<Origin> {
        let (protocol, host) = (self.protocol.as_deref()?, self.host.as_deref()?);
        Origin::parse(&format!("{protocol}://{host}")).ok()
    }
}

fn malformed(why: &str) -> Failure {
    Failure::new(Exit::Usage, "bad_request", format!("a line of what git asks {why}"))
        .next("have git run this command, not a person")
}
