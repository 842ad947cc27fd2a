//! `doorkey credential kubectl`: an `ExecCredential`, for the clusters that the profile is for.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};
use sealed::pty::Terminal;
use serde_json::json;

const COMMAND: [&str; 2] = ["credential", "kubectl"];

#[test]
fn kubectl_is_told_the_token_and_its_end() {
    let issuer = Issuer::start(|_| Answer::json(404, "{}"));
    let mut home = Home::signed_in("kubectl", &issuer, &["--api", "https://cluster.example.com:6443"]);
    let (v1, beta) = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1");
    let cluster = json!({"server": "https://cluster.example.com:6443"});
    for (info, version) in [
        (String::new(), v1),
        (json!({"apiVersion": v1, "kind": "ExecCredential"}).to_string(), v1),
        (json!({"apiVersion": beta, "spec": {"interactive": true, "cluster": cluster}}).to_string(), beta),
    ] {
        home.sealed.set("KUBERNETES_EXEC_INFO", info);
        let told = home.doorkey(&COMMAND).expect(0).json();
        assert_eq!((&told["apiVersion"], &told["kind"]), (&json!(version), &json!("ExecCredential")));
        assert_eq!(told["status"]["token"], "access-1");
        let end = told["status"]["expirationTimestamp"].as_str().unwrap();
        assert!(end.len() == 20 && end.starts_with("20") && end.ends_with('Z'), "{end}");
    }
    issuer.hide_lifetimes();
    home.age(&issuer.url(), std::time::Duration::from_secs(60 * 60));
    assert_eq!(home.doorkey(&COMMAND).expect(0).json()["status"], json!({"token": "access-2"}));
}

#[test]
fn another_cluster_is_told_nothing() {
    let issuer = Issuer::start(|_| Answer::json(404, "{}"));
    let mut home =
        Home::signed_in("kubectl-foreign", &issuer, &["--api", "https://cluster.example.com:6443"]);
    let v1 = "client.authentication.k8s.io/v1";
    for info in [
        json!({"apiVersion": v1, "spec": {"cluster": {"server": "https://cluster.example.com"}}}).to_string(),
        json!({"apiVersion": v1, "spec": {"cluster": {"server": "http://cluster.example.com:6443"}}})
            .to_string(),
        json!({"apiVersion": "client.authentication.k8s.io/v2"}).to_string(),
        "{".to_owned(),
    ] {
        home.sealed.set("KUBERNETES_EXEC_INFO", &*info);
        let ended = home.doorkey(&[&COMMAND[..], &["--json"]].concat()).expect(2);
        assert_eq!(ended.stdout, "", "{info}");
        assert!(ended.stderr.starts_with("error: "), "{ended:?}");
    }
}

/// kubectl leaves its terminal to us. Whoever is there typed `kubectl`, and is not asked for anything else.
#[test]
fn on_a_terminal_nobody_is_asked_either() {
    let issuer = Issuer::start(|_| Answer::json(404, "{}"));
    let mut home = Home::signed_in("kubectl-terminal", &issuer, &[]);
    home.sealed.set("DOORKEY_STORE", "encrypted-file");
    let doorkey = env!("CARGO_BIN_EXE_doorkey");
    let mut terminal = Terminal::start(&home.sealed.command(doorkey, &COMMAND));
    let asks = |terminal: &Terminal| terminal.screen().contains("Passphrase of");
    terminal.wait_until(|terminal| asks(terminal) || terminal.screen().contains("error: "));
    assert!(!asks(&terminal), "{:?}", terminal.screen());
    assert_eq!(terminal.finish(), Some(6));
}
