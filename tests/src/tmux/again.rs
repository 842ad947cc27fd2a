//! A terminal in which one program runs again and again, for what many runs must leave in order.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::Tmux;
use crate::binary;
use crate::home::Home;
use crate::wait_for;

/// Its number starts the program, whatever was typed before it; what is typed after its end starts nothing. The program
/// alone can be interrupted. Its process group has no shell beside it that could go on with it, so that the kernel ignores
/// its wish to be stopped. With `noflsh` a Ctrl-C that comes just after the program has put the terminal back does not
/// throw away its last words, which the terminal may not have read yet.
const LOOP: &str = r#"trap '' INT QUIT TSTP; stty noflsh
told=$1 runs=0; shift
tell() { echo "$runs $* $(stty -g)" > "$told.new" && mv "$told.new" "$told"; }
tell 0
while :; do
  read -r line || continue
  case $line in *"begin $((runs + 1))") ;; *) continue ;; esac
  runs=$((runs + 1)); tell runs
  trap : INT QUIT TSTP; "$@"; code=$?; trap '' INT QUIT TSTP
  tell $code
done"#;

/// A terminal with a program that can be started any number of times.
pub struct Again {
    tmux: Tmux,
    told: PathBuf,
}

/// How the last run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Counted from 1.
    pub number: u32,
    /// What it ended with; 128 and more if a signal ended it; nothing while it runs.
    pub code: Option<i32>,
    /// All settings of the terminal when it began, or ended, as `stty -g` tells them.
    pub settings: String,
}

impl Again {
    /// A terminal of this size, in the home's environment with these further variables. Nothing is started yet.
    pub fn new(
        home: &Home,
        size: (u16, u16),
        variables: &[(&str, &str)],
        program: &str,
        args: &[&str],
    ) -> Self {
        let told = super::free_folder(&home.folder().join("run")).join("run");
        let program = binary(program);
        let script = ["-c", LOOP, "sh", told.to_str().unwrap(), program.to_str().unwrap()];
        let tmux = Tmux::start(home, size, variables, "sh", &[&script, args].concat());
        let again = Self { tmux, told };
        wait_for("the loop begins", || read(&again.told));
        again
    }

    /// How the last run stands.
    pub fn last(&self) -> Run {
        read(&self.told).unwrap()
    }

    /// Starts the program, which has ended.
    pub fn begin(&self) -> Run {
        let number = self.last().number + 1;
        self.type_in(&format!("begin {number}"));
        self.keys(&["Enter"]);
        wait_for("the program starts", || Some(self.last()).filter(|run| run.number == number))
    }
}

impl Deref for Again {
    type Target = Tmux;

    fn deref(&self) -> &Tmux {
        &self.tmux
    }
}

fn read(told: &Path) -> Option<Run> {
    let told = fs::read_to_string(told).ok()?;
    let mut fields = told.trim_end().splitn(3, ' ');
    Some(Run {
        number: fields.next()?.parse().ok()?,
        code: fields.next()?.parse().ok(),
        settings: fields.next()?.to_owned(),
    })
}
