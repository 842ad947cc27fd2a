//! Marks what fails before anything of a request is sent: whatever happens until there is a connection to the server,
//! its TLS included.

use std::fmt;

use doorkey_host::{Clock as _, SystemClock};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};

use crate::wiping::Wiping;

/// The error of ureq that came before a connection was there.
#[derive(Debug)]
pub(crate) struct Unconnected {
    stage: Stage,
    error: ureq::Error,
}

/// How far a connection got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The name was looked up.
    Resolving,
    /// Everything after that.
    Connecting,
}

impl Unconnected {
    /// The error within `error`, if it is one of these, and how far the connection had got.
    pub(crate) fn within(error: &ureq::Error) -> Option<(Stage, &ureq::Error)> {
        match error {
            ureq::Error::Other(other) => {
                other.downcast_ref::<Self>().map(|inner| (inner.stage, &inner.error))
            }
            _ => None,
        }
    }

    /// The way to a proxy is a connection of its own: its failure is marked already.
    fn mark(stage: Stage, error: ureq::Error) -> ureq::Error {
        if Self::within(&error).is_some() {
            error
        } else {
            ureq::Error::Other(Box::new(Self { stage, error }))
        }
    }
}

impl fmt::Display for Unconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unconnected {}

/// Looks names up as ureq does.
#[derive(Debug, Default)]
pub(crate) struct Resolving(DefaultResolver);

impl Resolver for Resolving {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        in_time(Stage::Resolving, timeout, || self.0.resolve(uri, config, timeout))
    }
}

/// Connects as ureq does, and wipes what it leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Connecting(DefaultConnector);

impl Connector<()> for Connecting {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let connected = in_time(Stage::Connecting, details.timeout, || self.0.connect(details, chained))?;
        Ok(connected.map(|connection| Wiping::new(connection).boxed()))
    }
}

/// A machine that was suspended meanwhile has not counted that for ureq: what must arrive within a time must not leave
/// after it.
fn in_time<T>(
    stage: Stage,
    timeout: NextTimeout,
    work: impl FnOnce() -> Result<T, ureq::Error>,
) -> Result<T, ureq::Error> {
    let begun = SystemClock.now().mono;
    let done = work().map_err(|error| Unconnected::mark(stage, error))?;
    if SystemClock.now().mono.since(begun) > *timeout.after {
        return Err(Unconnected::mark(stage, ureq::Error::Timeout(timeout.reason)));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_took_too_long_without_noticing_is_not_gone_on_with() {
        let timeout = |millis| NextTimeout {
            after: Duration::from_millis(millis).into(),
            reason: ureq::Timeout::Global,
            ..NextTimeout::default()
        };
        let slept = || -> Result<(), ureq::Error> {
            sleep(Duration::from_millis(20));
            Ok(())
        };
        assert!(in_time(Stage::Connecting, timeout(60_000), slept).is_ok());
        let late = in_time(Stage::Connecting, timeout(10), slept).unwrap_err();
        let (stage, error) = Unconnected::within(&late).expect("nothing was sent");
        assert_eq!(stage, Stage::Connecting);
        assert!(matches!(error, ureq::Error::Timeout(ureq::Timeout::Global)), "{error}");
    }
}
