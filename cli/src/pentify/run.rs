//! What the commands do: build a machine, drive it, show what came of it.

use std::io::{self, Read};
use std::process::ExitCode;

use doorkey_core::call::{Call, Called};
use doorkey_core::exchange::not_the_api;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::login::{Login, LoginOptions};
use doorkey_core::logout::{Logout, LogoutOptions};
use doorkey_core::machine::Outcome;
use doorkey_core::resolve::Given;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::status::{Status, StatusOptions};
use doorkey_core::task::Task;
use doorkey_core::text::harmless_lines;
use doorkey_core::url::Url;
use doorkey_core::use_token::UseToken;
use zeroize::Zeroizing;

use crate::doctor;
use crate::environment::Environment;
#[cfg(feature = "manual")]
use crate::manual;
use crate::printer::Printer;
use crate::run::Run;
use crate::signals::Watch;
use crate::surface::Qr;

use super::args::{ApiArgs, AuthCommand, Cli, Command, LoginArgs, LogoutArgs, ScansCommand, StatusArgs};
use super::place;
use super::report;

/// How requests name their sender.
const USER_AGENT: &str = concat!("pentify-terminal/", env!("CARGO_PKG_VERSION"));
/// No token and no request body typed by hand is longer.
const LONGEST_INPUT: u64 = 1024 * 1024;
/// What a good request looks like.
const PATH_EXAMPLE: &str = "write it like `pentify api GET /v1/scans`";

/// Runs one command line.
///
/// # Errors
/// Whatever ends the command without success.
pub fn run(cli: Cli, environment: &Environment, printer: Printer) -> Result<ExitCode, Failure> {
    #[cfg(feature = "manual")]
    if let Command::Manual(manual) = &cli.command {
        return manual::run(manual, super::command());
    }
    #[cfg(feature = "sandbox")]
    let sandbox = cli.sandbox;
    #[cfg(not(feature = "sandbox"))]
    let sandbox = false;
    if let Command::Doctor(args) = cli.command {
        doctor::only_the_real(cli.trace.as_deref(), sandbox)?;
        return Ok(doctor::run(args, environment, printer, place::subject(environment, USER_AGENT)));
    }
    let session = Session {
        given: Given {
            flag: cli.api_token.map(Secret::new),
            variable: environment.get(place::TOKEN).map(Secret::from),
            workspace: cli.workspace,
        },
        run: Run {
            #[cfg(feature = "sandbox")]
            place: if sandbox { place::sandbox(environment)? } else { place::real(environment)? },
            #[cfg(not(feature = "sandbox"))]
            place: place::real(environment)?,
            environment,
            printer,
            trace: cli.trace,
            watch: Watch::new(printer),
            user_agent: USER_AGENT,
            qr: Qr::Never,
        },
    };
    match cli.command {
        Command::Login(args) => session.login(&args),
        Command::Logout(args) => session.logout(&args),
        Command::Auth { command: AuthCommand::UseToken { token } } => session.use_token(token),
        Command::Status(args) => session.status(&args),
        Command::Profile => session.get(|service| service.paths.profile, report::profile),
        Command::Scans { command: ScansCommand::List } => session.scans(),
        Command::Usage => session.get(|service| service.paths.usage, report::usage),
        Command::Api(args) => session.api(args),
        Command::Doctor(_) => Ok(ExitCode::SUCCESS),
        #[cfg(feature = "manual")]
        Command::Manual(_) => Ok(ExitCode::SUCCESS),
    }
}

/// One command at work.
struct Session<'a> {
    given: Given,
    run: Run<'a>,
}

