//! The file of settings that is shared with other programs: the ledger, and what older programs left in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scratch;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::rotation::{Access, Moment};
use doorkey_core::secret::Secret;
use doorkey_core::store::{Ledger, StoreFailureKind, Unsettled};
use doorkey_store::{LedgerStore as _, SettingsFile, Swap};
use scratch::Scratch;

fn place(name: &str) -> (Scratch, PathBuf, SettingsFile) {
    let folder = Scratch::new(name);
    let path = folder.join(".pensar/config.json");
    let file = SettingsFile::new(path.clone());
    (folder, path, file)
}

fn put(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn full() -> Ledger {
    Ledger {
        backend: Some(Backend::Keychain),
        active: Some("my-team".into()),
        workspace_id: Some("ws_1".into()),
        gateway_url: Some("https://gateway.pensar.dev".into()),
        session: true,
        unsettled: vec![Unsettled {
            backend: Backend::File,
            slot: Slot::Active,
            version: Some(Record::bare(Secret::from("x")).version()),
        }],
    }
}

#[test]
fn the_ledger_has_this_form() {
    let (_folder, path, file) = place("settings-form");
    assert_eq!(file.read(), Ok(Ledger::default()));
    file.write(&full()).unwrap();
    assert_eq!(file.read(), Ok(full()));
    let fingerprint = Secret::from("x").fingerprint();
    let expected = format!(
        "{{\n  \"workspaceId\": \"ws_1\",\n  \"workspaceSlug\": \"my-team\",\n  \"gatewayUrl\": \
         \"https://gateway.pensar.dev\",\n  \"workosSession\": true,\n  \"credentialBackend\": \"os-vault\",\n  \
         \"doorkeyUnsettled\": [{{\"backend\":\"file\",\"version\":\"sha256:{}\"}}]\n}}\n",
        fingerprint.as_str()
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);

    file.write(&Ledger { backend: Some(Backend::File), ..Ledger::default() }).unwrap();
    let expected = "{\n  \"workosSession\": false,\n  \"credentialBackend\": \"secure-file\"\n}\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn what_others_wrote_survives_every_write() {
    let (_folder, path, file) = place("settings-foreign");
    let theirs = "{\n  \"models\": {\n    \"b\": 1.50,\n    \"a\": []\n  },\n  \"workspaceSlug\": \"old\",\n  \"pensarAPIKey\": \"key\"\n}\n";
    put(&path, theirs, 0o644);
    file.write(&full()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let head = theirs.replace("\"old\"", "\"my-team\"");
    assert!(text.starts_with(head.trim_end_matches("\n}\n")), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600, "no longer open to others");

    let version = file.read_plaintext().unwrap().unwrap().version();
    assert_eq!(file.remove_plaintext(&version), Ok(Swap::Done));
    file.write(&Ledger::default()).unwrap();
    let left = "{\n  \"models\": {\n    \"b\": 1.50,\n    \"a\": []\n  },\n  \"workosSession\": false\n}\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), left);
}

#[test]
fn values_that_mean_nothing_here_count_as_none() {
    let (_folder, path, file) = place("settings-odd");
    put(
        &path,
        r#"{"workspaceId":7,"workspaceSlug":null,"gatewayUrl":"","workosSession":"yes","credentialBackend":"tpm"}"#,
        0o600,
    );
    assert_eq!(file.read(), Ok(Ledger::default()));
}

#[test]
fn a_file_that_is_not_settings_is_never_overwritten() {
    for text in ["[]", "{", "workspaceId = 1", "// mine\n{}"] {
        let (_folder, path, file) = place("settings-not");
        put(&path, text, 0o600);
        for failure in [
            file.read().unwrap_err(),
            file.write(&full()).unwrap_err(),
            file.read_plaintext().unwrap_err(),
            file.remove_plaintext(&Record::bare(Secret::from("x")).version()).unwrap_err(),
        ] {
            assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{text}: {failure}");
            assert_eq!(failure.parts().1, Some("mend it or move it away"), "{failure}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_file_that_others_may_change_is_refused() {
    let (_folder, path, file) = place("settings-open");
    for mode in [0o620, 0o602, 0o666] {
        put(&path, "{}", mode);
        assert_eq!(file.read().unwrap_err().kind, StoreFailureKind::Refused, "{mode:o}");
        assert_eq!(file.write(&full()).unwrap_err().kind, StoreFailureKind::Refused, "{mode:o}");
        assert_eq!(file.read_plaintext().unwrap_err().kind, StoreFailureKind::Refused, "{mode:o}");
    }
    put(&path, "{}", 0o644);
    std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    assert_eq!(file.read().unwrap_err().kind, StoreFailureKind::Refused, "somebody else's");
}

#[test]
fn damaged_unsettled_entries_are_told_and_replaced() {
    let (_folder, path, file) = place("settings-unsettled");
    for damaged in ["7", "[1]", r#"[{"backend":"cloud"}]"#, r#"[{"backend":"file","version":"x"}]"#] {
        put(&path, &format!("{{\"theme\":1,\"doorkeyUnsettled\":{damaged}}}"), 0o600);
        let failure = file.read().unwrap_err();
        assert_eq!(failure.kind, StoreFailureKind::Unreadable, "{damaged}");
        assert!(failure.detail.contains("doorkeyUnsettled"), "{failure}");
        file.write(&full()).unwrap();
        assert_eq!(file.read(), Ok(full()));
        assert!(fs::read_to_string(&path).unwrap().starts_with("{\n  \"theme\": 1,"));
    }
}

/// What is read from this text, and the text after that was removed.
fn moved(name: &str, text: &str) -> (Option<Record>, String) {
    let (_folder, path, file) = place(name);
    put(&path, text, 0o600);
    let record = file.read_plaintext().unwrap();
    if let Some(record) = &record {
        assert_eq!(record.generation, None);
        let other = Record::bare(Secret::from("other")).version();
        assert_eq!(file.remove_plaintext(&other), Ok(Swap::Conflict));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(file.remove_plaintext(&record.version()), Ok(Swap::Done));
        let again = file.read_plaintext().unwrap();
        assert_ne!(again.as_ref(), Some(record), "it is gone");
        if again.is_none() {
            assert_eq!(file.remove_plaintext(&record.version()), Ok(Swap::Done), "once more is no harm");
        }
    }
    let left = serde_json::from_str::<serde_json::Value>(&fs::read_to_string(&path).unwrap()).unwrap();
    (record, left.to_string())
}

#[test]
fn older_values_are_read_as_one_record_and_removed_exactly() {
    let session = Record::bare_refresh(Secret::from("r"));
    let mut with_access = session.clone();
    with_access.rotation_mut().unwrap().access =
        Some(Access { token: Secret::from("a"), received: Moment::default(), lifetime: None });
    let key = Record::bare(Secret::from("k"));
    let signed = |mut record: Record| {
        record.gateway.signing_key = Some(Secret::from("s"));
        record
    };
    let rows = [
        (r#"{"x":1}"#, None, r#"{"x":1}"#),
        (r#"{"refreshToken":"r","x":1}"#, Some(session.clone()), r#"{"x":1}"#),
        (r#"{"accessToken":"a","refreshToken":"r"}"#, Some(with_access.clone()), "{}"),
        (r#"{"pensarAPIKey":"k"}"#, Some(key.clone()), "{}"),
        // The session wins, and the key is not lost.
        (
            r#"{"accessToken":"a","refreshToken":"r","pensarAPIKey":"k"}"#,
            Some(with_access),
            r#"{"pensarAPIKey":"k"}"#,
        ),
        // An access token alone is no credential.
        (r#"{"accessToken":"a"}"#, None, r#"{"accessToken":"a"}"#),
        (r#"{"accessToken":"a","pensarAPIKey":"k"}"#, Some(key.clone()), r#"{"accessToken":"a"}"#),
        (r#"{"gatewaySigningKey":"s","refreshToken":"r"}"#, Some(signed(session.clone())), "{}"),
        (r#"{"signingKey":"s","pensarAPIKey":"k"}"#, Some(signed(key.clone())), "{}"),
        (r#"{"gatewaySigningKey":"s","signingKey":"s","pensarAPIKey":"k"}"#, Some(signed(key.clone())), "{}"),
        (
            r#"{"gatewaySigningKey":"s","pensarAPIKey":"k","signingKey":"t"}"#,
            Some(signed(key.clone())),
            r#"{"signingKey":"t"}"#,
        ),
        (r#"{"signingKey":"s"}"#, None, r#"{"signingKey":"s"}"#),
        // What is no token stays, and hides nothing.
        (r#"{"pensarAPIKey":"k","refreshToken":""}"#, Some(key.clone()), r#"{"refreshToken":""}"#),
        (r#"{"pensarAPIKey":"k","refreshToken":"a b"}"#, Some(key), r#"{"refreshToken":"a b"}"#),
        (r#"{"pensarAPIKey":null,"refreshToken":7}"#, None, r#"{"pensarAPIKey":null,"refreshToken":7}"#),
        (
            r#"{"refreshToken":"{\"refreshToken\":\"r\"}"}"#,
            None,
            r#"{"refreshToken":"{\"refreshToken\":\"r\"}"}"#,
        ),
    ];
    for (text, record, left) in rows {
        assert_eq!(moved("settings-older", text), (record, left.to_owned()), "{text}");
    }
}

#[test]
fn a_workspace_and_a_gateway_go_with_the_record_and_stay_in_the_ledger() {
    let text =
        r#"{"gatewayUrl":"https://gw.pensar.dev","pensarAPIKey":"k","workspaceId":"w","workspaceSlug":"s"}"#;
    let (record, left) = moved("settings-workspace", text);
    let record = record.unwrap();
    assert_eq!(record.slug(), Some("s"));
    assert_eq!(record.workspace.unwrap().id.as_deref(), Some("w"));
    assert_eq!(record.gateway.url.unwrap().to_string(), "https://gw.pensar.dev/");
    assert_eq!(left, text.replace(r#""pensarAPIKey":"k","#, ""));
    let (record, _) = moved(
        "settings-workspace",
        r#"{"pensarAPIKey":"k","workspaceId":"w","gatewayUrl":"http://elsewhere.example"}"#,
    );
    assert_eq!(
        record,
        Some(Record::bare(Secret::from("k"))),
        "without a slug no workspace, without https no gateway"
    );
}

#[test]
fn removing_from_nothing_leaves_no_trace() {
    let (folder, _path, file) = place("settings-untouched");
    assert_eq!(file.read_plaintext(), Ok(None));
    assert_eq!(file.remove_plaintext(&Record::bare(Secret::from("k")).version()), Ok(Swap::Done));
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0);
}
