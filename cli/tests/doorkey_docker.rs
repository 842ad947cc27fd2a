//! `docker-credential-doorkey`: docker's protocol, by the name under which docker looks for helpers.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};
use sealed::{Ended, finish};
use serde_json::json;

fn docker(home: &Home, operation: &str, input: &str) -> Ended {
    let helper = home.sealed.home.join("docker-credential-doorkey");
    if !helper.exists() {
        symlink(env!("CARGO_BIN_EXE_doorkey"), &helper).unwrap();
    }
    let mut command = home.sealed.command(helper.to_str().unwrap(), &[operation]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    finish(child)
}

#[test]
fn docker_is_told_the_token_of_its_registry() {
    let issuer = Issuer::start(|_| Answer::json(404, "{}"));
    let home = Home::signed_in("docker", &issuer, &["--api", "https://registry.example.com"]);
    let own = issuer.url().replace("http://", "");
    for server in ["registry.example.com", "https://registry.example.com/v1/\n", &own] {
        let told = docker(&home, "get", server).expect(0).json();
        assert_eq!(told, json!({"ServerURL": server.trim(), "Username": "oauth2", "Secret": "access-1"}));
    }
    assert_eq!(docker(&home, "list", "").expect(0).json(), json!({"https://registry.example.com": "oauth2"}));
    for server in
        ["registry-1.docker.io", "http://registry.example.com", "registry.example.com:5000", "a b", ""]
    {
        let ended = docker(&home, "get", server).expect(3);
        assert_eq!(ended.stdout, "credentials not found in native keychain\n", "{server}");
    }
    let credentials = home.sealed.file(".config/doorkey/credentials");
    docker(&home, "erase", "registry.example.com").expect(0);
    let secret = json!({"ServerURL": "registry.example.com", "Username": "me", "Secret": "pass"}).to_string();
    let ended = docker(&home, "store", &secret).expect(2);
    assert_eq!(ended.stdout, "doorkey takes no passwords; run `doorkey login` instead of `docker login`\n");
    assert_eq!(home.sealed.file(".config/doorkey/credentials"), credentials);
    home.doorkey(&["logout"]).expect(0);
    let ended = docker(&home, "get", "registry.example.com").expect(3);
    assert_eq!(ended.stdout, "credentials not found in native keychain\n");
}
