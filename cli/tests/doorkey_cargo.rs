//! `doorkey credential cargo`: cargo's own protocol, and a real cargo that asks for a private registry.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::path::Path;
use std::time::Duration;

use sealed::hostile::Answer;
use sealed::issuer::{Asked, Home, Issuer, presented};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn silent(asked: &Asked) -> Answer {
    panic!("{asked:?}")
}

fn request(kind: &str, index: &str, args: &[&str]) -> String {
    let registry = json!({"index-url": index, "name": "private", "headers": ["WWW-Authenticate: Bearer"]});
    let request = json!({"v": 1, "kind": kind, "operation": "read", "registry": registry, "args": args});
    request.to_string() + "\n"
}

/// The answers after the first line.
fn answers(home: &Home, input: &str) -> Vec<Value> {
    let ended = home.doorkey_with_input(&["--cargo-plugin"], input.as_bytes()).expect(0);
    let mut lines = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(lines.next(), Some(json!({"v": [1]})));
    lines.collect()
}

fn answer(home: &Home, input: &str) -> Value {
    let mut answers = answers(home, input);
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

#[test]
fn every_question_has_its_answer() {
    let issuer = Issuer::start(silent);
    let mut home = Home::signed_in("cargo", &issuer, &["--api", "https://crates.example.com"]);
    // It is for those who name a profile.
    home.sealed.set("DOORKEY_TOKEN", "given-1");
    let own = format!("sparse+{}/index/", issuer.url());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for index in [&*own, "sparse+https://crates.example.com/index/", "https://crates.example.com/index.git"] {
        let ok = answer(&home, &request("get", index, &[]))["Ok"].clone();
        let expiration = ok["expiration"].as_u64().unwrap();
        assert!((now + 3000..=now + 3700).contains(&expiration), "{expiration} at {now}");
        let rest = json!({"kind": "get", "token": "Bearer access-1", "cache": "expires", "expiration": expiration,
            "operation_independent": true});
        assert_eq!(ok, rest);
    }
    let unsupported = json!({"Err": {"kind": "url-not-supported"}});
    for index in [
        "sparse+https://index.crates.io/",
        "https://github.com/rust-lang/crates.io-index",
        "sparse+https://crates.example.com:8443/",
        "sparse+http://crates.example.com/",
        "ssh://git@crates.example.com/index.git",
        "file:///index",
        "",
    ] {
        assert_eq!(answer(&home, &request("get", index, &[])), unsupported, "{index}");
    }
    for kind in ["login", "logout", "of-tomorrow"] {
        let unsupported = json!({"Err": {"kind": "operation-not-supported"}});
        assert_eq!(answer(&home, &request(kind, &own, &[])), unsupported, "{kind}");
    }
    for input in ["nonsense\n", "{}\n", &request("get", &own, &[]).replace("\"v\":1", "\"v\":2")] {
        assert_eq!(answer(&home, input)["Err"]["kind"], "other", "{input}");
    }

    issuer.hide_lifetimes();
    home.age(&issuer.url(), HOUR);
    let two = request("login", &own, &[]) + &request("get", &own, &[]);
    let told = answers(&home, &two);
    assert_eq!(told[1]["Ok"]["cache"], "session");
    assert_eq!(told[1]["Ok"]["token"], "Bearer access-2");
    assert_eq!(told.len(), 2);

    home.doorkey(&["logout"]).expect(0);
    assert_eq!(answer(&home, &request("get", &own, &[])), json!({"Err": {"kind": "not-found"}}));
}

#[test]
fn a_profile_may_be_named_behind_the_provider() {
    let issuer = Issuer::start(silent);
    let home = Home::signed_in("cargo-profile", &issuer, &[]);
    home.login(&issuer, &["--profile", "work"]);
    let own = format!("sparse+{}/index/", issuer.url());
    for (args, token) in [
        (&["--profile", "work"][..], Some("Bearer access-2")),
        (&["credential", "cargo", "--profile=work"], Some("Bearer access-2")),
        (&[], None),
    ] {
        let answer = answer(&home, &request("get", &own, args));
        assert_eq!(answer["Ok"]["token"].as_str(), token, "{answer}");
    }
    for args in [&["--profile"][..], &["--profile="], &["--profile", "other"], &["--verbose"], &["cargo"]] {
        assert_eq!(answer(&home, &request("get", &own, args))["Err"]["kind"], "other", "{args:?}");
    }
}

/// A sparse registry that wants our token for everything.
fn registry(asked: &Asked, good: &str) -> Answer {
    if presented(asked).as_deref() != Some(good) {
        return Answer::with_headers(401, "www-authenticate: Bearer\r\n", "");
    }
    match asked.path() {
        "/index/config.json" => {
            let base = format!("http://{}", asked.header("host").unwrap());
            let config = json!({"dl": format!("{base}/dl"), "api": base, "auth-required": true});
            Answer::json(200, config.to_string())
        }
        "/index/th/in/thing" => {
            let thing = json!({"name": "thing", "vers": "1.2.3", "deps": [], "cksum": "0".repeat(64),
                "features": {}, "yanked": false});
            Answer::json(200, thing.to_string())
        }
        _ => Answer::json(404, "{}"),
    }
}

#[test]
fn a_real_cargo_reads_a_private_index() {
    let issuer = Issuer::start(|asked| registry(asked, "access-2"));
    let home = Home::signed_in("cargo-real", &issuer, &[]);
    home.age(&issuer.url(), HOUR);
    let folder = home.sealed.home.join("package");
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    fs::write(folder.join("src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"package\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
        [dependencies]\nthing = { version = \"1\", registry = \"private\" }\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let provider = "credential-provider = [\"doorkey\", \"credential\", \"cargo\"]";
    let config = format!("[registries.private]\nindex = \"sparse+{}/index/\"\n{provider}\n", issuer.url());
    fs::write(folder.join(".cargo/config.toml"), config).unwrap();

    let cargo = std::env::var("CARGO").unwrap();
    let output = home
        .command(&cargo, &["generate-lockfile"])
        .current_dir(&folder)
        .env("CARGO_HOME", home.sealed.home.join("cargo"))
        .env("RUSTC", Path::new(&cargo).with_file_name("rustc"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let lock = fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"thing\"\nversion = \"1.2.3\""), "{lock}");
    assert_eq!(issuer.issued(), 2);
}
