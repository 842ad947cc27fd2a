//! A terminal with a shell in it, for what a program leaves behind and for job control.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::Tmux;
use crate::home::Home;

/// Before each prompt, writes how many there were, how the last command ended and what the terminal is set to (before
/// the line editor changes that), in one piece. A program that a signal has ended is the exception: the shell puts the
/// terminal right after it, before it looks.
const SETTINGS: &str = r#"PS1='$ ' prompts=0
tell() {
  echo "$((prompts += 1)) $1 $(stty -g)" > "$told.new" && mv "$told.new" "$told"
}
PROMPT_COMMAND='tell $?'
bind 'set enable-bracketed-paste off'
"#;

/// A terminal with `bash` in it, whose prompt is `$ ` and nothing else.
pub struct Shell {
    tmux: Tmux,
    told: PathBuf,
}

/// The shell waits for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Of how many.
    pub number: u32,
    /// What the last command ended with: 128 and the signal if that ended or stopped it.
    pub code: i32,
    /// All settings of the terminal, as `stty -g` tells them.
    pub settings: String,
}

impl Shell {
    /// Starts one on a terminal of this size, in the home's environment with these further variables.
    pub fn start(home: &Home, size: (u16, u16), variables: &[(&str, &str)]) -> Self {
        let file = super::free_folder(&home.folder().join("run")).join("bashrc");
        let told = file.with_file_name("prompt");
        fs::write(&file, format!("told={}\n{SETTINGS}", told.display())).unwrap();
        let args = ["--noprofile", "--rcfile", file.to_str().unwrap(), "-i"];
        let shell = Self { tmux: Tmux::start(home, size, variables, "bash", &args), told };
        shell.prompt(1);
        shell
    }

    /// Types a command and presses Enter.
    pub fn run(&self, command: &str) {
        self.type_in(command);
        self.keys(&["Enter"]);
    }

    /// Waits for the prompt of this number, counted from 1, until it is drawn.
    pub fn prompt(&self, number: u32) -> Prompt {
        let prompt = || read(&self.told).filter(|prompt| prompt.number >= number);
        self.wait_for(&format!("prompt {number}"), |screen| {
            prompt().is_some() && screen.0.last().is_some_and(|row| row.ends_with('$'))
        });
        prompt().unwrap()
    }

    /// How many prompts there were.
    pub fn prompts(&self) -> u32 {
        read(&self.told).map_or(0, |prompt| prompt.number)
    }
}

impl Deref for Shell {
    type Target = Tmux;

    fn deref(&self) -> &Tmux {
        &self.tmux
    }
}

fn read(told: &Path) -> Option<Prompt> {
    let told = fs::read_to_string(told).ok()?;
    let mut fields = told.trim_end().splitn(3, ' ');
    Some(Prompt {
        number: fields.next()?.parse().ok()?,
        code: fields.next()?.parse().ok()?,
        settings: fields.next()?.to_owned(),
    })
}
