//! The pictures of the documentation: with `DOORKEY_WRITE_PICTURES=1` they go there, else to those of the pages.

use std::path::Path;

use doorkey_sandbox::pensar::account::MULTI;
use doorkey_tests::browser::Browser;
use doorkey_tests::home::Home;
use doorkey_tests::login::approve;
use doorkey_tests::picture::{Theme, picture};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::tmux::Tmux;

use crate::pentify::shell;
use crate::walk::{QUICK, Walk};

fn take(browser: &Browser, name: &str, tmux: &Tmux, size: (u16, u16), theme: Theme) {
    let file = picture(browser, name, &tmux.styled(), size, theme);
    let bytes = std::fs::metadata(Path::new(&file)).unwrap().len();
    assert!((2_000..40_000).contains(&bytes), "{}: {bytes} bytes", file.display());
}

#[test]
fn every_picture_is_drawn_and_small() {
    let browser = Browser::start("pictures");
    let sandbox = Sandbox::start_predictable("pictures", &QUICK);
    let home = Home::new("pictures").with_sandbox(&sandbox);
    let walk = Walk::begin(&home, &[], &[]);
    let link = walk.log_in();
    walk.resize(90, 24);
    // The title reaches to the last column but one.
    walk.wait_for("it is drawn", |screen| {
        screen.0.first().is_some_and(|row| row.chars().count() == 89)
            && screen.contains("not authorized yet · next poll in")
    });
    take(&browser, "code", &walk, (90, 20), Theme::Dark);
    take(&browser, "code-light", &walk, (90, 20), Theme::Light);
    approve(&link, MULTI, "acme");
    walk.wait_for_text("[Enter] use it");
    walk.keys(&["Down"]);
    walk.wait_for_text("❯ Blue Team");
    take(&browser, "workspaces", &walk, (90, 14), Theme::Dark);
    walk.keys(&["Enter"]);
    walk.wait_for_text("[D] disconnect");
    take(&browser, "connected", &walk, (90, 15), Theme::Dark);

    let shell = shell(&home, (90, 22));
    shell.run("pentify login --no-browser");
    shell.wait_for_text("not authorized yet · next poll in");
    take(&browser, "pentify", &shell, (90, 20), Theme::Dark);
}
