//! The least that RFC 8628 asks of an issuer of whom nobody ever gets tokens: the sandbox's reads JSON, as WorkOS does,
//! and other clients write forms.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::{Async, LocalExecutor};

const PENDING: &str = r#"{"error":"authorization_pending"}"#;

/// Serves for ever.
pub(crate) fn serve(interval: u64) {
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = format!("http://{}", listener.get_ref().local_addr().unwrap());
        println!("{base}");
        let mut codes = 0_u32;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            codes += 1;
            let code = format!(
                r#"{{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhsz{codes:06}","user_code":"WDJB-MJHT",
                "verification_uri":"{base}/device","expires_in":3600,"interval":{interval}}}"#
            );
            executor.spawn(converse(stream, code)).detach();
        }
    }));
}

/// Answers one connection's requests.
async fn converse(mut stream: Async<TcpStream>, code: String) -> io::Result<()> {
    let mut piece = [0; 2048];
    loop {
        // Idle connections cost nothing but this.
        let mut request = Vec::new();
        while !is_whole(&request) {
            let read = stream.read(&mut piece).await?;
            if read == 0 {
                return Ok(());
            }
            request.extend_from_slice(&piece[..read]);
        }
        let (status, body) = if request.starts_with(b"POST /device ") {
            ("200 OK", code.as_str())
        } else {
            ("400 Bad Request", PENDING)
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Whether a request has come with its body.
fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    request.len() >= head + 4 + length.unwrap_or(0)
}
