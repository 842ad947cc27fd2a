//! Refresh tokens that are good once: the rotation of a family (RFC 9700 §4.14.2).
//!
//! A login opens a family. Each of its refresh tokens is spent for its successor, so one of them is good at any time.
//! Because an answer can be lost, the token that was spent last is answered with the same successor again, within a
//! grace period and while that successor is unspent. A spent token that comes otherwise is taken for stolen, and the
//! whole family is revoked.

use doorkey_core::secret::Secret;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::config::millis;
use super::jwt::Claims;
use super::state::State;
use crate::credential::REFRESH_TOKEN;
use crate::digest::Digest;
use crate::moment::{DAY, Moment};
use crate::ratchet::Ratchet;
use crate::state::forget_oldest;

/// How long a family lives without being used.
const UNUSED: u64 = 30 * DAY;
/// How long a revoked family is remembered.
const REVOKED: u64 = DAY;
/// The most families that are remembered at once.
const MOST_FAMILIES: usize = 10_000;
/// The most refresh tokens, spent ones included, that are remembered at once.
const MOST_TOKENS: usize = 200_000;

/// All refresh tokens of one login.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Family {
    /// The account's address.
    account: String,
    used: Moment,
    revoked: Option<Moment>,
    /// The number of the token that is good; the first is 1.
    number: u64,
    /// The token before it, once there is one.
    last: Option<Spent>,
}

/// The token of a family that was spent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Spent {
    /// When it was spent first.
    at: Moment,
    /// With the spent token it gives its successor once more; wiped when that is no longer done.
    salt: Option<Digest>,
    /// Whether an answer with the successor was delivered whole.
    delivered: bool,
}

/// A refresh token; the state knows it by its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Token {
    family: Digest,
    number: u64,
    minted: Moment,
}

/// What is given out.
pub(super) struct Pair {
    pub(super) access_token: Secret,
    pub(super) refresh_token: Secret,
    /// The refresh token's number in its family.
    pub(super) number: u64,
    /// The account's address.
    pub(super) account: String,
}

/// What presenting a refresh token came to.
pub(super) enum Refreshed {
    /// It was spent.
    Rotated(Pair),
    /// It had just been spent; the same pair again.
    Repeated {
        pair: Pair,
        /// That pair had been delivered whole before.
        raced: bool,
    },
    /// It had been spent before; its family was revoked.
    Reuse,
    /// Its family was revoked before.
    Revoked,
    /// Nobody gave it out.
    Unknown,
}

impl State {
    /// Opens a family, for a device code that was approved; gives its id and first pair.
    pub(super) fn open_family(
        &mut self,
        ratchet: &mut Ratchet,
        settings: &Settings,
        account: &str,
        now: Moment,
    ) -> (Digest, Pair) {
        if self.families.len() >= MOST_FAMILIES {
            forget_oldest(&mut self.families, |family| family.used);
            self.forget_stray_tokens();
        }
        let id = ratchet.next();
        let family = Family { account: account.to_owned(), used: now, revoked: None, number: 1, last: None };
        let refresh_token = Secret::new(format!("{REFRESH_TOKEN}{}", ratchet.next().to_base64url()));
        self.keep_token(&refresh_token, Token { family: id, number: 1, minted: now });
        let pair = self.pair(ratchet, settings, id, &family, refresh_token, now);
        self.families.insert(id, family);
        (id, pair)
    }

    /// Takes a refresh token, whose SHA-256 is `name`.
    pub(super) fn refresh(
        &mut self,
        ratchet: &mut Ratchet,
        settings: &Settings,
        token: &str,
        name: Digest,
        now: Moment,
    ) -> Refreshed {
        let Some((id, number)) = self.place_of(name) else { return Refreshed::Unknown };
        let Some(mut family) = self.families.get(&id).cloned() else { return Refreshed::Unknown };
        if family.revoked.is_some() {
            return Refreshed::Revoked;
        }
        family.used = now;
        let refreshed = if number == family.number {
            let salt = ratchet.next();
            family.number += 1;
            family.last = Some(Spent { at: now, salt: Some(salt), delivered: false });
            let next = successor(token, salt);
            self.keep_token(&next, Token { family: id, number: family.number, minted: now });
            Refreshed::Rotated(self.pair(ratchet, settings, id, &family, next, now))
        } else if let Some((spent, salt)) = family.repeatable(number, settings, now) {
            let pair = self.pair(ratchet, settings, id, &family, successor(token, salt), spent.at);
            Refreshed::Repeated { pair, raced: spent.delivered }
        } else {
            family.revoked = Some(now);
            Refreshed::Reuse
        };
        self.families.insert(id, family);
        refreshed
    }

