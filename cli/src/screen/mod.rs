//! The interactive screen: what is drawn on a terminal, and drawn over itself.

pub mod terminal;
