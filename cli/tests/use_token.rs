//! `auth use-token`: stored only after a 200; by argument, by standard input, and at a hidden prompt.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use sealed::hostile::Answer;
use sealed::pty::Terminal;
use sealed::scene::{OLD_TOKEN, Scene, TOKEN};

fn accepted() -> Answer {
    Answer::json(
        200,
        r#"{"workspace":{"id":"w2","name":"Blue","slug":"blue"},"tokens":{"balance":1,"used":0}}"#,
    )
}

/// The stored token that a new process would use.
fn used_by_a_new_process(scene: &Scene) -> String {
    scene.run(&["profile"]);
    let request = scene.api.requests().pop().unwrap();
    let line = request.lines().find(|line| line.to_lowercase().starts_with("authorization: ")).unwrap();
    line.rsplit_once(' ').unwrap().1.to_owned()
}

#[test]
fn a_refused_token_leaves_the_old_entry_byte_for_byte() {
    let rows: [(Answer, i32, &str, &str, usize); 4] = [
        (
            Answer::error(401, "invalid_api_key", "revoked"),
            3,
            "invalid_api_key",
            "error: Pentify does not accept this token (HTTP 401, invalid_api_key); nothing was stored (request req_7)\n  \
            → check the token, or make a new one at http://127.0.0.1:9/settings/api-keys",
            1,
        ),
        (
            Answer::error(403, "insufficient_scope", "needs usage:read"),
            9,
            "insufficient_scope",
            "error: this token's scopes do not allow that: needs usage:read; nothing was stored (request req_7)\n  \
            → see its scopes at http://127.0.0.1:9/settings/api-keys",
            1,
        ),
        (
            Answer::error(404, "not_found", "no such page"),
            9,
            "not_found",
            "error: Pentify refused the request (HTTP 404, not_found): no such page; nothing was stored (request req_7)\n  \
            → check the path, and PENTIFY_API_URL",
            1,
        ),
        // Four waits of 1 + 2 + 4 + 8 s: the slow one.
        (
            Answer::error(500, "server_error", "boom"),
            8,
            "server_error",
            "error: Pentify has trouble (HTTP 500, server_error): boom; nothing was stored (request req_7)\n  \
            → try again later",
            5,
        ),
    ];
    std::thread::scope(|scope| {
        for (answer, exit, code, stderr, requests) in &rows {
            for json in [false, true] {
                scope.spawn(move || {
                    let scene = Scene::new("use-token", |_| vec![answer.clone()]);
                    scene.sign_in();
                    let before = scene.files();
                    let args: &[&str] = if json { &["--json"] } else { &[] };
                    let ended = scene.run(&[args, &["auth", "use-token", TOKEN]].concat());
                    assert_eq!(scene.files(), before, "{code}");
                    assert_eq!(ended.code, *exit, "{ended:?}");
                    if json {
                        assert_eq!(ended.json()["error"]["code"], *code);
                    } else {
                        let said = scene.normalised(&ended.stderr);
                        let end = said.lines().filter(|line| !line.ends_with("; trying again"));
                        assert_eq!(end.collect::<Vec<_>>().join("\n"), *stderr);
                    }
                    let asked = scene.api.requests();
                    assert_eq!(asked.len(), *requests, "{code}");
                    assert!(
                        asked.iter().all(|request| request.contains(TOKEN) && !request.contains(OLD_TOKEN))
                    );
                });
            }
        }
    });
}

#[test]
fn an_accepted_token_is_stored_and_used() {
    let ways: [(&[&str], &str); 3] = [
        (&["auth", "use-token", TOKEN], ""),
        (&["auth", "use-token", "-"], TOKEN),
        (&["auth", "use-token", "-"], "\n  pt_live_abcdefghijklmnopqrstuvwx \r\n"),
    ];
    for (args, input) in ways {
        let mut scene = Scene::new("use-token", |_| vec![accepted()]);
        scene.sign_in();
        scene.input = input.into();
        let ended = scene.run(args).expect(0);
        assert!(ended.stdout.contains("✓ Pentify accepts the token, workspace Blue (blue)"), "{ended:?}");
        assert_eq!(used_by_a_new_process(&scene), TOKEN);
        // The other workspace's token stays.
        assert!(scene.sealed.file(".config/pentify/credentials").contains(OLD_TOKEN));
    }
}

#[test]
fn the_prompt_shows_nothing_of_the_token() {
    let scene = Scene::new("use-token", |_| vec![accepted()]);
    let mut terminal = Terminal::start(&scene.command(&["auth", "use-token"]));
    terminal.wait_for("API token (not shown): ");
    terminal.wait_until(|terminal| !terminal.echoes());
    terminal.type_in(&format!("{TOKEN}\r"));
    assert_eq!(terminal.finish(), Some(0), "{}", terminal.screen());
    terminal.wait_for("it is stored in the credentials file");
    let screen = terminal.screen();
    // Not even a part of it, but for the few letters that name a key.
    assert!(!screen.contains("abcde") && !screen.contains("pt_live_abcdefgh"), "{screen:?}");
    assert!(terminal.echoes(), "the terminal is as it was");
    assert_eq!(used_by_a_new_process(&scene), TOKEN);
}

#[test]
fn ctrl_c_at_the_prompt_ends_it_and_restores_the_terminal() {
    for halfway in ["", "pt_live_abc"] {
        let scene = Scene::new("use-token", |_| vec![accepted()]);
        let mut terminal = Terminal::start(&scene.command(&["auth", "use-token"]));
        terminal.wait_for("API token (not shown): ");
        terminal.wait_until(|terminal| !terminal.echoes());
        terminal.type_in(halfway);
        terminal.type_in("\x03");
        assert_eq!(terminal.finish(), Some(130), "{}", terminal.screen());
        terminal.wait_for("interrupted");
        assert!(!terminal.screen().contains("pt_live"), "{}", terminal.screen());
        assert!(terminal.echoes(), "the terminal is as it was");
        assert_eq!(scene.api.connections(), 0);
        assert!(scene.files().is_empty());
    }
}

#[test]
fn the_end_of_input_at_the_prompt_is_told_below_it() {
    let scene = Scene::new("use-token", |_| vec![accepted()]);
    let mut terminal = Terminal::start(&scene.command(&["auth", "use-token"]));
    terminal.wait_for("API token (not shown): ");
    terminal.wait_until(|terminal| !terminal.echoes());
    terminal.type_in("\u{4}");
    assert_eq!(terminal.finish(), Some(2), "{}", terminal.screen());
    terminal.wait_for("API token (not shown): \r\nerror: ");
}

#[test]
fn a_terminal_is_not_steered_by_an_answer_shown_as_it_is() {
    let scene =
        Scene::new("api", |_| vec![Answer::json(200, "{\"a\":\"\u{1b}]0;x\u{7}\u{202e}\",\n\t\"b\":1}")]);
    scene.sign_in();
    let mut terminal = Terminal::start(&scene.command(&["api", "GET", "/v1/x"]));
    assert_eq!(terminal.finish(), Some(0));
    terminal.wait_for("\"b\":1");
    let screen = terminal.screen();
    assert!(!screen.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{screen:?}");
    // A pipe gets the very bytes.
    assert_eq!(
        scene.run(&["api", "GET", "/v1/x"]).stdout,
        "{\"a\":\"\u{1b}]0;x\u{7}\u{202e}\",\n\t\"b\":1}\n"
    );
}
