//! With a strict issuer: every session that is lost was lost by a kill in the one moment where that cannot be helped,
//! after its refresh token was sent and before the new pair was stored.
//!
//! The clients name tokens by fingerprints, the issuer by numbers. Logins follow one another on both sides, and each
//! token of a login is sent, with a line told before, or was stored: so the tokens in the order in which they are told
//! for the first time are the numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::storm::issuer::{Log, Outcome};
use crate::storm::line::{Line, Told};

/// What came of a storm with kills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Clients that were killed.
    pub kills: usize,
    /// Those among them that had told of sending a token, and not of its end.
    pub in_flight: usize,
    /// Sessions that were lost.
    pub lost: usize,
}

/// A token: of which login, and its number in there, from 1.
type Place = (usize, u64);

#[derive(Default)]
struct Sides {
    logins: Vec<Login>,
    /// What became of the senders of each token.
    sent: BTreeMap<Place, Vec<Fate>>,
    /// What the issuer did with each token.
    asked: BTreeMap<Place, Vec<Outcome>>,
}

#[derive(Default)]
struct Login {
    id: String,
    tokens: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It told of an end.
    Ended,
    /// It was killed before it could.
    Killed,
}

/// Matches the sessions that were lost with the kills.
///
/// # Errors
/// What does not hold.
pub fn match_losses(lines: &[Line], log: &Log) -> Result<Losses, String> {
    let mut sides = Sides::default();
    sides.clients(lines)?;
    sides.issuer(log)?;
    let mut losses = Losses::default();
    losses.kills = lines.iter().filter(|line| line.told == Told::Killed).count();
    losses.in_flight = sides.sent.values().flatten().filter(|fate| **fate == Fate::Killed).count();

    let mut lost = BTreeSet::new();
    for (place @ (login, number), outcomes) in &sides.asked {
        let senders = sides.sent.get(place).map(Vec::as_slice).unwrap_or_default();
        if outcomes.len() > senders.len() {
            return Err(format!("{place:?} came {} times, but was sent {}", outcomes.len(), senders.len()));
        }
        if outcomes.contains(&Outcome::ReuseRevoked) {
            if !senders.contains(&Fate::Killed) {
                return Err(format!("{place:?} was lost, and nobody was killed: {outcomes:?} {senders:?}"));
            }
            lost.insert(*login);
        } else if outcomes.contains(&Outcome::Rotated) && !sides.knows(*login, number + 1) {
            return Err(format!("the successor of {place:?} was stored by nobody, and nobody noticed"));
        }
    }
    for ((login, number), outcomes) in &sides.asked {
        if outcomes.contains(&Outcome::Revoked) && !lost.contains(login) {
            return Err(format!("token {number} of login {login} was refused for nothing"));
        }
    }
    for line in lines {
        if let Told::Failed { login, code, asks_for_login: true } = &line.told {
            let known = sides.logins.iter().position(|known| Some(&known.id) == login.as_ref());
            if known.is_none_or(|login| !lost.contains(&login)) {
                return Err(format!("{} was asked to sign in for nothing: {code}", line.client));
            }
        }
    }
    losses.lost = lost.len();
    Ok(losses)
}

impl Sides {
    fn clients(&mut self, lines: &[Line]) -> Result<(), String> {
        // What each client has sent last, and where that stands among the senders.
        let mut open: BTreeMap<u32, (Place, usize)> = BTreeMap::new();
        for line in lines {
            match &line.told {
                Told::SignedIn { login, token, .. } => {
                    self.logins.push(Login { id: login.clone(), tokens: vec![token.clone()] });
                }
                Told::Sending { login, token, .. } => {
                    let place = self.place(login, token)?;
                    let senders = self.sent.entry(place).or_default();
                    senders.push(Fate::Ended);
                    open.insert(line.client, (place, senders.len() - 1));
                }
                Told::Stored { login, token } => {
                    self.place(login, token)?;
                    open.remove(&line.client);
                }
                Told::Token { .. } | Told::Failed { .. } | Told::Ended { .. } => {
                    open.remove(&line.client);
                }
                Told::Killed => {
                    let fate = open.remove(&line.client).and_then(|(place, index)| {
                        self.sent.get_mut(&place).and_then(|senders| senders.get_mut(index))
                    });
                    if let Some(fate) = fate {
                        *fate = Fate::Killed;
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

    fn knows(&self, login: usize, number: u64) -> bool {
        self.logins[login].tokens.len() >= usize::try_from(number).unwrap()
    }
}
