//! Proof Key for Code Exchange (RFC 7636): a code is of use only to who began the login. S256 is the only method.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::secret::{Entropy, Secret};

/// The transformation, as `code_challenge_method` names it (RFC 7636 §4.3).
pub(crate) const METHOD: &str = "S256";

/// A code verifier: 43 characters with 256 bits of entropy, as RFC 7636 §4.1 recommends.
pub(crate) fn verifier(entropy: &Entropy) -> Secret {
    Secret::new(BASE64URL_NOPAD.encode(entropy.expose_bytes()))
}

/// The code challenge of a verifier (RFC 7636 §4.2).
pub(crate) fn challenge(verifier: &Secret) -> Secret {
    Secret::new(BASE64URL_NOPAD.encode(&Sha256::digest(verifier.expose_secret())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn the_example_of_the_standard() {
        let octets = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
            214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let verifier = verifier(&Entropy::new(octets));
        assert_eq!(verifier.expose_secret(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier).expose_secret(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
