//! What is read of one answer: tokens and errors of OAuth, the envelope of the other errors.

use std::time::Duration;

use doorkey_core::envelope::{Envelope, json_object};
use doorkey_core::oauth::TokenReply;
use doorkey_core::text::is_treacherous;
use doorkey_core::url::Url;

use crate::message::response;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A token can stand in a header, an error is never taken for a success, and what is shown is harmless.
pub fn answer(bytes: &[u8]) {
    let response = response(bytes);
    let harmless = |text: &str| assert!(!text.chars().any(is_treacherous), "{text:?}");
    let reply = TokenReply::read(&response);
    match &reply {
        TokenReply::Tokens(tokens) => {
            assert!((200..300).contains(&response.status));
            for token in [Some(&tokens.access), tokens.refresh.as_ref()].into_iter().flatten() {
                let token = token.expose_secret();
                assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()), "{token:?}");
                assert!(token.len() < 24 || !format!("{reply:?}").contains(token));
            }
            if let Some(lifetime) = tokens.lifetime {
                assert!(!lifetime.is_zero() && lifetime <= CENTURY, "{lifetime:?}");
            }
        }
        TokenReply::Refused(error) => {
            assert!((200..300).contains(&response.status) || (400..500).contains(&response.status));
            assert!(!error.code.is_empty());
            harmless(&error.code);
            error.description.as_deref().map(harmless).unwrap_or_default();
            assert!(error.interval.is_none_or(|interval| interval <= CENTURY));
        }
        TokenReply::Unclear => {}
    }
    assert!(json_object(&response).is_some() || reply == TokenReply::Unclear);
    if let Some(envelope) = Envelope::read(&response) {
        harmless(&envelope.code);
        for text in [envelope.message, envelope.request_id].into_iter().flatten() {
            harmless(&text);
            assert!(!text.is_empty());
        }
        assert!(envelope.top_up_url.is_none_or(|page| Url::parse(&page).is_ok()));
    }
}
