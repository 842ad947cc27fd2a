//! What a browser, or anybody, sends to the loopback listener.

use doorkey_host::redirect::{Arrived, Head};

/// However it is cut into pieces, a request is the same; it is only ever one if its head is at its end.
pub fn redirect(bytes: &[u8]) {
    let whole = arrived(bytes, bytes.len());
    for size in [1, 7] {
        assert_eq!(arrived(bytes, size), whole);
    }
    if let Arrived::Request(request) = whole {
        assert!(!request.method.is_empty() && request.method.bytes().all(|b| b.is_ascii_graphic()));
        let target = request.target.expose_secret();
        assert!(!target.is_empty() && !target.contains([' ', '\r', '\n']));
        assert!(request.host.as_ref().is_none_or(|host| host.bytes().all(|b| b.is_ascii_graphic())));
        assert!(target.starts_with(request.path()));
        let parameters = target.split_once('?').map_or(0, |(_, query)| query.split('&').count());
        assert!(request.query().len() <= parameters);
    }
}

fn arrived(bytes: &[u8], size: usize) -> Arrived {
    let mut head = Head::new();
    for piece in bytes.chunks(size.max(1)) {
        let room = head.room();
        let fits = piece.len().min(room.len());
        room[..fits].copy_from_slice(&piece[..fits]);
        match head.take(fits) {
            Arrived::Part => {}
            definite => return definite,
        }
    }
    Arrived::Part
}
