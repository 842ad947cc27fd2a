//! With a strict issuer: every session that is lost was lost by a kill in the one moment where that cannot be helped,
//! after its refresh token was sent and before the new pair was stored; or by four such kills in a row, three of them in
//! the attempts that the first one left (invariant 8), which nobody can tell from the former.
//!
//! The clients name tokens by fingerprints, the issuer by numbers. Logins follow one another on both sides, and each
//! token of a login is sent, with a line told before, or was stored: so the tokens in the order in which they are told
//! for the first time are the numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::storm::issuer::{Log, Outcome};
use crate::storm::line::{Line, Told};

/// As often is a token of unknown fate sent once its access token is dead.
const LAST_RESORTS: usize = 3;

/// What came of a storm with kills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Clients that were killed.
    pub kills: usize,
    /// Those among them that had told of sending a token, and not of its end.
    pub in_flight: usize,
    /// Sessions that were lost.
    pub lost: usize,
    /// Sessions that were given up after four kills.
    pub given_up: usize,
}

/// A token: of which login, and its number in there, from 1.
type Place = (usize, u64);

#[derive(Default)]
struct Sides {
    logins: Vec<Login>,
    /// What became of the attempts to spend each token.
    attempts: BTreeMap<Place, Vec<Attempt>>,
    /// What the issuer did with each token.
    asked: BTreeMap<Place, Vec<Outcome>>,
}

#[derive(Default)]
struct Login {
    id: String,
    tokens: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    last_resort: bool,
    /// The token has left, or was about to.
    sent: bool,
    /// The client was killed before it told of an end.
    killed: bool,
}

/// Matches the sessions that were lost with the kills.
///
/// # Errors
/// What does not hold.
pub fn match_losses(lines: &[Line], log: &Log) -> Result<Losses, String> {
    let mut sides = Sides::default();
    sides.clients(lines)?;
    sides.issuer(log)?;
    let attempts = || sides.attempts.values().flatten();
    let kills = lines.iter().filter(|line| line.told == Told::Killed).count();
    let in_flight = attempts().filter(|attempt| attempt.killed && attempt.sent).count();

    let mut lost = BTreeSet::new();
    for (place @ (login, _), outcomes) in &sides.asked {
        let attempts = sides.attempts_at(*place);
        let sent = attempts.iter().filter(|attempt| attempt.sent).count();
        if outcomes.len() > sent {
            return Err(format!("{place:?} came {} times, but was sent {sent}", outcomes.len()));
        }
        if outcomes.contains(&Outcome::ReuseRevoked) {
            if !attempts.iter().any(|attempt| attempt.killed && attempt.sent) {
                return Err(format!("{place:?} was lost, and nobody was killed: {outcomes:?} {attempts:?}"));
            }
            lost.insert(*login);
        }
    }
    let mut given_up = BTreeSet::new();
    for line in lines {
        if let Told::Failed { login, code, asks_for_login: true } = &line.told {
            match sides.logins.iter().position(|known| Some(&known.id) == login.as_ref()) {
                Some(login) if lost.contains(&login) => {}
                Some(login) if sides.killed_throughout(login) => drop(given_up.insert(login)),
                _ => return Err(format!("{} was asked to sign in for nothing: {code}", line.client)),
            }
        }
    }
    for ((login, number), outcomes) in &sides.asked {
        let is_over = lost.contains(login) || given_up.contains(login);
        if outcomes.contains(&Outcome::Revoked) && !lost.contains(login) {
            return Err(format!("token {number} of login {login} was refused for nothing"));
        }
        if outcomes.contains(&Outcome::Rotated) && !sides.knows(*login, number + 1) && !is_over {
            return Err(format!("the successor of token {number} was stored by nobody, and nobody noticed"));
        }
    }
    Ok(Losses { kills, in_flight, lost: lost.len(), given_up: given_up.len() })
}

impl Sides {
    fn clients(&mut self, lines: &[Line]) -> Result<(), String> {
        // The last attempt of each client, if it has told of no end.
        let mut open: BTreeMap<u32, (Place, usize)> = BTreeMap::new();
        for line in lines {
            match &line.told {
                Told::SignedIn { login, token, .. } => {
                    self.logins.push(Login { id: login.clone(), tokens: vec![token.clone()] });
                }
                Told::Spending { login, token, last_resort } => {
                    let place = self.place(login, token)?;
                    let attempts = self.attempts.entry(place).or_default();
                    attempts.push(Attempt { last_resort: *last_resort, sent: false, killed: false });
                    open.insert(line.client, (place, attempts.len() - 1));
                }
                Told::Sending { .. } => {
                    let Some(attempt) = self.attempt(open.get(&line.client)) else {
                        return Err(format!("{} has sent what it has not noted", line.client));
                    };
                    attempt.sent = true;
                }
                Told::Stored { login, token, .. } => {
                    self.place(login, token)?;
                    open.remove(&line.client);
                }
                Told::Token { .. } | Told::Failed { .. } | Told::Ended { .. } => {
                    open.remove(&line.client);
                }
                Told::Killed => {
                    if let Some(attempt) = self.attempt(open.get(&line.client)) {
                        attempt.killed = true;
                    }
                }
                Told::Record { .. } | Told::Struck { .. } => {}
            }
        }
        Ok(())
    }

    fn issuer(&mut self, log: &Log) -> Result<(), String> {
        let families = log.families();
        if families.len() != self.logins.len() {
            return Err(format!("{} logins at the issuer, {} here", families.len(), self.logins.len()));
        }
        for request in log.requests.iter().filter(|request| request.outcome != Outcome::Issued) {
            let login = families.iter().position(|family| Some(*family) == request.family.as_deref());
            let (Some(login), Some(number)) = (login, request.number) else {
                return Err(format!("a token that nobody has: {request:?}"));
            };
            if !matches!(request.outcome, Outcome::Rotated | Outcome::ReuseRevoked | Outcome::Revoked) {
                return Err(format!("a strict issuer does not do this: {request:?}"));
            }
            self.asked.entry((login, number)).or_default().push(request.outcome);
        }
        Ok(())
    }

    /// The place of a token; a new one comes after those that are known.
    fn place(&mut self, login: &str, token: &str) -> Result<Place, String> {
        let index = self.logins.iter().position(|known| known.id == login);
        let Some(index) = index else { return Err(format!("nobody has signed in as {login}")) };
        let tokens = &mut self.logins[index].tokens;
        let at = tokens.iter().position(|known| known == token).unwrap_or_else(|| {
            tokens.push(token.to_owned());
            tokens.len() - 1
        });
        Ok((index, u64::try_from(at).unwrap() + 1))
    }

    fn attempt(&mut self, at: Option<&(Place, usize)>) -> Option<&mut Attempt> {
        let (place, index) = at?;
        self.attempts.get_mut(place)?.get_mut(*index)
    }

    fn attempts_at(&self, place: Place) -> &[Attempt] {
        self.attempts.get(&place).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether one attempt of a token of this login was killed, and every last resort after it, too.
    fn killed_throughout(&self, login: usize) -> bool {
        self.attempts.range((login, 0)..(login + 1, 0)).any(|(_, attempts)| {
            let killed = attempts.iter().filter(|attempt| attempt.killed);
            killed.filter(|attempt| attempt.last_resort).count() >= LAST_RESORTS
        })
    }

    fn knows(&self, login: usize, number: u64) -> bool {
        self.logins[login].tokens.len() >= usize::try_from(number).unwrap()
    }
}
