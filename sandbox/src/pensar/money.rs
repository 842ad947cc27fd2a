//! Amounts of money.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in ten-thousandths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Money(u32);

impl Money {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) const fn cents(cents: u32) -> Self {
        Self(cents * 100)
    }

    /// The number of dollars, as the API writes it.
    pub(crate) fn dollars(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// More by `other`.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Less by `other`; `None` if that is more than there is.
    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

/// As the pages write it: whole cents, rounded down.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}.{:02}", self.0 / 10_000, self.0 / 100 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_programs_and_for_people() {
        for (cents, number, text) in
            [(0, "0.0", "$0.00"), (40, "0.4", "$0.40"), (4_200, "42.0", "$42.00"), (1_234, "12.34", "$12.34")]
        {
            let money = Money::cents(cents);
            assert_eq!(
                (serde_json::json!(money.dollars()).to_string().as_str(), money.to_string().as_str()),
                (number, text)
            );
        }
        assert_eq!(Money(12_399).to_string(), "$1.23");
        assert_eq!(Money::cents(1).minus(Money::cents(2)), None);
    }
}
