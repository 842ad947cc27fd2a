//! The questions of cargo's credential providers, version 1 of their protocol: one JSON object a line
//! (<https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html>).

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use doorkey_core::url::{Origin, Url};
use serde::Deserialize;

/// The version of the protocol.
pub const VERSION: u64 = 1;

/// A question. What else cargo says does not matter here.
#[derive(Debug, Deserialize)]
pub struct Request {
    v: u64,
    kind: String,
    registry: Registry,
    /// What stands behind our name in cargo's configuration.
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    index_url: String,
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// It is not of the protocol, or of another version of it.
    pub fn read(line: &str) -> Result<Self, Failure> {
        let malformed = |_| {
            let what = "a line of what cargo asks is not of its protocol";
            Failure::new(Exit::Usage, "bad_request", what).next("have cargo run this command, not a person")
        };
        let request: Self = serde_json::from_str(line).map_err(malformed)?;
        if request.v != VERSION {
            let what = "cargo speaks a version of its protocol that this program does not know";
            return Err(Failure::new(Exit::Usage, "bad_request", what));
        }
        Ok(request)
    }

    /// Whether it asks for a token.
    pub fn is_get(&self) -> bool {
        self.kind == "get"
    }

    /// The profile that it names. cargo runs the bare program and sends the arguments that stand behind it along:
    /// `credential cargo`, if somebody wrote that, and `--profile`.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn profile(&self) -> Result<Option<String>, Failure> {
        let mut named = None;
        let mut args = self.args.iter().map(String::as_str).peekable();
        args.next_if_eq(&"credential").and_then(|_| args.next_if_eq(&"cargo"));
        while let Some(argument) = args.next() {
            let value = match argument.split_once('=') {
                Some(("--profile", value)) => Some(value),
                None if argument == "--profile" => args.next(),
                _ => None,
            };
            let value = value.filter(|value| !value.is_empty()).ok_or_else(|| {
                let what = format!("{:?} is no argument of the provider", harmless(argument));
                Failure::new(Exit::Usage, "usage", what).next("only --profile NAME may stand there")
            })?;
            named = Some(value.to_owned());
        }
        Ok(named)
    }

    /// The registry's own host. Where its index sends cargo for crates is for the registry to say.
    pub fn origin(&self) -> Option<Origin> {
        let index = &self.registry.index_url;
        let index = index.strip_prefix("sparse+").unwrap_or(index);
        Url::parse(index).ok().map(|url| url.origin().clone())
    }
}
