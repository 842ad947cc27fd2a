//! `doorkey login`.

use std::process::ExitCode;

use doorkey_core::discover::Discover;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::metadata::{Endpoints, Metadata};
use doorkey_core::oauth::OAuth;
use doorkey_core::service::Service;
use doorkey_core::sign_in::{GrantKind, SignIn, SignInOptions};
use doorkey_core::task::Task;
use doorkey_core::text::harmless;
use doorkey_core::url::{Origin, Url};

use crate::surface::Qr;

use super::args::{EndpointArgs, Login};
use super::place::{Profiles, unknown};
use super::presets::Preset;
use super::run::Issuing;
use super::settings::{Profile, add_missing};
use super::{pending, report};

/// Who is to be signed in, and where.
struct Wanted {
    profile: String,
    issuer: String,
    client_id: String,
    scope: Option<String>,
    endpoints: Endpoints,
    /// What the profile's last login knew.
    remembered: Option<Metadata>,
    page_hosts: Vec<String>,
    resources: Vec<Origin>,
}

/// Signs in, begins to, or completes what was begun.
///
/// # Errors
/// As the machines say; the arguments leave something open; the profile cannot be remembered.
pub fn login(issuing: &Issuing<'_>, profiles: &Profiles<'_>, args: &Login) -> Result<ExitCode, Failure> {
    if let Some(handle) = &args.finish {
        return pending::finish(issuing, profiles, handle);
    }
    let profile = discover(issuing, profiles, wanted(profiles, args)?)?;
    let mut run = issuing.run(profiles.place(&profile)?);
    run.check_proxies()?;
    if args.start {
        return pending::start(profiles, run, &profile);
    }
    let can_open = profiles.environment.can_open_pages();
    run.qr = qr(args, can_open);
    let (printer, service) = (run.printer, run.place.service.clone());
    let options = SignInOptions {
        open_browser: !args.no_browser && can_open,
        browser_is_here: !args.no_browser && can_open && !profiles.environment.is_remote(),
        grant: match (args.device, args.browser) {
            (true, _) => Some(GrantKind::Device),
            (_, true) => Some(GrantKind::Browser),
            _ => None,
        },
    };
    let kept = run.log_in(Task::SignIn { options, pending: None }, SignIn::new(options))?;
    profiles.file.keep(&profile)?;
    report::signed_in(printer, &service, &profile, &kept, profiles.environment);
    Ok(ExitCode::SUCCESS)
}

/// Finds out where the issuer's endpoints are.
fn discover(issuing: &Issuing<'_>, profiles: &Profiles<'_>, wanted: Wanted) -> Result<Profile, Failure> {
    let device = profiles.environment.hostname.clone();
    let service = Service::issuer(&wanted.issuer, &wanted.profile, device)
        .map_err(|e| no_issuer(&wanted.issuer, &e.to_string()))?;
    profiles.file.probe()?;
    let run = issuing.run(profiles.place_of(service, &wanted.profile)?);
    run.check_proxies()?;
    let (issuer, given, remembered) = (wanted.issuer, wanted.endpoints, wanted.remembered);
    let task = Task::Discover {
        issuer: issuer.clone(),
        given: Box::new(given.clone()),
        remembered: remembered.clone().map(Box::new),
    };
    let metadata = run.drive(task, Discover::new(issuer, given, remembered))?;
    let oauth = OAuth {
        page_hosts: wanted.page_hosts,
        resources: wanted.resources,
        ..metadata.client(wanted.client_id, wanted.scope)?
    };
    Ok(Profile { name: wanted.profile, oauth })
}

