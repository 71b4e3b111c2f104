//! A point on a runtime's clock.

use core::ops::{Add, AddAssign, Sub, SubAssign};
use core::time::Duration;

use crate::Capability;
#[cfg(feature = "std")]
use crate::Handle;

/// A point in time on a runtime's own clock: nanoseconds since a moment that the runtime chose.
///
/// Time belongs to the runtime, so that a simulated, a browser's or a microcontroller's clock is as
/// good as the machine's. Two rules follow: instants of different runtimes are not compared, and
/// arithmetic **saturates** instead of panicking ([`Instant::MAX`] is 584 years away).
///
/// ```
/// use core::time::Duration;
/// use runtime_hooks::Instant;
///
/// let start = Instant::from_nanos(5);
/// assert_eq!((start + Duration::from_nanos(2)).as_nanos(), 7);
/// assert_eq!(start + Duration::MAX, Instant::MAX);
/// assert_eq!(start - Instant::from_nanos(9), Duration::ZERO);
/// assert_eq!(start.checked_sub(Duration::from_nanos(9)), None);
/// assert_eq!(start.checked_duration_since(Instant::from_nanos(9)), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The clock's beginning.
    pub const ZERO: Instant = Instant(0);
    /// The end of time: a deadline here never comes.
    pub const MAX: Instant = Instant(u64::MAX);

    /// The current instant of the current runtime's clock.
    ///
    /// # Panics
    ///
    /// If no runtime is current, or the current one has no timer; the text names it.
    #[track_caller]
    pub fn now() -> Instant {
        let now = crate::current::with(|current| match current {
            Some(handle) => match handle.runtime().timer() {
                Some(timer) => Ok(timer.now()),
                None => Err(Some(handle.unsupported(Capability::Timer))),
            },
            None => Err(None),
        });
        // Here and not in the closure, so that the caller's place is shown.
        match now {
            Ok(now) => now,
            Err(Some(missing)) => panic!("{missing}"),
            Err(None) => panic!("{}", crate::NoRuntime),
        }
    }

    /// The instant `nanos` nanoseconds after the clock's beginning.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// Nanoseconds since the clock's beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// As [`duration_since`](Instant::duration_since), under the name that says what it does.
    pub const fn saturating_duration_since(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }

    /// The time from `earlier` to `self`, or `None` if `earlier` is later.
    pub const fn checked_duration_since(self, earlier: Instant) -> Option<Duration> {
        match self.0.checked_sub(earlier.0) {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None => None,
        }
    }

    /// The time from `self` to now, zero if `self` lies ahead.
    ///
    /// # Panics
    ///
    /// As [`Instant::now`].
    #[track_caller]
    pub fn elapsed(self) -> Duration {
        Instant::now().duration_since(self)
    }

    /// `self + delay`, or `None` past [`Instant::MAX`].
    pub const fn checked_add(self, delay: Duration) -> Option<Instant> {
        match self.0.checked_add(nanos(delay)) {
            Some(nanos) => Some(Instant(nanos)),
            None => None,
        }
    }

    /// `self + delay`, at most [`Instant::MAX`].
    pub const fn saturating_add(self, delay: Duration) -> Instant {
        Instant(self.0.saturating_add(nanos(delay)))
    }

    /// `self - delay`, or `None` before [`Instant::ZERO`].
    pub const fn checked_sub(self, delay: Duration) -> Option<Instant> {
        match self.0.checked_sub(nanos(delay)) {
            Some(nanos) => Some(Instant(nanos)),
            None => None,
        }
    }

    /// `self - delay`, at least [`Instant::ZERO`].
    pub const fn saturating_sub(self, delay: Duration) -> Instant {
        Instant(self.0.saturating_sub(nanos(delay)))
    }

    /// The instant on `handle`'s clock that lies as far from its now as `at` lies from the
    /// machine's. `None` if that runtime has no timer.
    #[cfg(feature = "std")]
    pub fn from_std(handle: &Handle, at: std::time::Instant) -> Option<Instant> {
        let now = handle.runtime().timer()?.now();
        let std_now = std::time::Instant::now();
        Some(match at.checked_duration_since(std_now) {
            Some(ahead) => now.saturating_add(ahead),
            None => now.saturating_sub(std_now.duration_since(at)),
        })
    }
}

/// Whole nanoseconds, saturating: `Duration::MAX` is longer than the clock runs.
const fn nanos(delay: Duration) -> u64 {
    let nanos = delay.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, delay: Duration) -> Instant {
        self.saturating_add(delay)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, delay: Duration) {
        *self = *self + delay;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, delay: Duration) -> Instant {
        self.saturating_sub(delay)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, delay: Duration) {
        *self = *self - delay;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}
