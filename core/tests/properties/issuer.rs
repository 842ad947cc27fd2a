//! The reference: an issuer whose refresh tokens can be used once (RFC 9700 §4.14.2).

/// How long its access tokens live, in milliseconds.
pub const LIFETIME: u64 = 300_000;

/// The issuer. Token number `n` of family `f` is `hush-r-f-n`, and the access token that came with it `hush-a-f-n`.
#[derive(Clone, Debug, Default)]
pub struct Issuer {
    /// For so many milliseconds a spent refresh token is answered with the same new pair again; 0: never.
    pub grace: u64,
    /// A family for each login.
    pub families: Vec<Family>,
    /// Spent tokens that came back too late: each cost its session.
    pub replayed: usize,
}

/// What came of one login.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// When each of its pairs was minted.
    pub minted: Vec<u64>,
    pub revoked: bool,
}

impl Issuer {
    /// A login: its refresh and access token.
    pub fn sign_in(&mut self, now: u64) -> (String, String) {
        self.families.push(Family { minted: vec![now], revoked: false });
        pair(self.families.len() - 1, 0)
    }

    /// A new pair for a refresh token.
    pub fn refresh(&mut self, token: &str, now: u64) -> Option<(String, String)> {
        let (family, number) = parse(token, "hush-r-")?;
        let grace = self.grace;
        let known = self.families.get_mut(family).filter(|family| !family.revoked)?;
        let current = known.minted.len() - 1;
        let spent_at = known.minted[current];
        if number == current {
            known.minted.push(now);
        } else if number + 1 != current || now > spent_at + grace || grace == 0 {
            known.revoked = true;
            self.replayed += 1;
            return None;
        }
        Some(pair(family, number + 1))
    }

    /// Revokes whatever came of the login that this token is of (RFC 7009 §2.1).
    pub fn revoke(&mut self, token: &str) {
        let known = parse(token, "hush-r-").or_else(|| parse(token, "hush-a-"));
        if let Some(family) = known.and_then(|(family, _)| self.families.get_mut(family)) {
            family.revoked = true;
        }
    }

    /// How long an access token will be accepted; `None`: it is not.
    pub fn left(&self, access: &str, now: u64) -> Option<u64> {
        let (family, number) = parse(access, "hush-a-")?;
        let known = self.families.get(family).filter(|family| !family.revoked)?;
        (known.minted.get(number)? + LIFETIME).checked_sub(now).filter(|left| *left > 0)
    }
}

fn pair(family: usize, number: usize) -> (String, String) {
    (format!("hush-r-{family}-{number}"), format!("hush-a-{family}-{number}"))
}

fn parse(token: &str, kind: &str) -> Option<(usize, usize)> {
    let (family, number) = token.strip_prefix(kind)?.split_once('-')?;
    Some((family.parse().ok()?, number.parse().ok()?))
}
