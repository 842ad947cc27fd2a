//! Credentials files that are not to be trusted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use crate::sealed::scene::Scene;
use crate::table::{ROW, Row, deep, unasked};

pub fn rows() -> Vec<Row> {
    fn sign_in_elsewhere(scene: &Scene) {
        let stranger = scene.sealed.home.join("stranger");
        fs::rename(scene.sign_in(), &stranger).unwrap();
        chown(&stranger, Some(12345), None).unwrap();
        symlink(&stranger, scene.config().join("credentials")).unwrap();
    }
    fn remembered(scene: &Scene, content: &str) {
        scene.sign_in();
        fs::write(scene.config().join("state.json"), content).unwrap();
    }
    vec![
        Row {
            name: "0644",
            prepare: |scene| fs::set_permissions(scene.sign_in(), fs::Permissions::from_mode(0o644)).unwrap(),
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials is open to other users (mode 0644)\n\
                \x20 → close it with: chmod 600 ~/.config/pentify/credentials",
            ..ROW
        },
        Row {
            name: "0644 at a login",
            args: &["login"],
            prepare: |scene| fs::set_permissions(scene.sign_in(), fs::Permissions::from_mode(0o644)).unwrap(),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,

            stderr: "error: there is no place to store a token (keychain: there is no D-Bus session here; file: ~/.config/pentify/credentials is open to other users (mode 0644))\n\
                \x20 → close it with: chmod 600 ~/.config/pentify/credentials; or set PENTIFY_API_TOKEN instead of signing in",
            ..ROW
        },
        Row {
            name: "somebody else's",
            prepare: |scene| chown(scene.sign_in(), Some(12345), None).unwrap(),
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials belongs to another user (uid 12345, not 0)\n\
                \x20 → run as its owner or choose another home folder",
            ..ROW
        },
        Row {
            name: "a symlink to somebody else's",
            prepare: |scene| sign_in_elsewhere(scene),
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: ~/stranger belongs to another user (uid 12345, not 0)\n\
                \x20 → run as its owner or choose another home folder",
            ..ROW
        },
        Row {
            name: "a symlink to somebody else's at a login",
            args: &["login"],
            prepare: |scene| sign_in_elsewhere(scene),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,

            stderr: "error: there is no place to store a token (keychain: there is no D-Bus session here; file: ~/stranger belongs to another user (uid 12345, not 0))\n\
                \x20 → run as its owner or choose another home folder; or set PENTIFY_API_TOKEN instead of signing in",
            ..ROW
        },
        Row {
            name: "a folder that others may write to",
            prepare: |scene| {
                scene.sign_in();
                fs::set_permissions(scene.config(), fs::Permissions::from_mode(0o777)).unwrap();
            },
            args: &["login"],
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: other users may write to the folder ~/.config/pentify\n\
                \x20 → close it with: chmod 700 ~/.config/pentify",
            ..ROW
        },
        Row {
            name: "a folder instead of the file",
            prepare: |scene| {
                let path = scene.credentials("");
                fs::remove_file(&path).unwrap();
                fs::create_dir(path).unwrap();
            },
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials is not a regular file\n\
                \x20 → move it away",
            ..ROW
        },
        Row {
            name: "broken JSON",
            prepare: |scene| drop(scene.credentials("{\"v\":1,")),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials is not a credentials file, or has a damaged entry\n\
                \x20 → move it away and sign in again",
            ..ROW
        },
        Row {
            name: "broken JSON at a login",
            args: &["login"],
            prepare: |scene| drop(scene.credentials("{\"v\":1,")),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,

            stderr: "error: there is no place to store a token (keychain: there is no D-Bus session here; file: ~/.config/pentify/credentials is not a credentials file, or has a damaged entry)\n\
                \x20 → move it away and sign in again; or set PENTIFY_API_TOKEN instead of signing in",
            ..ROW
        },
        Row {
            name: "broken JSON at a status",
            args: &["status"],
            prepare: |scene| drop(scene.credentials("{\"v\":1,")),
            exit: 6,
            also: unasked,
            ..ROW
        },
        Row {
            name: "a newer version's",
            prepare: |scene| drop(scene.credentials(r#"{"v":2,"records":{}}"#)),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: a newer version of this program wrote ~/.config/pentify/credentials (form 2)\n\
                \x20 → use that version",
            ..ROW
        },
        Row {
            name: "a newer version's at a logout",
            args: &["logout"],
            prepare: |scene| drop(scene.credentials(r#"{"v":2,"records":{}}"#)),
            exit: 6,
            code: "store_unreadable",
            writes: true,
            also: |scene, _| {
                assert_eq!(scene.sealed.file(".config/pentify/credentials"), r#"{"v":2,"records":{}}"#)
            },

            stderr: "error: a token stored there is no longer used, but could not be removed: a newer version of this program wrote ~/.config/pentify/credentials (form 2)\n\
                \x20 → use that version; then log out again",
            ..ROW
        },
        Row {
            name: "not text",
            prepare: |scene| {
                let path = scene.credentials("");
                fs::write(path, [0xff, 0xfe, 0x00]).unwrap();
            },
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials is not text\n\
                \x20 → move it away and sign in again",
            ..ROW
        },
        Row {
            name: "too large",
            prepare: |scene| drop(scene.credentials(&" ".repeat(1_000_001))),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials is larger than any credentials file\n\
                \x20 → move it away and sign in again",
            ..ROW
        },
        Row {
            name: "deep JSON in the file",
            prepare: |scene| drop(scene.credentials(&deep("{\"v\":1,\"records\":", "}"))),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: ~/.config/pentify/credentials is not a credentials file, or has a damaged entry\n\
                \x20 → move it away and sign in again",
            ..ROW
        },
        Row {
            name: "a damaged memory",
            prepare: |scene| remembered(scene, "{"),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: ~/.config/pentify/state.json is damaged\n\
                \x20 → move it away and sign in again",
            ..ROW
        },
        Row {
            name: "a damaged memory at a login",
            args: &["login"],
            prepare: |scene| remembered(scene, "{"),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: ~/.config/pentify/state.json is damaged\n\
                \x20 → move it away and sign in again",
            ..ROW
        },
        Row {
            name: "a newer version's memory",
            prepare: |scene| remembered(scene, r#"{"v":2}"#),
            exit: 6,
            code: "store_unreadable",
            also: unasked,

            stderr: "error: a newer version of this program wrote ~/.config/pentify/state.json (form 2)\n\
                \x20 → use that version",
            ..ROW
        },
    ]
}
