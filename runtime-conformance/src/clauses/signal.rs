//! Signals.
//!
//! Each case has a process of its own, and sends the signals to that. `heard` has SIGNAL-1 to SIGNAL-3,
//! `forks` SIGNAL-4.
//!
//! Listeners are made with `Rt::enter`, so a mutant breaks them at the hook.

#[cfg(target_os = "linux")]
mod forks;
#[cfg(unix)]
mod heard;

use crate::case::{Case, Untested};

#[cfg(target_os = "linux")]
pub(crate) use forks::{forked, is_quiet};
#[cfg(unix)]
pub(crate) use unix::{listen, raise};

#[cfg(unix)]
pub(crate) const CASES: &[Case] = &[
    Case::new("SIGNAL-1", heard::signal_1_every_listener_hears),
    Case::new("SIGNAL-1", heard::signal_1_who_waits_is_woken)
        .part("waiting", "is a task woken that waits for a signal?"),
    Case::new("SIGNAL-2", heard::signal_2_who_goes_takes_nothing)
        .part("listener", "do the others hear when a listener was dropped, whichever?"),
    Case::new("SIGNAL-2", heard::signal_2_a_runtime_that_ends_takes_nothing)
        .part("runtime", "do listeners of another runtime hear when one has ended?"),
    Case::new("SIGNAL-3", heard::signal_3_a_flood_breaks_nothing),
    #[cfg(target_os = "linux")]
    Case::new("SIGNAL-4", forks::signal_4_a_forked_process_has_signals_of_its_own),
];

#[cfg(not(unix))]
pub(crate) const CASES: &[Case] = &[];

pub(crate) const UNTESTED: &[Untested] = &[];

/// The signal that is heard here, and how it is raised.
#[cfg(unix)]
mod unix {
    use std::task::{Poll, Waker};

    use runtime_traits::signal::{Signal, SignalKind, signal};
    use rustix::process::{Signal as Number, getpid, kill_process};

    use crate::rig::Rig;
    use crate::rt::Rt;

    /// A listener of `rt`, for the signal that [`raise`] sends.
    pub(crate) fn listen(rt: &Rt, id: &str) -> Signal {
        let listener = rt.enter(|| signal(SignalKind::USER_DEFINED1));
        listener.unwrap_or_else(|error| panic!("{id}: a listener could not be made: {error}"))
    }

    /// Sends this process the signal. Called on the main thread, on Linux, its handlers have run when it
    /// returns: the kernel gives it to that thread if it can.
    pub(crate) fn raise(rig: &Rig<'_>) {
        rig.setup(
            "sending this process a signal",
            kill_process(getpid(), Number::USR1).map_err(Into::into),
        );
    }

    /// What a listener has heard and nobody has asked for.
    pub(super) fn is_told(listener: &mut Signal) -> bool {
        let polled = listener.poll_recv(&mut std::task::Context::from_waker(Waker::noop()));
        matches!(polled, Poll::Ready(Ok(())))
    }
}
