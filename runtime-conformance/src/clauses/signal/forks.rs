//! SIGNAL-4: processes that were forked off.

use std::thread;
use std::time::{Duration, Instant};

use runtime_conformance_waker::forked as forked_off;
use rustix::process::{
    Pid, Signal as Number, WaitOptions, set_parent_process_death_signal, waitpid,
};

use super::unix::is_told;
use super::{listen, raise};
use crate::rig::Rig;
use crate::toolbox::fence::fence;
use crate::toolbox::{kernel, within_watchdog};

/// How long the other threads have to fall asleep.
const LULL: Duration = Duration::from_secs(1);

/// What a forked process says.
const HEARD: u8 = 0;
const DEAF: u8 = 1;

/// Waits until all other threads are asleep; without that, a verdict means nothing. A lock that one of them
/// holds when a process forks, of std or of whatever else, stays taken in the child. Who forks a program
/// that is busy takes that risk; a test must not.
pub(crate) fn is_quiet(rig: &Rig<'_>) -> bool {
    let end = Instant::now() + LULL;
    while !(all_asleep() && all_asleep()) {
        if Instant::now() > end {
            rig.inconclusive("the other threads are never all asleep, and may hold a lock");
            return false;
        }
        thread::sleep(Duration::from_micros(200)); // gives them their time; orders nothing
    }
    true
}

fn all_asleep() -> bool {
    let me = kernel::this_thread().ok();
    kernel::threads().iter().all(|thread| Some(thread.id) == me || thread.state == 'S')
}

/// Runs `body` in a process that is forked off this one, and waits for its end; its exit code, if it has
/// one. It ends with this process at the latest.
pub(crate) fn forked(rig: &Rig<'_>, waiting_for: &str, body: impl FnOnce() -> u8) -> Option<i32> {
    let child = forked_off(|| {
        // Where the case is over, by its watchdog, so is this.
        let _ = set_parent_process_death_signal(Some(Number::KILL));
        body()
    });
    let child = Pid::from_raw(rig.setup("forking", child));
    within_watchdog(waiting_for, || {
        loop {
            match waitpid(child, WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => break rig.setup("waiting for a forked process", Err(error.into())),
                Ok(ended) => break ended.and_then(|(_, status)| status.exit_status()),
            }
        }
    })
}

/// SIGNAL-4: the signals of a process that was forked off never reach the listeners of its parent;
/// listeners that are made there hear them, or it is said aloud that they cannot be made.
///
/// Method: this process has a runtime and a listener, and forks. The child raises the signal, builds a
/// runtime and a listener of its own, raises the signal again, and must hear it. When the child has
/// ended, the listener here is looked at, before and after a fence: nobody has raised a signal in this
/// process, so it must have heard none. Then one is raised here.
///
/// If this fails, look for a pipe that both processes have, and a handler that writes to it in either; if
/// the child hears nothing, for a table that says that all has been set up.
pub(super) fn signal_4_a_forked_process_has_signals_of_its_own(rig: &Rig<'_>) {
    let rt = rig.rt();
    let mut listener = listen(&rt, "SIGNAL-4");
    if !is_quiet(rig) {
        return;
    }
    let here = rig.builder();
    let ended = forked(rig, "SIGNAL-4: a forked process that listens to its own signals", || {
        let rig = here.rig();
        raise(&rig);
        let rt = rig.rt();
        let mut own = listen(&rt, "SIGNAL-4");
        raise(&rig);
        let heard = rig.drive(&rt, "SIGNAL-4: a signal in a forked process", own.recv());
        drop(own);
        rig.shutdown(rt);
        if heard.is_ok() { HEARD } else { DEAF }
    });
    assert_eq!(ended, Some(HEARD.into()), "SIGNAL-4: how a forked process that listens ended");
    rig.drive(&rt, "SIGNAL-4: tasks after a fork", async {
        let at_once = is_told(&mut listener);
        fence(rt.handle(), 4).await;
        let heard = at_once || is_told(&mut listener);
        assert!(!heard, "SIGNAL-4: a listener heard a signal of a process that was forked off");
    });
    raise(rig);
    let heard = rig.drive(&rt, "SIGNAL-4: a signal after a fork", listener.recv());
    assert!(heard.is_ok(), "SIGNAL-4: after a fork a listener gave {heard:?}");
    drop(listener);
    rig.shutdown(rt);
}
