//! Completion scripts and manual pages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::process::{Command, Stdio};

use sealed::{Ended, Sealed, finish};

/// Each command with all that it can be told to do.
fn commands() -> [(&'static str, Vec<String>, clap::Command); 3] {
    [
        (env!("CARGO_BIN_EXE_pentify"), doorkey::pentify::command()),
        (env!("CARGO_BIN_EXE_pensar"), doorkey::pensar::command()),
        (env!("CARGO_BIN_EXE_doorkey"), doorkey::doorkey::command()),
    ]
    .map(|(binary, command)| {
        let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        (binary, shown.map(|sub| sub.get_name().to_owned()).collect(), command)
    })
}

fn run(sealed: &Sealed, program: &str, args: &[&str]) -> Ended {
    let mut command = sealed.command(program, args);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}

#[test]
fn completions_name_every_subcommand() {
    let sealed = Sealed::new("completions");
    for (binary, subcommands, _) in commands() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = run(&sealed, binary, &["completions", shell]).expect(0).stdout;
            for subcommand in &subcommands {
                assert!(script.contains(subcommand.as_str()), "{binary} {shell} {subcommand}");
            }
        }
    }
}

#[test]
fn bash_accepts_and_uses_its_script() {
    let sealed = Sealed::new("completions-bash");
    for (binary, subcommands, command) in commands() {
        let name = command.get_name();
        let path = sealed.home.join(name);
        std::fs::write(&path, run(&sealed, binary, &["completions", "bash"]).expect(0).stdout).unwrap();
        let path = path.to_str().unwrap();
        run(&sealed, "bash", &["-n", path]).expect(0);
        let ask = format!(
            "source {path}; COMP_WORDS=({name} ''); COMP_CWORD=1; _{name} {name} '' {name}; echo ${{COMPREPLY[@]}}"
        );
        let offered = run(&sealed, "bash", &["-c", &ask]).expect(0).stdout;
        for subcommand in &subcommands {
            assert!(offered.split_whitespace().any(|word| word == subcommand), "{subcommand}: {offered}");
        }
    }
}

#[test]
fn every_subcommand_has_a_manual_page_that_renders() {
    let sealed = Sealed::new("man");
    // A bare machine has no renderer; the structure is checked in any case.
    let can_render = Command::new("groff").arg("--version").output().is_ok();
    for (binary, subcommands, command) in commands() {
        let folder = sealed.home.join(command.get_name());
        std::fs::create_dir(&folder).unwrap();
        run(&sealed, binary, &["man", folder.to_str().unwrap()]).expect(0);
        let names = subcommands.iter().map(|subcommand| format!("{}-{subcommand}", command.get_name()));
        for name in names.chain([command.get_name().to_owned()]) {
            let page = folder.join(format!("{name}.1"));
            let text = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{name}: {e}"));
            for section in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
                assert!(text.contains(section), "{name}: {section}");
            }
            if can_render {
                let rendered =
                    run(&sealed, "groff", &["-man", "-Tascii", "-ww", page.to_str().unwrap()]).expect(0);
                assert_eq!(rendered.stderr, "", "{name}");
                assert!(rendered.stdout.contains("General Commands Manual"), "{name}");
            }
        }
    }
}

/// The texts for `exec` are shared, the variables are not.
#[test]
fn help_names_what_is_this_command_s_own() {
    let sealed = Sealed::new("help");
    let variables = ["PENTIFY_API_TOKEN", "PENSAR_ACCESS_TOKEN", "DOORKEY_ACCESS_TOKEN"];
    for ((binary, _, _), own) in commands().into_iter().zip(variables) {
        let exec = run(&sealed, binary, &["exec", "--help"]).expect(0).stdout;
        for variable in variables {
            assert_eq!(exec.lines().next().unwrap().contains(variable), variable == own, "{exec}");
        }
        let help = run(&sealed, binary, &["--help"]).expect(0).stdout;
        for named in ["\n  completions ", "\n  man ", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            assert!(help.contains(named), "{named}: {help}");
        }
        assert_eq!(help.contains("CREDENTIALS_DIRECTORY"), own == "DOORKEY_ACCESS_TOKEN", "{help}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_a_usage_error() {
    let sealed = Sealed::new("man-missing");
    for (binary, _, _) in commands() {
        let refused = run(&sealed, binary, &["man", "missing", "--json"]).expect(2);
        assert_eq!(refused.json()["error"]["code"], "unwritable_folder");
    }
}
