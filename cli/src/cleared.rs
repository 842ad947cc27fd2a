//! What a logout did at each place where something could be, for scripts.

use doorkey_core::disconnect::{Cleared, Place};
use doorkey_core::text::harmless;
use serde_json::{Value, json};

/// `{"place","state","reason"}`.
pub fn cleared_json((place, cleared): &(Place, Cleared)) -> Value {
    let (state, reason) = match cleared {
        Cleared::Empty => ("empty", None),
        Cleared::Removed => ("removed", None),
        Cleared::Absent(failure) | Cleared::Failed(failure) => {
            (failure.kind.as_str(), Some(harmless(&failure.detail)))
        }
    };
    let place = match place {
        Place::Backend(backend) => backend.as_str(),
        Place::Emergency => "emergency_file",
        Place::Settings => "settings",
    };
    json!({"place": place, "state": state, "reason": reason})
}
