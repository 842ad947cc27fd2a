//! The floor: what any Rust program costs that is built with this workspace's release profile.

fn main() {}
