//! TLS with a private authority. The system's roots are looked up in the environment, so these cases run in this very
//! test binary, started again with an environment of its own.

mod authority;
mod refused;
mod torn;
mod tunnels;

use std::process::Command;

use doorkey_core::url::Url;
use doorkey_tests::scratch::Scratch;

use crate::server::Server;
use authority::Authority;

/// The variable that names the folder of the private authority.
const FOLDER: &str = "DOORKEY_TEST_AUTHORITY";

#[test]
fn with_a_private_authority() {
    let folder = Scratch::new("transports-authority");
    Authority::found(&folder);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "tls::"])
        .env(FOLDER, &*folder)
        .env("SSL_CERT_FILE", Authority::certificate_in(&folder))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    // A filter that matches nothing is a success, too.
    assert!(told.contains("::a_private_authority_is_trusted ... ok"), "{told}");
}

/// Makes two tests of each case as [`for_both`](crate::for_both), for the environment with the authority.
macro_rules! for_both_inside {
    ($($case:ident),* $(,)?) => {
        mod blocking {
            $(#[test]
            #[ignore = "run by tls::with_a_private_authority"]
            fn $case() {
                super::$case($crate::client::Kind::Blocking);
            })*
        }
        mod asynchronous {
            $(#[test]
            #[ignore = "run by tls::with_a_private_authority"]
            fn $case() {
                super::$case($crate::client::Kind::Async);
            })*
        }
    };
}
pub(crate) use for_both_inside;

/// Where a server is, in HTTPS.
fn https(server: &Server) -> Url {
    Url::parse(&format!("https://{}", server.address)).unwrap()
}
