//! Signed inference requests: what the gateway checks beside the bearer.

use alloc::format;
use alloc::string::{String, ToString};

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::http::HttpRequest;
use crate::secret::{Entropy, Secret};
use crate::time::WallTime;
use crate::url::Text;

/// The same request, signed for `model` with the workspace's signing key: base64 of the HMAC-SHA256 of
/// `<unix seconds>\n<nonce>\n<model>\n<hex SHA-256 of the body>`, with all that goes into it in headers. `nonce` must
/// be fresh with every request.
#[must_use]
pub fn sign(request: HttpRequest, key: &Secret, model: &str, now: WallTime, nonce: &Entropy) -> HttpRequest {
    let (timestamp, nonce) = (now.as_unix_seconds().to_string(), uuid(nonce));
    let body = HEXLOWER.encode(&Sha256::digest(request.body.as_bytes()));
    let text = format!("{timestamp}\n{nonce}\n{model}\n{body}");
    let signature = BASE64.encode(&hmac(key.expose_secret().as_bytes(), text.as_bytes()));
    request
        .header("x-pensar-model", model)
        .header("x-pensar-nonce", nonce)
        .header("x-pensar-signature", Text::Secret(Secret::new(signature)))
        .header("x-pensar-timestamp", timestamp)
}

/// A random UUID (RFC 9562 §5.4).
fn uuid(entropy: &Entropy) -> String {
    let mut bytes = [0; 16];
    for (byte, source) in bytes.iter_mut().zip(entropy.expose_bytes()) {
        *byte = *source;
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    let group = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_string();
    [group(0, 8), group(8, 12), group(12, 16), group(16, 20), group(20, 32)].join("-")
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.chain_update(text).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;
    use crate::url::Url;

    #[test]
    fn a_signature_covers_time_nonce_model_and_body() {
        let url = Url::parse("https://gateway.pensar.dev/v1/messages").unwrap();
        let request = HttpRequest::new(Method::Post, url).body("application/json", "{}");
        let now = WallTime::from_unix_millis(1_700_000_000_999);
        let signed = sign(request, &Secret::from("key"), "model-1", now, &Entropy::new([0xff; 32]));
        // printf '1700000000\nffffffff-ffff-4fff-bfff-ffffffffffff\nmodel-1\n%s' "$(printf '{}' | sha256sum | cut -d' ' -f1)" \
        //   | openssl dgst -sha256 -hmac key -binary | base64
        for (name, value) in [
            ("x-pensar-timestamp", "1700000000"),
            ("x-pensar-nonce", "ffffffff-ffff-4fff-bfff-ffffffffffff"),
            ("x-pensar-model", "model-1"),
            ("x-pensar-signature", "GCFkmRDxNdgA6XMKqBy08aNlzxApeDlGqtZHbFB53Xo="),
        ] {
            assert_eq!(signed.header_value(name), Some(value), "{name}");
        }
        assert!(
            !format!("{signed:?}").contains("GCFkmRDxNdgA6XMKqBy08aNlzxApeDlGqtZHbFB53Xo="),
            "a signature is not for logs"
        );
    }
}
