//! Amounts of money and lengths of time in JSON.

use std::time::Duration;

use doorkey_core::money::Money;
use doorkey_core::oauth::seconds;
use serde_json::Value;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What was read is written as the same, and shown as what it is; a time is never longer than a century, nor shorter than
/// what was said.
pub fn money(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Some(money) = Money::from_json(&value) {
        // More digits are not in a JSON number that is read as a float.
        if money.as_units().unsigned_abs() < 1 << 53 {
            assert_eq!(Money::from_json(&money.to_json()), Some(money), "{value}");
        }
        let shown = money.to_string();
        let digits = shown.trim_start_matches('-').trim_start_matches('$').replace('.', "");
        let cents: i128 = digits.parse().expect("an amount");
        assert_eq!(cents, i128::from(money.as_units()).abs() / 100, "{value} is shown as {shown}");
        if let Some(dollars) = value.as_f64() {
            #[expect(clippy::cast_precision_loss, reason = "only compared roughly")]
            let read = money.as_units() as f64 / 10_000.0;
            assert!((read - dollars).abs() <= 0.0001 + dollars.abs() * 1e-9, "{value} is read as {read}");
        }
    }
    if let Some(time) = seconds(&value) {
        assert!(time <= CENTURY, "{value}");
        assert_eq!(time.subsec_nanos(), 0);
        if let Some(said) = value.as_f64() {
            let read = time.as_secs_f64();
            assert!(
                read + 1e-6 * read >= said && read < said + 1.0 + 1e-6 * read,
                "{value} is read as {read}"
            );
        }
    }
}
