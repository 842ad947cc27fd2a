//! URLs that are safe to send something to: `https`, or plain http on a literal loopback address (invariant 16).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBuilder, wiped};

/// What RFC 3986 §2.3 calls unreserved stays; everything else in a query is encoded.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text that may be secret. `Debug` shows only the plain ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Text {
    /// May be shown and logged.
    Plain(String),
    /// Must not.
    Secret(Secret),
}

impl Text {
    /// The text, secret or not.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose_secret(),
        }
    }
}

impl From<Secret> for Text {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

/// Scheme, host and port: what a credential is bound to (invariant 17).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses and checks an origin written as a URL with nothing after host and port, a last `/` aside.
    ///
    /// # Errors
    /// As [`Url::parse`]; or there is more.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = Url::parse(text)?;
        let is_bare = url.path() == "/" && !text.contains('?');
        if is_bare { Ok(url.origin().clone()) } else { Err(UrlError::NotAnOrigin) }
    }

    /// The host in lower-case ASCII; IPv6 without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's default included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is a literal address of 127/8 or `::1`. A name, `localhost` included, is not: it can be
    /// made to mean anything.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.https { ("https", 443) } else { ("http", 80) };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// A checked URL. Query values may be secret, so `Debug` and `Display` show those as `…`; only
/// [`Url::expose`] gives the whole. Copies share it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url(Arc<Parts>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Parts {
    origin: Origin,
    path: String,
    query: Vec<(String, Text)>,
    /// The query as it is sent, if that is not for us to encode.
    written: Option<Secret>,
}

impl Url {
    /// Parses and checks a URL: ASCII, `https` (or http on literal loopback), no user information, no fragment.
    /// Every query value found in it counts as secret.
    ///
    /// # Errors
    /// [`UrlError`] names what is wrong; it never repeats the URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if !text.is_ascii() {
            return Err(UrlError::NotAscii);
        }
        // `http` drops a fragment without looking at it: whatever is in there would pass unseen.
        if text.contains('#') {
            return Err(UrlError::Malformed);
        }
        let uri = http::Uri::from_maybe_shared(wiped(text)).map_err(|_| UrlError::Malformed)?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInfo);
        }
        // `http` accepts a port that it cannot represent, and what stands before or after the brackets of an address, and
        // then reports neither.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") if https => 443,
            Some("") => 80,
            Some(rest) => port(rest).ok_or(UrlError::Malformed)?,
            None => return Err(UrlError::Malformed),
        };
        let host = host(authority.host())?;
        if !https && !is_loopback(&host) {
            return Err(UrlError::PlainHttp);
        }
        let query = uri.query().unwrap_or_default();
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(decode_pair).collect();
        Ok(Self::of(Origin { https, host, port }, uri.path().to_owned(), query))
    }

    /// The same for a URL that a person wrote: its query is sent byte for byte. It may be signed, and to some servers `+`,
    /// a name without `=` or an escape that is not UTF-8 mean something that decoding would lose. What a server names is
    /// encoded anew instead, since it is handed on to browsers.
    ///
    /// # Errors
    /// As [`Url::parse`]; or the query has characters that cannot stand in a request.
    pub fn parse_as_written(text: &str) -> Result<Self, UrlError> {
        let mut url = Self::parse(text)?;
        let Some((_, query)) = text.split_once('?') else { return Ok(url) };
        if !query.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(UrlError::Malformed);
        }
        Arc::make_mut(&mut url.0).written = Some(Secret::from(query));
        Ok(url)
    }

    /// The same origin with `path` put after this URL's own path; the query is dropped. `path` starts with `/`.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        let base = self.path().trim_end_matches('/');
        self.at_root(&format!("{base}{path}"))
    }

    /// The same origin with this path, which starts with `/`, and nothing else.
    #[must_use]
    pub fn at_root(&self, path: &str) -> Self {
        Self::of(self.origin().clone(), path.to_owned(), Vec::new())
    }

    /// The same with one more query parameter, which is encoded when the URL is written out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Text>) -> Self {
        let pair = (name.to_owned(), value.into());
        let parts = Arc::make_mut(&mut self.0);
        parts.written = parts.written.take().map(|written| {
            let mut query = SecretBuilder::default();
            query.push_str(written.expose_secret());
            query.push_str(if written.expose_secret().is_empty() { "" } else { "&" });
            push_pair(&mut query, &pair);
            query.finish()
        });
        parts.query.push(pair);
        self
    }

    /// Where it goes.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The path, as it is sent.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The query parameters, decoded.
    pub fn query(&self) -> &[(String, Text)] {
        &self.0.query
    }

    /// The first query parameter of that name, decoded.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query().iter().find(|(n, _)| n == name).map(|(_, value)| value.expose())
    }

    /// Path and query as they stand in a request line, secrets included.
    pub fn expose_target(&self) -> Secret {
        let mut target = SecretBuilder::default();
        target.push_str(self.path());
        match &self.0.written {
            Some(written) => target.extend(["?", written.expose_secret()]),
            None => {
                for (index, pair) in self.query().iter().enumerate() {
                    target.push_str(if index == 0 { "?" } else { "&" });
                    push_pair(&mut target, pair);
                }
            }
        }
        target.finish()
    }

    /// The whole URL, secrets included.
    pub fn expose(&self) -> Secret {
        let mut whole = SecretBuilder::default();
        whole.extend([&*self.origin().to_string(), self.expose_target().expose_secret()]);
        whole.finish()
    }

    fn of(origin: Origin, path: String, query: Vec<(String, Text)>) -> Self {
        Self(Arc::new(Parts { origin, path, query, written: None }))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path())?;
        for (index, (name, value)) in self.query().iter().enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match value {
                Text::Plain(value) => write!(f, "{name}={}", utf8_percent_encode(value, QUERY))?,
                Text::Secret(_) => write!(f, "{name}=…")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a URL that we would send anything to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlError {
    /// It cannot be parsed.
    Malformed,
    /// It has characters outside ASCII; a host name of other scripts must be given in its `xn--` form.
    NotAscii,
    /// Its scheme is neither `https` nor `http`.
    Scheme,
    /// It has a user name or password before the host.
    UserInfo,
    /// It is plain http to something else than a literal loopback address.
    PlainHttp,
    /// Its host is an address in a form that others may read differently, like `127.1`.
    OddAddress,
    /// It has a path or a query where only an origin is meant.
    NotAnOrigin,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a URL",
            Self::NotAscii => "it has characters outside ASCII (write the host in its xn-- form)",
            Self::Scheme => "its scheme is not https",
            Self::UserInfo => "it has a user name or password in it",
            Self::PlainHttp => "plain http is allowed for 127.0.0.0/8 and [::1] only",
            Self::OddAddress => "its host is a number, but no address as it is usually written",
            Self::NotAnOrigin => "it has more than scheme, host and port",
        })
    }
}