    /// The family of a refresh token, and its number in it.
    pub(super) fn place_of(&self, token: Digest) -> Option<(Digest, u64)> {
        self.tokens.get(&token).map(|token| (token.family, token.number))
    }

    /// Whether a token of the family of this one was spent before.
    pub(super) fn was_refreshed(&self, token: Digest) -> bool {
        let family = self.place_of(token).and_then(|(id, _)| self.families.get(&id));
        family.is_some_and(|family| family.last.is_some())
    }

    /// Revokes every family, as whoever owns them can.
    pub(crate) fn revoke_all(&mut self, now: Moment) {
        for family in self.families.values_mut() {
            family.revoked.get_or_insert(now);
        }
    }

    /// Notes whether the answer to a refresh token reached its client whole.
    pub(super) fn note_delivery(&mut self, token: Digest, delivered: bool) {
        let Some((id, number)) = self.place_of(token) else { return };
        if let Some(family) = self.families.get_mut(&id)
            && family.number == number + 1
            && let Some(last) = &mut family.last
        {
            last.delivered = delivered;
        }
    }

    /// The account of an access token that is good.
    pub(crate) fn account_of_access_token(&self, token: &str, now: Moment) -> Option<&str> {
        self.account_of(&self.read_access_token(token)?, now)
    }

    /// An access token that was signed here, good or not.
    pub(crate) fn read_access_token(&self, token: &str) -> Option<Claims> {
        Claims::verify(token, self.server_key?)
    }

    /// The account of such a token if it is good.
    pub(crate) fn account_of(&self, claims: &Claims, now: Moment) -> Option<&str> {
        // `iat` was rounded down: whoever counts the lifetime from receipt must not be refused early.
        let is_alive = now.as_seconds() <= claims.exp;
        let family = self.families.get(&claims.sid).filter(|family| is_alive && family.revoked.is_none())?;
        Some(&family.account)
    }

    /// Forgets families that are over, and what may not be repeated any more.
    pub(super) fn sweep_families(&mut self, now: Moment, settings: &Settings) {
        let before = self.families.len();
        self.families.retain(|_, family| {
            now.since(family.used) <= UNUSED && family.revoked.is_none_or(|at| now.since(at) <= REVOKED)
        });
        if self.families.len() < before {
            self.forget_stray_tokens();
        }
        for last in self.families.values_mut().filter_map(|family| family.last.as_mut()) {
            if now.since(last.at) >= millis(settings.grace) {
                last.salt = None;
            }
        }
    }

    fn pair(
        &mut self,
        ratchet: &mut Ratchet,
        settings: &Settings,
        id: Digest,
        family: &Family,
        refresh_token: Secret,
        at: Moment,
    ) -> Pair {
        let key = self.server_key(ratchet);
        let account = family.account.clone();
        let iat = at.as_seconds();
        let claims = Claims {
            sub: self.accounts.get(&account).map(|profile| profile.id.clone()).unwrap_or_default(),
            sid: id,
            jti: Digest::of_parts("jti", &[refresh_token.expose_secret().as_bytes()]).short(),
            iat,
            exp: iat.saturating_add(settings.access_lifetime.as_secs()),
        };
        Pair { access_token: claims.sign(key), refresh_token, number: family.number, account }
    }

    fn keep_token(&mut self, text: &Secret, token: Token) {
        if self.tokens.len() >= MOST_TOKENS {
            forget_oldest(&mut self.tokens, |token| token.minted);
        }
        self.tokens.insert(Digest::of(text.expose_secret()), token);
    }

    fn forget_stray_tokens(&mut self) {
        let Self { tokens, families, .. } = self;
        tokens.retain(|_, token| families.contains_key(&token.family));
    }
}

impl Family {
    /// The last spending of this token, if its successor may be given out again.
    fn repeatable(&self, number: u64, settings: &Settings, now: Moment) -> Option<(Spent, Digest)> {
        let spent = self.last.filter(|_| number + 1 == self.number)?;
        let salt = spent.salt.filter(|_| now.since(spent.at) < millis(settings.grace))?;
        Some((spent, salt))
    }
}

/// The token after `token`. Who has both parts can have it again; the state keeps the salt only as long as the answer
/// may be repeated, a token never.
fn successor(token: &str, salt: Digest) -> Secret {
    let body = Digest::of_parts("refresh", &[salt.as_bytes(), token.as_bytes()]).to_base64url();
    Secret::new(format!("{REFRESH_TOKEN}{body}"))
}
