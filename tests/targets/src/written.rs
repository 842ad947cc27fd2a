//! In the place of the asynchronous driver's writing: nobody reads the request.

use doorkey_core::http::{HttpRequest, RequestFailure};
use zeroize::Zeroizing;

#[expect(clippy::unnecessary_wraps, reason = "as the driver calls it")]
pub fn written(request: &HttpRequest, _: &str) -> Result<Zeroizing<Vec<u8>>, RequestFailure> {
    Ok(Zeroizing::new(request.method.as_str().as_bytes().to_vec()))
}
