//! What the commands for issuers do: build a machine, drive it, show what came of it.

use std::process::ExitCode;

use doorkey_core::connection::Connection;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::resolve::Given;
use doorkey_core::revoke::Revocation;
use doorkey_core::secret::Secret;
use doorkey_core::sign_out::SignOut;
use doorkey_core::task::Task;
use doorkey_core::token::bearer_given;

#[cfg(feature = "doctor")]
use crate::doctor;
use crate::environment::Environment;
use crate::exec;
use crate::place::Place;
use crate::printer::Printer;
use crate::run::Run;
use crate::signals::Watch;
use crate::surface::Qr;
use crate::token::Found;
use crate::trace::Trace;
use crate::usage::misplaced;
#[cfg(feature = "doctor")]
use crate::usage::passed_over;

use super::args::{Issuers, Status};
use super::place::{Profiles, unknown};
use super::settings::Profile;
#[cfg(feature = "doctor")]
use super::subject::subject;
use super::{api, credential, login, report};

/// How requests name their sender.
pub const USER_AGENT: &str = concat!("doorkey/", env!("CARGO_PKG_VERSION"));
/// The variable with a token.
pub const TOKEN: &str = "DOORKEY_TOKEN";
/// The variable in which a command that is run finds one. Not the same: that one hides the profiles.
const CHILDS: &str = "DOORKEY_ACCESS_TOKEN";

/// What all machines of one command are driven with.
pub struct Issuing<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// Where results and messages go.
    pub printer: Printer,
    /// Who hears signals.
    pub watch: Watch,
    trace: Trace,
}

/// Runs one command.
///
/// # Errors
/// Whatever ends the command without success.
pub fn run(
    command: Issuers,
    profile: Option<String>,
    trace: Trace,
    environment: &Environment,
    printer: Printer,
) -> Result<ExitCode, Failure> {
    let runs = if let Issuers::Exec(args) = &command { Some(args) } else { None };
    let issuing = Issuing { environment, printer, trace, watch: exec::watch(runs, printer)? };
    // A flag counts more than the environment: whoever names a profile wants its token, and no other issuer's.
    let given = environment.get(TOKEN).filter(|_| profile.is_none());
    if let (Issuers::Token | Issuers::Exec(_), Some(text)) = (&command, given) {
        let given = Found { token: bearer_given(Secret::from(text), TOKEN)?, left: None };
        return match &command {
            Issuers::Exec(args) => exec::exec(args, CHILDS, &given.token),
            _ => Ok(given.print(printer)),
        };
    }
    #[cfg(feature = "doctor")]
    if let Issuers::Doctor(args) = command {
        doctor::only_the_real(&issuing.trace, false)?;
        let subject = subject(environment, profile, issuing.watch);
        return Ok(doctor::run(args, environment, printer, subject));
    }
    let profiles = Profiles::read(environment, profile, issuing.watch.clone())?;
    match command {
        Issuers::Login(args) => login::login(&issuing, &profiles, &args),
        Issuers::List => list(&issuing, &profiles),
        Issuers::Switch { .. } if profiles.is_named_by_flag() => {
            Err(misplaced("--profile", "doorkey switch", "name the profile once, as `doorkey switch NAME`"))
        }
        Issuers::Switch { name } => {
            if profiles.settings.profile(&name)?.is_none() {
                return Err(unknown(&name));
            }
            profiles.file.activate(&name)?;
            report::switched(printer, &name, environment);
            Ok(ExitCode::SUCCESS)
        }
        Issuers::Status(args) => status(&issuing, &profiles, &args),
        Issuers::Token => Ok(find(&issuing, &profiles)?.print(printer)),
        Issuers::Exec(args) => exec::exec(&args, CHILDS, &find(&issuing, &profiles)?.token),
        Issuers::Api(args) => api::api(&issuing, &profiles, &args),
        Issuers::Credential { protocol } => credential::run(&issuing, profiles, &protocol),
        #[cfg(feature = "doctor")]
        Issuers::Doctor(_) => Err(passed_over()),
        Issuers::Logout { .. } if profiles.chosen().is_none() => Ok(report::nobody_signed_in(printer)),
        Issuers::Logout { revoke } => {
            let profile = profiles.current()?;
            let run = issuing.run(profiles.place(&profile)?);
            let signed_out = run.drive(Task::SignOut { revoke }, SignOut::new(revoke))?;
            Ok(report::signed_out(printer, &profile, &signed_out))
        }
    }
}

impl Issuing<'_> {
    /// A run of one machine.
    pub fn run(&self, place: Place) -> Run<'_> {
        Run {
            place,
            environment: self.environment,
            printer: self.printer,
            trace: self.trace.clone(),
            watch: self.watch.clone(),
            user_agent: USER_AGENT,
            qr: Qr::Never,
        }
    }
}

/// What the profile holds, renewed if need be.
fn find(issuing: &Issuing<'_>, profiles: &Profiles<'_>) -> Result<Found, Failure> {
    let profile = profiles.current()?;
    Found::find(issuing.run(profiles.place(&profile)?), Given::default())
}

fn status(issuing: &Issuing<'_>, profiles: &Profiles<'_>, args: &Status) -> Result<ExitCode, Failure> {
    let profile = profiles.current()?;
    let run = issuing.run(profiles.place(&profile)?);
    let (printer, service) = (run.printer, run.place.service.clone());
    // Whoever checks waits for the network in any case; `token` and its like do not, for what is none of their business.
    let revocation = match args.check {
        true => resume_sign_out(issuing, profiles, &profile)?,
        false => Revocation::NotAsked,
    };
    let check = args.check.then(|| find(issuing, profiles).map(|_| ()));
    let told = match args.explain {
        true => run.drive(Task::ExplainConnection, Connection::explained())?,
        false => run.drive(Task::Connection, Connection::default())?,
    };
    let hidden_by =
        (issuing.environment.get(TOKEN).is_some() && !profiles.is_named_by_flag()).then_some(TOKEN);
    let about = report::About { hidden_by, check, revocation };
    Ok(report::status(printer, &service, &profile, &told, &about))
}

/// Tells the issuer what an earlier logout could not, if there is anything to tell. It fails where the profile has no place.
fn resume_sign_out(
    issuing: &Issuing<'_>,
    profiles: &Profiles<'_>,
    profile: &Profile,
) -> Result<Revocation, Failure> {
    let run = issuing.run(profiles.place(profile)?);
    match run.drive(Task::ResumeSignOut, SignOut::resume()) {
        Ok(signed_out) => Ok(signed_out.revocation),
        Err(failure) if failure.exit == Exit::Interrupted => Err(failure),
        Err(failure) => Ok(Revocation::Pending(failure)),
    }
}

/// What cannot be read of one profile must not hide the others.
fn list(issuing: &Issuing<'_>, profiles: &Profiles<'_>) -> Result<ExitCode, Failure> {
    let mut lines = Vec::new();
    for name in profiles.settings.names() {
        let told = profiles.settings.profile(name).and_then(|profile| {
            let profile = profile.ok_or_else(|| unknown(name))?;
            let run = issuing.run(profiles.place(&profile)?);
            Ok((profile, run.drive(Task::Connection, Connection::default())?))
        });
        if let Err(failure @ Failure { exit: Exit::Interrupted, .. }) = told {
            return Err(failure);
        }
        lines.push((name, told));
    }
    report::list(issuing.printer, profiles.chosen(), &lines);
    Ok(ExitCode::SUCCESS)
}
