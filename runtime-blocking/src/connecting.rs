//! Marks what fails before anything of a request is sent: whatever happens until there is a connection to the server,
//! its TLS included.

use std::fmt;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};

/// The error of ureq that came before a connection was there.
#[derive(Debug)]
pub(crate) struct Unconnected(ureq::Error);

impl Unconnected {
    /// The error within `error`, if it is one of these.
    pub(crate) fn within(error: &ureq::Error) -> Option<&ureq::Error> {
        match error {
            ureq::Error::Other(other) => other.downcast_ref::<Self>().map(|inner| &inner.0),
            _ => None,
        }
    }

    /// The way to a proxy is a connection of its own: its failure is marked already.
    fn mark(error: ureq::Error) -> ureq::Error {
        if Self::within(&error).is_some() { error } else { ureq::Error::Other(Box::new(Self(error))) }
    }
}

impl fmt::Display for Unconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        self.0.resolve(uri, config, timeout).map_err(Unconnected::mark)
    }
}

/// Connects as ureq does.
#[derive(Debug, Default)]
pub(crate) struct Connecting(DefaultConnector);

impl Connector<()> for Connecting {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0.connect(details, chained).map_err(Unconnected::mark)
    }
}
