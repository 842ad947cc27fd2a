//! The registries of docker's credential helpers
//! (<https://github.com/docker/docker-credential-helpers#development>).

use doorkey_core::url::Origin;

/// docker names a registry by its host, or by a URL with a path; one on this machine has no TLS.
pub fn origin(server: &str) -> Option<Origin> {
    let (scheme, rest) = match server.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, server),
    };
    let host = rest.split('/').next()?;
    match scheme {
        Some(scheme) => Origin::parse(&format!("{scheme}://{host}")).ok(),
        None => {
            let plain = Origin::parse(&format!("http://{host}"));
            plain.or_else(|_| Origin::parse(&format!("https://{host}"))).ok()
        }
    }
}
