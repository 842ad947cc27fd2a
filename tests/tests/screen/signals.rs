//! Signals, job control and closed windows, wherever the screen waits for a person: the terminal is as before, and the
//! process gone.

use std::fs;

use doorkey_tests::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scene::{Place, Scene, world};

/// What ends the program.
#[derive(Clone, Copy, Debug)]
enum End {
    CtrlC,
    Once(Signal),
    Twice(Signal),
}

impl End {
    const ALL: [Self; 5] = [
        Self::CtrlC,
        Self::Once(Signal::SIGTERM),
        Self::Once(Signal::SIGINT),
        Self::Twice(Signal::SIGINT),
        Self::Once(Signal::SIGHUP),
    ];

    /// Ends it; with which exit code it must end.
    fn befall(self, scene: &Scene, place: Place) -> i32 {
        match self {
            Self::CtrlC => return scene.leave(place),
            Self::Once(signal) => scene.signal(signal),
            Self::Twice(signal) => {
                let program = Pid::from_raw(i32::try_from(scene.foreground()).unwrap());
                kill(program, signal).unwrap();
                // It may be gone by now.
                let _ = kill(program, signal);
            }
        }
        130
    }
}

fn ends(place: Place) {
    let (_sandbox, home) = world(&format!("signals-end-{place:?}"), &[]);
    let scene = Scene::new(&home);
    let mut commands = 0;
    for end in End::ALL {
        scene.go_to(place);
        let expected = end.befall(&scene, place);
        commands += 1;
        let (code, all) = scene.back(commands);
        assert_eq!(code, expected, "{end:?} at {place:?}\n{all}");
    }
    scene.echoes(commands);
}

#[test]
fn at_the_prompt_it_ends_in_order() {
    ends(Place::Home);
}

#[test]
fn with_the_code_on_the_screen_it_ends_in_order() {
    ends(Place::Code);
}

#[test]
fn in_the_list_it_ends_in_order() {
    ends(Place::List);
}

#[test]
fn a_login_that_shows_its_code_ends_in_order() {
    ends(Place::LoginCode);
}

#[test]
fn a_login_that_lets_choose_ends_in_order() {
    ends(Place::LoginList);
}

#[test]
fn a_pairing_that_shows_its_link_ends_in_order() {
    ends(Place::PairingCode);
}

/// What a shell tells of a program that has stopped as Ctrl-Z does: by SIGTTIN.
const STOPPED: i32 = 128 + Signal::SIGTTIN as i32;

fn is_drawn(scene: &Scene, place: Place) {
    scene.wait_for_text(place.text());
    assert_eq!(scene.alternate_on(), place.is_full(), "{}", scene.screen());
}

fn stops(place: Place) {
    let (_sandbox, home) = world(&format!("signals-stop-{place:?}"), &[]);
    let scene = Scene::new(&home);
    scene.go_to(place);
    let program = scene.foreground();
    let is_stopped = |commands| {
        let (code, all) = scene.back(commands);
        assert_eq!(code, STOPPED, "{all}");
    };

    scene.keys(&["C-z"]);
    is_stopped(1);
    scene.run("fg");
    is_drawn(&scene, place);

    scene.signal(Signal::SIGTSTP);
    is_stopped(2);
    // In the background it waits for its turn.
    scene.run("bg");
    scene.wait_for_shell(3);
    wait_for("it has stopped again", || (state_of(program) == Some('T')).then_some(()));
    let (_, all) = scene.back(3);
    assert!(all.contains("Stopped"), "{all}");
    scene.run("fg");
    is_drawn(&scene, place);

    let expected = scene.leave(place);
    let (code, all) = scene.back(4);
    assert_eq!(code, expected, "{all}");
    scene.echoes(4);
}

#[test]
fn stopped_the_screen_leaves_the_terminal_to_the_shell() {
    stops(Place::Home);
    stops(Place::Code);
    stops(Place::List);
}

#[test]
fn a_stopped_login_leaves_the_terminal_to_the_shell() {
    stops(Place::LoginCode);
    stops(Place::LoginList);
    stops(Place::PairingCode);
}

/// SIGSTOP cannot be heard: what is drawn stays. Continued, the screen is drawn anew all the same, and ends in order.
#[test]
fn stopped_by_force_it_is_drawn_anew() {
    let (_sandbox, home) = world("signals-force", &[]);
    for place in [Place::Home, Place::Code, Place::LoginCode, Place::PairingCode] {
        let scene = Scene::new(&home);
        scene.go_to(place);
        scene.signal(Signal::SIGSTOP);
        scene.wait_for_stop(1);
        scene.run("clear; fg");
        is_drawn(&scene, place);
        let expected = scene.leave(place);
        assert_eq!(scene.back_from_force(2), expected, "{place:?}\n{}", scene.screen());
        scene.echoes(2);
    }
}

#[test]
fn a_closed_window_ends_it() {
    let (_sandbox, home) = world("signals-closed", &[]);
    for place in
        [Place::Home, Place::Code, Place::LoginCode, Place::PairingCode, Place::List, Place::LoginList]
    {
        let scene = Scene::new(&home);
        scene.go_to(place);
        let program = scene.foreground();
        scene.close();
        scene.is_gone();
        wait_for("the program ends, too", || matches!(state_of(program), None | Some('Z')).then_some(()));
    }
}

/// `T`: stopped; `Z`: ended, and not asked how yet (proc(5)); nothing if it is gone.
fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
