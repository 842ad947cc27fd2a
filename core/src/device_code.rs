//! What a device authorization endpoint answers (RFC 8628 §3.2).

use alloc::format;
use alloc::string::ToString;
use core::time::Duration;

use serde_json::Value;

use crate::envelope::json_object;
use crate::failure::{Exit, Failure};
use crate::http::HttpResponse;
use crate::oauth::seconds;
use crate::secret::Secret;
use crate::service::Service;
use crate::text::{harmless, is_treacherous};
use crate::url::Url;

/// Without a usable `expires_in`, which RFC 8628 requires (chosen).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// Without a usable `interval` (RFC 8628 §3.2).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// Nobody waits longer for a person (chosen); a longer interval makes no difference then.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A device authorization.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceCode {
    /// What is polled with.
    pub device_code: Secret,
    /// What the person compares or types; harmless to show.
    pub user_code: Secret,
    /// The page for typing the code.
    pub verification_uri: Url,
    /// The page with the code filled in.
    pub verification_uri_complete: Option<Url>,
    /// From the answer to the end: 300 s if it does not say or makes no sense (0, negative, no number), at most a day.
    pub lifetime: Duration,
    /// From one poll's answer to the next poll: 5 s if it does not say or makes no sense, whole seconds otherwise.
    pub interval: Duration,
}

/// How the fields are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// As in RFC 8628; `verification_url` is understood, too.
    Standard,
    /// In camel case, as an older deployment of Pensar's API does.
    Camel,
}

/// Why there is no device code in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NoDeviceCode {
    /// The body is not of that form.
    NotOne,
    /// It is, but what it names is nothing to open.
    Unsafe(Failure),
}

impl DeviceCode {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`NoDeviceCode`] says whether it was something else or named a page that may not be opened (invariant 18).
    pub fn read(
        response: &HttpResponse,
        spelling: Spelling,
        service: &Service,
    ) -> Result<Self, NoDeviceCode> {
        let body = json_object(response).ok_or(NoDeviceCode::NotOne)?;
        let names = spelling.names();
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let device_code = text(names.device_code).ok_or(NoDeviceCode::NotOne)?;
        let user_code = text(names.user_code).filter(|code| is_showable(code)).ok_or(NoDeviceCode::NotOne)?;
        let uri = names.verification_uri.iter().find_map(|name| text(name)).ok_or(NoDeviceCode::NotOne)?;
        let complete = names.verification_uri_complete.iter().find_map(|name| text(name));
        let page = |text| page(service, text).map_err(NoDeviceCode::Unsafe);
        Ok(Self {
            device_code: Secret::from(device_code),
            user_code: Secret::from(user_code),
            verification_uri: page(uri)?,
            verification_uri_complete: complete.map(page).transpose()?,
            lifetime: capped(body.get(names.expires_in)).unwrap_or(DEFAULT_LIFETIME),
            interval: capped(body.get("interval")).unwrap_or(DEFAULT_INTERVAL),
        })
    }
}

struct Names {
    device_code: &'static str,
    user_code: &'static str,
    verification_uri: &'static [&'static str],
    verification_uri_complete: &'static [&'static str],
    expires_in: &'static str,
}

impl Spelling {
    const fn names(self) -> Names {
        match self {
            Self::Standard => Names {
                device_code: "device_code",
                user_code: "user_code",
                verification_uri: &["verification_uri", "verification_url"],
                verification_uri_complete: &["verification_uri_complete", "verification_url_complete"],
                expires_in: "expires_in",
            },
            Self::Camel => Names {
                device_code: "deviceCode",
                user_code: "userCode",
                verification_uri: &["verificationUri"],
                verification_uri_complete: &["verificationUriComplete"],
                expires_in: "expiresIn",
            },
        }
    }
}

/// A page that the service named, if it may be opened.
pub(crate) fn page(service: &Service, text: &str) -> Result<Url, Failure> {
    let what = match Url::parse(text) {
        Ok(url) if service.has_page(&url) => return Ok(url),
        Ok(url) => {
            let host = harmless(&url.origin().to_string());
            format!("{} names a page on {host}, which is not its own", service.name)
        }
        Err(error) => format!("{} names a page that is not safe to open: {error}", service.name),
    };
    Err(Failure::new(Exit::Server, "unsafe_page", what)
        .next(format!("check the network, {} and the proxy settings", service.api_variable)))
}

/// Nothing that could steer or deceive a terminal: a code cannot be made harmless and still be the code.
fn is_showable(code: &str) -> bool {
    !code.chars().any(is_treacherous)
}

/// At least a second, at most [`LONGEST`]; `None` if there is no such number.
fn capped(value: Option<&Value>) -> Option<Duration> {
    let value = value?;
    let understood = seconds(value).or_else(|| is_beyond_measure(value).then_some(LONGEST));
    understood.filter(|duration| !duration.is_zero()).map(|duration| duration.min(LONGEST))
}

