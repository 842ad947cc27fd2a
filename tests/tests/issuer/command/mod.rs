//! The command `doorkey`, with nothing but its arguments, its files and what it prints.

mod discovery;
mod elsewhere;
mod in_browser;
mod pending;
mod profiles;
mod scripts;
mod sessions;

use doorkey_core::secret::Secret;
use doorkey_tests::home::Home;

/// The token that the command prints.
fn token(home: &Home, args: &[&str]) -> Secret {
    let ended = home.doorkey(&[&["token"], args].concat()).expect(0);
    Secret::from(ended.stdout.trim_end())
}
