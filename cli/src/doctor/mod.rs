//! `doctor`: looks at everything that a login depends on, changes nothing, and says what is wrong.
//!
//! No file, lock or keychain entry is made, nobody is asked anything, and no token leaves its place: files are opened
//! for reading, the keychain is asked without a prompt, and servers get one GET without a credential.

mod browser;
mod credentials;
mod environment;
mod files;
mod finding;
mod keychain;
mod leftovers;
mod network;

use std::path::PathBuf;
use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::service::Service;
use doorkey_core::url::Url;
use doorkey_store::{KeychainConfig, Vault};

use crate::environment::Environment;
use crate::printer::{DIM, GREEN, Printer, RED, RESET, YELLOW};
use crate::trace::Trace;

pub use self::finding::{Advice, Check, Finding, Verdict, exit_code};

/// Arguments of `doctor`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// Ask no server
    #[arg(long)]
    pub offline: bool,
}

/// What a command depends on, beside the environment.
#[derive(Default)]
pub struct Subject {
    /// The folder of its files; `None` without a home.
    pub folder: Option<PathBuf>,
    /// What is wrong with its settings: it does not keep us from looking at the rest.
    pub settings: Vec<Failure>,
    /// Its logins.
    pub logins: Vec<Login>,
    /// Its names in the keychain, if it uses one.
    pub keychain: Option<KeychainConfig>,
    /// Whether credentials may lie nowhere but in the keychain.
    pub keychain_only: bool,
    /// The servers that it asks.
    pub hosts: Vec<Host>,
    /// The token in its variable.
    pub token: Option<GivenToken>,
    /// How requests name their sender.
    pub user_agent: &'static str,
}

/// One login, and where it lies.
pub struct Login {
    /// The profile, where there are several.
    pub profile: Option<String>,
    /// The service that it is with.
    pub service: Service,
    /// Where it lies.
    pub vault: Vault,
    /// Whether a command asks for a passphrase, which `doctor` does not.
    pub needs_passphrase: bool,
}

/// A server that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Any page there.
    pub url: Url,
    /// Whether it has only pages for a browser, which may run on another machine.
    pub only_pages: bool,
}

/// A token in the environment.
pub struct GivenToken {
    /// The variable.
    pub variable: &'static str,
    /// Whether it has the form of one.
    pub usable: Result<(), Failure>,
}

impl Host {
    /// The server of this URL, which is asked for tokens or with them.
    pub fn of(url: &Url) -> Self {
        Self { url: url.at_root("/"), only_pages: false }
    }

    /// The server of this page.
    pub fn of_page(url: &Url) -> Self {
        Self { only_pages: true, ..Self::of(url) }
    }
}

/// The sandbox has nothing that could be wrong, and a trace would be a file.
///
/// # Errors
/// One of them is asked for.
pub fn only_the_real(trace: &Trace, sandbox: bool) -> Result<(), Failure> {
    let flag = match (trace.is_given(), sandbox) {
        (true, _) => "--trace",
        (_, true) => "--sandbox",
        (false, false) => return Ok(()),
    };
    Err(Failure::new(Exit::Usage, "usage", format!("doctor has no use for {flag}"))
        .next(format!("leave out {flag}")))
}

/// Looks, and tells.
pub fn run(args: Args, environment: &Environment, printer: Printer, subject: Subject) -> ExitCode {
    let findings = finding::in_order(examine(args, environment, subject));
    if printer.json {
        let checks: Vec<_> = findings.iter().map(Finding::json).collect();
        printer.json(&serde_json::json!({ "checks": checks }));
    } else {
        findings.iter().for_each(|finding| show(printer, finding));
    }
    ExitCode::from(exit_code(&findings))
}

fn examine(args: Args, environment: &Environment, mut subject: Subject) -> Vec<Finding> {
    let mut findings = files::home(environment);
    let folder = subject.folder.as_deref().filter(|_| !any_problem(&findings));
    if let Some(folder) = folder {
        findings.extend(files::disk(folder));
        findings.extend(files::folder(folder));
    }
    // What lies in files that are not as they must be is not looked at: its faults would be the same once more.
    let trusts_files = folder.is_some() && !any_problem(&findings);
    findings.extend(settings(&subject, trusts_files));
    let keychain = keychain::answer(subject.keychain.as_ref());
    let mut stored = credentials::Stored::default();
    for login in &mut subject.logins {
        stored.add(credentials::look(login, trusts_files, matches!(keychain, Some(Ok(())))));
    }
    findings.extend(keychain::judge(keychain, stored.in_keychain || subject.keychain_only));
    findings.extend(environment::token(subject.token.as_ref(), stored.any));
    findings.append(&mut stored.findings);
    findings.extend(environment::certificates(environment));
    findings.extend(environment::core_dumps());
    findings.push(browser::pages(environment));
    findings.extend(network::look(environment, &subject, &findings, args.offline));
    findings
}

fn settings(subject: &Subject, trusts_files: bool) -> Vec<Finding> {
    let told = subject.settings.iter().filter(|failure| trusts_files || !is_of_files(failure));
    let found: Vec<Finding> =
        told.map(|failure| Finding::failure(Check::Settings, failure.clone())).collect();
    match found.is_empty() {
        true if trusts_files => vec![Finding::ok(Check::Settings, "they can be read, and make sense")],
        _ => found,
    }
}

/// Whether it says the same as the look at the files.
fn is_of_files(failure: &Failure) -> bool {
    failure.exit == Exit::Store
}

fn any_problem(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_problem)
}

fn show(printer: Printer, finding: &Finding) {
    let (mark, color) = match finding.verdict {
        Verdict::Ok(_) => ("✓", GREEN),
        Verdict::Warning(_) => ("!", YELLOW),
        Verdict::Problem(..) => ("✗", RED),
    };
    let code = finding.advice().map(|advice| format!(" {DIM}[{}]{RESET}", advice.code)).unwrap_or_default();
    let (check, message) = (finding.check.as_str(), &finding.message);
    printer.line(&format!("{color}{mark}{RESET} {check:<12} {message}{code}"));
    if let Some(advice) = finding.advice() {
        printer.line(&format!("{DIM}  → {RESET}{}", advice.remedy));
    }
}
