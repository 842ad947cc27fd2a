//! Misbehaviour on demand, decided by count and never by time, so that a run can be repeated.

use std::fmt;
use std::str::FromStr;

use doorkey_core::http::HttpResponse;

use crate::config::thousandths;
use crate::digest::Digest;

/// A way for the places of programs to misbehave. Pages never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The request is handled, and the connection closed without an answer.
    LostAnswer,
    /// The answer comes late.
    Slow,
    /// The request is not handled; the answer is 429 with `Retry-After`, see [`Quirks`](crate::Quirks).
    TooManyRequests,
    /// The request is not handled; the answer is 503 with a page of HTML, as from a proxy in front.
    HtmlError,
    /// The request is handled, and the connection closed in the middle of the answer's body.
    Truncate,
    /// The request is not handled, and the connection reset.
    Reset,
    /// The request is not handled; the answer is a redirect (307) to another origin.
    Redirect,
    /// A poll for a device code is answered with `slow_down`, however slow it was. Other requests are handled as ever.
    SlowDown,
    /// A token is given out once only. That is a property of a service and not decided for each request:
    /// see [`Config::strict_poll`](crate::Config::strict_poll).
    StrictPoll,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::LostAnswer,
        Self::Slow,
        Self::TooManyRequests,
        Self::HtmlError,
        Self::Truncate,
        Self::Reset,
        Self::Redirect,
        Self::SlowDown,
        Self::StrictPoll,
    ];

    /// Its name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostAnswer => "lost-answer",
            Self::Slow => "slow",
            Self::TooManyRequests => "429",
            Self::HtmlError => "503-html",
            Self::Truncate => "truncate",
            Self::Reset => "reset",
            Self::Redirect => "redirect",
            Self::SlowDown => "slow-down",
            Self::StrictPoll => "strict-poll",
        }
    }

    /// Whether it leaves a client without an answer to what it asked, to be had by asking again.
    pub(crate) const fn is_trouble(self) -> bool {
        match self {
            Self::LostAnswer | Self::TooManyRequests | Self::HtmlError | Self::Truncate | Self::Reset => true,
            Self::Slow | Self::Redirect | Self::SlowDown | Self::StrictPoll => false,
        }
    }
}

/// What becomes of a request when faults are about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The answer, as it should be.
    Whole(HttpResponse),
    /// The answer, after a delay.
    Late(HttpResponse),
    /// The head of the answer and half of its body, then the end of the connection.
    Cut(HttpResponse),
    /// The end of the connection, after the request was handled.
    Lost,
    /// The connection is reset; the request was not handled.
    Reset,
}

impl Answer {
    /// The answer as a client sees it, if it sees all of it.
    pub fn complete(self) -> Option<HttpResponse> {
        match self {
            Self::Whole(response) | Self::Late(response) => Some(response),
            Self::Cut(_) | Self::Lost | Self::Reset => None,
        }
    }
}

/// A fault, how often it happens, and where: `reset` always, `reset:0.1` with a tenth of the requests,
/// `reset:0.1@/v1/scans` with a tenth of those whose path begins so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FaultSpec {
    /// The fault.
    pub fault: Fault,
    /// With how many of a thousand requests it happens.
    pub per_mille: u32,
    /// What the paths of those requests begin with: `/` for all.
    pub path: String,
}

impl FromStr for FaultSpec {
    type Err = FaultSpecError;

    fn from_str(text: &str) -> Result<Self, FaultSpecError> {
        let (text, path) = text.split_once('@').unwrap_or((text, "/"));
        if !path.starts_with('/') {
            return Err(FaultSpecError::Path);
        }
        let (name, rate) = text.split_once(':').map_or((text, None), |(name, rate)| (name, Some(rate)));
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or(FaultSpecError::Name)?;
        if fault == Fault::StrictPoll && (rate.is_some() || path != "/") {
            return Err(FaultSpecError::StrictIsNoMatterOfDegree);
        }
        let per_mille = match rate {
            None => 1000,
            Some(rate) => {
                thousandths(rate).filter(|it| (1..=1000).contains(it)).ok_or(FaultSpecError::Rate)?
            }
        };
        Ok(Self { fault, per_mille, path: path.to_owned() })
    }
}

/// Why a text is no [`FaultSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultSpecError {
    /// No fault has this name.
    Name,
    /// The rate is not between 0.001 and 1.
    Rate,
    /// The path does not begin with `/`.
    Path,
    /// `strict-poll` takes neither rate nor path.
    StrictIsNoMatterOfDegree,
}

