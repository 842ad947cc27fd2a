//! Homes that cannot be written to.

use std::os::unix::fs::chown;

use crate::sealed::scene::TOKEN;
use crate::table::{LOGIN, ROW, Row, USE_STDIN, unasked};

const READ_ONLY: &str = "mount --bind \"$HOME\" \"$HOME\"; mount -o remount,ro,bind \"$HOME\"";
const FULL: &str = "mkdir -p \"$HOME/.config\"; mount -t tmpfs -o size=64k,mode=700 tmpfs \"$HOME/.config\"; head -c 65536 /dev/zero > \"$HOME/.config/filler\"";

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "a home that is another one in each folder",
            prepare: |scene| {
                scene.sign_in();
                scene.sealed.set("HOME", ".");
            },
            exit: 6,
            code: "no_home",
            also: unasked,

            stderr: "error: there is no home folder to keep anything in\n\
                \x20 → set HOME to its whole path",
            ..ROW
        },
        Row {
            name: "a login in a read-only home",
            prepare: |scene| scene.before = Some(READ_ONLY.into()),
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: could not create the folder ~/.config: Read-only file system (os error 30)\n\
                \x20 → make it writable or choose another home folder",
            ..LOGIN
        },
        Row {
            name: "a pasted token in a read-only home",
            prepare: |scene| {
                scene.before = Some(READ_ONLY.into());
                scene.input = TOKEN.into();
            },
            exit: 6,
            code: "store_refused",

            stderr: "error: could not create the folder ~/.config: Read-only file system (os error 30)\n\
                \x20 → make it writable or choose another home folder",
            ..USE_STDIN
        },
        Row {
            name: "a stored token in a read-only home",
            prepare: |scene| {
                scene.sign_in();
                scene.before = Some(READ_ONLY.into());
            },
            ..ROW
        },
        Row {
            name: "a logout in a read-only home",
            args: &["logout"],
            prepare: |scene| {
                scene.sign_in();
                scene.before = Some(READ_ONLY.into());
            },
            exit: 6,
            code: "store_refused",

            stderr: "error: could not open the lock file ~/.config/pentify/credentials.lock: Read-only file system (os error 30)\n\
                \x20 → make it writable or choose another home folder",
            ..ROW
        },
        Row {
            name: "a login on a full disk",
            prepare: |scene| scene.before = Some(FULL.into()),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,

            stderr: "error: there is no place to store a token (keychain: there is no D-Bus session here; file: could not write ~/.config/pentify/.credentials.new: No space left on device (os error 28))\n\
                \x20 → make room and try again; or set PENTIFY_API_TOKEN instead of signing in",
            ..LOGIN
        },
        Row {
            name: "a pasted token on a full disk",
            prepare: |scene| {
                scene.before = Some(FULL.into());
                scene.input = TOKEN.into();
            },
            exit: 6,
            code: "stored_nowhere",

            stderr: "error: the token could not be stored (keychain: there is no D-Bus session here; file: could not write ~/.config/pentify/.state.json.new: No space left on device (os error 28))\n\
                \x20 → make room and try again",
            ..USE_STDIN
        },
        Row {
            name: "a login in somebody else's home",
            prepare: |scene| chown(&scene.sealed.home, Some(12345), None).unwrap(),
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: ~ belongs to another user (uid 12345, not 0)\n\
                \x20 → run as its owner or choose another home folder",
            ..LOGIN
        },
        Row {
            name: "a home that is no folder",
            prepare: |scene| {
                scene.sealed.set("HOME", "/dev/null");
            },
            exit: 6,
            code: "store_refused",
            also: unasked,

            stderr: "error: could not look at /dev/null/.config/pentify/credentials: Not a directory (os error 20)\n\
                \x20 → check the file and its folder",
            ..LOGIN
        },
    ]
}
