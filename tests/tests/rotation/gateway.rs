//! Signed inference requests, as the sandbox's gateway checks them.

use doorkey_core::bearer::bearer_of;
use doorkey_core::envelope::json_object;
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::record::Backend;
use doorkey_core::secret::{Entropy, Secret};
use doorkey_core::sign::sign;
use serde_json::json;

use crate::world::{World, grace};

#[test]
fn the_gateway_accepts_what_was_signed_and_nothing_else() {
    let mut world = World::new(grace(20), Backend::File);
    let bearer = bearer_of(world.record()).unwrap().clone();
    let get = |path: &str| HttpRequest::new(Method::Get, world.descriptor.api.join(path)).bearer(&bearer);
    let list = json_object(&world.ask(&get("/api/cli/workspaces"))).unwrap();
    let id = list["workspaces"][0]["id"].as_str().unwrap().to_owned();
    let select = HttpRequest::new(Method::Post, world.descriptor.api.join("/api/cli/select-workspace"))
        .bearer(&bearer)
        .body("application/json", json!({"workspaceId": id}).to_string());
    let selected = json_object(&world.ask(&select)).unwrap();
    let key = Secret::from(selected["signingKey"].as_str().unwrap());

    let gateway = world.descriptor.gateway.clone().unwrap();
    let request = HttpRequest::new(Method::Post, gateway.join("/v1/messages"))
        .bearer(&bearer)
        .header("x-workspace-id", id.as_str())
        .body("application/json", r#"{"messages":[]}"#);
    let now = world.issuer_time();
    let signed = |key: &Secret, nonce| sign(request.clone(), key, "model-1", now, &Entropy::new([nonce; 32]));
    let told = |response: &HttpResponse| (response.status, json_object(response).unwrap()["error"].clone());

    assert_eq!(world.ask(&signed(&key, 1)).status, 200);
    assert_eq!(told(&world.ask(&signed(&key, 1))), (409, json!("nonce_reused")));
    assert_eq!(told(&world.ask(&signed(&Secret::from("other"), 2))), (403, json!("invalid_signature")));
    let mut tampered = signed(&key, 3);
    tampered.body = r#"{"messages":[1]}"#.into();
    assert_eq!(told(&world.ask(&tampered)), (403, json!("invalid_signature")));
}