/// Whether it is a positive number that [`seconds`] does not read because it is too large.
fn is_beyond_measure(value: &Value) -> bool {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_string(),
        _ => return false,
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix('+').unwrap_or(exponent))),
        None => (text.as_str(), None),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_large = exponent.is_none_or(|exponent| exponent.len() > 1 && digits(exponent));
    !whole.is_empty() && digits(whole) && digits(decimals) && is_large
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::PensarHosts;
    use alloc::borrow::ToOwned;
    use alloc::string::String;

    fn service() -> Service {
        let url = |text| Url::parse(text).unwrap();
        Service::pensar(
            PensarHosts {
                api: url("https://api.pensar.dev"),
                console: url("https://console.pensar.dev"),
                gateway: url("https://gateway.pensar.dev"),
                workos: url("https://api.workos.com"),
            },
            "box".into(),
        )
    }

    fn read(body: &str, spelling: Spelling) -> Result<DeviceCode, NoDeviceCode> {
        DeviceCode::read(&HttpResponse::new(200, body), spelling, &service())
    }

    #[test]
    fn both_spellings_are_read() {
        let standard = r#"{"device_code":"d","user_code":"ABCD-EFGH","verification_uri":"https://auth.pensar.dev/d",
            "verification_uri_complete":"https://auth.pensar.dev/d?user_code=ABCD-EFGH","expires_in":600,"interval":7}"#;
        let camel = r#"{"deviceCode":"d","userCode":"ABCD-EFGH","verificationUri":"https://auth.pensar.dev/d",
            "verificationUriComplete":"https://auth.pensar.dev/d?user_code=ABCD-EFGH","expiresIn":600,"interval":7}"#;
        let code = read(standard, Spelling::Standard).unwrap();
        assert_eq!(read(camel, Spelling::Camel).unwrap(), code);
        assert_eq!((code.lifetime.as_secs(), code.interval.as_secs()), (600, 7));
        assert_eq!(code.verification_uri_complete.unwrap().query_value("user_code"), Some("ABCD-EFGH"));
        assert_eq!(read(standard, Spelling::Camel), Err(NoDeviceCode::NotOne));
        let url = r#"{"device_code":"d","user_code":"A","verification_url":"https://auth.pensar.dev/d"}"#;
        assert_eq!(read(url, Spelling::Standard).unwrap().verification_uri_complete, None);
    }

    #[test]
    fn what_is_missing_or_treacherous_is_no_code() {
        let whole = r#"{"device_code":"d","user_code":"A","verification_uri":"https://api.pensar.dev/d"}"#;
        assert!(read(whole, Spelling::Standard).is_ok());
        for (from, to) in [
            (r#""d""#, r#""""#),
            (r#""d""#, "7"),
            ("device_code", "x"),
            ("user_code", "x"),
            ("verification_uri", "x"),
            (r#""A""#, r#""A\u001b[2J""#),
            (r#""A""#, r#""A\u202e""#),
            (r#""A""#, r#""A\n""#),
            (r#""https://api.pensar.dev/d""#, "null"),
            ("{", "[{"),
        ] {
            let body = whole.replacen(from, to, 1);
            assert_eq!(read(&body, Spelling::Standard), Err(NoDeviceCode::NotOne), "{body}");
        }
    }

    #[test]
    fn only_the_services_pages_are_taken() {
        for (uri, complete) in [
            ("https://evil.example/", "https://auth.pensar.dev/"),
            ("https://auth.pensar.dev/", "https://evil.example/"),
            ("http://auth.pensar.dev/", "https://auth.pensar.dev/"),
            ("https://auth.pensar.dev/", "https://a@auth.pensar.dev/"),
            ("https://auth.pensar.dev/", "file:///etc/passwd"),
            ("http://127.0.0.1/", "https://auth.pensar.dev/"),
        ] {
            let body = format!(
                r#"{{"device_code":"d","user_code":"A","verification_uri":"{uri}","verification_uri_complete":"{complete}"}}"#
            );
            let Err(NoDeviceCode::Unsafe(failure)) = read(&body, Spelling::Standard) else {
                panic!("{body}")
            };
            assert_eq!((failure.exit, failure.code.as_ref()), (Exit::Server, "unsafe_page"), "{body}");
        }
    }

    #[test]
    fn times_that_make_no_sense_are_replaced() {
        const DAY: u64 = 86_400;
        for (json, lifetime, interval) in [
            ("", 300, 5),
            ("0", 300, 5),
            ("0.0", 300, 5),
            ("-5", 300, 5),
            ("null", 300, 5),
            ("true", 300, 5),
            ("[9]", 300, 5),
            (r#""""#, 300, 5),
            (r#""soon""#, 300, 5),
            (r#""-3""#, 300, 5),
            ("1e-9", 300, 5),
            ("7", 7, 7),
            (r#"" 7 ""#, 7, 7),
            ("0.2", 1, 1),
            ("6.01", 7, 7),
            (r#""6.5""#, 7, 7),
            ("7.0", 7, 7),
            ("86401", DAY, DAY),
            ("3153600001", DAY, DAY),
            ("18446744073709551616", DAY, DAY),
            ("1e300", DAY, DAY),
            (r#""1e300""#, DAY, DAY),
            (r#""1e""#, 300, 5),
            (r#""1e-300""#, 300, 5),
            (r#""e300""#, 300, 5),
            (r#""99999999999999999999999""#, DAY, DAY),
            ("-1e300", 300, 5),
        ] {
            let times = match json {
                "" => String::new(),
                json => format!(r#","expires_in":{json},"interval":{json}"#),
            };
            let body = r#"{"device_code":"d","user_code":"A","verification_uri":"https://api.pensar.dev/d""#
                .to_owned()
                + &times
                + "}";
            let code = read(&body, Spelling::Standard).unwrap();
            assert_eq!((code.lifetime.as_secs(), code.interval.as_secs()), (lifetime, interval), "{json}");
        }
    }
}
