//! Who is there from the start. Further people can sign up.

/// One workspace with a good balance: `acme`, $42.00.
pub const SOLO: &str = "solo@pensar.sandbox";
/// Three workspaces: `acme` ($42.00), `blue-team` ($7.50), `client-labs` ($0.25).
pub const MULTI: &str = "multi@pensar.sandbox";
/// No workspace yet.
pub const NEW: &str = "new@pensar.sandbox";
/// A low balance with a payment method: `frugal`, $0.40.
pub const LOW: &str = "low@pensar.sandbox";
/// Billing was never set up: `fresh-start`, nothing paid and no payment method.
pub const UNPAID: &str = "unpaid@pensar.sandbox";
/// Apex Inference is switched off: `quiet`, $25.00.
pub const OFF: &str = "off@pensar.sandbox";

/// All of them, in the order in which the sign-in page shows them.
pub const ALL: [&str; 6] = [SOLO, MULTI, NEW, LOW, UNPAID, OFF];
