//! What takes minutes of real time: `tests/run --long`.

mod storms;

use std::time::{Duration, Instant};

use doorkey_tests::home::Home;
use doorkey_tests::measured;
use doorkey_tests::sandbox::Sandbox;

#[test]
fn a_real_login_that_nobody_authorizes_ends_after_five_minutes_sharp() {
    let sandbox = Sandbox::start("ttl", &[]);
    let home = Home::new("ttl").with_sandbox(&sandbox);
    let start = Instant::now();
    let mut login = home.start(&["login", "--no-browser"]);
    while login.is_running() && start.elapsed() < Duration::from_secs(330) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = start.elapsed();
    let ended = login.end().expect(4);
    measured::took("from the start of `pentify login` to its time-out", took);
    assert!(took >= Duration::from_secs(300) && took < Duration::from_secs(301), "{took:?}");
    assert!(ended.stderr.contains("pairing timed out — re-run pentify login"), "{ended:?}");
    assert!(!home.folder().join(".config/pentify/credentials").exists());
}
