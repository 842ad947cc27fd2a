//! The command line.

use doorkey_core::record::Backend;

/// Asks for tokens. `HOME`, `PENSAR_*_URL` and `WORKOS_API_URL` say where.
#[derive(Clone, Debug, clap::Parser)]
pub struct Args {
    /// Named in every line.
    #[arg(long, default_value_t = 0)]
    pub name: u32,
    /// Where the session lies; nowhere else is looked.
    #[arg(long, value_enum, default_value = "file")]
    pub store: Place,
    /// The keychain's service, so that several sessions can lie in one keychain.
    #[arg(long, default_value = "dev.pensar.apex")]
    pub keychain_service: String,
    /// How long the issuer answers a spent token again, as far as this client knows; 0: never.
    #[arg(long, default_value_t = 10)]
    pub grace: u64,
    /// How many seconds this client's clocks are ahead.
    #[arg(long, default_value_t = 0)]
    pub later: u64,
    /// Wait for the lock a tenth of the time that is asked for.
    #[arg(long)]
    pub hurried: bool,
    /// Another machine than this one.
    #[arg(long)]
    pub machine: Option<String>,
    /// Take no lock, read nothing again, write over whatever is there.
    #[arg(long)]
    pub careless: bool,
    /// End by SIGKILL just before the command of this number, from 1, is performed.
    #[arg(long)]
    pub kill_at: Option<u32>,
    /// The same just after it was performed, before its result is taken.
    #[arg(long)]
    pub kill_after: Option<u32>,
    /// Stop by SIGSTOP just before the command of this number is performed.
    #[arg(long)]
    pub stop_at: Option<u32>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum Command {
    /// Walk the device grant, approve it as a person, store the session.
    SignIn,
    /// Ask for a token again and again, until standard input ends.
    Loop {
        /// The longest pause between two asks.
        #[arg(long, default_value_t = 50)]
        pause_millis: u64,
        /// Every so many asks the API is called, too.
        #[arg(long, default_value_t = 25)]
        call_every: u64,
    },
    /// Ask for a token.
    Once,
    /// Tell what is stored, without a word to anybody.
    Show,
    /// Start and end.
    Nothing,
    /// Send one request to the token endpoint, with a token that nobody gave out.
    Post,
}

/// A store.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Place {
    /// A file in the home folder.
    File,
    /// The operating system's keychain.
    Keychain,
}

impl Place {
    /// The same in the core's words.
    pub fn backend(self) -> Backend {
        match self {
            Self::File => Backend::File,
            Self::Keychain => Backend::Keychain,
        }
    }
}
