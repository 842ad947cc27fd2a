//! What the commands do: build a machine, drive it, show what came of it.

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
use doorkey_core::use_token::UseToken;

use crate::api;
#[cfg(feature = "doctor")]
use crate::doctor;
use crate::environment::Environment;
use crate::exec;
use crate::input::{read_hidden, read_input};
#[cfg(feature = "manual")]
use crate::manual;
use crate::printer::Printer;
use crate::run::Run;
use crate::signals::Watch;
use crate::surface::Qr;
use crate::token::Found;
use crate::usage::misplaced;
#[cfg(any(feature = "doctor", feature = "manual"))]
use crate::usage::passed_over;

use super::args::{ApiArgs, AuthCommand, Cli, Command, LoginArgs, LogoutArgs, ScansCommand, StatusArgs};
use super::place;
use super::report;
#[cfg(feature = "doctor")]
use super::subject::subject;

/// How requests name their sender.
const USER_AGENT: &str = concat!("pentify-terminal/", env!("CARGO_PKG_VERSION"));
/// What a good request looks like.
const PATH_EXAMPLE: &str = "write it like `pentify api GET /v1/scans`";

/// Runs one command line.
///
/// # Errors
/// Whatever ends the command without success.
pub fn run(cli: Cli, environment: &Environment, printer: Printer) -> Result<ExitCode, Failure> {
    #[cfg(feature = "manual")]
    if let Command::Manual(manual) = &cli.command {
        return manual::run(manual, super::command(), printer);
    }
    #[cfg(feature = "doctor")]
    if let Command::Doctor(args) = cli.command {
        #[cfg(feature = "sandbox")]
        let sandbox = cli.sandbox;
        #[cfg(not(feature = "sandbox"))]
        let sandbox = false;
        doctor::only_the_real(&cli.trace, sandbox)?;
        return Ok(doctor::run(args, environment, printer, subject(environment, USER_AGENT)));
    }
    check_flags(&cli)?;
    let runs = if let Command::Exec(args) = &cli.command { Some(args) } else { None };
    let session = Session {
        given: Given {
            flag: cli.api_token.map(Secret::new),
            variable: environment.get(place::TOKEN).map(Secret::from),
            workspace: cli.workspace,
        },
        run: Run {
            #[cfg(feature = "sandbox")]
            place: if cli.sandbox { place::sandbox(environment)? } else { place::real(environment)? },
            #[cfg(not(feature = "sandbox"))]
            place: place::real(environment)?,
            environment,
            printer,
            trace: cli.trace,
            watch: exec::watch(runs, printer)?,
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
        Command::Token => Ok(Found::find(session.run, session.given)?.print(printer)),
        Command::Exec(args) => {
            let found = Found::find(session.run, session.given)?;
            exec::exec(&args, "PENTIFY_API_TOKEN", &found.token)
        }
        #[cfg(feature = "doctor")]
        Command::Doctor(_) => Err(passed_over()),
        #[cfg(feature = "manual")]
        Command::Manual(_) => Err(passed_over()),
    }
}

/// Whoever names a token or a workspace wants it to count.
fn check_flags(cli: &Cli) -> Result<(), Failure> {
    let command = match &cli.command {
        Command::Login(_) => "pentify login",
        Command::Logout(_) => "pentify logout",
        Command::Auth { .. } => "pentify auth use-token",
        _ => return Ok(()),
    };
    if cli.api_token.is_some() {
        let next = "leave it out; a token that you have is stored by `pentify auth use-token -`";
        return Err(misplaced("--api-token", command, next));
    }
    if cli.workspace.is_some() && matches!(cli.command, Command::Auth { .. }) {
        return Err(misplaced(
            "--workspace",
            command,
            "leave it out: the token says which workspace it is for",
        ));
    }
    Ok(())
}

/// One command at work.
struct Session<'a> {
    given: Given,
    run: Run<'a>,
}

impl Session<'_> {
    fn login(self, args: &LoginArgs) -> Result<ExitCode, Failure> {
        place::check_login(&self.run.place.service)?;
        self.run.check_proxies()?;
        let options = LoginOptions {
            workspace: self.given.workspace.clone(),
            re_pair: args.re_pair,
            open_browser: !args.no_browser && self.run.environment.can_open_pages(),
            variable_set: self.given.variable.is_some(),
        };
        let (printer, service) = (self.run.printer, self.run.place.service.clone());
        let logged_in = self.run.log_in(Task::Login(options.clone()), Login::new(options))?;
        report::logged_in(printer, &service, &logged_in);
        Ok(ExitCode::SUCCESS)
    }

    fn logout(self, args: &LogoutArgs) -> Result<ExitCode, Failure> {
        let options = LogoutOptions { workspace: self.given.workspace.clone(), revoke: args.revoke };
        let (printer, service) = (self.run.printer, self.run.place.service.clone());
        let hidden = self.given.variable.is_some();
        let logged_out = self.run.drive(Task::Logout(options.clone()), Logout::new(options))?;
        let code = report::logged_out(printer, &service, self.given.workspace.as_deref(), &logged_out);
        if hidden {
            printer.warning(&format!("{} is still set and will be used", service.token_variable));
        }
        Ok(code)
    }

    fn use_token(self, argument: Option<String>) -> Result<ExitCode, Failure> {
        let token = match argument.as_deref() {
            Some("-") => Secret::from(read_input(&self.run.watch)?.expose_secret().trim()),
            Some(token) => Secret::from(token),
            None if self.run.environment.terminal => {
                let typed = read_hidden(&self.run.watch, "API token (not shown): ").map_err(|failure| {
                    failure.next("pass it on standard input: `pentify auth use-token -`")
                })?;
                Secret::from(typed.expose_secret().trim())
            }
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
            return api::show(printer, false, &service, &called.response);
        }
        show(printer, &body);
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
            return api::show(printer, false, &service, &called.response);
        }
        report::scans(printer, scans, body.get("next_cursor").is_some_and(serde_json::Value::is_string));
        Ok(ExitCode::SUCCESS)
    }

    fn api(self, args: ApiArgs) -> Result<ExitCode, Failure> {
        let service = self.run.place.service.clone();
        let request = api_request(&service, &args, &self.run.watch)?;
        let (printer, on_terminal) = (self.run.printer, self.run.environment.stdout_is_terminal);
        let called = self.call(request)?;
        api::show(printer, on_terminal, &service, &called.response)
    }

    fn call(self, request: HttpRequest) -> Outcome<Called> {
        let given = self.given.clone();
        self.run
            .drive(Task::Call { given: given.clone(), request: request.clone() }, Call::new(given, request))
    }
}

/// A request to the API as `api METHOD PATH` asks for it. The path cannot lead to another host.
fn api_request(service: &Service, args: &ApiArgs, watch: &Watch) -> Result<HttpRequest, Failure> {
    let method = api::method(&args.method, PATH_EXAMPLE)?;
    let url = api::url_below(&service.api, &args.path, PATH_EXAMPLE)?;
    let request = HttpRequest::new(method, url);
    let Some(data) = &args.data else { return Ok(request) };
    Ok(request.body("application/json", api::json_data(data, watch)?))
}
