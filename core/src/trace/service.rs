//! A service as JSON, and back. Timing is not in it: nobody but tests changes it.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use crate::metadata::{Endpoints, Metadata};
use crate::oauth::{Dialect, OAuth};
use crate::record::Backend;
use crate::service::{PensarHosts, SANDBOX_ISSUER, Service};
use crate::url::{Origin, Url};

use super::read::{Read, field, flag, list, optional, text};

pub(super) fn write(service: &Service) -> Value {
    json!({
        "name": service.name,
        "command": service.command,
        "login": service.login,
        "token_variable": service.token_variable,
        "api_variable": service.api_variable,
        "api": service.api.to_string(),
        "app": service.app.to_string(),
        "issuer": service.issuer,
        "bare_issuer": service.bare_issuer,
        "device_name": service.device_name,
        "person_present": service.person_present,
        "machine_id": service.machine_id,
        "boot_id": service.boot_id,
        "gateway": written(service.gateway.as_ref()),
        "gateway_is_named": service.gateway_is_named,
        "oauth": service.oauth.as_ref().map(|oauth| json!({
            "issuer": oauth.issuer,
            "authorization_endpoint": oauth.authorization_endpoint.as_ref().map(whole),
            "device_authorization_endpoint": written(oauth.device_authorization_endpoint.as_ref()),
            "token_endpoint": oauth.token_endpoint.to_string(),
            "revocation_endpoint": written(oauth.revocation_endpoint.as_ref()),
            "scope": oauth.scope,
            "names_issuer": oauth.names_issuer,
            "page_hosts": oauth.page_hosts,
            "resources": oauth.resources.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "dialect": dialect(oauth.dialect),
            "client_id": oauth.client_id,
            "grace_ms": oauth.grace.map(millis),
            "access_lifetime_ms": oauth.access_lifetime.map(millis),
        })),
        "backends": service.backends.iter().map(|backend| backend.as_str()).collect::<Vec<_>>(),
    })
}

pub(super) fn read(value: &Value) -> Read<Service> {
    let device_name = text(value, "device_name")?.to_owned();
    let (api, app) = (url(value, "api")?, url(value, "app")?);
    let owned = |key| Ok::<_, String>(Cow::Owned(text(value, key)?.to_owned()));
    let mut service = match value.get("oauth").filter(|oauth| !oauth.is_null()) {
        None => Service::pentify(api, app, device_name),
        Some(oauth) => {
            let gateway = optional_url(value, "gateway")?;
            let (console, named) = (app, gateway.clone().unwrap_or_else(|| api.clone()));
            let hosts = PensarHosts { workos: api.clone(), api, console, gateway: named };
            Service { gateway, oauth: Some(issuer(oauth)?), ..Service::pensar(hosts, device_name) }
        }
    };
    service.name = owned("name")?;
    service.command = owned("command")?;
    service.login = owned("login")?;
    service.token_variable = owned("token_variable")?;
    service.api_variable = owned("api_variable")?;
    text(value, "issuer")?.clone_into(&mut service.issuer);
    text(value, "bare_issuer")?.clone_into(&mut service.bare_issuer);
    service.machine_id = optional(value, "machine_id");
    service.boot_id = optional(value, "boot_id").unwrap_or_default();
    if service.issuer == SANDBOX_ISSUER {
        service = service.sandboxed();
    }
    service.backends = backends(list(value, "backends")?)?;
    service.person_present = flag(value, "person_present")?;
    service.gateway_is_named = flag(value, "gateway_is_named").unwrap_or_default();
    Ok(service)
}

pub(super) fn write_metadata(metadata: &Metadata) -> Value {
    json!({
        "issuer": metadata.issuer,
        "endpoints": write_endpoints(&metadata.endpoints),
        "names_issuer": metadata.names_issuer,
        "speaks_openid": metadata.speaks_openid,
    })
}

pub(super) fn read_metadata(value: &Value) -> Read<Metadata> {
    Ok(Metadata {
        issuer: text(value, "issuer")?.to_owned(),
        endpoints: read_endpoints(field(value, "endpoints")?)?,
        names_issuer: flag(value, "names_issuer")?,
        speaks_openid: flag(value, "speaks_openid")?,
    })
}

