//! What the fuzzer found worth keeping (`tests/fuzz`) is given to the targets again: every file of every corpus.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use doorkey_targets::{ALL, Target};

/// One file takes milliseconds; one that takes this long never ends.
const LIMIT: Duration = Duration::from_secs(60);
/// What a corpus may have, so that the suite stays quick and the repository small.
const MOST_FILES: usize = 200;
const MOST_BYTES: usize = 4096;
const MOST_IN_ALL: usize = 1_500_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora")
}

fn files(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join(target.name));
    let mut paths: Vec<PathBuf> = entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_target_has_a_small_corpus_and_every_corpus_a_target() {
    let mut all = 0;
    for target in ALL {
        let files = files(target);
        assert!((1..=MOST_FILES).contains(&files.len()), "{}: {} files", target.name, files.len());
        for (path, bytes) in files {
            assert!(bytes.len() <= MOST_BYTES, "{}: {} bytes", path.display(), bytes.len());
            all += bytes.len();
        }
    }
    assert!(all <= MOST_IN_ALL, "{all} bytes");
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(doorkey_targets::named(&name).is_some(), "nobody reads corpora/{name}");
    }
}

/// Side by side: they have nothing in common but the machine.
#[test]
fn every_file_holds() {
    let (said, heard) = channel();
    for target in ALL {
        let said = said.clone();
        thread::spawn(move || replay(target, &said));
    }
    drop(said);
    let mut under_way = std::collections::BTreeSet::new();
    let mut failed = Vec::new();
    loop {
        match heard.recv_timeout(LIMIT) {
            Ok(Said::Begins(path)) => drop(under_way.insert(path)),
            Ok(Said::Held(path)) => drop(under_way.remove(&path)),
            Ok(Said::Failed(path)) => {
                under_way.remove(&path);
                failed.push(path);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("one of these does not end: {under_way:?}"),
        }
    }
    assert!(failed.is_empty(), "these panicked: {failed:?}");
}

enum Said {
    Begins(PathBuf),
    Held(PathBuf),
    Failed(PathBuf),
}

fn replay(target: &Target, said: &Sender<Said>) {
    for (path, bytes) in files(target) {
        let _ = said.send(Said::Begins(path.clone()));
        let held = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes))).is_ok();
        let _ = said.send(if held { Said::Held(path) } else { Said::Failed(path) });
    }
}
