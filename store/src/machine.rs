//! Which machine this is, and which of its runs: what a [`Service`](doorkey_core::service::Service) is told about them.
//!
//! Linux alone tells both by a file. Elsewhere (never compiled here) nothing is known, and a session may be rotated
//! wherever its record lies.

use std::fs;
use std::path::Path;

use doorkey_core::secret::Fingerprint;

/// Where the id of a machine lies.
const MACHINE: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// machine-id(5) asks not to show the id itself, only a hash that is particular to the application.
const APPLICATION: &str = "doorkey machine ";

/// The id of this machine, the same after a restart: sixteen hex digits. `None` if it has none.
pub fn machine_id() -> Option<String> {
    MACHINE.iter().find_map(|path| hashed(Path::new(path)))
}

/// The id of this run of the machine, new with every restart; empty if it is unknown.
pub fn boot_id() -> String {
    fs::read_to_string(BOOT).unwrap_or_default().trim().to_owned()
}

fn hashed(path: &Path) -> Option<String> {
    let id = fs::read_to_string(path).ok()?;
    let id = id.trim();
    // A system that has just been installed says "uninitialized".
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| Fingerprint::of(format!("{APPLICATION}{id}").as_bytes()).as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_id_is_hashed_and_steady() {
        let folder = Scratch::new("machine-id");
        let path = folder.join("machine-id");
        let put = |text: &str| {
            fs::write(&path, text).unwrap();
            hashed(&path)
        };
        let id = "0123456789abcdef0123456789abcdef";
        let hash = put(&format!("{id}\n")).unwrap();
        assert_eq!(hash, "ab44f34846be573a", "it must stay what it was: records carry it");
        assert_eq!(put(id), Some(hash.clone()));
        assert_ne!(put(&id.replace('f', "e")), Some(hash));
        for none in ["", "\n", "uninitialized\n", "0123", &format!("{id}0"), "\u{e9}"] {
            assert_eq!(put(none), None, "{none:?}");
        }
        assert_eq!(hashed(&folder.join("missing")), None);
    }

    #[test]
    fn this_machine_does_not_change_its_mind() {
        assert_eq!(machine_id(), machine_id());
        assert_eq!(boot_id(), boot_id());
        let raw = fs::read_to_string(MACHINE[0]).unwrap_or_default();
        assert!(machine_id().is_none_or(|id| id.len() == 16 && !raw.contains(&id)));
        assert_eq!(boot_id().is_empty(), !Path::new(BOOT).exists());
    }
}
