//! Twins of `std::time`.

use runtime_traits::time::{Duration, Instant};

use crate::twin;

pub(crate) fn twins() -> Vec<&'static str> {
    vec![
        twin("time::Instant::now", Instant::now),
        twin("time::Instant::elapsed", |start: Instant| start.elapsed()),
        twin("time::Instant::duration_since", |later: Instant, earlier: Instant| {
            later.duration_since(earlier)
        }),
        twin("time::Instant::checked_add", |start: Instant, delay: Duration| {
            start.checked_add(delay)
        }),
        twin("time::Instant::checked_sub", |start: Instant, delay: Duration| {
            start.checked_sub(delay)
        }),
        twin("time::Instant::checked_duration_since", |later: Instant, earlier: Instant| {
            later.checked_duration_since(earlier)
        }),
        twin("time::Instant::saturating_duration_since", |later: Instant, earlier: Instant| {
            later.saturating_duration_since(earlier)
        }),
    ]
}
