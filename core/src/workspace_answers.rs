//! What the service says about workspaces.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::Value;

use crate::billing::Billing;
use crate::command::Choice;
use crate::envelope::json_object;
use crate::exchange::not_the_api;
use crate::failure::{Exit, Failure};
use crate::http::HttpResponse;
use crate::money::Money;
use crate::oauth::seconds;
use crate::record::{Gateway, Workspace};
use crate::secret::Secret;
use crate::service::Service;
use crate::text::harmless;
use crate::url::Url;

/// The list of workspaces.
#[derive(Debug)]
pub(crate) struct List {
    /// Those that can be chosen.
    pub listed: Vec<Listed>,
    /// Where the service says its pages are.
    pub console: Option<Url>,
}

/// A workspace in that list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Listed {
    /// The workspace; it has an id.
    pub workspace: Workspace,
    /// Its credits, if the service said so.
    pub balance: Option<Money>,
}

/// A choice that is to be made in the browser.
#[derive(Debug)]
pub(crate) struct Selection {
    /// What is asked with whether it was made.
    pub id: Secret,
    /// Where it is made.
    pub page: Url,
    /// How long it can be, if the service said so.
    pub lifetime: Option<Duration>,
}

/// How far a choice in the browser has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The workspace with this id was chosen.
    Complete(String),
    /// It cannot be made any more.
    Expired,
    /// It can still be made.
    Open,
}

/// What was chosen, and what the service says to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selected {
    /// The workspace.
    pub workspace: Workspace,
    /// Whether it can pay for inference.
    pub billing: Billing,
    /// Where its inference requests go.
    pub gateway: Gateway,
}

impl List {
    /// Reads it; `None`: the answer is not the API's.
    pub(crate) fn read(service: &Service, response: &HttpResponse) -> Option<Self> {
        let body = json_object(response)?;
        let workspaces = body.get("workspaces")?.as_array()?;
        let listed = workspaces.iter().filter_map(|value| {
            let workspace = read_workspace(value).filter(|workspace| workspace.id.is_some())?;
            Some(Listed { workspace, balance: value.get("balance").and_then(Money::from_json) })
        });
        let console = body.get("consoleUrl").and_then(Value::as_str);
        Some(Self { listed: listed.collect(), console: console.and_then(|url| named_page(service, url)) })
    }
}

impl Listed {
    /// As the person is shown it.
    pub(crate) fn as_choice(&self) -> Choice {
        let Workspace { name, slug, .. } = &self.workspace;
        Choice {
            name: name.clone().unwrap_or_else(|| slug.clone()),
            slug: slug.clone(),
            balance: self.balance,
        }
    }
}

impl Selection {
    /// Reads it; `None`: the answer is not the API's, or names a page that is not the service's own.
    pub(crate) fn read(service: &Service, response: &HttpResponse) -> Option<Self> {
        let body = json_object(response)?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self {
            id: Secret::from(text("selectionId")?),
            page: named_page(service, text("selectionUrl")?)?,
            lifetime: body.get("expiresIn").and_then(seconds),
        })
    }
}

impl Progress {
    /// Reads it; what cannot be read says that nothing has happened yet.
    pub(crate) fn read(response: &HttpResponse) -> Self {
        let body = json_object(response).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        match (text("status"), text("workspaceId").and_then(Workspace::readable_id)) {
            (Some("complete"), Some(id)) => Self::Complete(id),
            (Some("expired"), _) => Self::Expired,
            _ => Self::Open,
        }
    }
}

impl Selected {
    /// Reads the answer to the selection of this workspace.
    ///
    /// # Errors
    /// It is not the API's; the service did not confirm the selection.
    pub(crate) fn read(
        service: &Service,
        console: &Url,
        response: &HttpResponse,
        chosen: &Listed,
    ) -> Result<Self, Failure> {
        let body = json_object(response).ok_or_else(|| not_the_api(service))?;
        if body.get("confirmed").and_then(Value::as_bool) == Some(false) {
            return Err(not_confirmed(service, &chosen.workspace));
        }
        let workspace =
            body.get("workspace").and_then(read_workspace).unwrap_or_else(|| chosen.workspace.clone());
        let billing = Billing::read(service, console, &body, &workspace.slug, chosen.balance);
        let gateway = read_gateway(service, &body);
        Ok(Self { workspace, billing, gateway })
    }
}

/// A workspace in an answer, its texts made harmless; `None` without a slug.
pub(crate) fn read_workspace(value: &Value) -> Option<Workspace> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let shown = |key: &str| text(key).map(harmless).filter(|text| !text.is_empty());
    Some(Workspace {
        id: text("id").and_then(Workspace::readable_id),
        name: shown("name"),
        slug: shown("slug")?,
    })
}

/// What an answer says about the gateway; a URL elsewhere than on the service's own site counts as none.
pub(crate) fn read_gateway(service: &Service, body: &Value) -> Gateway {
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    Gateway {
        url: text("gatewayUrl").and_then(Gateway::read_base).filter(|url| service.has_gateway(url)),
        signing_key: text("signingKey").map(Secret::from),
    }
}

/// A page that the service named, if it is one of its own (invariant 18).
pub(crate) fn named_page(service: &Service, url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|page| service.has_page(page))
}

fn not_confirmed(service: &Service, workspace: &Workspace) -> Failure {
    let name = workspace.name.as_deref().unwrap_or(&workspace.slug);
    let what = format!("{} did not confirm the workspace {name:?}", service.name);
    Failure::new(Exit::RefusedByApi, "workspace_not_confirmed", what)
        .next(format!("{} and choose another one", service.login_command()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_read_if_it_can_stand_in_a_header() {
        for (id, read) in [
            ("wks_1-A.b", Some("wks_1-A.b")),
            ("", None),
            ("w\u{e9}", None),
            ("w 1", None),
            ("w\r\nx: y", None),
        ] {
            let read = read.map(String::from);
            let workspace = Workspace { id: read, name: None, slug: "acme".into() };
            assert_eq!(read_workspace(&json!({"id": id, "slug": "acme"})), Some(workspace), "{id:?}");
        }
    }

    #[test]
    fn an_empty_name_is_none_and_nothing_is_one_without_a_slug() {
        let acme = Workspace { id: None, name: None, slug: "acme".into() };
        assert_eq!(read_workspace(&json!({"name": "", "slug": "acme"})), Some(acme));
        assert_eq!(read_workspace(&json!({"name": "Acme", "slug": ""})), None);
    }
}
