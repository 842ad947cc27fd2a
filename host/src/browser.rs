//! Opening a page in the person's browser: never through a shell, never waiting for the browser to end.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use doorkey_core::url::Url;

/// A launcher that fails does so at once; one that still runs after this long has handed over.
const WATCHED: Duration = Duration::from_millis(250);

/// How to open pages here.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// The value of `BROWSER`: programs to try, separated by colons, `%s` standing for the page.
    pub preferred: Option<String>,
    /// Whether there is a display to show a browser on. Without one, only `preferred` is tried.
    pub has_display: bool,
    /// Variables that a browser must not inherit: they may hold tokens.
    pub hidden_variables: Vec<String>,
}

impl Browser {
    /// Starts a browser on this page. Blocks for a quarter of a second at most for each candidate.
    ///
    /// # Errors
    /// Why no browser could be started, for a person.
    pub fn open(&self, url: &Url) -> Result<(), String> {
        self.open_watching(url, WATCHED)
    }

    fn open_watching(&self, url: &Url, watched: Duration) -> Result<(), String> {
        if !url.origin().is_https() && !url.origin().is_loopback() {
            return Err("the page is not https".to_owned());
        }
        let page = url.expose();
        let mut candidates = self.preferred_commands(page.expose_secret());
        if candidates.is_empty() {
            if !self.has_display {
                return Err("there is no display here".to_owned());
            }
            candidates = open::commands(page.expose_secret());
        }
        let mut reason = "no program to open pages with was found".to_owned();
        for mut command in candidates {
            match self.launch(&mut command, watched) {
                Ok(()) => return Ok(()),
                Err(Some(why)) => reason = why,
                Err(None) => {}
            }
        }
        Err(reason)
    }

    /// The programs that opening a page would try, best first; none where there is no display to show one on.
    pub fn programs(&self) -> Vec<OsString> {
        const ANY_PAGE: &str = "https://example.com";
        let mut candidates = self.preferred_commands(ANY_PAGE);
        if candidates.is_empty() && self.has_display {
            candidates = open::commands(ANY_PAGE);
        }
        candidates.iter().map(|command| command.get_program().to_owned()).collect()
    }

    fn preferred_commands(&self, page: &str) -> Vec<Command> {
        let preferred = self.preferred.as_deref().unwrap_or_default();
        preferred.split(':').filter_map(|entry| command_of(entry, page)).collect()
    }

    /// `Err(None)`: there is no such program.
    fn launch(&self, command: &mut Command, watched: Duration) -> Result<(), Option<String>> {
        for variable in &self.hidden_variables {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C in our terminal is not meant for the browser.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(None),
            Err(e) => return Err(Some(format!("{name}: {e}"))),
        };
        let start = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(Some(format!("{name} ended with {status}"))),
                Ok(None) if start.elapsed() < watched => thread::sleep(Duration::from_millis(10)),
                Ok(None) => break,
                Err(e) => return Err(Some(format!("{name}: {e}"))),
            }
        }
        // Somebody has to reap it.
        thread::spawn(move || child.wait());
        Ok(())
    }
}

/// One entry of `BROWSER`: words separated by spaces, `%s` replaced by the page or the page put last.
fn command_of(entry: &str, page: &str) -> Option<Command> {
    let mut words = entry.split_whitespace();
    let mut command = Command::new(words.next()?);
    let mut placed = false;
    for word in words {
        placed |= word.contains("%s");
        command.arg(OsString::from(word.replace("%s", page)));
    }
    if !placed {
        command.arg(page);
    }
    Some(command)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn failure_is_told_and_the_next_one_is_tried() {
        // Longer than a program takes to end, on however slow a machine.
        let watched = Duration::from_secs(90);
        let page = Url::parse("https://app.example/pair").unwrap();
        let open = |preferred: &str| {
            let browser = Browser { preferred: Some(preferred.into()), ..Browser::default() };
            browser.open_watching(&page, watched)
        };
        assert_eq!(open("false"), Err("false ended with exit status: 1".into()));
        assert_eq!(open("/no/such/browser:false:true"), Ok(()));
    }
}
