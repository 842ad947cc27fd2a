//! What other programs write to our standard input.

use std::io::{BufRead, Read as _};

use doorkey_core::failure::{Exit, Failure};
use zeroize::Zeroizing;

/// No program that asks for a token has more to say at once.
const LONGEST: usize = 64 * 1024;

/// The next line, without its end; `None` at the end of the input.
///
/// # Errors
/// It cannot be read, is longer than 64 KiB, or is not UTF-8.
pub fn next_line(input: &mut impl BufRead) -> Result<Option<Zeroizing<String>>, Failure> {
    // Room for everything at once: growing would leave copies of a token behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let read = input.take(LONGEST as u64 + 1).read_until(b'\n', &mut bytes);
    read.map_err(|e| unreadable(&e.to_string()))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > LONGEST {
        return Err(unreadable("it is longer than 64 KiB"));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    match str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(unreadable("it is not UTF-8")),
    }
}

/// All that is left, in lines, up to an empty one.
///
/// # Errors
/// As [`next_line`]; or all of it is longer than 64 KiB.
pub fn lines_until_empty(input: &mut impl BufRead) -> Result<Vec<Zeroizing<String>>, Failure> {
    let (mut lines, mut length) = (Vec::new(), 0);
    while let Some(line) = next_line(input)?.filter(|line| !matches!(line.as_str(), "" | "\r")) {
        length += line.len() + 1;
        if length > LONGEST {
            return Err(unreadable("it is longer than 64 KiB"));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn unreadable(why: &str) -> Failure {
    Failure::new(Exit::Usage, "unreadable_input", format!("cannot read standard input: {why}"))
        .next("have the program that needs the token run this command, not a person")
}
