//! Reports on clients, for people.

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use doorkey_sandbox::exam::{Played, Report, Run};
use doorkey_sandbox::{Finding, Grade, Verdict};

use crate::printer::{DIM, GREEN, Printer, RED, RESET, YELLOW};

/// As wide as the longest id of a rule.
const RULE: usize = 21;
/// As wide as the longest id of a situation.
const SITUATION: usize = 15;

/// Prints how the client fared in each situation, then its grade.
///
/// # Errors
/// If it broke a rule.
pub fn report(printer: Printer, report: &Report) -> Result<(), Failure> {
    printer.message("How the client ended in each situation, by exit code:");
    for played in &report.situations {
        printer.message(&situation(played));
    }
    printer.message("");
    grade(printer, &report.grade)
}

/// Prints what is to be thought of each rule: what failed last, where it is seen first.
///
/// # Errors
/// If a rule was broken.
pub fn grade(printer: Printer, grade: &Grade) -> Result<(), Failure> {
    for verdict in [Verdict::Passed, Verdict::NotExercised, Verdict::Failed] {
        for finding in grade.rules.iter().filter(|finding| finding.verdict == verdict) {
            printer.message(&line(finding));
        }
    }
    let [passed, failed, open] =
        [Verdict::Passed, Verdict::Failed, Verdict::NotExercised].map(|v| grade.tally(v));
    let counts = format!("{passed} passed, {failed} failed, {open} not exercised");
    let requests = match grade.requests {
        1 => "1 request was".to_owned(),
        more => format!("{more} requests were"),
    };
    printer.message(&format!("{counts}; {requests} looked at"));
    if grade.is_clean() {
        return Ok(());
    }
    let rules = if failed == 1 { "one rule".to_owned() } else { format!("{failed} rules") };
    Err(Failure::new(Exit::Internal, "grade", format!("the client broke {rules}"))
        .next("what it did, what was allowed and what to change is said above, at each ✗"))
}

fn situation(played: &Played) -> String {
    let is_in = played.runs.first() == Some(&Run::Exited(0));
    let is_as_meant = played.situation.lets_in().is_none_or(|lets_in| lets_in == is_in);
    let mark = if is_as_meant { format!("{DIM}·{RESET}") } else { format!("{YELLOW}!{RESET}") };
    let runs: Vec<String> = played.runs.iter().map(|run| ended(*run)).collect();
    let (login, uses) =
        runs.split_first().map_or(("-", [].as_slice()), |(login, uses)| (login.as_str(), uses));
    let uses = if uses.is_empty() { String::new() } else { format!(", then {}", uses.join(" ")) };
    let said = played.said.as_ref().filter(|_| !is_as_meant);
    let said = said.map(|said| format!("\n    {DIM}it said: {}{RESET}", harmless(said))).unwrap_or_default();
    format!("{mark} {:SITUATION$} {}: login {login}{uses}{said}", played.situation.id(), played.title)
}

fn ended(run: Run) -> String {
    match run {
        Run::Exited(code) => code.to_string(),
        Run::Killed => "(killed)".to_owned(),
        Run::TimedOut => "(ran for too long)".to_owned(),
    }
}

fn line(finding: &Finding) -> String {
    let (rule, words) = (finding.rule.id(), &finding.words);
    match finding.verdict {
        Verdict::Passed => {
            format!("{GREEN}✓{RESET} {rule:RULE$} {} {DIM}({} seen){RESET}", words.means, finding.occasions)
        }
        Verdict::NotExercised => {
            format!("{DIM}–{RESET} {rule:RULE$} not exercised: it takes {}", words.needs)
        }
        Verdict::Failed => {
            let level = serde_json::to_value(words.level).unwrap_or_default();
            let level = level.as_str().unwrap_or_default();
            let evidence = finding.first.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "{RED}✗{RESET} {rule}: broken {}\n    a good client {}\n    {} ({level})\n    seen: {}\n    do:   {}",
                if finding.count == 1 { "once".to_owned() } else { format!("{} times", finding.count) },
                words.means,
                words.source,
                harmless(&evidence),
                words.remedy,
            )
        }
    }
}
