//! A profile that somebody edited to point elsewhere.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use doorkey_tests::browser::Browser;
use doorkey_tests::doorkey::{FOLDER, SETTINGS};
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Issuer, Options, Person};

/// Whoever would like to have the tokens; what they were sent.
struct Listener {
    origin: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&heard);
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    request.extend_from_slice(&buffer[..read]);
                }
                told.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Self { origin, heard }
    }
}

#[test]
fn it_is_sent_nothing_that_another_issuer_granted() {
    let home = Home::new("doorkey-elsewhere");
    // Due at once: what is asked for a token must renew it.
    let issuer = Issuer::start(&Options { access_lifetime: 1, ..Options::default() });
    let browser = Browser::start("doorkey-elsewhere");
    home.sign_in_at(&issuer, Person { browser: &browser, account: "somebody" }, &[]);
    let (kept, used) = (home.folder().join("kept"), home.folder().join(FOLDER));
    fs::rename(&used, &kept).unwrap();
    let origin = issuer.at.origin().origin().to_string();
    for endpoint in ["issuer", "token_endpoint", "revocation_endpoint"] {
        let listener = Listener::start();
        let copied = Command::new("cp").arg("-a").args([&kept, &used]).status().unwrap();
        assert!(copied.success());
        let settings = fs::read_to_string(home.folder().join(SETTINGS)).unwrap();
        let mut edited: Vec<String> = settings.lines().map(str::to_owned).collect();
        let line = edited.iter_mut().find(|line| line.starts_with(&format!("{endpoint} = ")));
        let line = line.unwrap_or_else(|| panic!("{endpoint}: {settings}"));
        *line = line.replace(&origin, &listener.origin);
        fs::write(home.folder().join(SETTINGS), edited.join("\n")).unwrap();
        let token = home.doorkey(&["token"]).expect(3);
        let (_, signed_out) = home.doorkey_json(&["logout", "--revoke"]);
        let heard = listener.heard.lock().unwrap().clone();
        assert!(heard.is_empty(), "{endpoint}: {heard:?} {token:?} {signed_out}");
        assert_eq!(signed_out["revocation"], "refused", "and that is said: {endpoint}: {signed_out}");
        fs::remove_dir_all(&used).unwrap();
    }
}
