//! `status --explain` of sessions: every place that was looked at, what it holds, and which one counts. Fingerprints tell
//! tokens apart and give nothing away.

use std::time::Duration;

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::disconnect::Place;
use doorkey_core::record::Record;
use doorkey_core::resolve::{Look, holds_credential};
use doorkey_core::rotation::{Access, Journal};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::sources::{Source, Standing};
use doorkey_core::text::harmless;
use serde_json::{Value, json};

use crate::printer::{Printer, RESET, YELLOW};
use crate::surface::{name, not_usable};
use crate::token::access_of;

/// All of them, in the order in which they count.
pub fn show(printer: Printer, service: &Service, sources: &[Source]) {
    printer.line("  Looked at, in this order:");
    for (number, source) in (1..).zip(sources) {
        printer.line(&format!("  {number}. {}: {}", place_name(source.place), standing(source)));
        for line in source.record.iter().flat_map(|record| facts(service, record)) {
            printer.line(&format!("       {line}"));
        }
    }
}

/// The same for scripts.
pub fn to_json(service: &Service, sources: &[Source]) -> Vec<Value> {
    sources.iter().map(|source| source_json(service, source)).collect()
}

/// What is left in the backends that do not hold the session, and why one of them could not be looked into.
pub fn show_elsewhere(printer: Printer, looks: &[Look]) {
    for (backend, look) in looks {
        let words = match look {
            Ok(records) if holds_credential(records) => {
                format!("{YELLOW}an older login is left there (not used){RESET}")
            }
            Ok(_) => continue,
            Err(failure) => not_usable(failure, None),
        };
        printer.line(&format!("  {}: {words}", name(*backend)));
    }
}

/// How long an access token lives by the clock that runs since the machine was started, if that one can tell, and by the
/// wall clock.
pub fn both_left(service: &Service, access: &Access) -> [Option<Duration>; 2] {
    let ages = access.received.ages(SystemClock.now(), &service.boot_id);
    ages.map(|age| Some(access.lifetime?.saturating_sub(age?)))
}

/// A time that people plan with.
pub fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn standing(source: &Source) -> String {
    let words = match (&source.standing, source.place) {
        (Standing::Used, _) => return "used".to_owned(),
        (Standing::Empty, _) => return "empty".to_owned(),
        (Standing::SignedOut, _) => return "signed out here".to_owned(),
        (Standing::Rejected, Place::Settings) => "not used: it could not be moved".to_owned(),
        (Standing::Rejected, _) => "not used".to_owned(),
        (Standing::Hidden, Place::Emergency) => "not used, of another login or older".to_owned(),
        (Standing::Hidden, _) => "not used, hidden by what is".to_owned(),
        (Standing::Failed(failure), _) => return not_usable(failure, None),
    };
    format!("{YELLOW}{words}{RESET}")
}

fn facts(service: &Service, record: &Record) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(generation) = &record.generation {
        facts.push(format!("generation {}", harmless(&generation.to_string())));
    } else {
        facts.push("another program stored it".to_owned());
    }
    if record.is_tombstone() {
        return facts;
    }
    let what = if record.rotation.is_some() { "stored token" } else { "API key" };
    let journal = journal(record).map(|(words, _)| format!(", {words}")).unwrap_or_default();
    facts.push(format!("{what} {}{journal}", fingerprint(&record.token)));
    if let Some(access) = access_of(record) {
        let [mono, wall] = both_left(service, access);
        let shown = |left: Option<Duration>| left.map_or_else(|| "unknown".to_owned(), span);
        facts.push(format!(
            "access token {}, left: {} by the time since receipt, {} by the wall clock",
            fingerprint(&access.token),
            shown(mono),
            shown(wall)
        ));
    }
    facts
}

fn source_json(service: &Service, source: &Source) -> Value {
    let (state, reason) = match &source.standing {
        Standing::Used => ("used", None),
        Standing::Rejected => ("rejected", None),
        Standing::Hidden => ("hidden", None),
        Standing::SignedOut => ("signed_out", None),
        Standing::Empty => ("empty", None),
        Standing::Failed(failure) => (failure.kind.as_str(), Some(harmless(&failure.detail))),
    };
    let record = source.record.as_ref();
    let token = record.filter(|record| !record.is_tombstone()).map(|record| fingerprint(&record.token));
    let access = record.and_then(access_of);
    let [mono, wall] = access.map_or([None, None], |access| both_left(service, access));
    json!({
        "place": match source.place {
            Place::Backend(backend) => backend.as_str(),
            Place::Emergency => "emergency_file",
            Place::Settings => "settings",
        },
        "state": state,
        "reason": reason,
        "generation": record.and_then(|record| record.generation.as_ref()).map(ToString::to_string),
        "journal": record.and_then(journal).map(|(_, word)| word),
        "stored_fingerprint": token,
        "access_fingerprint": access.map(|access| fingerprint(&access.token)),
        "expires_in_since_receipt": mono.map(|left| left.as_secs()),
        "expires_in_by_wall_clock": wall.map(|left| left.as_secs()),
    })
}

/// What is known of the stored token, for people and in a word.
fn journal(record: &Record) -> Option<(String, &'static str)> {
    Some(match &record.rotation.as_ref()?.journal {
        Journal::Settled => ("renewable".to_owned(), "settled"),
        Journal::Spending(spending) => {
            (format!("sent {} times without a known outcome", spending.attempt), "spending")
        }
        Journal::Refused { interrupted: true } => {
            ("refused after an interrupted renewal".to_owned(), "interrupted")
        }
        Journal::Refused { interrupted: false } => ("refused by its issuer".to_owned(), "refused"),
        Journal::Unrenewable => ("not renewable".to_owned(), "unrenewable"),
        Journal::Revoking => ("to be revoked".to_owned(), "revoking"),
    })
}

fn fingerprint(token: &Secret) -> String {
    token.fingerprint().as_str().to_owned()
}

fn place_name(place: Place) -> &'static str {
    match place {
        Place::Backend(backend) => name(backend),
        Place::Emergency => "emergency file",
        Place::Settings => "older plain text in the settings",
    }
}
