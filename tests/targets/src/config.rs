//! `config.toml`, which people write: the commands' own code.

#[path = "../../../cli/src/doorkey/settings.rs"]
#[allow(dead_code, reason = "what else is in it is the commands'")]
mod included;

use doorkey_core::failure::Failure;
use doorkey_core::text::is_treacherous;

use crate::scratch;
use included::{Profile, SettingsFile};

/// A profile that can be used is the same elsewhere, and when it was kept; what people wrote of others stays; and what
/// cannot be used can be shown.
pub fn config(bytes: &[u8]) {
    let file = SettingsFile::new(scratch::file("config.toml", bytes));
    let Ok(settings) = file.read().map_err(shown) else { return };
    let names: Vec<String> = settings.names().map(str::to_owned).collect();
    for name in names.iter().take(3) {
        let Ok(profile) = settings.profile(name).map_err(shown) else { continue };
        let profile = profile.expect("it is named");
        assert_eq!(Profile::decode(&profile.encode()).map_err(shown).as_ref(), Ok(&profile));
        if let Ok(service) = profile.service("box".to_owned()).map_err(shown) {
            assert!(profile.base(&service).map_err(shown).is_ok());
            assert_eq!(profile.may_send_to(service.api.origin()).map_err(shown), Ok(true));
        }
        assert_eq!(file.keep(&profile).map_err(shown), Ok(()), "{name:?}");
        let now = file.read().map_err(shown).expect("it was read before");
        assert_eq!(now.active(), Some(name.as_str()));
        assert_eq!(now.profile(name).map_err(shown), Ok(Some(profile)));
        assert_eq!((now.store(), now.key_file()), (settings.store(), settings.key_file()));
        assert_eq!(now.names().collect::<Vec<_>>(), names);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn shown(failure: Failure) {
    let texts = [Some(&failure.message), failure.next.as_ref()];
    assert!(!texts.into_iter().flatten().any(|text| text.chars().any(is_treacherous)), "{failure:?}");
}
