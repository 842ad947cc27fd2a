//! What a person does at the console, besides deciding about a terminal.

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::url::Url;

use super::pages;
use crate::person::{LastPage, Person, PersonError};

impl Person {
    /// Signs up at the console under this name and the person's own address. Ends where a first workspace is created.
    ///
    /// # Errors
    /// As for [`Person::approve`].
    pub fn sign_up<E>(
        &mut self,
        console: &Url,
        name: &str,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        let email = self.email.clone();
        *self = self.clone().writing("your_name", name).writing("email", &email);
        self.walk(&console.join(pages::SIGN_UP), None, pages::CREATE, send)
    }

    /// Opens the link on which a workspace is created, and creates one of this name.
    ///
    /// # Errors
    /// As for [`Person::approve`].
    pub fn create_workspace<E>(
        &mut self,
        link: &Url,
        name: &str,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        *self = self.clone().writing("workspace_name", name);
        self.walk(link, None, pages::CREDITS, send)
    }

    /// Opens the link of a choice and takes the workspace that this person is [`choosing`](Person::choosing), or the
    /// first.
    ///
    /// # Errors
    /// As for [`Person::approve`].
    pub fn choose_workspace<E>(
        &mut self,
        link: &Url,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        self.walk(link, None, pages::CHOSEN, send)
    }

    /// Opens a billing page and adds $30 and a payment method.
    ///
    /// # Errors
    /// As for [`Person::approve`].
    pub fn top_up<E>(
        &mut self,
        billing: &Url,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        self.walk(billing, Some(("top_up", "30")), pages::BILLING, send)
    }

    /// Opens a usage page and switches Apex Inference on or off, if it is not so already.
    ///
    /// # Errors
    /// As for [`Person::approve`].
    pub fn switch_inference<E>(
        &mut self,
        usage: &Url,
        on: bool,
        send: impl FnMut(&HttpRequest) -> Result<HttpResponse, E>,
    ) -> Result<LastPage, PersonError<E>> {
        let wanted = if on { "on" } else { "off" };
        self.walk(usage, Some(("inference", wanted)), pages::USAGE, send)
    }
}
