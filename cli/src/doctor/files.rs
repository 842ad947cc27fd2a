//! The folders and files of a command: whose they are, who else may use them, and whether anything fits beside them.

use std::fs;
use std::path::{Path, PathBuf};

use doorkey_core::failure::Exit;
use doorkey_core::text::{harmless, quoted};
use doorkey_store::{
    Access, Fault, Flaw, home_of_effective_user, inspect_file, inspect_folder, inspect_owner, inspect_room,
};

use super::finding::{Check, Finding};
use crate::environment::Environment;
use crate::place::no_home;

/// Files that hold secrets, by name.
const SECRET: [&str; 5] =
    ["credentials", "credentials.enc", "auth.json", "auth.emergency", "session.emergency"];
/// Files that steer us.
const STEERING: [&str; 3] = ["config.toml", "config.json", "state.json"];
/// Folders of ours within the folder.
const FOLDERS: [&str; 2] = ["profiles", PENDING];
/// Whose files are logins that are not finished.
const PENDING: &str = "pending";
/// No folder of ours is deeper.
const DEEPEST: usize = 2;
/// More is not looked at: other programs keep things in the same folder.
const MOST: usize = 2_000;

/// The home folder.
pub fn home(environment: &Environment) -> Vec<Finding> {
    let Some(home) = environment.home() else { return vec![Finding::failure(Check::Home, no_home())] };
    let name = shown(&home);
    if !home.is_dir() {
        let message = format!("the home folder {name} is not there, or is no folder");
        return vec![Finding::problem(
            Check::Home,
            Exit::Store,
            "home_missing",
            message,
            "set HOME to yours",
        )];
    }
    if inspect_owner(&home).is_ok() {
        return vec![Finding::ok(Check::Home, format!("{name} is yours"))];
    }
    let message = format!("the home folder {name} belongs to another user");
    let remedy = match home_of_effective_user().filter(|own| *own != home) {
        // By sudo, mostly.
        Some(own) => format!("run it as the owner, without sudo; or set HOME={}", shown(&own)),
        None => "run it as the owner".to_owned(),
    };
    vec![Finding::problem(Check::Home, Exit::Store, "home_not_ours", message, remedy)]
}

/// Whether anything more fits on the disk.
pub fn disk(folder: &Path) -> Vec<Finding> {
    // Who owns the folder is looked at elsewhere.
    match inspect_room(folder) {
        Err(fault) if fault.flaw != Flaw::Unwritable || is_ours(&fault.path) => {
            vec![told(Check::Disk, &fault)]
        }
        _ => vec![Finding::ok(Check::Disk, "there is room for credentials")],
    }
}

/// The folder, and whatever lies in it.
pub fn folder(folder: &Path) -> Vec<Finding> {
    let mut seen = Seen::default();
    match inspect_folder(folder) {
        // It will be made below what is there.
        Ok(false) => {
            let nearest = folder.ancestors().find(|level| level.is_dir());
            let fault = nearest.and_then(|nearest| inspect_owner(nearest).err());
            // Below root's folders, /home for one, the mode decides, which the look at the disk has told.
            let is_roots =
                |fault: &Fault| fault.flaw == Flaw::OwnedByRoot && inspect_room(&fault.path).is_ok();
            seen.faults.extend(fault.filter(|fault| !is_roots(fault)));
        }
        Ok(true) => seen.walk(folder, 0),
        Err(fault) if fault.flaw == Flaw::Hidden => seen.faults.push(in_the_way(folder).unwrap_or(fault)),
        Err(fault) => {
            seen.faults.push(fault);
            seen.walk(folder, 0);
        }
    }
    judge(folder, &seen.faults)
}

/// The folder above that does not let us through, if it is not ours.
fn in_the_way(folder: &Path) -> Option<Fault> {
    let mut above = folder.ancestors().skip(1).map(inspect_owner);
    above.find(|looked| !matches!(looked, Err(fault) if fault.flaw == Flaw::Hidden))?.err()
}

/// What was seen in a folder.
#[derive(Default)]
struct Seen {
    faults: Vec<Fault>,
    files: usize,
}

impl Seen {
    fn walk(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut paths: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).take(MOST.saturating_sub(self.files)).collect();
        paths.sort();
        for path in paths {
            self.files += 1;
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            let ours = depth > 0 || FOLDERS.iter().any(|name| path.ends_with(name));
            let looked = match (is_folder, access_of(&path)) {
                (_, Some(access)) => inspect_file(&path, access),
                (true, None) if ours => inspect_folder(&path),
                (_, None) => inspect_owner(&path),
            };
            self.faults.extend(looked.err().filter(|fault| is_worth_telling(&path, fault)));
            if is_folder && ours && depth < DEEPEST {
                self.walk(&path, depth + 1);
            }
        }
    }
}

/// What another program's things are like is its own affair, but for what a run by `sudo` left: it hinders both. Locks
/// have a check of their own.
fn is_worth_telling(path: &Path, fault: &Fault) -> bool {
    let is_lock = path.extension().is_some_and(|extension| extension == "lock");
    fault.flaw == Flaw::OwnedByRoot || (!is_lock && access_of(path).is_some())
}

