//! The terminal as a device: its modes, and whose turn it is to use it.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgrp, tcgetpgrp};

/// How long is not long, in milliseconds.
const PATIENCE: u8 = 50;

/// The terminal that keys come from: standard input, else the controlling terminal.
#[derive(Debug)]
pub(super) struct Line {
    tty: File,
    before: libc::termios,
}

impl Line {
    /// With its modes as they are now.
    pub(super) fn open() -> io::Result<Self> {
        let tty = open_input()?;
        let before = tcgetattr(&tty)?.into();
        Ok(Self { tty, before })
    }

    /// Keys come one by one from now on, all of them. A process in the background is stopped here until its turn comes.
    ///
    /// What is written is still made into lines: a message that anybody prints has its beginning in the first column.
    pub(super) fn take_keys(&self) -> io::Result<()> {
        let mut modes = Termios::from(self.before);
        modes.input_flags.remove(
            InputFlags::IGNBRK
                | InputFlags::BRKINT
                | InputFlags::PARMRK
                | InputFlags::ISTRIP
                | InputFlags::INLCR
                | InputFlags::IGNCR
                | InputFlags::ICRNL
                | InputFlags::IXON,
        );
        modes.local_flags.remove(
            LocalFlags::ECHO
                | LocalFlags::ECHONL
                | LocalFlags::ICANON
                | LocalFlags::ISIG
                | LocalFlags::IEXTEN,
        );
        modes.control_flags.remove(ControlFlags::CSIZE | ControlFlags::PARENB);
        modes.control_flags.insert(ControlFlags::CS8);
        modes.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        modes.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        Ok(tcsetattr(&self.tty, SetArg::TCSANOW, &modes)?)
    }

    /// The modes as they were. What cannot be restored is not worth staying for.
    pub(super) fn put_back(&self) {
        let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &Termios::from(self.before));
    }

    /// Whether it is another job's turn: who then changed modes would be stopped, and who writes disturbs.
    pub(super) fn is_anothers(&self) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|group| group != getpgrp())
    }
}

/// Where keys come from.
pub(super) fn open_input() -> io::Result<File> {
    let stdin = io::stdin();
    if stdin.is_terminal() { Ok(stdin.as_fd().try_clone_to_owned()?.into()) } else { File::open("/dev/tty") }
}

/// Whether something can be written without waiting for long.
pub(super) fn is_writable() -> bool {
    let stderr = io::stderr();
    let mut output = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut output, PollTimeout::from(PATIENCE)).is_ok_and(|ready| ready > 0)
}
