//! Connections to nowhere: every request is answered at once with the same.

use std::future::ready;
use std::time::Duration;

use doorkey_async::{Sending, Transport};
use doorkey_core::http::{HttpRequest, HttpResponse};

const NOT_PAIRED: &str = r#"{"error":{"code":"not_paired_yet","message":"Nobody has authorized.","request_id":"req_0123456789abcdef"}}"#;

pub(crate) struct Standing;

impl Transport for Standing {
    fn send(&self, _: HttpRequest, _: Duration) -> Sending {
        let response = HttpResponse::new(404, NOT_PAIRED).header("content-type", "application/json");
        Box::pin(ready(Ok(response)))
    }
}