impl Session<'_> {
    fn login(self, args: &LoginArgs) -> Result<ExitCode, Failure> {
        self.run.check_proxy(self.run.place.service.api.origin())?;
        let options = LoginOptions {
            workspace: self.given.workspace.clone(),
            re_pair: args.re_pair,
            open_browser: !args.no_browser && self.run.environment.can_open_pages(),
            variable_set: self.given.variable.is_some(),
        };
        let (printer, service) = (self.run.printer, self.run.place.service.clone());
        let logged_in = self.run.drive(Task::Login(options.clone()), Login::new(options))?;
        report::logged_in(printer, &service, &logged_in);
        Ok(ExitCode::SUCCESS)
    }

    fn logout(self, args: &LogoutArgs) -> Result<ExitCode, Failure> {
        let options = LogoutOptions { workspace: self.given.workspace.clone(), revoke: args.revoke };
        let (printer, service) = (self.run.printer, self.run.place.service.clone());
        let hidden = self.given.variable.is_some();
        let logged_out = self.run.drive(Task::Logout(options.clone()), Logout::new(options))?;
        report::logged_out(printer, &service, &logged_out, hidden);
        Ok(ExitCode::SUCCESS)
    }

    fn use_token(self, argument: Option<String>) -> Result<ExitCode, Failure> {
        let token = match argument.as_deref() {
            Some("-") => Secret::new(read_input(&self.run.watch)?.trim().to_owned()),
            Some(token) => Secret::from(token),
            None if self.run.environment.terminal => self.read_hidden()?,
            None => {
                return Err(Failure::new(
                    Exit::Usage,
                    "no_token",
                    "no token was given, and there is no terminal to ask",
                )
                .next("pass it on standard input: `pentify auth use-token -`"));
            }
        };
        let (printer, service) = (self.run.printer, self.run.place.service.clone());
        let variable_set = self.given.variable.is_some();
        let kept = self.run.drive(
            Task::UseToken { token: token.clone(), variable_set },
            UseToken::new(token, variable_set),
        )?;
        report::token_kept(printer, &service, &kept);
        Ok(ExitCode::SUCCESS)
    }

    fn status(self, args: &StatusArgs) -> Result<ExitCode, Failure> {
        let options = StatusOptions { given: self.given.clone(), explain: args.explain, check: args.check };
        let (printer, service) = (self.run.printer, self.run.place.service.clone());
        let status = self.run.drive(Task::Status(options.clone()), Status::new(options))?;
        Ok(report::status(printer, &service, &status, args.explain))
    }

    fn get(
        self,
        path: impl Fn(&Service) -> &'static str,
        show: impl Fn(Printer, &serde_json::Value),
    ) -> Result<ExitCode, Failure> {
        let service = self.run.place.service.clone();
        let printer = self.run.printer;
        let called = self.call(HttpRequest::new(Method::Get, service.api.join(path(&service))))?;
        let body = report::body_of(&service, &called.response)?;
        if printer.json {
            printer.json(&body);
        } else {
            show(printer, &body);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn scans(self) -> Result<ExitCode, Failure> {
        let service = self.run.place.service.clone();
        let printer = self.run.printer;
        let called = self.call(HttpRequest::new(Method::Get, service.api.join(service.paths.scans)))?;
        let body = report::body_of(&service, &called.response)?;
        // Without a list there is nothing to say about scans, least of all that there are none.
        let scans = body.get("data").and_then(serde_json::Value::as_array);
        let scans = scans.ok_or_else(|| not_the_api(&service))?;
        if printer.json {
            printer.json(&body);
        } else {
            report::scans(printer, scans, body.get("next_cursor").is_some_and(serde_json::Value::is_string));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn api(self, args: ApiArgs) -> Result<ExitCode, Failure> {
        let service = self.run.place.service.clone();
        let request = api_request(&service, args, &self.run.watch)?;
        let (printer, on_terminal) = (self.run.printer, self.run.environment.stdout_is_terminal);
        let called = self.call(request)?;
        let body = called.response.body.as_bytes();
        if printer.json {
            printer.json(&report::any_json(&service, body)?);
        } else if on_terminal {
            printer.line(&harmless_lines(&String::from_utf8_lossy(body)));
        } else {
            printer.bytes(body);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Asks for a token without showing it.
    fn read_hidden(&self) -> Result<Secret, Failure> {
        let _terminal = self.run.watch.keep_terminal();
        let typed = rpassword::prompt_password("API token (not shown): ").map_err(|e| {
            while e.kind() == io::ErrorKind::Interrupted {
                // Ctrl-C came as a key; the prompt has made a signal of it, and whoever watches for those is about to
                // end the process.
                std::thread::park();
            }
            Failure::new(Exit::Usage, "unreadable_input", format!("cannot read from the terminal: {e}"))
                .next("pass it on standard input: `pentify auth use-token -`")
        })?;
        Ok(Secret::from(Secret::new(typed).expose_secret().trim()))
    }

    fn call(self, request: HttpRequest) -> Outcome<Called> {
        let given = self.given.clone();
        self.run
            .drive(Task::Call { given: given.clone(), request: request.clone() }, Call::new(given, request))
    }
}

/// A request to the API as `api METHOD PATH` asks for it. The path cannot lead to another host.
fn api_request(service: &Service, args: ApiArgs, watch: &Watch) -> Result<HttpRequest, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, "bad_request", message);
    let method = Method::parse(&args.method).ok_or_else(|| {
        usage("the method is none of GET, POST, PUT, PATCH and DELETE".to_owned()).next(PATH_EXAMPLE)
    })?;
    let url = url_below(&service.api, &args.path).map_err(|e| usage(e.to_owned()).next(PATH_EXAMPLE))?;
    let request = HttpRequest::new(method, url);
    let data = match args.data.as_deref() {
        None => return Ok(request),
        Some("-") => read_input(watch)?,
        Some(data) => data.to_owned(),
    };
    if let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(&data) {
        let (line, column) = (e.line(), e.column());
        return Err(usage(format!("the data is not JSON (line {line}, column {column})"))
            .next("correct it, then try again"));
    }
    Ok(request.body("application/json", data))
}

/// The address of a path below the API's. It cannot lead anywhere else, whatever the person pasted and whatever a
/// proxy on the way makes of it.
fn url_below(api: &Url, path: &str) -> Result<Url, &'static str> {
    if !path.starts_with('/') {
        return Err("the path does not begin with /");
    }
    if path.starts_with("//") {
        return Err("the path begins with //, which would name another host");
    }
    let is_plain = |c: char| c.is_ascii_graphic() && c != '#' && c != '\\';
    if !path.chars().all(is_plain) {
        return Err("the path has characters that must be percent-encoded");
    }
    let segments = path.split('?').next().unwrap_or_default().split('/');
    if segments.map(|segment| segment.to_ascii_lowercase().replace("%2e", ".")).any(|s| s == "." || s == "..")
    {
        return Err("the path has . or .. in it");
    }
    let url = Url::parse(&format!("{}{path}", api.join(""))).map_err(|_| "the path cannot stand in a URL")?;
    if url.origin() == api.origin() { Ok(url) } else { Err("the path leads to another host") }
}

fn read_input(watch: &Watch) -> Result<String, Failure> {
    watch.start();
    let unreadable = |why: &str| {
        Failure::new(Exit::Usage, "unreadable_input", format!("cannot read standard input: {why}"))
            .next("correct what is piped in, then try again")
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let read = io::stdin().lock().take(LONGEST_INPUT + 1).read_to_end(&mut bytes);
    read.map_err(|e| unreadable(&e.to_string()))?;
    if bytes.len() as u64 > LONGEST_INPUT {
        return Err(unreadable("it is longer than 1 MiB"));
    }
    match str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(unreadable("it is not UTF-8")),
    }
}