impl core::error::Error for UrlError {}

/// What stands behind a host: a colon, and digits.
fn port(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(':')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The host in lower case, IPv6 without its brackets. A host that ends in a number is an address to browsers and to C
/// libraries, which read `127.1` and `0x7f000001` as 127.0.0.1 (WHATWG URL §3.5): the usual form is the only one that
/// everybody reads alike.
fn host(text: &str) -> Result<String, UrlError> {
    if let Some(address) = text.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(UrlError::Malformed)?;
        address.parse::<Ipv6Addr>().map_err(|_| UrlError::OddAddress)?;
        return Ok(address.to_ascii_lowercase());
    }
    let host = text.to_ascii_lowercase();
    let last = host.strip_suffix('.').unwrap_or(&host).rsplit('.').next().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    let is_hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    match host.as_str() {
        "" => Err(UrlError::Malformed),
        _ if host.contains(['[', ']']) => Err(UrlError::Malformed),
        _ if (is_decimal || is_hex) && host.parse::<Ipv4Addr>().is_err() => Err(UrlError::OddAddress),
        _ => Ok(host),
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

fn push_pair(query: &mut SecretBuilder, (name, value): &(String, Text)) {
    query.extend(utf8_percent_encode(name, QUERY));
    query.push_str("=");
    query.extend(utf8_percent_encode(value.expose(), QUERY));
}

fn decode_pair(pair: &str) -> (String, Text) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let decode = |text: &str| {
        let text = Zeroizing::new(text.replace('+', " "));
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    (decode(name), Text::Secret(Secret::new(decode(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_urls_are_accepted() {
        for (text, expected) in [
            ("https://api.pentify.io", Ok("https://api.pentify.io/")),
            ("https://API.pentify.io:443/x", Ok("https://api.pentify.io/x")),
            ("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080/")),
            ("http://127.9.9.9", Ok("http://127.9.9.9/")),
            ("http://[::1]:1/", Ok("http://[::1]:1/")),
            ("http://localhost:8080", Err(UrlError::PlainHttp)),
            ("http://127.0.0.1.evil.example", Err(UrlError::PlainHttp)),
            ("http://api.pentify.io", Err(UrlError::PlainHttp)),
            ("https://a@b.example", Err(UrlError::UserInfo)),
            ("https://b.example:99999", Err(UrlError::Malformed)),
            ("https://b.example:", Err(UrlError::Malformed)),
            ("https://b.example:+80", Err(UrlError::Malformed)),
            ("https://b.example:x[1:2]:443/", Err(UrlError::Malformed)),
            ("https://b.example[1:2]:443/", Err(UrlError::Malformed)),
            ("https://b[c].example/", Err(UrlError::Malformed)),
            ("https://[::1]b.example/", Err(UrlError::Malformed)),
            ("https://127.1/", Err(UrlError::OddAddress)),
            ("https://2130706433/", Err(UrlError::OddAddress)),
            ("https://0x7F000001/", Err(UrlError::OddAddress)),
            ("https://0x/", Err(UrlError::OddAddress)),
            ("https://0177.0.0.1/", Err(UrlError::OddAddress)),
            ("https://127.0.0.1./", Err(UrlError::OddAddress)),
            ("https://a.b.1/", Err(UrlError::OddAddress)),
            ("https://[::1%25lo]/", Err(UrlError::OddAddress)),
            ("https://[127.0.0.1]/", Err(UrlError::OddAddress)),
            ("https://1a.example/", Ok("https://1a.example/")),
            ("https://0x1g/", Ok("https://0x1g/")),
            ("https://1.example./", Ok("https://1.example./")),
            ("ftp://b.example", Err(UrlError::Scheme)),
            ("b.example", Err(UrlError::Scheme)),
            ("https://bücher.example", Err(UrlError::NotAscii)),
            ("https://", Err(UrlError::Malformed)),
            ("https://b.example/#x", Err(UrlError::Malformed)),
            ("https://b.example#\u{1b}[2J", Err(UrlError::Malformed)),
        ] {
            let parsed = Url::parse(text);
            assert_eq!(parsed.map(|url| url.to_string()), expected.map(ToOwned::to_owned), "{text}");
        }
    }

    #[test]
    fn an_origin_has_nothing_after_its_port() {
        for (text, expected) in [
            ("https://API.example.com", Ok("https://api.example.com")),
            ("https://api.example.com:443/", Ok("https://api.example.com")),
            ("http://[::1]:8080", Ok("http://[::1]:8080")),
            ("https://api.example.com/v1", Err(UrlError::NotAnOrigin)),
            ("https://api.example.com?", Err(UrlError::NotAnOrigin)),
            ("https://api.example.com/?a", Err(UrlError::NotAnOrigin)),
            ("https://a@api.example.com", Err(UrlError::UserInfo)),
            ("http://api.example.com", Err(UrlError::PlainHttp)),
            ("api.example.com", Err(UrlError::Scheme)),
        ] {
            let parsed = Origin::parse(text);
            assert_eq!(parsed.map(|origin| origin.to_string()), expected.map(ToOwned::to_owned), "{text}");
        }
    }

    #[test]
    fn query_values_are_encoded_and_secrets_hidden() {
        let url = Url::parse("https://app.example/base/").unwrap();
        let url = url.join("/pair").with("id", Secret::from("s3cret")).with("name", "a&b?c=#ü");
        assert_eq!(
            url.expose().expose_secret(),
            "https://app.example/base/pair?id=s3cret&name=a%26b%3Fc%3D%23%C3%BC"
        );
        assert_eq!(format!("{url:?}"), "https://app.example/base/pair?id=…&name=a%26b%3Fc%3D%23%C3%BC");
        let back = Url::parse(url.expose().expose_secret()).unwrap();
        assert_eq!(back.query_value("name"), Some("a&b?c=#ü"));
    }

    #[test]
    fn what_a_person_wrote_is_sent_as_it_is() {
        for (query, encoded) in [
            ("?a+b=c%20d", "?a%20b=c%20d"),
            ("?flag", "?flag="),
            ("?a&&b=", "?a=&b="),
            ("?x=%ff%2F/?:@", "?x=%EF%BF%BD%2F%2F%3F%3A%40"),
            ("?filter[x]=~a!*'()", "?filter%5Bx%5D=~a%21%2A%27%28%29"),
            ("?", ""),
            ("", ""),
        ] {
            let text = format!("https://app.example/p{query}");
            let target = |url: &Url| url.expose_target().expose_secret().to_owned();
            let written = Url::parse_as_written(&text).unwrap();
            assert_eq!(target(&written), format!("/p{query}"));
            let parsed = Url::parse(&text).unwrap();
            assert_eq!(target(&parsed), format!("/p{encoded}"));
            assert_eq!((written.query(), format!("{written:?}")), (parsed.query(), format!("{parsed:?}")));
            let more = if query.len() < 2 { "?y=z%20".to_owned() } else { format!("{query}&y=z%20") };
            assert_eq!(target(&written.clone().with("y", "z ")), format!("/p{more}"));
            assert_eq!(target(&written.join("/q")), "/p/q");
        }
        for odd in ["?a b", "?a#b", "?a\n", "?ü", "?a\u{7f}"] {
            assert!(Url::parse_as_written(&format!("https://app.example/p{odd}")).is_err(), "{odd:?}");
        }
    }
}
