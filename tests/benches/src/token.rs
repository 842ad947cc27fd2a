//! `doorkey token` with a session whose access token is good, in the plain file: what a script waits for.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use doorkey_blocking::{Clock as _, Driver, HttpTransport, ProxySettings, SystemClock};
use doorkey_core::keep::Keep;
use doorkey_core::machine::Machine;
use doorkey_core::oauth::OAuth;
use doorkey_core::record::{Backend, Record};
use doorkey_core::rotation::{Access, Moment, Rotation};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::url::Url;
use doorkey_store::{ProfileConfig, Vault, boot_id};
use doorkey_tests::scratch::Scratch;

use crate::Binaries;
use crate::document::table;
use crate::sample::in_turn;
use crate::startup::sealed;

const ROUNDS: usize = 500;
const ISSUER: &str = "https://auth.example.com";
const ENDPOINT: &str = "https://auth.example.com/token";
const PROFILE: &str = "bench";

pub(crate) fn measure(binaries: &Binaries) -> String {
    let home = Scratch::new("token");
    sign_in(&home.join(".config/doorkey"));
    let mut token = sealed(&binaries.doorkey, &home);
    token.arg("token").env("DOORKEY_STORE", "plain-file");
    let mut gh = sealed(Path::new("/usr/bin/gh"), &home);
    gh.args(["auth", "token"]).env("GH_TOKEN", "x");
    assert_eq!(stdout(&mut token), "access-1\n");
    let samples = in_turn(ROUNDS, &mut [sealed(&binaries.empty, &home), token, gh]);
    let [empty, token, gh] = &samples[..] else { unreachable!("three commands") };
    let names = [
        "an empty Rust program",
        "`doorkey token`, the token in a file",
        "`gh auth token`, the token in the environment",
    ];
    let rows = names.iter().zip([empty, token, gh]).map(|(name, sample)| {
        let [min, median, p99] = sample.cells();
        vec![
            (*name).to_owned(),
            min,
            median,
            p99,
            format!("{:.2}", sample.ratio(empty)),
            format!("{:.2}", sample.ratio(token)),
        ]
    });
    table(&["command", "min ms", "median ms", "p99 ms", "× empty", "× `doorkey`"], &rows.collect::<Vec<_>>())
}

/// As a login leaves it.
fn sign_in(folder: &Path) {
    let url = Url::parse(ENDPOINT).unwrap();
    let oauth = OAuth { issuer: Some(ISSUER.into()), client_id: Some("cli".into()), ..OAuth::new(url) };
    let service = Service::issuer(ISSUER, PROFILE, "build-box".into()).unwrap().with_oauth(oauth);
    let access = Access {
        token: Secret::from("access-1"),
        received: Moment::new(SystemClock.now(), &boot_id()),
        lifetime: Some(Duration::from_secs(24 * 60 * 60)),
    };
    let rotation = Rotation { access: Some(access), client_id: Some("cli".into()), ..Rotation::default() };
    let record = Record {
        rotation: Some(rotation.into()),
        ..Record::new(&service.issuer, None, Secret::from("refresh-1"))
    };
    let vault = Vault::profile(ProfileConfig::in_folder(folder, PROFILE));
    let transport = HttpTransport::new(ProxySettings::default(), "doorkey-benches");
    let keep = Keep::new(record, &[Backend::File]);
    Driver::new(transport, vault).run(Machine::new(service, keep)).unwrap();
    let settings = format!(
        "active = \"{PROFILE}\"\n[profiles.{PROFILE}]\nissuer = \"{ISSUER}\"\nclient_id = \"cli\"\ntoken_endpoint = \"{ENDPOINT}\"\n"
    );
    fs::write(folder.join("config.toml"), settings).unwrap();
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}
