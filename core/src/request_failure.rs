//! What a command says when a request could not be sent, or its answer not be read.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::failure::{Exit, Failure};
use crate::http::{FailureKind, RequestFailure};
use crate::text::harmless;

/// A failed request, in words.
pub(crate) fn describe(failure: &RequestFailure) -> String {
    match failure.kind {
        FailureKind::NotSent | FailureKind::Misconfigured => harmless(&failure.detail),
        FailureKind::AnswerLost => format!("no complete answer: {}", harmless(&failure.detail)),
        FailureKind::BodyTooLarge => "the answer is too long to be from the API".to_owned(),
    }
}

/// A request that the settings do not allow.
pub(crate) fn unsendable(failure: &RequestFailure) -> Failure {
    Failure::new(Exit::Usage, "unusable_setting", describe(failure))
        .next("correct or unset it, then try again")
}
