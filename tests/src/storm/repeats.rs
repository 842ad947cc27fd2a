//! What must hold with an issuer that answers a spent token again for a while: nothing is ever lost.

use crate::storm::issuer::{Log, Outcome};
use crate::storm::line::{Line, Told};

/// Counts the repeats. `believed_millis`: how long the clients believe that the issuer answers again.
///
/// # Errors
/// What does not hold.
pub fn count_repeats(lines: &[Line], log: &Log, believed_millis: u64) -> Result<usize, String> {
    let allowed = [Outcome::Issued, Outcome::Rotated, Outcome::Repeated];
    if let Some(refused) = log.requests.iter().find(|request| !allowed.contains(&request.outcome)) {
        return Err(format!("refused: {refused:?}"));
    }
    for line in lines {
        match &line.told {
            Told::Sending { attempt: 2.., last_resort: false, age_millis, .. }
                if *age_millis >= believed_millis =>
            {
                return Err(format!("{} repeated a request after {age_millis} ms", line.client));
            }
            Told::Failed { asks_for_login: true, code, .. } => {
                return Err(format!("{} was asked to sign in: {code}", line.client));
            }
            _ => {}
        }
    }
    Ok(log.count(Outcome::Repeated))
}