/// What the command line says, and what it leaves to a profile that is remembered or to what is known of an issuer.
fn wanted(profiles: &Profiles<'_>, args: &Login) -> Result<Wanted, Failure> {
    let Some(asked) = args.issuer.as_deref().or_else(|| profiles.chosen()) else {
        return Err(Failure::new(Exit::Usage, "usage", "there is no issuer to sign in at")
            .next("run `doorkey login ISSUER --client-id ID`"));
    };
    let known = match profiles.settings.profile(asked) {
        // One that cannot be used is made anew.
        Err(_) if asked.contains("://") => None,
        known => known?,
    };
    let preset = if known.is_none() { Preset::find(asked)? } else { None };
    let issuer = match (&known, &preset) {
        (Some(known), _) => known.oauth.issuer.clone().unwrap_or_default(),
        (None, Some(preset)) => preset.issuer.clone(),
        // No name of an issuer has anything else in it.
        (None, None) if !asked.contains("://") => return Err(unknown(asked)),
        (None, None) => asked.to_owned(),
    };
    let profile = match (profiles.named(), &known) {
        // A flag names what is to be made; the variable only chooses among what there is.
        (Some(name), _) if args.issuer.is_none() || profiles.is_named_by_flag() => name.to_owned(),
        (_, Some(known)) => known.name.clone(),
        (_, None) => issuer.clone(),
    };
    // Whatever else is said of that profile stays; which issuer it is for does not change under the tokens that it has.
    let known = match profiles.settings.profile(&profile) {
        Ok(Some(named)) if named.oauth.issuer.as_ref() != Some(&issuer) => return Err(taken(&named)),
        Ok(Some(named)) => Some(named),
        Ok(None) | Err(_) => known,
    };
    let stored_id = known.as_ref().and_then(|known| known.oauth.client_id.clone());
    let Some(client_id) = args.client_id.clone().or(stored_id) else {
        return Err(Failure::new(
            Exit::Usage,
            "no_client_id",
            format!("{issuer} has to be told which client this is"),
        )
        .next("give --client-id, as your registration with the issuer has it"));
    };
    let scope = match args.scope.is_empty() {
        true => known.as_ref().and_then(|known| known.oauth.scope.clone()),
        false => Some(args.scope.join(" ")).filter(|scope| !scope.trim().is_empty()),
    };
    let mut page_hosts = known.as_ref().map(|known| known.oauth.page_hosts.clone()).unwrap_or_default();
    let mut given = endpoints(&args.endpoints)?;
    if let Some(preset) = preset {
        given.fill(preset.endpoints);
        add_missing(&mut page_hosts, preset.page_hosts);
    }
    let hosts = args.endpoints.page_host.iter().map(|host| page_host(host));
    add_missing(&mut page_hosts, hosts.collect::<Result<Vec<_>, _>>()?);
    let remembered = known.as_ref().map(Profile::metadata);
    let mut resources = known.map(|known| known.oauth.resources).unwrap_or_default();
    let origins = args.api.iter().map(|origin| resource(origin));
    add_missing(&mut resources, origins.collect::<Result<Vec<_>, _>>()?);
    Ok(Wanted { profile, issuer, client_id, scope, endpoints: given, remembered, page_hosts, resources })
}

fn resource(origin: &str) -> Result<Origin, Failure> {
    Origin::parse(origin).map_err(|why| {
        let what = format!("--api {:?} cannot be used: {why}", harmless(origin));
        Failure::new(Exit::Usage, "unusable_api", what).next("give it like https://api.example.com")
    })
}

/// A host, and nothing else.
fn page_host(text: &str) -> Result<String, Failure> {
    let host = text.to_ascii_lowercase();
    match Url::parse(&format!("https://{host}/")) {
        Ok(url) if url.origin().host() == host => Ok(host),
        _ => Err(Failure::new(Exit::Usage, "usage", format!("--page-host {:?} is no host", harmless(text)))
            .next("give it like www.example.com")),
    }
}

fn taken(profile: &Profile) -> Failure {
    let (name, issuer) =
        (harmless(&profile.name), harmless(profile.oauth.issuer.as_deref().unwrap_or_default()));
    Failure::new(Exit::Usage, "profile_taken", format!("the profile {name:?} is for {issuer}"))
        .next("give another --profile, or change its issuer in config.toml")
}

fn endpoints(args: &EndpointArgs) -> Result<Endpoints, Failure> {
    let url = |flag: &str, text: &Option<String>| {
        let parsed = text.as_deref().map(|text| (text, Url::parse(text)));
        match parsed {
            None => Ok(None),
            Some((_, Ok(url))) => Ok(Some(url)),
            Some((text, Err(why))) => {
                let what = format!("--{flag} {:?} cannot be used: {why}", harmless(text));
                Err(Failure::new(Exit::Usage, "unusable_endpoint", what).next("correct it, then try again"))
            }
        }
    };
    Ok(Endpoints {
        authorization: url("authorization-endpoint", &args.authorization_endpoint)?,
        device_authorization: url("device-authorization-endpoint", &args.device_authorization_endpoint)?,
        token: url("token-endpoint", &args.token_endpoint)?,
        revocation: url("revocation-endpoint", &args.revocation_endpoint)?,
    })
}

fn qr(args: &Login, can_open: bool) -> Qr {
    match () {
        #[cfg(feature = "qr")]
        () if args.qr => Qr::Asked,
        () if args.no_browser => Qr::Never,
        () => Qr::InsteadOfBrowser { at_once: !can_open },
    }
}

fn no_issuer(issuer: &str, why: &str) -> Failure {
    let what = format!("{:?} is no issuer's address: {why}", harmless(issuer));
    Failure::new(Exit::Usage, "no_issuer", what)
        .next("give it like https://auth.example.com, or the name of a profile")
}
