//! `doorkey login --start` and `--finish`: a login that one process begins and another one finishes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::pending_grant::{PendingGrant, StartGrant};
use doorkey_core::resolve::store_failure;
use doorkey_core::secret::Secret;
use doorkey_core::sign_in::{SignIn, SignInOptions, is_decided};
use doorkey_core::task::Task;
use doorkey_store::{PendingFile, boot_id};

use crate::place::Place;
use crate::run::Run;

use super::place::Profiles;
use super::report;
use super::run::Issuing;
use super::settings::Profile;

/// The folder below that of the settings.
const FOLDER: &str = "pending";

/// Begins a login: whoever is told the handle can finish it.
///
/// # Errors
/// As the machine says; or what is to be remembered cannot be.
pub fn start(profiles: &Profiles<'_>, run: Run<'_>, profile: &Profile) -> Result<ExitCode, Failure> {
    let folder = folder(profiles);
    forget_what_is_over(&folder);
    let printer = run.printer;
    let handle = handle()?;
    let grant = run.drive(Task::StartGrant, StartGrant::default())?;
    let file = PendingFile::new(&folder, &handle).ok_or_else(|| unknown(&handle))?;
    let text = Secret::new(format!("{}\n{}", grant.encode().expose_secret(), profile.encode()));
    file.create(&text).map_err(store_failure)?;
    report::login_started(printer, profile, &handle, grant.lifetime);
    Ok(ExitCode::SUCCESS)
}

/// Finishes a login that was begun.
///
/// # Errors
/// As the machine says; there is none of this handle, or another process is at it.
pub fn finish(issuing: &Issuing<'_>, profiles: &Profiles<'_>, handle: &str) -> Result<ExitCode, Failure> {
    let file = PendingFile::new(&folder(profiles), handle).ok_or_else(|| unknown(handle))?;
    let claim = Arc::new(file.claim().map_err(store_failure)?.ok_or_else(|| unknown(handle))?);
    let (grant, profile) = read(&claim.text).ok_or_else(|| store_failure(claim.unreadable()))?;
    let profile = profile?;
    profiles.file.probe()?;
    let place = profiles.place(&profile)?;
    let run = issuing.run(Place { vault: place.vault.with_pending(Arc::clone(&claim)), ..place });
    let (printer, service) = (run.printer, run.place.service.clone());
    let options = SignInOptions::default();
    let task = Task::SignIn { options, pending: Some(Box::new(grant.clone())) };
    match run.drive(task, SignIn::resumed(options, grant)) {
        Ok(kept) => {
            profiles.file.keep(&profile)?;
            claim.remove().map_err(store_failure)?;
            report::signed_in(printer, &service, &profile, &kept, profiles.environment);
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            if is_decided(&failure) {
                // One that stays is told as over by the next who tries.
                let _ = claim.remove();
            }
            Err(failure)
        }
    }
}

fn folder(profiles: &Profiles<'_>) -> PathBuf {
    profiles.folder.join(FOLDER)
}

fn read(text: &Secret) -> Option<(PendingGrant, Result<Profile, Failure>)> {
    let (grant, profile) = text.expose_secret().split_once('\n')?;
    Some((PendingGrant::decode(&Secret::from(grant))?, Profile::decode(profile)))
}

/// What nobody has finished in time is no use to anybody.
fn forget_what_is_over(folder: &std::path::Path) {
    for file in PendingFile::all(folder) {
        // Looked at first: whoever finishes one that is not over must not find it taken. What cannot be read may be of a
        // newer version.
        let is_over = |text: &Secret| {
            read(text).is_some_and(|(grant, _)| grant.left(SystemClock.now(), &boot_id()).is_zero())
        };
        if file.read().ok().flatten().is_some_and(|text| is_over(&text))
            && let Ok(Some(claim)) = file.claim()
        {
            // One that stays is tried again the next time.
            let _ = claim.remove();
        }
    }
}

/// 128 random bits.
fn handle() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|e| Failure::new(Exit::Internal, "internal", format!("there is no randomness: {e}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn unknown(handle: &str) -> Failure {
    let what = format!(
        "no login was begun under the handle {:?}, or it is finished already",
        doorkey_core::text::harmless(handle)
    );
    Failure::new(Exit::Usage, "unknown_handle", what).next("begin one with `doorkey login ISSUER --start`")
}
