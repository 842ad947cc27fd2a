//! A service that goes away under the screen, and comes back.

use std::thread::sleep;
use std::time::Duration;

use doorkey_core::failure::Exit;
use doorkey_sandbox::pensar::account::SOLO;
use doorkey_tests::home::Home;
use doorkey_tests::login::approve;
use doorkey_tests::pensar::SESSION;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scene::{Place, QUICK, Scene};

fn world(name: &str) -> (Sandbox, Home) {
    let sandbox = Sandbox::start_lasting(name, &QUICK);
    let home = Home::new(name).with_sandbox(&sandbox);
    (sandbox, home)
}

#[test]
fn a_login_outlasts_a_service_that_goes_away() {
    for place in [Place::Code, Place::LoginCode] {
        let (sandbox, home) = world(&format!("servers-{place:?}"));
        let scene = Scene::new(&home);
        scene.go_to(place);
        let link = scene.link();
        let sandbox = sandbox.stop();
        scene.wait_for("the trouble is told, and the next attempt", |screen| {
            screen.row("trouble: ").is_some_and(|row| row.contains("next poll in"))
                && screen.contains(" left")
        });
        let sandbox = sandbox.start(&QUICK);
        approve(&link, SOLO, "acme");
        if place == Place::Code {
            scene.wait_for_text("Connected to Pensar Console");
            scene.keys(&["Enter", "C-c"]);
        }
        let (code, all) = scene.back(1);
        assert_eq!(code, 0, "{all}");
        sandbox.end_with_good_grade();
    }
}

#[test]
fn in_the_list_a_service_that_is_gone_is_told_and_tried_again() {
    let (sandbox, home) = world("servers-list");
    let scene = Scene::new(&home);
    scene.go_to(Place::List);
    let sandbox = sandbox.stop();
    scene.keys(&["Enter"]);
    let shown = scene.wait_for_text("Not connected");
    assert!(shown.contains("cannot reach") && shown.contains("[Enter] try again"), "{shown}");
    let sandbox = sandbox.start(&QUICK);
    scene.keys(&["Enter"]);
    scene.wait_for_text(Place::List.text());
    scene.keys(&["Enter"]);
    scene.wait_for_text("Connected to Pensar Console");
    scene.keys(&["Enter", "C-c"]);
    assert_eq!(scene.back(1).0, 0);
    sandbox.end_with_good_grade();
}

#[test]
fn a_login_that_lets_choose_tells_that_the_service_is_gone() {
    let (sandbox, home) = world("servers-login-list");
    let scene = Scene::new(&home);
    scene.go_to(Place::LoginList);
    let _stopped = sandbox.stop();
    scene.keys(&["Enter"]);
    let (code, all) = scene.back(1);
    assert!(all.contains("error: cannot reach"), "{all}");
    assert_eq!(code, i32::from(Exit::Network.code()), "{all}");
}

#[test]
fn the_balance_is_asked_for_again_when_the_service_is_back() {
    let (sandbox, home) = world("servers-credits");
    home.connect();
    let scene = Scene::new(&home);
    scene.go_to(Place::Home);
    let sandbox = sandbox.stop();
    scene.run("/credits");
    let shown = scene.wait_for_text("That did not work");
    assert!(shown.contains("[Enter] try again"), "{shown}");
    let sandbox = sandbox.start(&QUICK);
    scene.keys(&["Enter"]);
    scene.wait_for_text("Balance: ");
    scene.keys(&["Enter", "C-c"]);
    assert_eq!(scene.back(1).0, 0);
    sandbox.end_with_good_grade();
}

/// A refresh token that was sent is spent: whatever ends the screen, its successor is stored first.
#[test]
fn a_rotation_is_finished_whatever_ends_the_screen() {
    let (sandbox, home) = world("servers-rotation");
    home.connect();
    home.end_access_token();
    let before = home.json_file(SESSION);
    let scene = Scene::new(&home);
    scene.go_to(Place::Home);
    sandbox.stand_still();
    scene.run("/credits");
    scene.wait_for_text("Asking for the balance");
    wait_for("the refresh token is on its way", || {
        home.json_file(SESSION)["spending"].is_object().then_some(())
    });
    // The second one would end it at once, were it not for the rotation; one of a kind could be lost in another.
    let program = Pid::from_raw(i32::try_from(scene.foreground()).unwrap());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        kill(program, signal).unwrap();
    }
    // Time in which they could end it, were there no answer to wait for.
    sleep(Duration::from_secs(1));
    sandbox.go_on();
    let (code, all) = scene.back(1);
    assert_eq!(code, 130, "{all}");
    let after = home.json_file(SESSION);
    assert_ne!(before["refreshToken"], after["refreshToken"], "{after}");
    assert_eq!(sandbox.outcomes(), ["issued", "rotated"]);
    let credits = home.pensar(&["credits"]).expect(0);
    assert!(credits.stdout.contains("acme"), "{credits:?}");
    sandbox.end_with_good_grade();
}
