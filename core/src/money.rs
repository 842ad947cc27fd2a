//! Amounts of US dollars, without floats.

use alloc::string::{String, ToString};
use core::fmt;

use serde_json::Value;

/// Ten thousandths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// How many units a dollar has.
const UNITS: i64 = 10_000;

impl Money {
    /// So many whole dollars.
    pub const fn from_dollars(dollars: i64) -> Self {
        Self(dollars.saturating_mul(UNITS))
    }

    /// So many ten thousandths of a dollar.
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// Ten thousandths of a dollar.
    pub const fn as_units(self) -> i64 {
        self.0
    }

    /// Reads a JSON number of dollars; more than four decimals are cut off. `None` if it is anything else, or too
    /// large to be an amount of money.
    pub fn from_json(value: &Value) -> Option<Self> {
        let Value::Number(number) = value else { return None };
        Self::parse(&number.to_string())
    }

    fn parse(text: &str) -> Option<Self> {
        let (text, sign) = text.strip_prefix('-').map_or((text, 1), |text| (text, -1));
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) {
            return small(text).then_some(Self(0));
        }
        let mut padded: String = decimals.chars().take(4).collect();
        while padded.len() < 4 {
            padded.push('0');
        }
        let units = whole.parse::<i64>().ok()?.checked_mul(UNITS)?.checked_add(padded.parse().ok()?)?;
        Some(Self(sign * units))
    }

    /// The amount as a JSON number of dollars.
    pub fn to_json(self) -> Value {
        let text = self.plain();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    fn plain(self) -> String {
        let (whole, rest) = (self.0.unsigned_abs() / 10_000, self.0.unsigned_abs() % 10_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        let text = alloc::format!("{sign}{whole}.{rest:04}");
        let shortest = text.trim_end_matches('0');
        if shortest.ends_with('.') { alloc::format!("{shortest}0") } else { shortest.to_string() }
    }
}

/// `$12.50`; cents are cut off towards zero, so that no more is shown than there is.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0.unsigned_abs() / 100;
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        f.pad(&alloc::format!("{sign}${}.{:02}", cents / 100, cents % 100))
    }
}

/// Numbers like `1e-7` are written with an exponent because they are tiny.
fn small(text: &str) -> bool {
    text.split_once("e-").is_some_and(|(mantissa, exponent)| {
        mantissa.bytes().all(|b| b.is_ascii_digit() || b == b'.') && exponent.parse::<u32>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn amounts_are_read_and_shown_to_the_cent() {
        for (json, units, shown, again) in [
            ("0", 0, "$0.00", "0.0"),
            ("12.5", 125_000, "$12.50", "12.5"),
            ("0.4", 4_000, "$0.40", "0.4"),
            ("-3.456789", -34_567, "-$3.45", "-3.4567"),
            ("0.00009", 0, "$0.00", "0.0"),
            ("-0.001", -10, "$0.00", "-0.001"),
            ("1e-9", 0, "$0.00", "0.0"),
            ("1000000", 10_000_000_000, "$1000000.00", "1000000.0"),
        ] {
            let money = Money::from_json(&serde_json::from_str(json).unwrap()).unwrap();
            assert_eq!(money.as_units(), units, "{json}");
            assert_eq!(format!("{money}"), shown, "{json}");
            assert_eq!(money.to_json().to_string(), again, "{json}");
        }
        for json in ["\"5\"", "null", "1e300", "99999999999999999999", "[]"] {
            assert_eq!(Money::from_json(&serde_json::from_str(json).unwrap()), None, "{json}");
        }
    }
}