/// What others may do with a file of ours; `None`: it is none of ours.
fn access_of(path: &Path) -> Option<Access> {
    let name = path.file_name()?.to_str()?;
    match name {
        _ if path.parent().is_some_and(|folder| folder.ends_with(PENDING)) => Some(Access::Secret),
        _ if SECRET.contains(&name) => Some(Access::Secret),
        _ if STEERING.contains(&name) => Some(Access::Steering),
        _ => None,
    }
}

/// What a run by `sudo` left is one problem, however many files it is.
fn judge(folder: &Path, faults: &[Fault]) -> Vec<Finding> {
    let (by_sudo, others): (Vec<&Fault>, Vec<&Fault>) =
        faults.iter().partition(|fault| fault.flaw == Flaw::OwnedByRoot);
    let mut findings: Vec<Finding> = others.iter().map(|fault| told(Check::Files, fault)).collect();
    if let Some(first) = by_sudo.first() {
        let more = match by_sudo.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let top = if first.path.starts_with(folder) { folder } else { &first.path };
        findings.push(Finding::problem(
            Check::Files,
            Exit::Store,
            "left_by_sudo",
            format!("{}{more} belongs to root: a command was once run by sudo", shown(&first.path)),
            format!("take it back with: sudo chown -R \"$(id -u)\" {}", quoted(&shown(top))),
        ));
    }
    if findings.is_empty() {
        let message = match folder.is_dir() {
            true => format!("what is in {} is yours, and closed to others", shown(folder)),
            false => format!("{} can be made when it is needed", shown(folder)),
        };
        findings.push(Finding::ok(Check::Files, message));
    }
    findings
}

fn told(check: Check, fault: &Fault) -> Finding {
    let code = match fault.flaw {
        Flaw::OwnedByRoot | Flaw::NotOurs => "not_ours",
        Flaw::Open => "open_to_others",
        Flaw::OddKind => "odd_kind",
        Flaw::Link => "foreign_link",
        Flaw::ReadOnly => "read_only",
        Flaw::Unwritable => "unwritable",
        Flaw::Full => "disk_full",
        _ => "hidden",
    };
    Finding::store(check, code, &fault.failure, "look at it")
}

fn is_ours(path: &Path) -> bool {
    inspect_owner(path).is_ok()
}

fn shown(path: &Path) -> String {
    harmless(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use doorkey_core::store::{StoreFailure, StoreFailureKind};

    use super::*;

    fn fault(path: &str, flaw: Flaw) -> Fault {
        let failure =
            StoreFailure { kind: StoreFailureKind::Refused, detail: format!("{path} is odd; mend it") };
        Fault { path: path.into(), flaw, failure }
    }

    fn codes(faults: &[Fault]) -> Vec<String> {
        let found = judge(Path::new("/home/me/.config/x"), faults);
        found.iter().filter_map(|found| Some(found.advice()?.code.to_string())).collect()
    }

    #[test]
    fn what_sudo_left_is_one_problem() {
        let at = |name: &str| fault(&format!("/home/me/.config/x/{name}"), Flaw::OwnedByRoot);
        assert_eq!(codes(&[]), Vec::<String>::new());
        assert_eq!(codes(&[at("a"), fault("/b", Flaw::Open), at("c")]), ["open_to_others", "left_by_sudo"]);
        let found = judge(Path::new("/home/me/.config/x"), &[at("a"), at("b"), at("c")]);
        assert!(found[0].message.starts_with("/home/me/.config/x/a and 2 more"), "{found:?}");
        assert!(found[0].advice().unwrap().remedy.ends_with(" /home/me/.config/x"), "{found:?}");
    }

    #[test]
    fn a_remedy_is_typed_as_it_stands() {
        let folder = "/home/me/My Files; x";
        let found = judge(Path::new(folder), &[fault(&format!("{folder}/a"), Flaw::OwnedByRoot)]);
        assert!(found[0].advice().unwrap().remedy.ends_with(" '/home/me/My Files; x'"), "{found:?}");
    }

    #[test]
    fn a_folder_above_that_root_owns_is_given_back_itself() {
        let found = judge(Path::new("/home/me/.config/x"), &[fault("/home/me/.config", Flaw::OwnedByRoot)]);
        assert!(found[0].advice().unwrap().remedy.ends_with(" /home/me/.config"), "{found:?}");
    }

    #[test]
    fn other_programs_files_are_their_own_affair() {
        let told = |path: &str, flaw| is_worth_telling(Path::new(path), &fault(path, flaw));
        assert!(told("/x/credentials", Flaw::Open) && told("/x/config.toml", Flaw::NotOurs));
        assert!(!told("/x/history.log", Flaw::NotOurs) && !told("/x/credentials.lock", Flaw::NotOurs));
        assert!(told("/x/history.log", Flaw::OwnedByRoot) && told("/x/credentials.lock", Flaw::OwnedByRoot));
    }
}
