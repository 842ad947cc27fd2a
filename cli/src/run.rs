//! One run of a command: a machine, driven to its end with everything that the command line and the environment say.

use doorkey_blocking::{Driver, HttpTransport, Surface};
use doorkey_core::failure::Failure;
use doorkey_core::machine::{Logic, Machine, Outcome};
use doorkey_core::task::Task;

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
    /// Nobody is sent to the browser for a login whose requests could not leave.
    ///
    /// # Errors
    /// There is a proxy setting that cannot be used.
    pub fn check_proxies(&self) -> Result<(), Failure> {
        let service = &self.place.service;
        let issuer = service.oauth.as_ref().map(|oauth| &oauth.token_endpoint);
        for url in [Some(&service.api), issuer].into_iter().flatten() {
            let checked = self.environment.proxies().check(url.origin());
            checked.map_err(|e| unusable_setting(e.to_string()))?;
        }
        Ok(())
    }

    /// Drives a machine, built for `task`, to its end, and shows in lines what happens.
    ///
    /// # Errors
    /// As the machine says; or the trace cannot be written.
    pub fn drive<L: Logic>(self, task: Task, logic: L) -> Outcome<L::Output> {
        let hook = self.link_hook();
        let (terminal, redraws) = (self.environment.terminal, self.environment.redraws());
        let person = Person { terminal, redraws, qr: self.qr };
        let service = self.place.service.clone();
        let mut lines = Lines::new(self.printer, person, service, self.watch.clone(), hook);
        self.drive_on(&mut lines, task, logic)
    }

    /// The same for what the person looks at for a while: in a view, where one can be drawn.
    ///
    /// # Errors
    /// As the machine says; or the trace cannot be written.
    pub fn log_in<L: Logic + Send>(self, task: Task, logic: L) -> Outcome<L::Output>
    where
        L::Output: Send + 'static,
    {
        #[cfg(feature = "screen")]
        if self.environment.redraws() && !self.printer.json {
            return crate::screen::log_in(self, task, logic);
        }
        self.drive(task, logic)
    }

    /// Drives a machine to its end, and shows on this surface what happens.
    ///
    /// # Errors
    /// As the machine says; or the trace cannot be written.
    pub fn drive_on<L: Logic>(self, surface: &mut dyn Surface, task: Task, logic: L) -> Outcome<L::Output> {
        let Place { service, vault, .. } = self.place;
        #[cfg(feature = "trace")]
        let mut trace = self.trace.begin(&task, &service)?;
        #[cfg(not(feature = "trace"))]
        drop(task);
        let transport = HttpTransport::new(self.environment.proxies(), self.user_agent);
        let browser = self.environment.browser();
        let mut driver = Driver::new(transport, vault).with_browser(browser).with_surface(surface);
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

    /// What clicks on a link where nobody can: the sandbox's own person.
    #[cfg(feature = "sandbox")]
    pub(crate) fn link_hook(&self) -> Option<LinkHook> {
        self.place.sandbox.as_ref().map(|sandbox| {
            let person = sandbox.person;
            let call = move |link: &_, tell| crate::sandbox::click_soon(person, link, tell);
            LinkHook { immediately: !self.environment.can_open_pages(), call: Box::new(call) }
        })
    }

    /// Only the sandbox has somebody to click where nobody can.
    #[cfg(not(feature = "sandbox"))]
    pub(crate) fn link_hook(&self) -> Option<LinkHook> {
        None
    }
}
