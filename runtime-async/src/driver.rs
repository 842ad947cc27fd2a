//! What sessions are driven with.

use std::fmt;
use std::sync::Arc;

use doorkey_core::machine::{Logic, Machine};
use doorkey_host::{Browser, Clock, SystemClock};
use doorkey_store::Vault;

use crate::alarm::Alarm;
use crate::live::Live;
use crate::run::Run;
use crate::transport::Transport;

/// Makes vaults: each session has one of its own, since a vault holds the lock.
type Vaults = dyn Fn() -> Vault + Send + Sync;

/// Runs machines. Clones share everything.
///
/// ```
/// use doorkey_async::{Driver, HttpTransport, ProxySettings, Vault, VaultConfig};
/// use doorkey_core::status::{Status, StatusOptions};
/// use doorkey_core::{machine::Machine, service::Service, url::Url};
/// use futures_lite::future::block_on;
///
/// let service = Service::pentify(
///     Url::parse("https://api.pentify.io")?,
///     Url::parse("https://app.pentify.io")?,
///     "build-box".into(),
/// );
/// let nowhere = VaultConfig::in_folder("/nonexistent/my-tool".as_ref());
/// let transport = HttpTransport::new(ProxySettings::default(), "my-tool/1.0");
/// let driver = Driver::new(transport, move || Vault::new(nowhere.clone()));
/// let status = Machine::new(service, Status::new(StatusOptions::default()));
/// let report = block_on(driver.run(status))?;
/// assert_eq!(report.winner.unwrap_err().code, "not_signed_in");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Driver {
    pub(crate) means: Arc<Means>,
}

/// What the sessions of one driver share.
pub(crate) struct Means {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) vaults: Arc<Vaults>,
    pub(crate) browser: Browser,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) live: Arc<Live>,
}

impl Driver {
    /// A driver with these means; `vaults` makes one for each run. Nothing is opened or started until a command needs
    /// it.
    pub fn new(transport: impl Transport, vaults: impl Fn() -> Vault + Send + Sync + 'static) -> Self {
        let alarm = Alarm::new(Box::new(SystemClock));
        let means = Means {
            transport: Arc::new(transport),
            vaults: Arc::new(vaults),
            browser: Browser::default(),
            alarm,
            live: Arc::default(),
        };
        Self { means: Arc::new(means) }
    }

    /// The same with this browser; the default one opens nothing.
    #[must_use]
    pub fn with_browser(self, browser: Browser) -> Self {
        self.with(|means| Means { browser, ..means })
    }

    /// The same by this clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        self.with(|means| Means { alarm: Alarm::new(Box::new(clock)), ..means })
    }

    /// The same with these connections.
    #[must_use]
    pub fn with_transport(self, transport: impl Transport) -> Self {
        self.with(|means| Means { transport: Arc::new(transport), ..means })
    }

    /// A future of how the machine ends. The machine begins when it is first polled, and goes on by itself from then
    /// on. Dropping the future interrupts it: what must not be torn is brought to its end first, without anybody
    /// waiting.
    pub fn run<L>(&self, machine: Machine<L>) -> Run<'static, L>
    where
        L: Logic + Send + 'static,
        L::Output: Send,
    {
        Run::new(Arc::clone(&self.means), machine)
    }

    /// Ready when none of this driver's machines is under way any more, those included whose futures were dropped and
    /// which had something to bring to its end. Wait for it before the program ends; the others it makes wait, so
    /// drop, or end, their futures first.
    pub async fn settled(&self) {
        self.means.live.none_left().await;
    }

    fn with(self, change: impl FnOnce(Means) -> Means) -> Self {
        let Means { transport, vaults, browser, alarm, live } = &*self.means;
        let means = Means {
            transport: Arc::clone(transport),
            vaults: Arc::clone(vaults),
            browser: browser.clone(),
            alarm: Arc::clone(alarm),
            live: Arc::clone(live),
        };
        Self { means: Arc::new(change(means)) }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
