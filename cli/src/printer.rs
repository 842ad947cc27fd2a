//! The one place that prints: data on stdout, everything else on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use anstream::{AutoStream, ColorChoice};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::is_treacherous;
use serde_json::{Value, json};

use crate::surface::{Message, Weight};

/// Bold.
pub const BOLD: &str = "\x1b[1m";
/// Dim.
pub const DIM: &str = "\x1b[2m";
/// Red and bold, for errors.
pub const RED: &str = "\x1b[1;31m";
/// Yellow, for warnings.
pub const YELLOW: &str = "\x1b[33m";
/// Green, for success.
pub const GREEN: &str = "\x1b[32m";
/// Back to normal.
pub const RESET: &str = "\x1b[0m";

/// Why something did not get to standard output, of which a process has one.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Prints results, messages and errors of one command.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// Whether stdout carries JSON.
    pub json: bool,
    /// Whether signs may be more than ASCII.
    pub unicode: bool,
}

impl Printer {
    /// Data: one line on stdout, colors only on a terminal.
    pub fn line(self, text: &str) {
        written(&write_line(AutoStream::new(io::stdout(), color_choice(&io::stdout())), &self.fit(text)));
    }

    /// Data as one line of JSON on stdout. What could steer a terminal is written as an escape, which JSON allows in
    /// every text.
    pub fn json(self, value: &Value) {
        self.json_text(&value.to_string());
    }

    /// The same of valid JSON, however it is laid out.
    pub fn json_text(self, json: &str) {
        let mut line = String::new();
        for c in json.trim().chars() {
            if matches!(c, '\n' | '\r' | '\t') {
                // Between two of its tokens: within a text they are escaped.
                line.push(' ');
            } else if is_treacherous(c) {
                let mut units = [0; 2];
                line.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            } else {
                line.push(c);
            }
        }
        written(&write_line(io::stdout(), &line));
    }

    /// Bytes on stdout as they are, with a line break at the end if there is none.
    pub fn bytes(self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        let end: &[u8] = if bytes.ends_with(b"\n") { b"" } else { b"\n" };
        written(&stdout.write_all(bytes).and_then(|()| stdout.write_all(end)).and_then(|()| stdout.flush()));
    }

    /// A message for the person, on stderr.
    pub fn message(self, text: &str) {
        // There is nowhere else to tell that.
        let _ = write_line(AutoStream::new(io::stderr(), color_choice(&io::stderr())), &self.fit(text));
    }

    /// A warning, on stderr.
    pub fn warning(self, text: &str) {
        self.message(&format!("{YELLOW}warning:{RESET} {text}"));
    }

    /// What to do about a warning or a failure, below it.
    pub fn next(self, text: &str) {
        self.message(&format!("{DIM}  → {RESET}{text}"));
    }

    /// A message of whatever weight, and what to do about it.
    pub fn tell(self, message: &Message) {
        match message.weight {
            Weight::Hint => self.message(&format!("{DIM}{}{RESET}", message.text)),
            Weight::Plain => self.message(&message.text),
            Weight::Warning => self.warning(&message.text),
        }
        if let Some(next) = &message.next {
            self.next(next);
        }
    }

    /// The text with our own signs in ASCII, where there is no more, also where a name has one of them.
    pub fn fit(self, text: &str) -> Cow<'_, str> {
        const SIGNS: [(char, &str); 6] =
            [('–', "-"), ('✓', "*"), ('✗', "x"), ('→', "->"), ('…', "..."), ('·', "-")];
        if self.unicode || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut fit = String::with_capacity(text.len());
        for c in text.chars() {
            match SIGNS.iter().find(|(sign, _)| *sign == c) {
                Some((_, ascii)) => fit.push_str(ascii),
                None => fit.push(c),
            }
        }
        Cow::Owned(fit)
    }

    /// Whether messages have colors.
    pub fn colors(self) -> bool {
        color_choice(&io::stderr()) != ColorChoice::Never
    }

    /// A failure, and the exit code that goes with it. With `--json` it is an object on stdout, if that takes anything.
    pub fn failure(self, failure: &Failure) -> ExitCode {
        if self.json {
            self.json(&failure_json(failure));
        }
        if !self.json || UNWRITTEN.get().is_some() {
            self.message(&format!("{RED}error:{RESET} {}", sentence(failure)));
            if let Some(next) = &failure.next {
                self.next(next);
            }
        }
        ExitCode::from(failure.exit.code())
    }

    /// The end of the command, and its exit code: a success whose data nobody has got is none.
    pub fn end(self, done: Result<ExitCode, Failure>) -> ExitCode {
        let code = done.unwrap_or_else(|failure| self.failure(&failure));
        let Some(why) = UNWRITTEN.get() else { return code };
        let what = format!("standard output could not be written: {why}");
        let next =
            "make room where it goes, or send it elsewhere, then try again; what the command did stays done";
        let told = self.failure(&Failure::new(Exit::Usage, "unwritable_output", what).next(next));
        if code == ExitCode::SUCCESS { told } else { code }
    }
}

/// Remembers what went wrong on standard output. A closed pipe ends the reader's interest, not our work.
pub fn written(done: &io::Result<()>) {
    if let Err(e) = done
        && e.kind() != io::ErrorKind::BrokenPipe
    {
        // The first one explains the others.
        let _ = UNWRITTEN.set(e.to_string());
    }
}

/// What happened, and how the service's support finds the request.
pub fn sentence(failure: &Failure) -> String {
    let id = failure.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    format!("{}{id}", failure.message)
}

/// What came of a check, as an object: `{"accepted"}`, and beside it why not.
pub fn check_json(check: &Result<(), Failure>) -> Value {
    match check {
        Ok(()) => json!({"accepted": true}),
        Err(failure) => json!({
            "accepted": false,
            "code": failure.code,
            "message": failure.message,
            "next": failure.next,
            "request_id": failure.request_id,
        }),
    }
}

/// Why something is not as it should be: `{"code","message","next"}`.
pub fn reason_json(failure: &Failure) -> Value {
    json!({"code": failure.code, "message": failure.message, "next": failure.next})
}

/// `{"error":{"code","message","next","request_id","exit_code"}}`.
fn failure_json(failure: &Failure) -> Value {
    json!({"error": {
        "code": failure.code,
        "message": failure.message,
        "next": failure.next,
        "request_id": failure.request_id,
        "exit_code": failure.exit.code(),
    }})
}

/// Colors on a terminal, unless `NO_COLOR` or a dumb terminal says otherwise.
fn color_choice(stream: &impl anstream::stream::RawStream) -> ColorChoice {
    AutoStream::choice(stream)
}

fn write_line(mut stream: impl Write, text: &str) -> io::Result<()> {
    writeln!(stream, "{text}").and_then(|()| stream.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_signs_have_one_in_ascii_and_names_keep_their_letters() {
        let text = "✓ Bücher → …";
        assert_eq!(Printer { json: false, unicode: false }.fit(text), "* Bücher -> ...");
        assert_eq!(Printer { json: false, unicode: true }.fit(text), text);
    }
}
