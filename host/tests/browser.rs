//! Opening pages: no shell, no waiting, no inherited tokens.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use doorkey_core::secret::Secret;
use doorkey_core::url::Url;
use doorkey_host::Browser;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("doorkey-browser-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A command that runs this. The file itself is not a program: nothing can be run while another test's child, not
    /// yet another program, has it open for writing.
    fn script(&self, name: &str, body: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, format!("{body}\n")).unwrap();
        format!("/bin/sh {}", path.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn browser(preferred: impl Into<String>) -> Browser {
    Browser { preferred: Some(preferred.into()), has_display: false, hidden_variables: vec!["HOME".into()] }
}

fn page() -> Url {
    Url::parse("https://app.example/pair").unwrap().with("id", Secret::from("$(id)&`x`;' \"")).with("n", "ü")
}

fn wait_for(path: &Path) -> String {
    // Far longer than anything takes, on however slow a machine.
    let deadline = Instant::now() + Duration::from_secs(90);
    while Instant::now() < deadline {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with("END\n") => return text,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("{} was not written", path.display());
}

#[test]
fn the_page_is_one_argument_and_tokens_are_not_inherited() {
    let folder = Folder::new("arguments");
    let seen = folder.0.join("seen");
    let script =
        folder.script("b", &format!("printf '%s|' \"$@\" \"$HOME\" > {0}; echo END >> {0}", seen.display()));
    let page_text = page().expose();
    browser(format!("{script} --new %s --last")).open(&page()).unwrap();
    assert_eq!(wait_for(&seen), format!("--new|{}|--last||END\n", page_text.expose_secret()));
    fs::remove_file(&seen).unwrap();
    browser(script).open(&page()).unwrap();
    assert_eq!(wait_for(&seen), format!("{}||END\n", page_text.expose_secret()));
    assert!(!page_text.expose_secret().contains(['$', '`', ';', '"', ' ']));
}

#[test]
fn a_browser_that_stays_is_not_waited_for() {
    let folder = Folder::new("stays");
    let (closed, seen) = (folder.0.join("closed"), folder.0.join("seen"));
    // It stays until we close it, or for ninety seconds.
    let body = format!(
        "for i in $(seq 1800); do [ -e {} ] && break; sleep 0.05; done; echo END > {}",
        closed.display(),
        seen.display()
    );
    browser(folder.script("b", &body)).open(&page()).unwrap();
    assert!(!seen.exists(), "it was waited for");
    fs::write(closed, "").unwrap();
    wait_for(&seen);
}

#[test]
fn absence_is_told_and_the_next_one_is_tried() {
    let folder = Folder::new("absent");
    let seen = folder.0.join("seen");
    let good = folder.script("g", &format!("echo END > {}", seen.display()));
    let reason = browser("/no/such/browser").open(&page()).unwrap_err();
    assert_eq!(reason, "no program to open pages with was found");
    browser(format!("/no/such/browser:{good}")).open(&page()).unwrap();
    wait_for(&seen);
}

#[test]
fn without_a_display_nothing_is_tried() {
    let reason = Browser::default().open(&page()).unwrap_err();
    assert_eq!(reason, "there is no display here");
}
