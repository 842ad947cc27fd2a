//! API tokens in their places: `Login`, `UseToken`, `Logout`, `Status`, `Find`, `Resolve`, `Places`, `Keep`, in any order
//! (invariants 4, 6, 13, 14, 15).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use doorkey_core::call::Call;
use doorkey_core::failure::Exit;
use doorkey_core::find::Find;
use doorkey_core::http::{HttpRequest, HttpResponse, Method};
use doorkey_core::login::{Login, LoginOptions};
use doorkey_core::logout::{Logout, LogoutOptions};
use doorkey_core::machine::Outcome;
use doorkey_core::notice::Notice;
use doorkey_core::record::Record;
use doorkey_core::resolve::{Given, Resolved};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::status::{Status, StatusOptions};
use doorkey_core::store::StoreFailureKind;
use doorkey_core::task::Task;
use doorkey_core::url::Url;
use doorkey_core::use_token::UseToken;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::cases;
use crate::disk::StoreFault;
use crate::plan::{Plan, plan};
use crate::world::{World, bearer};

const SLUGS: [&str; 2] = ["acme", "other"];

/// What a command is started for. Workspaces are named by their number.
#[derive(Clone, Debug)]
enum Deed {
    /// To be signed in to this workspace, or whichever is picked: the second number.
    Login {
        wanted: Option<usize>,
        re_pair: bool,
        picked: usize,
    },
    /// A token that the person has: one that is good, or not.
    UseToken {
        good: bool,
        workspace: usize,
    },
    Logout {
        workspace: Option<usize>,
        revoke: bool,
    },
    Find,
    Status,
}

/// The reference: which tokens may be found where no workspace is named, `None` standing for none at all. More than one
/// only after what did not come to its end.
struct Reference {
    active: BTreeSet<Option<String>>,
    /// Tokens that were made and not revoked, by the workspace they are for.
    minted: Rc<RefCell<BTreeMap<String, usize>>>,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (of(0usize..2), any::<bool>(), 0usize..2)
            .prop_map(|(wanted, re_pair, picked)| Deed::Login { wanted, re_pair, picked }),
        2 => (any::<bool>(), 0usize..2).prop_map(|(good, workspace)| Deed::UseToken { good, workspace }),
        2 => (of(0usize..2), any::<bool>()).prop_map(|(workspace, revoke)| Deed::Logout { workspace, revoke }),
        3 => Just(Deed::Find),
        1 => Just(Deed::Status),
    ]
}

