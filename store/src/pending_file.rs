//! A login that one process begins and whoever knows its handle finishes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use doorkey_core::pending_grant::PendingGrant;
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use zeroize::Zeroizing;

use crate::failure::{failure, io_failure, shown};
use crate::ownership::{ANY_ACCESS, check_file, create_folders, identity, private_options};
use crate::private_file::{folder_of, read_private, replace, sync_folder, unreadable};

/// The longest handle.
const LONGEST_HANDLE: usize = 64;

/// A file that only its owner can read, which is used once: the grant on the first line, and whatever its owner adds on the
/// next ones. It is its own lock: whoever finishes the login holds it, and removes it at the end. One that ends without
/// doing so leaves it to the next.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
}

/// The right to finish a login, for as long as it lives.
#[derive(Debug)]
pub struct Claim {
    /// What was written when it began.
    pub text: Secret,
    path: PathBuf,
    /// Closing it is what unlocks.
    file: File,
}

impl PendingFile {
    /// The one of this handle in a folder, which need not exist; `None` if it is no handle: hexadecimal digits are.
    pub fn new(folder: &Path, handle: &str) -> Option<Self> {
        let fits =
            (1..=LONGEST_HANDLE).contains(&handle.len()) && handle.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self { path: folder.join(handle) })
    }

    /// Every one in a folder, in no order.
    pub fn all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| Self::new(folder, entry.file_name().to_str()?)).collect()
    }

    /// Writes a new one, durably. Nobody sees a part of it.
    ///
    /// # Errors
    /// `Refused` if there is one already, or it cannot be written.
    pub fn create(&self, text: &Secret) -> Result<(), StoreFailure> {
        create_folders(folder_of(&self.path))?;
        // A handle is drawn by chance: nobody else makes this one meanwhile.
        if self.path.exists() {
            let cause = io::ErrorKind::AlreadyExists.into();
            return Err(io_failure("write", &self.path, &cause));
        }
        replace(&self.path, text.expose_secret().as_bytes())
    }

    /// What is in it, without taking it; `None` if it is not there.
    ///
    /// # Errors
    /// As [`claim`](Self::claim), which alone finds it `Busy`.
    pub fn read(&self) -> Result<Option<Secret>, StoreFailure> {
        let Some(bytes) = read_private(&self.path, ANY_ACCESS)? else { return Ok(None) };
        let text = str::from_utf8(&bytes).map_err(|_| unreadable(&self.path, "is not text"))?;
        Ok(Some(Secret::from(text)))
    }

    /// Takes it; `None` if it is not there, or not any more.
    ///
    /// # Errors
    /// `Busy` if another process has it, `Refused` if it is not ours alone, `Unreadable` if it is no text.
    pub fn claim(&self) -> Result<Option<Claim>, StoreFailure> {
        let path = &self.path;
        let file = match private_options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(io_failure("open", path, &cause)),
        };
        let found = file.metadata().map_err(|cause| io_failure("look at", path, &cause))?;
        check_file(path, &found, ANY_ACCESS)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let detail = "another process is finishing this login; wait for it".to_owned();
                return Err(failure(StoreFailureKind::Busy, detail));
            }
            Err(TryLockError::Error(cause)) => return Err(io_failure("lock", path, &cause)),
        }
        // Whoever had it may have removed it while it was being opened.
        if !fs::metadata(path).is_ok_and(|there| identity(&there) == identity(&found)) {
            return Ok(None);
        }
        let Some(text) = self.read()? else { return Ok(None) };
        Ok(Some(Claim { text, path: path.clone(), file }))
    }
}

impl Claim {
    /// Writes another state of the grant in the place of the one that was there, durably. The file stays the one that is
    /// locked, so it is written in place: by one call, which no signal tears, and to no fewer bytes, since an interval only
    /// grows.
    ///
    /// # Errors
    /// `Refused` if it cannot be written.
    pub(crate) fn keep(&self, grant: &PendingGrant) -> Result<(), StoreFailure> {
        let text = self.text.expose_secret();
        let (old, rest) = text.split_once('\n').unwrap_or((text, ""));
        let grant = grant.encode();
        // A grant is JSON, which may end in blanks.
        let blanks = " ".repeat(old.len().saturating_sub(grant.expose_secret().len()));
        let text = Zeroizing::new([grant.expose_secret(), &blanks, "\n", rest].concat());
        let mut file = &self.file;
        let written =
            file.rewind().and_then(|()| file.write_all(text.as_bytes())).and_then(|()| file.sync_all());
        written.map_err(|cause| io_failure("write", &self.path, &cause))
    }

