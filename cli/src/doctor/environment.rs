//! Variables that get in the way, and what the system does with a crash of ours.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use doorkey_core::failure::Exit;
use doorkey_core::text::harmless;

use super::GivenToken;
use super::finding::{Check, Finding};
use crate::environment::Environment;
use crate::hardening;

/// Where TLS finds the authorities that it trusts, instead of the system's places.
const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";
/// What a file of certificates has in it (RFC 7468 §5.1).
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// A token in the environment, which counts more than a stored one.
pub fn token(given: Option<&GivenToken>, is_stored: bool) -> Option<Finding> {
    let GivenToken { variable, usable } = given?;
    Some(match usable {
        Err(failure) => Finding::failure(Check::Token, failure.clone()),
        Ok(()) if is_stored => Finding::warning(
            Check::Token,
            "token_hides_login",
            format!("{variable} is set, and counts more than the stored login"),
            format!("unset {variable} to use the stored login"),
        ),
        Ok(()) => Finding::ok(Check::Token, format!("{variable} has one")),
    })
}

/// Whether the variables about certificates name any.
pub fn certificates(environment: &Environment) -> Vec<Finding> {
    let file = environment.raw(FILE).map(|value| (FILE, named_file(value)));
    let folders = environment.raw(FOLDERS).map(|value| (FOLDERS, named_folders(value)));
    let mut findings = Vec::new();
    for (variable, named) in file.into_iter().chain(folders) {
        findings.push(match named {
            Ok(()) => Finding::ok(Check::Certificates, format!("{variable} names certificates")),
            Err(why) => Finding::problem(
                Check::Certificates,
                Exit::Usage,
                "unusable_certificates",
                format!("{variable} {why}, so that no server can be trusted"),
                format!("unset {variable}, or correct it"),
            ),
        });
    }
    if findings.is_empty() {
        findings.push(Finding::ok(Check::Certificates, "the system's are used"));
    }
    findings
}

/// Whether a crash of ours leaves nothing behind.
pub fn core_dumps() -> Option<Finding> {
    Some(match hardening::core_dumps_are_off()? {
        true => Finding::ok(Check::CoreDumps, "they are off for this program"),
        false => Finding::warning(
            Check::CoreDumps,
            "core_dumps",
            "the system did not let this program switch them off: a crash may leave tokens on the disk",
            "switch them off with: ulimit -c 0",
        ),
    })
}

fn named_file(value: &OsStr) -> Result<(), String> {
    let name = shown(value);
    let unreadable = |cause: io::Error| format!("names {name:?}, which cannot be read ({})", cause.kind());
    if !fs::metadata(value).map_err(unreadable)?.is_file() {
        return Err(format!("names {name:?}, which is no file"));
    }
    let content = fs::read(value).map_err(unreadable)?;
    let has_one = content.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE);
    if has_one { Ok(()) } else { Err(format!("names {name:?}, which has no certificate in it")) }
}

fn named_folders(value: &OsStr) -> Result<(), String> {
    let is_filled = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if env::split_paths(value).any(|folder| is_filled(&folder)) {
        return Ok(());
    }
    Err(format!("names {:?}, where nothing is", shown(value)))
}

fn shown(value: &OsStr) -> String {
    harmless(&value.to_string_lossy())
}
