//! When polls leave as the end comes near.

use core::time::Duration;

use crate::time::Timestamp;

/// When the next poll leaves, which may not be before `earliest`; `None`: none does any more.
///
/// None leaves at the `end` or later (invariant 1). The last one is put `margin` before it, so that an approval in the
/// last seconds is still seen; it may be later than `earliest`, never earlier.
pub(crate) fn next_poll(
    earliest: Timestamp,
    interval: Duration,
    end: Timestamp,
    margin: Duration,
) -> Option<Timestamp> {
    let last = end.before(margin);
    if earliest + interval <= last {
        Some(earliest)
    } else if earliest <= last {
        Some(last)
    } else {
        // Later than planned, but still in time: better now than not at all.
        (earliest < end).then_some(earliest)
    }
}
