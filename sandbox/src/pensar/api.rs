//! The API that the terminal asks.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use serde_json::{Value, json};

use super::caller::Caller;
use super::refusal::{INVALID_TOKEN, NOT_FOUND, Refusal, WRONG_METHOD};
use super::workos::CLIENT_ID;
use super::{Desk, legacy, pages, selection};
use crate::asked::Asked;
use crate::credential::SIGNING_KEY;
use crate::digest::Digest;
use crate::envelope::json_response;
use crate::moment::SECOND;
use crate::state::State;

const CONFIG: &str = "/api/cli/config";
pub(crate) const WORKSPACES: &str = "/api/cli/workspaces";
const SELECT: &str = "/api/cli/select-workspace";
const SELECTION: &str = "/api/cli/workspace-selection";
const VALIDATE: &str = "/auth/validate";

pub(super) const NO_WORKSPACE: Refusal =
    Refusal::new(404, "workspace_not_found", "There is no such workspace, or you are no member of it.");

/// Answers a request to the API.
pub(super) fn respond(desk: &mut Desk<'_>, asked: &Asked<'_>) -> HttpResponse {
    let Asked { request, presented, .. } = asked;
    let legacy = desk.pensar.settings.legacy;
    let answer = match (request.url.path(), request.method) {
        (CONFIG, _) if legacy => Err(NOT_FOUND),
        (legacy::CODE | legacy::TOKEN, _) if !legacy => Err(NOT_FOUND),
        (legacy::CODE, Method::Post) => legacy::authorize(desk, presented),
        (legacy::TOKEN, Method::Post) => legacy::token(desk, presented),
        (CONFIG, Method::Get) => Ok(json!({"workosClientId": CLIENT_ID})),
        (WORKSPACES, Method::Get) => workspaces(desk, request),
        (SELECT, Method::Post) => select(desk, asked),
        (SELECTION, Method::Post) => open_selection(desk, request),
        (SELECTION, Method::Get) => selection(desk, request),
        (VALIDATE, Method::Get) => validate(desk, request),
        (CONFIG | WORKSPACES | SELECT | SELECTION | VALIDATE | legacy::CODE | legacy::TOKEN, _) => {
            Err(WRONG_METHOD)
        }
        _ => Err(NOT_FOUND),
    };
    answer.map_or_else(Refusal::into_response, |body| json_response(200, &body))
}

fn workspaces(desk: &Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    let state = &desk.state.pensar;
    let caller = Caller::of(request, state, desk.now)?;
    let listed = state.workspaces.values().filter(|workspace| caller.may_use(workspace));
    Ok(json!({
        "workspaces": listed.map(|workspace| workspace.listed()).collect::<Vec<_>>(),
        "consoleUrl": desk.pensar.console.origin().to_string(),
    }))
}

/// The terminal settles on a workspace.
fn select(desk: &mut Desk<'_>, asked: &Asked<'_>) -> Result<Value, Refusal> {
    let state = &desk.state.pensar;
    let caller = Caller::of(asked.request, state, desk.now)?;
    let id = asked.presented.body()?.text("workspaceId")?;
    let mut usable = state.workspaces.values().filter(|workspace| caller.may_use(workspace));
    let workspace = usable.find(|workspace| workspace.id == id).cloned().ok_or(NO_WORKSPACE)?;
    let mut answer = json!({
        "confirmed": true,
        "workspace": workspace.named(),
        "billing": {
            "balance": workspace.balance.dollars(),
            "hasPaymentMethod": workspace.has_payment_method,
            "ready": workspace.is_ready(),
        },
        "signingKey": desk.signing_key(&caller.account, &workspace.id),
        "gatewayUrl": desk.pensar.gateway.origin().to_string(),
    });
    if !workspace.is_ready() {
        let page = desk.pensar.console.join(&workspace.billing_path());
        answer["billingUrl"] = page.to_string().into();
    }
    Ok(answer)
}

/// The terminal cannot ask: the person is to choose in the browser.
fn open_selection(desk: &mut Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    let caller = Caller::of(request, &desk.state.pensar, desk.now)?;
    let State { ratchet, pensar, .. } = &mut *desk.state;
    let id = pensar.open_selection(ratchet, &caller.account, desk.now);
    let page = desk.pensar.console.join(pages::SELECT).with("id", id.expose_secret());
    Ok(json!({
        "selectionId": id.expose_secret(),
        "selectionUrl": page.to_string(),
        "expiresIn": selection::LIFETIME / SECOND,
    }))
}

/// The terminal asks what was chosen.
fn selection(desk: &Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    let state = &desk.state.pensar;
    let caller = Caller::of(request, state, desk.now)?;
    let id = request.url.query_value("id").unwrap_or_default();
    let selection = state.selections.get(&Digest::of(id));
    let selection = selection.filter(|it| it.account == caller.account).ok_or(NOT_FOUND)?;
    Ok(match &selection.chosen {
        Some(id) => json!({"status": "complete", "workspaceId": id}),
        None if selection.is_over(desk.now) => json!({"status": "expired"}),
        None => json!({"status": "pending"}),
    })
}

/// Whose API key is it?
fn validate(desk: &Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    let state = &desk.state.pensar;
    let slug = Caller::of(request, state, desk.now)?.workspace.ok_or(INVALID_TOKEN)?;
    let workspace = state.workspaces.get(&slug).ok_or(INVALID_TOKEN)?;
    Ok(json!({"workspace": workspace.named()}))
}

impl Desk<'_> {
    /// What an account signs its requests to the gateway with, for one workspace.
    pub(super) fn signing_key(&mut self, account: &str, workspace_id: &str) -> String {
        let State { ratchet, pensar, .. } = &mut *self.state;
        let secret = pensar.server_key(ratchet);
        let parts = [secret.as_bytes(), account.as_bytes(), workspace_id.as_bytes()];
        format!("{SIGNING_KEY}{}", Digest::of_parts("signing", &parts).to_base64url())
    }
}
