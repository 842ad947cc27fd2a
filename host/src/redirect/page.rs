//! The pages, with their headers: fixed texts, without script, style or link, so that nothing can be put into them and
//! nothing leads away with a code in the address.

use doorkey_core::redirect::RedirectPage;

/// A page as it goes over the wire.
pub fn written(page: RedirectPage) -> Vec<u8> {
    let (status, reason) = (page.status(), reason(page.status()));
    let (heading, text) = words(page);
    let document = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{heading}</title>\n</head>\n\
         <body>\n<main>\n<h1>{heading}</h1>\n<p>{text}</p>\n</main>\n</body>\n</html>\n"
    );
    let length = document.len();
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\
         Cache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
         Cross-Origin-Opener-Policy: same-origin\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\
         Referrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\n\r\n{document}"
    );
    answer.into_bytes()
}

/// Heading and text.
fn words(page: RedirectPage) -> (&'static str, &'static str) {
    match page {
        RedirectPage::SignedIn => {
            ("You are signed in", "You can close this window and go back to the terminal.")
        }
        RedirectPage::Denied => (
            "Not signed in",
            "This login was denied. You can close this window. If that was a mistake, run the command again.",
        ),
        RedirectPage::AnswerLost => (
            "Not signed in yet",
            "The answer with the tokens got lost on its way. Go back to the terminal, which offers a new login. \
             You can close this window.",
        ),
        RedirectPage::Trouble => (
            "Not signed in yet",
            "The service has trouble at the moment. Wait a little, then open the link in the terminal again.",
        ),
        RedirectPage::OtherIssuer => (
            "Not signed in",
            "This answer does not come from the service that was asked, so it was not used. Close this window, \
             and go back to the terminal.",
        ),
        RedirectPage::TimedOut => (
            "Too late",
            "This login took too long. Run the command again for a new link. You can close this window.",
        ),
        RedirectPage::Interrupted => {
            ("Not signed in", "This login was interrupted in the terminal. You can close this window.")
        }
        RedirectPage::NotAwaited => (
            "Nothing to see here",
            "A program on this computer waits here for the answer to a login, and this was not it.",
        ),
        _ => ("Not signed in", "The login failed. The terminal says why. You can close this window."),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        410 => "Gone",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_whole_and_leads_nowhere() {
        for page in RedirectPage::ALL {
            let answer = String::from_utf8(written(page)).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", page.status())), "{head}");
            assert!(!reason(page.status()).is_empty(), "{page:?}");
            assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
            for header in [
                "Connection: close",
                "Cache-Control: no-store",
                "Referrer-Policy: no-referrer",
                "X-Frame-Options: DENY",
                "X-Content-Type-Options: nosniff",
            ] {
                assert!(head.contains(header), "{header}");
            }
            assert!(head.contains("frame-ancestors 'none'") && !head.contains("Access-Control"), "{head}");
            assert!(head.contains("default-src 'none'") && !head.contains("unsafe"), "{head}");
            for way_out in ["<script", "<style", "href", "src=", "http:", "https:", "<form"] {
                assert!(!body.contains(way_out), "{page:?} has {way_out}");
            }
        }
    }

    #[test]
    fn only_one_page_says_that_it_worked() {
        for page in RedirectPage::ALL {
            let (heading, text) = words(page);
            assert_eq!(heading == "You are signed in", page == RedirectPage::SignedIn);
            assert!(heading.len() < 30 && text.ends_with('.'), "{page:?}");
        }
    }
}
