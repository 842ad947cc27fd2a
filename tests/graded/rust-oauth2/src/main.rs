//! `login` and `use`, with the crate `oauth2` and its client of `reqwest`.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::reqwest::blocking::Client;
use oauth2::reqwest::redirect::Policy;
use oauth2::{
    ClientId, DeviceAuthorizationUrl, RefreshToken, StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    // As the README says: following redirects opens the client up to SSRF.
    let http = Client::builder().redirect(Policy::none()).build()?;
    let metadata = http.get(format!("{}/.well-known/oauth-authorization-server", env::var("SANDBOX_ISSUER")?));
    let metadata: Value = serde_json::from_slice(&metadata.send()?.bytes()?)?;
    let endpoint = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
    let client = BasicClient::new(ClientId::new(env::var("SANDBOX_CLIENT_ID")?))
        .set_token_uri(TokenUrl::new(endpoint("token_endpoint"))?)
        .set_device_authorization_url(DeviceAuthorizationUrl::new(endpoint("device_authorization_endpoint"))?);
    if env::args().nth(1).as_deref() == Some("login") {
        let details: StandardDeviceAuthorizationResponse = client.exchange_device_code().request(&http)?;
        println!("{} {}", details.verification_uri().as_str(), details.user_code().secret());
        let tokens = client.exchange_device_access_token(&details).request(&http, thread::sleep, None)?;
        return keep(&tokens);
    }
    let kept: Value = serde_json::from_slice(&fs::read(path()?)?)?;
    let mut tokens: BasicTokenResponse = serde_json::from_value(kept["tokens"].clone())?;
    if now() >= kept["expires_at"].as_u64().unwrap_or_default() {
        let refresh_token = tokens.refresh_token().ok_or("there is no refresh token")?;
        let refresh_token = RefreshToken::new(refresh_token.secret().clone());
        tokens = client.exchange_refresh_token(&refresh_token).request(&http)?;
        keep(&tokens)?;
    }
    let resource = http.get(env::var("SANDBOX_RESOURCE")?).bearer_auth(tokens.access_token().secret());
    let status = resource.send()?.status();
    if status.is_success() { Ok(()) } else { Err(format!("HTTP {status}").into()) }
}

fn keep(tokens: &BasicTokenResponse) -> Result<(), Box<dyn Error>> {
    let expires_at = now() + tokens.expires_in().unwrap_or(Duration::ZERO).as_secs();
    Ok(fs::write(path()?, json!({"tokens": tokens, "expires_at": expires_at}).to_string())?)
}

fn path() -> Result<String, env::VarError> {
    Ok(format!("{}/tokens.json", env::var("HOME")?))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