impl fmt::Display for FaultSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => {
                f.write_str("a fault is one of ")?;
                f.write_str(&Fault::ALL.map(Fault::name).join(", "))
            }
            Self::Rate => f.write_str("the rate of a fault is between 0.001 and 1"),
            Self::Path => f.write_str("the path after the @ of a fault begins with /"),
            Self::StrictIsNoMatterOfDegree => f.write_str("strict-poll takes neither rate nor path"),
        }
    }
}

impl std::error::Error for FaultSpecError {}

/// Decides for one request after another. The same seed and specs decide the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    seed: u64,
    specs: Vec<FaultSpec>,
    count: u64,
}

impl Faults {
    /// Faults that are decided from `seed`. Where several fall on one request, the first of `specs` happens.
    pub fn new(seed: u64, specs: &[FaultSpec]) -> Self {
        let specs = specs.iter().filter(|spec| spec.fault != Fault::StrictPoll).cloned().collect();
        Self { seed, specs, count: 0 }
    }

    /// What happens with the next request of a program, which is for this path.
    pub fn next_fault(&mut self, path: &str) -> Option<Fault> {
        self.count += 1;
        let falls = |(spec, index): &(&FaultSpec, u64)| {
            if !path.starts_with(&spec.path) {
                return false;
            }
            let parts = [self.seed, self.count, *index].map(u64::to_be_bytes);
            let parts = parts.each_ref().map(<[u8; 8]>::as_slice);
            Digest::of_parts("fault", &parts).first_number() % 1000 < u64::from(spec.per_mille)
        };
        self.specs.iter().zip(0..).find(falls).map(|(spec, _)| spec.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_from_the_command_line() {
        let spec_at =
            |fault, per_mille, path: &str| Ok(FaultSpec { fault, per_mille, path: path.to_owned() });
        let spec = |fault, per_mille| spec_at(fault, per_mille, "/");
        for (text, expected) in [
            ("lost-answer", spec(Fault::LostAnswer, 1000)),
            ("slow:0.25", spec(Fault::Slow, 250)),
            ("429:1", spec(Fault::TooManyRequests, 1000)),
            ("503-html:0.001", spec(Fault::HtmlError, 1)),
            ("truncate", spec(Fault::Truncate, 1000)),
            ("reset:1.0", spec(Fault::Reset, 1000)),
            ("strict-poll", spec(Fault::StrictPoll, 1000)),
            ("reset@/v1", spec_at(Fault::Reset, 1000, "/v1")),
            ("lost-answer:0.1@/a/b", spec_at(Fault::LostAnswer, 100, "/a/b")),
            ("reset@v1", Err(FaultSpecError::Path)),
            ("reset@", Err(FaultSpecError::Path)),
            ("strict-poll@/v1", Err(FaultSpecError::StrictIsNoMatterOfDegree)),
            ("strict-poll:0.5", Err(FaultSpecError::StrictIsNoMatterOfDegree)),
            ("reset:0", Err(FaultSpecError::Rate)),
            ("reset:1.001", Err(FaultSpecError::Rate)),
            ("reset:", Err(FaultSpecError::Rate)),
            ("Reset", Err(FaultSpecError::Name)),
            ("", Err(FaultSpecError::Name)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }

    #[test]
    fn the_seed_decides_and_the_rate_is_kept() {
        let specs = ["reset:0.1".parse().unwrap(), "slow:0.5".parse().unwrap()];
        let run = |seed| {
            let mut faults = Faults::new(seed, &specs);
            (0..4000).map(|_| faults.next_fault("/")).collect::<Vec<_>>()
        };
        let first = run(1);
        assert_eq!(first, run(1));
        assert_ne!(first, run(2));
        let count = |fault| first.iter().filter(|it| **it == fault).count();
        assert!((320..480).contains(&count(Some(Fault::Reset))), "{}", count(Some(Fault::Reset)));
        // Half of the nine tenths that were not reset.
        assert!((1600..2000).contains(&count(Some(Fault::Slow))), "{}", count(Some(Fault::Slow)));
        let strict = Faults::new(1, &["strict-poll".parse().unwrap()]).next_fault("/");
        assert_eq!(strict, None);
    }

    #[test]
    fn a_path_limits_a_fault() {
        let mut faults = Faults::new(1, &["reset@/token".parse().unwrap(), "slow:1@/".parse().unwrap()]);
        for (path, expected) in [
            ("/token", Fault::Reset),
            ("/token/x", Fault::Reset),
            ("/tok", Fault::Slow),
            ("/x/token", Fault::Slow),
        ] {
            assert_eq!(faults.next_fault(path), Some(expected), "{path}");
        }
    }
}
