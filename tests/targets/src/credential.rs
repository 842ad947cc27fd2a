//! What git, cargo, docker and kubectl ask: the commands' own code.

#[path = "../../../cli/src/doorkey/credential/asked/mod.rs"]
#[allow(dead_code, reason = "what else is in it is the commands'")]
mod included;

use doorkey_core::failure::Failure;
use doorkey_core::text::is_treacherous;
use doorkey_core::url::Origin;

use included::lines::{lines_until_empty, next_line};
use included::{cargo, docker, git, kubectl};

/// A question is of a place that tokens may be sent to, or of none; what is no question can be shown.
pub fn credential(bytes: &[u8]) {
    if let Ok(lines) = lines_until_empty(&mut { bytes }).map_err(shown) {
        assert!(lines.iter().map(|line| line.len() + 1).sum::<usize>() <= bytes.len() + 1);
        if let Ok(asked) = git::Asked::read(&lines).map_err(shown) {
            asked.origin().iter().for_each(safe);
            // What is written back is on a line of its own.
            let one_line = |text: &str| !text.is_empty() && !text.contains(['\n', '\r', '\0']);
            assert!(asked.username.as_deref().is_none_or(one_line));
            if let Some(token) = &asked.password {
                let token = token.expose_secret();
                assert!(
                    one_line(token) && (token.len() < 24 || !format!("{:?}", asked.password).contains(token))
                );
            }
        }
    }
    let mut input = bytes;
    while let Ok(Some(line)) = next_line(&mut input).map_err(shown) {
        if let Ok(request) = cargo::Request::read(&line).map_err(shown) {
            assert!(request.profile().map_err(shown).ok().flatten().is_none_or(|name| !name.is_empty()));
            request.origin().iter().for_each(safe);
        }
        docker::origin(line.trim()).iter().for_each(safe);
    }
    if let Ok(asked) = kubectl::Asked::read(str::from_utf8(bytes).ok()).map_err(shown) {
        asked.cluster.iter().for_each(safe);
        assert!(asked.version.starts_with("client.authentication.k8s.io/v1"));
    }
}

fn safe(origin: &Origin) {
    assert!(origin.is_https() || origin.is_loopback(), "{origin}");
    assert_eq!(Origin::parse(&origin.to_string()).as_ref(), Ok(origin));
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn shown(failure: Failure) {
    let texts = [Some(&failure.message), failure.next.as_ref()];
    assert!(!texts.into_iter().flatten().any(|text| text.chars().any(is_treacherous)), "{failure:?}");
}
