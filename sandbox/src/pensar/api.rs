//! The API that the terminal asks.

use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use serde_json::{Value, json};

use super::Desk;
use super::body::Body;
use super::caller::Caller;
use super::refusal::{NOT_FOUND, Refusal, WRONG_METHOD};
use super::workos::CLIENT_ID;
use crate::credential::SIGNING_KEY;
use crate::digest::Digest;
use crate::envelope::json_response;
use crate::state::State;

const CONFIG: &str = "/api/cli/config";
const WORKSPACES: &str = "/api/cli/workspaces";
const SELECT: &str = "/api/cli/select-workspace";

pub(super) const NO_WORKSPACE: Refusal =
    Refusal::new(404, "workspace_not_found", "There is no such workspace, or you are no member of it.");

/// Answers a request to the API.
pub(super) fn respond(desk: &mut Desk<'_>, request: &HttpRequest) -> HttpResponse {
    let answer = match (request.url.path(), request.method) {
        (CONFIG, _) if desk.pensar.settings.legacy => Err(NOT_FOUND),
        (CONFIG, Method::Get) => Ok(json!({"workosClientId": CLIENT_ID})),
        (WORKSPACES, Method::Get) => workspaces(desk, request),
        (SELECT, Method::Post) => select(desk, request),
        (CONFIG | WORKSPACES | SELECT, _) => Err(WRONG_METHOD),
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
fn select(desk: &mut Desk<'_>, request: &HttpRequest) -> Result<Value, Refusal> {
    let state = &desk.state.pensar;
    let caller = Caller::of(request, state, desk.now)?;
    let body = Body::of(request)?;
    let id = body.text("workspaceId")?;
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

impl Desk<'_> {
    /// What an account signs its requests to the gateway with, for one workspace.
    pub(super) fn signing_key(&mut self, account: &str, workspace_id: &str) -> String {
        let State { ratchet, pensar, .. } = &mut *self.state;
        let secret = pensar.server_key(ratchet);
        let parts = [secret.as_bytes(), account.as_bytes(), workspace_id.as_bytes()];
        format!("{SIGNING_KEY}{}", Digest::of_parts("signing", &parts).to_base64url())
    }
}