/// A service that makes tokens for the workspace that is picked, and knows which of them are good.
fn pentify(minted: &Rc<RefCell<BTreeMap<String, usize>>>, picked: &Rc<RefCell<usize>>) -> World {
    let (minted, picked) = (Rc::clone(minted), Rc::clone(picked));
    let mut made = 0;
    let url = |text: &str| Url::parse(text).unwrap();
    let service =
        Service::pentify(url("https://api.pentify.io"), url("https://app.pentify.io"), "box".into());
    World::new(service, move |_, request: &HttpRequest, _| {
        let mut minted = minted.borrow_mut();
        let named = |workspace: usize| {
            format!(r#"{{"id":"w{workspace}","name":"N{workspace}","slug":"{}"}}"#, SLUGS[workspace])
        };
        if request.url.path() == "/auth/terminal/poll" {
            let (workspace, token) = (*picked.borrow(), format!("pt_live_hush-{made}"));
            made += 1;
            minted.insert(token.clone(), workspace);
            return HttpResponse::new(
                200,
                format!(r#"{{"token":"{token}","workspace":{}}}"#, named(workspace)),
            );
        }
        match minted.get(&bearer(request)).copied() {
            Some(_) if request.url.path() == "/v1/keys/current" => {
                minted.remove(&bearer(request));
                HttpResponse::new(204, "")
            }
            Some(workspace) => HttpResponse::new(200, format!(r#"{{"workspace":{}}}"#, named(workspace))),
            None => HttpResponse::new(
                401,
                r#"{"error":{"code":"invalid_api_key","message":"m","request_id":"r"}}"#,
            ),
        }
    })
}

fn find(world: &mut World, plan: &Plan) -> Option<Outcome<Option<Resolved>>> {
    let given = Given::default();
    world.run(Some(Task::Find { given: given.clone() }), Find::new(given, None), plan)
}

fn token(record: &Record) -> Option<String> {
    Some(record.token.expose_secret().to_owned())
}

impl Reference {
    /// What did not come to its end may have done what it was for, or half of it.
    fn may(&mut self, tokens: impl IntoIterator<Item = Option<String>>) {
        self.active.extend(tokens);
    }

    fn found(&self, world: &mut World, found: &Option<Outcome<Option<Resolved>>>, calm: bool) {
        match found {
            Some(Ok(Some(resolved))) => {
                let token = token(&resolved.record);
                world.check(self.active.contains(&token), || {
                    format!("{token:?} is found, not {:?}", self.active)
                });
            }
            Some(Err(failure)) if calm => {
                let none = failure.exit == Exit::NotSignedIn && self.active.contains(&None);
                world.check(none, || format!("{} instead of {:?}", failure.code, self.active));
            }
            _ => {}
        }
    }

    fn run(&mut self, world: &mut World, deed: &Deed, plan: &Plan) {
        let minted = self.minted.borrow().clone();
        let lies = plan.store.values().any(|fault| *fault == StoreFault::Forgotten);
        let slug = |workspace: &usize| SLUGS[*workspace].to_owned();
        // Whatever is stored may be switched to.
        let stored: Vec<_> = world.disk.tokens().map(token).collect();
        match deed {
            Deed::Login { wanted, re_pair, .. } => {
                let options = LoginOptions {
                    workspace: wanted.as_ref().map(slug),
                    re_pair: *re_pair,
                    open_browser: true,
                    ..LoginOptions::default()
                };
                let end = world.run(Some(Task::Login(options.clone())), Login::new(options), plan);
                let made: Vec<_> = self
                    .minted
                    .borrow()
                    .keys()
                    .filter(|token| !minted.contains_key(*token))
                    .cloned()
                    .collect();
                match end {
                    Some(Ok(done)) if !lies => {
                        self.stored(world, &done.kept.record);
                        let is_new = made.contains(&token(&done.kept.record).unwrap_or_default());
                        world.check(done.paired.is_some() == is_new, || "paired, or not?".to_owned());
                    }
                    _ => self.may(made.into_iter().map(Some).chain(stored).chain([None])),
                }
            }
            Deed::UseToken { good, workspace } => {
                let name = format!("pt_live_hush-own-{}", minted.len());
                if *good {
                    self.minted.borrow_mut().insert(name.clone(), *workspace);
                }
                let (before, secret) = (world.disk.clone(), Secret::from(name.as_str()));
                let task = Task::UseToken { token: secret.clone(), variable_set: false };
                match world.run(Some(task), UseToken::new(secret, false), plan) {
                    Some(Ok(kept)) if !lies => {
                        world.check(*good, || "a token is stored that nobody accepts".to_owned());
                        self.stored(world, &kept.record);
                    }
                    // Nothing is stored that was not accepted.
                    _ if !good => world
                        .check(world.disk.records == before.records, || "something was stored".to_owned()),
                    _ => self.may([Some(name), None]),
                }
            }
            Deed::Logout { workspace, revoke } => {
                let was_active = world.disk.ledger.active.is_some();
                let options = LogoutOptions { workspace: workspace.as_ref().map(slug), revoke: *revoke };
                let end = world.run(Some(Task::Logout(options.clone())), Logout::new(options), plan);
                let named = workspace.as_ref().map(slug);
                // It could not be removed everywhere; that it is not used any more is remembered.
                let disowned =
                    matches!(&end, Some(Err(failure)) if failure.message.contains("is no longer used"));
                let noted = was_active && world.disk.ledger.active.is_none();
                match end {
                    Some(Err(_)) if !lies && named.is_none() && disowned && noted => {
                        self.active = [None].into()
                    }
                    Some(Ok(_)) if !lies && named.is_none() => self.active = [None].into(),
                    Some(Ok(_)) if !lies => {
                        let minted = self.minted.borrow().clone();
                        let of =
                            |token: &String| minted.get(token).map(|workspace| SLUGS[*workspace].to_owned());
                        let gone = |token: &Option<String>| {
                            token.as_ref().is_none_or(|token| {
                                // One that was revoked is told from the rest by being unknown now.
                                of(token) == named || !minted.contains_key(token)
                            })
                        };
                        if self.active.iter().any(gone) {
                            self.active = self
                                .active
                                .iter()
                                .filter(|token| !gone(token))
                                .cloned()
                                .chain([None])
                                .collect();
                        }
                    }
                    _ => self.may([None]),
                }
            }
            Deed::Find => {
                let before = world.disk.clone();
                let found = find(world, plan);
                self.found(world, &found, plan.store.is_empty() && plan.cancelled.is_none());
                world.check(world.disk == before, || "looking changes what is stored".to_owned());
            }
            Deed::Status => {
                let before = world.disk.clone();
                let options = StatusOptions { explain: true, ..StatusOptions::default() };
                let end = world.run(Some(Task::Status(options.clone())), Status::new(options), plan);
                if let Some(Ok(report)) = end {
                    let winner = Some(report.winner.map(Some));
                    self.found(world, &winner, plan.store.is_empty());
                }
                world.check(world.disk == before, || "looking changes what is stored".to_owned());
            }
        }
    }

    /// Success: from now on it is this one (invariant 15), wherever it lies (invariant 14).
    fn stored(&mut self, world: &mut World, record: &Record) {
        let known = self.minted.borrow().contains_key(&token(record).unwrap_or_default());
        world.check(known, || "a token that nobody made".to_owned());
        self.active = [token(record)].into();
    }
}

proptest! {
    #![proptest_config(cases(150))]

    /// Whoever was told that a token is stored finds it, and never an older one, whatever fails before and after.
    #[test]
    fn the_newest_token_is_the_one_that_is_found(
        person_present in any::<bool>(),
        steps in vec((deed(), plan(0..4, 0..2)), 1..7),
    ) {
        let (minted, picked) = (Rc::default(), Rc::new(RefCell::new(0)));
        let mut world = pentify(&minted, &picked);
        world.service.person_present = person_present;
        let mut reference = Reference { active: [None].into(), minted };
        for (deed, plan) in &steps {
            if let Deed::Login { picked: chosen, .. } = deed {
                *picked.borrow_mut() = *chosen;
            }
            reference.run(&mut world, deed, plan);
        }
        let found = find(&mut world, &Plan::default());
        reference.found(&mut world, &found, true);
        world.verdict()?;
    }

    /// Nobody is sent to a browser for a token that could be put nowhere.
    #[test]
    fn there_is_a_place_before_there_is_a_browser(
        probes in [of(crate::plan::store_failure_kind()), of(crate::plan::store_failure_kind())],
        person_present in any::<bool>(),
    ) {
        let mut world = pentify(&Rc::default(), &Rc::default());
        world.service.person_present = person_present;
        // The lock, what is remembered, the lock back; then the two probes.
        let store = (3..).zip(probes).filter_map(|(at, kind)| Some((at, StoreFault::Fails(kind?)))).collect();
        world.plan(&Plan { store, ..Plan::default() });
        let options = LoginOptions { open_browser: true, ..LoginOptions::default() };
        let handle = world.start(Some(Task::Login(options.clone())), Login::new(options));
        world.finish(&[handle.pid], &[]);
        let asks = probes[0] == Some(StoreFailureKind::Locked) && person_present;
        let is_place = asks || probes.contains(&None);
        let begun = world.notices.iter().any(|notice| matches!(notice, Notice::PairingStarted { .. }));
        world.check(begun == is_place && world.pages.is_empty() != is_place, || format!("begun: {begun}"));
        world.verdict()?;
    }

    /// A token that was given is all there is: no store is looked at, and a refusal does not change that (invariant 17).
    #[test]
    fn a_given_token_touches_no_store(flag in of(any::<bool>()), variable in of(any::<bool>()), refused in any::<bool>()) {
        prop_assume!(flag.is_some() || variable.is_some());
        let mut world = pentify(&Rc::default(), &Rc::default());
        let text = |name: &str, good: bool| format!("{}hush-{name}", if good { "pt_live_" } else { "" });
        let given = Given {
            flag: flag.map(|good| Secret::from(text("flag", good))),
            variable: variable.map(|good| Secret::from(text("variable", good))),
            workspace: None,
        };
        // A flag counts more than a variable, also if it cannot be a token.
        let expected = flag.map(|good| ("flag", good)).or(variable.map(|good| ("variable", good)));
        let expected = expected.filter(|(_, good)| *good).map(|(name, good)| text(name, good));
        let request = HttpRequest::new(Method::Get, world.service.api.join("/v1/scans"));
        world.plan(&Plan::default());
        let found = if refused {
            let task = Task::Call { given: given.clone(), request: request.clone() };
            let handle = world.start(Some(task), Call::new(given, request));
            world.finish(&[handle.pid], &[]);
            let failed = handle.outcome().is_some_and(|end| end.is_err());
            world.check(failed, || "a token that nobody knows is accepted".to_owned());
            world.sent.first().map(|sent| bearer(&sent.request))
        } else {
            let handle = world.start(Some(Task::Find { given: given.clone() }), Find::new(given, None));
            world.finish(&[handle.pid], &[]);
            handle.outcome().and_then(Result::ok).flatten().and_then(|found| token(&found.record))
        };
        world.check(found == expected, || format!("{found:?}, not {expected:?}"));
        world.check(world.operations == 0, || "a store is looked at".to_owned());
        world.check(world.sent.len() <= 1, || "it is sent again".to_owned());
        world.verdict()?;
    }
}