    /// Removes the file: nobody can finish this login again.
    ///
    /// # Errors
    /// `Refused` if it cannot be removed.
    pub fn remove(&self) -> Result<(), StoreFailure> {
        fs::remove_file(&self.path).map_err(|cause| io_failure("remove", &self.path, &cause))?;
        sync_folder(folder_of(&self.path))
    }

    /// What is in it makes no sense.
    pub fn unreadable(&self) -> StoreFailure {
        let detail = format!("{} is not a login that was begun; remove it and begin anew", shown(&self.path));
        failure(StoreFailureKind::Unreadable, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorkey_core::rotation::Moment;

    use super::*;
    use crate::scratch::Scratch;

    fn pending(folder: &Path) -> PendingFile {
        PendingFile::new(folder, "00ff").unwrap()
    }

    #[test]
    fn one_finishes_and_the_others_are_told() {
        let folder = Scratch::new("pending-one");
        let file = pending(&folder.join("pending"));
        assert!(file.claim().unwrap().is_none(), "not begun");
        file.create(&Secret::from("text")).unwrap();
        assert_eq!(file.create(&Secret::from("other")).unwrap_err().kind, StoreFailureKind::Refused);
        let claim = file.claim().unwrap().unwrap();
        assert_eq!(claim.text, Secret::from("text"));
        assert_eq!(file.claim().unwrap_err().kind, StoreFailureKind::Busy);
        // It ended without an end: the next one takes it.
        drop(claim);
        let claim = file.claim().unwrap().unwrap();
        claim.remove().unwrap();
        assert!(file.claim().unwrap().is_none(), "used");
        assert!(PendingFile::all(&folder.join("pending")).is_empty());
    }

    fn grant() -> PendingGrant {
        let page = doorkey_core::url::Url::parse("https://auth.example.com/d").unwrap();
        PendingGrant {
            issuer: "https://auth.example.com via https://auth.example.com/token".to_owned(),
            client_id: "cli".to_owned(),
            device_code: Secret::from("dev-code-1"),
            user_code: Secret::from("ABCD"),
            verification_uri: page,
            verification_uri_complete: None,
            started: Moment::default(),
            lag: Duration::ZERO,
            lifetime: Duration::from_secs(600),
            interval: Duration::from_secs(5),
            polled: false,
        }
    }

    #[test]
    fn what_one_learned_is_there_for_the_next() {
        let folder = Scratch::new("pending-kept");
        let file = pending(&folder);
        let rest = "active = \"work\"\n";
        file.create(&Secret::new(format!("{}\n{rest}", grant().encode().expose_secret()))).unwrap();
        let mut lengths = Vec::new();
        // As often as it is, by one process or by several; the first state is the one that is a byte longer.
        for seconds in [[5, 10], [10, 10], [15_000, 20_000]] {
            let claim = file.claim().unwrap().unwrap();
            for seconds in seconds {
                let slower = PendingGrant { interval: Duration::from_secs(seconds), polled: true, ..grant() };
                claim.keep(&slower).unwrap();
                let text = file.read().unwrap().unwrap();
                let (first, others) = text.expose_secret().split_once('\n').unwrap();
                assert_eq!((PendingGrant::decode(&Secret::from(first)), others), (Some(slower), rest));
                lengths.push(text.expose_secret().len());
            }
            assert_eq!(file.claim().unwrap_err().kind, StoreFailureKind::Busy, "it is locked as before");
        }
        assert!(lengths.is_sorted(), "{lengths:?}");
        file.claim().unwrap().unwrap().remove().unwrap();
    }

    #[test]
    fn one_that_was_opened_before_it_was_removed_is_used() {
        let folder = Scratch::new("pending-late");
        let file = pending(&folder);
        file.create(&Secret::from("first")).unwrap();
        let first = file.claim().unwrap().unwrap();
        let late = private_options().read(true).write(true).open(&file.path).unwrap();
        first.remove().unwrap();
        drop(first);
        late.try_lock().unwrap();
        file.create(&Secret::from("second")).unwrap();
        let second = file.claim().unwrap().unwrap();
        assert_eq!(second.text, Secret::from("second"), "another file of that name has another lock");
    }

    #[test]
    fn only_hexadecimal_digits_are_a_handle() {
        for odd in ["", "../x", "a/b", "x", "00ff.lock", &"0".repeat(65)] {
            assert!(PendingFile::new(Path::new("/nonexistent"), odd).is_none(), "{odd:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_read_is_not_taken() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Scratch::new("pending-open");
        let file = pending(&folder);
        file.create(&Secret::from("text")).unwrap();
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(file.claim().unwrap_err().kind, StoreFailureKind::Refused);
    }
}
