//! One run of a command: a machine, driven to its end with everything that the command line and the environment say.

use doorkey_blocking::{Driver, HttpTransport};
use doorkey_core::failure::Failure;
use doorkey_core::machine::{Logic, Machine, Outcome};
use doorkey_core::task::Task;
use doorkey_core::url::Origin;

use crate::environment::Environment;
use crate::place::{Place, unusable_setting};
use crate::printer::Printer;
use crate::signals::Watch;
use crate::surface::{Lines, LinkHook, Person, Qr};
use crate::trace::Trace;

/// What a machine is driven with.
pub struct Run<'a> {
    /// The service and its stores.
    pub place: Place,
    /// The environment.
    pub environment: &'a Environment,
    /// Where results and messages go.
    pub printer: Printer,
    /// `--trace`.
    pub trace: Trace,
    /// Who hears signals.
    pub watch: Watch,
    /// How requests name their sender.
    pub user_agent: &'static str,
    /// Whether links are drawn as QR codes.
    pub qr: Qr,
}

impl Run<'_> {
    /// Nobody is sent to the browser for a login whose requests to `origin` could not leave.
    ///
    /// # Errors
    /// There is a proxy setting that cannot be used.
    pub fn check_proxy(&self, origin: &Origin) -> Result<(), Failure> {
        self.environment.proxies().check(origin).map_err(|e| unusable_setting(e.to_string()))
    }

    /// Drives a machine, built for `task`, to its end.
    ///
    /// # Errors
    /// As the machine says; or the trace cannot be written.
    pub fn drive<L: Logic>(self, task: Task, logic: L) -> Outcome<L::Output> {
        let hook = self.link_hook();
        let Place { service, vault, .. } = self.place;
        #[cfg(feature = "trace")]
        let mut trace = self.trace.begin(&task, &service)?;
        #[cfg(not(feature = "trace"))]
        drop(task);
        let (terminal, redraws) = (self.environment.terminal, self.environment.redraws());
        let person = Person { terminal, redraws, qr: self.qr };
        let mut lines = Lines::new(self.printer, person, service.clone(), self.watch.clone(), hook);
        let transport = HttpTransport::new(self.environment.proxies(), self.user_agent);
        let browser = self.environment.browser();
        let mut driver = Driver::new(transport, vault).with_browser(browser).with_surface(&mut lines);
        let watch = self.watch.clone();
        driver.on_start(move |interrupter| watch.forward(interrupter));
        #[cfg(feature = "trace")]
        if let Some(trace) = &mut trace {
            driver = driver.with_observer(trace);
        }
        let outcome = driver.run(Machine::new(service, logic));
        drop(driver);
        self.watch.forward_no_more();
        #[cfg(feature = "trace")]
        if let Some(trace) = &mut trace {
            trace.end(outcome.as_ref().err());
        }
        outcome
    }

    #[cfg(feature = "sandbox")]
    fn link_hook(&self) -> Option<LinkHook> {
        self.place.sandbox.as_ref().map(|sandbox| {
            let (printer, person) = (self.printer, sandbox.person);
            let call = move |link: &_| crate::sandbox::click_soon(printer, person, link);
            LinkHook { immediately: !self.environment.can_open_pages(), call: Box::new(call) }
        })
    }

    #[cfg(not(feature = "sandbox"))]
    fn link_hook(&self) -> Option<LinkHook> {
        None
    }
}