pub(super) fn write_endpoints(endpoints: &Endpoints) -> Value {
    let Endpoints { authorization, device_authorization, token, revocation } = endpoints;
    json!({
        "authorization": written(authorization.as_ref()),
        "device_authorization": written(device_authorization.as_ref()),
        "token": written(token.as_ref()),
        "revocation": written(revocation.as_ref()),
    })
}

pub(super) fn read_endpoints(value: &Value) -> Read<Endpoints> {
    Ok(Endpoints {
        authorization: optional_url(value, "authorization")?,
        device_authorization: optional_url(value, "device_authorization")?,
        token: optional_url(value, "token")?,
        revocation: optional_url(value, "revocation")?,
    })
}

/// With its query, which an authorization endpoint may have (RFC 6749 §3.1), and which is no secret of anybody's.
fn whole(endpoint: &Url) -> String {
    endpoint.expose().expose_secret().to_owned()
}

fn issuer(value: &Value) -> Read<OAuth> {
    let time = |key: &str| value.get(key).and_then(Value::as_u64).map(Duration::from_millis);
    let hosts = list(value, "page_hosts")?.iter().filter_map(Value::as_str);
    let resources = list(value, "resources")?.iter().filter_map(Value::as_str);
    Ok(OAuth {
        issuer: optional(value, "issuer"),
        authorization_endpoint: optional_url(value, "authorization_endpoint")?,
        device_authorization_endpoint: optional_url(value, "device_authorization_endpoint")?,
        revocation_endpoint: optional_url(value, "revocation_endpoint")?,
        scope: optional(value, "scope"),
        names_issuer: flag(value, "names_issuer")?,
        page_hosts: hosts.map(ToOwned::to_owned).collect(),
        resources: resources
            .map(Origin::parse)
            .collect::<Result<_, _>>()
            .map_err(|e| format!("resources: {e}"))?,
        dialect: known_dialect(text(value, "dialect")?)?,
        client_id: optional(value, "client_id"),
        grace: time("grace_ms"),
        access_lifetime: time("access_lifetime_ms"),
        ..OAuth::new(url(value, "token_endpoint")?)
    })
}

fn dialect(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Form => "form",
        Dialect::Json => "json",
    }
}

fn known_dialect(name: &str) -> Read<Dialect> {
    let all = [Dialect::Form, Dialect::Json];
    all.into_iter().find(|known| dialect(*known) == name).ok_or_else(|| "a dialect".to_owned())
}

/// One of all the ways in which a service can use the backends.
fn backends(named: &[Value]) -> Read<&'static [Backend]> {
    use Backend::{EncryptedFile, File, Keychain};
    const WAYS: [&[Backend]; 16] = [
        &[Keychain, File],
        &[File],
        &[Keychain],
        &[File, Keychain],
        &[],
        &[EncryptedFile],
        &[Keychain, EncryptedFile],
        &[EncryptedFile, Keychain],
        &[File, EncryptedFile],
        &[EncryptedFile, File],
        &[Keychain, File, EncryptedFile],
        &[Keychain, EncryptedFile, File],
        &[File, Keychain, EncryptedFile],
        &[File, EncryptedFile, Keychain],
        &[EncryptedFile, Keychain, File],
        &[EncryptedFile, File, Keychain],
    ];
    let is_named = |way: &&[Backend]| {
        way.iter().map(|backend| Some(backend.as_str())).eq(named.iter().map(Value::as_str))
    };
    WAYS.into_iter().find(is_named).ok_or_else(|| "backends: not known".to_owned())
}

fn url(value: &Value, key: &str) -> Read<Url> {
    Url::parse(text(value, key)?).map_err(|e| format!("{key}: {e}"))
}

fn optional_url(value: &Value, key: &str) -> Read<Option<Url>> {
    optional(value, key).map(|text| Url::parse(&text).map_err(|e| format!("{key}: {e}"))).transpose()
}

fn written(url: Option<&Url>) -> Option<String> {
    url.map(ToString::to_string)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_some_backends_is_read_back() {
        let [a, b, c] = Backend::ALL;
        for order in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            for some in (0..=order.len()).map(|some| &order[..some]) {
                let named: Vec<Value> = some.iter().map(|backend| backend.as_str().into()).collect();
                assert_eq!(backends(&named).as_deref(), Ok(some));
            }
        }
        assert!(backends(&["cloud".into()]).is_err());
        assert!(backends(&["file".into(), "file".into()]).is_err());
    }
}
