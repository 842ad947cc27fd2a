//! What one check found.

use std::borrow::Cow;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::store::StoreFailure;
use doorkey_core::text::harmless;
use serde_json::{Value, json};

/// What one check found: a sentence, and how bad it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found, fit for a terminal.
    pub message: String,
}

/// What is looked at, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The home folder.
    Home,
    /// Room on the disk.
    Disk,
    /// Whose the files are, and who else may use them.
    Files,
    /// What files of settings and the environment say.
    Settings,
    /// The system's keychain.
    Keychain,
    /// What the stores hold.
    Credentials,
    /// The lock of a credential.
    Lock,
    /// A token in the environment.
    Token,
    /// The proxy settings.
    Proxy,
    /// Variables about certificates.
    Certificates,
    /// Hosts that are asked.
    Network,
    /// The wall clock.
    Clock,
    /// Opening pages.
    Browser,
    /// Core dumps of these commands.
    CoreDumps,
}

/// How bad something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be; a code names what is worth knowing.
    Ok(Option<&'static str>),
    /// It works, but not as it could.
    Warning(Advice),
    /// A command will fail, with this exit code or a like one.
    Problem(Exit, Advice),
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The stable code.
    pub code: Cow<'static, str>,
    /// The one next step.
    pub remedy: String,
}

impl Finding {
    /// It is as it should be.
    pub fn ok(check: Check, message: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok(None), message: message.into() }
    }

    /// It is as it should be, and worth knowing.
    pub fn note(check: Check, code: &'static str, message: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok(Some(code)), message: message.into() }
    }

    /// It works, but not as it could.
    pub fn warning(
        check: Check,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let advice = Advice { code: code.into(), remedy: remedy.into() };
        Self { check, verdict: Verdict::Warning(advice), message: message.into() }
    }

    /// A command will fail.
    pub fn problem(
        check: Check,
        exit: Exit,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let advice = Advice { code: code.into(), remedy: remedy.into() };
        Self { check, verdict: Verdict::Problem(exit, advice), message: message.into() }
    }

    /// Commands fail like this.
    pub fn failure(check: Check, failure: Failure) -> Self {
        let remedy = failure.next.unwrap_or_else(|| "correct it, then try again".to_owned());
        Self::problem(check, failure.exit, failure.code, failure.message, remedy)
    }

    /// A store fails like this, under a code of ours; `otherwise` is the remedy where it names none.
    pub fn store(check: Check, code: &'static str, failure: &StoreFailure, otherwise: &str) -> Self {
        let (cause, next) = failure.parts();
        let remedy = next.map_or_else(|| otherwise.to_owned(), harmless);
        Self::problem(check, Exit::Store, code, harmless(cause), remedy)
    }

    /// The same as a warning instead of a problem.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.verdict = match self.verdict {
            Verdict::Problem(_, advice) => Verdict::Warning(advice),
            other => other,
        };
        self
    }

    /// Whether a command will fail.
    pub fn is_problem(&self) -> bool {
        matches!(self.verdict, Verdict::Problem(..))
    }

    /// Code and remedy, where there is something to do.
    pub fn advice(&self) -> Option<&Advice> {
        match &self.verdict {
            Verdict::Ok(_) => None,
            Verdict::Warning(advice) | Verdict::Problem(_, advice) => Some(advice),
        }
    }

    /// `{"check","state","code","message","remedy"}`.
    pub fn json(&self) -> Value {
        let (state, code) = match &self.verdict {
            Verdict::Ok(code) => ("ok", code.map(Cow::Borrowed)),
            Verdict::Warning(advice) => ("warning", Some(advice.code.clone())),
            Verdict::Problem(_, advice) => ("problem", Some(advice.code.clone())),
        };
        json!({
            "check": self.check.as_str(),
            "state": state,
            "code": code,
            "message": self.message,
            "remedy": self.advice().map(|advice| &advice.remedy),
        })
    }
}

impl Check {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Disk => "disk",
            Self::Files => "files",
            Self::Settings => "settings",
            Self::Keychain => "keychain",
            Self::Credentials => "credentials",
            Self::Lock => "lock",
            Self::Token => "token",
            Self::Proxy => "proxy",
            Self::Certificates => "certificates",
            Self::Network => "network",
            Self::Clock => "clock",
            Self::Browser => "browser",
            Self::CoreDumps => "core-dumps",
        }
    }
}

/// The exit code of a set of findings: 0 without a problem, else that of the first one's kind: 6 where files or the
/// keychain are the reason, 7 the network, 2 settings.
pub fn exit_code(findings: &[Finding]) -> u8 {
    let first = findings.iter().find_map(|finding| match finding.verdict {
        Verdict::Problem(exit, _) => Some(exit),
        _ => None,
    });
    match first {
        None => 0,
        Some(exit @ (Exit::Store | Exit::Network)) => exit.code(),
        Some(_) => Exit::Usage.code(),
    }
}

/// In the order of the checks, each sentence once: what many profiles share is found with each of them.
pub fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.check);
    let mut told: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(exit: Exit) -> Finding {
        Finding::problem(Check::Files, exit, "code", "message", "remedy")
    }

    #[test]
    fn the_first_problem_decides_the_exit_code() {
        let (ok, warning) = (Finding::ok(Check::Home, ""), problem(Exit::Store).as_warning());
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[ok.clone(), warning.clone()]), 0);
        for (exits, code) in [
            (&[Exit::Store, Exit::Network][..], 6),
            (&[Exit::Network, Exit::Usage], 7),
            (&[Exit::Usage, Exit::Store], 2),
            (&[Exit::NotSignedIn], 2),
        ] {
            let problems = exits.iter().map(|exit| problem(*exit));
            let findings: Vec<_> = [ok.clone(), warning.clone()].into_iter().chain(problems).collect();
            assert_eq!(exit_code(&findings), code, "{exits:?}");
        }
    }

    #[test]
    fn what_is_found_twice_is_told_once_and_in_order() {
        let (clock, home) = (Finding::ok(Check::Clock, "a"), Finding::ok(Check::Home, "b"));
        let found = vec![clock.clone(), home.clone(), clock.clone(), home.clone()];
        assert_eq!(in_order(found), [home, clock]);
    }

    #[test]
    fn only_what_can_be_bettered_has_a_remedy() {
        let note = Finding::note(Check::Lock, "lock_held", "another process has it").json();
        assert_eq!(
            (&note["state"], &note["code"], &note["remedy"]),
            (&"ok".into(), &"lock_held".into(), &Value::Null)
        );
        let warning = problem(Exit::Store).as_warning().json();
        assert_eq!((&warning["state"], &warning["remedy"]), (&"warning".into(), &"remedy".into()));
    }
}
