//! libFuzzer, whose target is named by `DOORKEY_FUZZ_TARGET`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("DOORKEY_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = doorkey_targets::named(&name) else {
        let names: Vec<_> = doorkey_targets::ALL.iter().map(|target| target.name).collect();
        panic!("DOORKEY_FUZZ_TARGET is {name:?}, and there are {}", names.join(", "));
    };
    target.run
});

fuzz_target!(|bytes: &[u8]| (*RUN)(bytes));
