//! BLOCKON-5: calls beside each other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use runtime_traits::time::{Duration, sleep};

use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::{Gate, Tally, within_watchdog};

/// What the thread that was first does once others rely on it.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Returns,
    Panics,
    Blocks,
}

/// BLOCKON-5: timers and sockets of other threads go on when the thread that drives returns.
///
/// Method: one thread is inside `block_on` first, so if one of them drives it is that one. Others
/// follow, with a timer that is armed and a socket that is waited for. Then the first returns, and
/// only now the socket gets its byte and another timer is armed. All must come to their end.
///
/// If this fails, look for threads that sleep until told by the driver, whom nobody succeeds.
pub(super) fn blockon_5_the_driving_thread_returns(rig: &Rig<'_>) {
    hand_over(rig, Then::Returns);
}

/// BLOCKON-5: the same when it panics.
///
/// If this fails, look for a seat that is given up at the end of a function, not by a destructor.
pub(super) fn blockon_5_the_driving_thread_panics(rig: &Rig<'_>) {
    hand_over(rig, Then::Panics);
}

/// BLOCKON-5: the same when it blocks, in a poll of its root, until the others have come to their
/// end.
///
/// If this fails, look for threads that rely on a driver who is busy with other things: whoever
/// sleeps beside it has to look after timers and sockets meanwhile.
pub(super) fn blockon_5_the_driving_thread_blocks(rig: &Rig<'_>) {
    hand_over(rig, Then::Blocks);
}

/// What the first thread and the others share.
struct Meeting {
    /// The first root was polled; it waits.
    polled: Gate,
    /// It shall do what it is to do.
    go: Tally,
    /// It has done so, or is about to block.
    done: Gate,
    /// It may leave its poll.
    over: Gate,
    /// The others have been polled.
    others: Arc<Tally>,
    /// They shall arm another timer.
    late: Tally,
}

impl Meeting {
    fn new() -> Meeting {
        Meeting {
            polled: Gate::new("BLOCKON-5: the first poll of the first root"),
            go: Tally::new(),
            done: Gate::new("BLOCKON-5: a root that was woken to be polled"),
            over: Gate::new("BLOCKON-5: timers and sockets while the first thread blocks"),
            others: Arc::new(Tally::new()),
            late: Tally::new(),
        }
    }

    async fn first(&self, then: Then) {
        self.polled.open();
        self.go.reached(1).await;
        match then {
            Then::Returns => {}
            Then::Panics => panic!("as the case wants it"),
            Then::Blocks => {
                self.done.open();
                self.over.wait();
            }
        }
    }

    async fn with_timer(&self, rt: &Rt) {
        let early = rt.enter(|| sleep(Duration::from_millis(5)));
        self.others.add();
        early.await;
        self.late.reached(1).await;
        rt.enter(|| sleep(Duration::from_millis(1))).await;
    }
}

fn hand_over(rig: &Rig<'_>, then: Then) {
    let owner = rig.rt();
    let rt: &Rt = &owner;
    let meeting = Meeting::new();
    let mut peer = Peer::new(rig, rt);
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            let main = meeting.first(then);
            let outcome = catch_unwind(AssertUnwindSafe(|| rt.block_on(main)));
            meeting.done.open();
            check(then, outcome.ok());
        });
        meeting.polled.wait();
        let main = meeting.with_timer(rt);
        let timer = scope.spawn(|| drive(rt, "a timer on another thread", main));
        let socket = peer.wait(scope, rt, &meeting.others);
        let all = 1 + usize::from(socket.is_some());
        crate::toolbox::foreign::block_on(meeting.others.reached(all));
        meeting.go.add();
        meeting.done.wait();
        meeting.late.add();
        peer.write();
        let _ = timer.join();
        socket.map(|socket| socket.join());
        meeting.over.open();
        let _ = first.join();
    });
    drop(peer);
    rig.shutdown(owner);
}

/// What the first thread's call came to: `None` is a panic.
fn check(then: Then, outcome: Option<Result<(), runtime_traits::BlockOnError>>) {
    match (then, outcome) {
        (Then::Panics, None) | (Then::Returns | Then::Blocks, Some(Ok(()))) => {}
        (_, outcome) => panic!("BLOCKON-5: the first call came to {outcome:?}"),
    }
}

fn drive(rt: &Rt, what: &str, main: impl Future<Output = ()>) {
    let outcome = within_watchdog(&format!("BLOCKON-5: {what}"), || rt.block_on(main));
    assert!(outcome.is_ok(), "BLOCKON-5: {what}: `block_on` answered {outcome:?}");
}

#[cfg(unix)]
use with_sockets::Peer;
#[cfg(not(unix))]
use without_sockets::Peer;

/// A socket that is awaited on another thread, where there are sockets.
#[cfg(unix)]
mod with_sockets {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::thread::{Scope, ScopedJoinHandle};

    use super::drive;
    use crate::Cap;
    use crate::rig::Rig;
    use crate::rt::Rt;
    use crate::toolbox::Tally;
    use crate::usable::{Socket, a_socket};

    pub(super) struct Peer {
        ours: Option<Socket>,
        theirs: Option<UnixStream>,
    }

    impl Peer {
        pub(super) fn new(rig: &Rig<'_>, rt: &Rt) -> Peer {
            let pair = rig.has(Cap::Fd).then(|| a_socket(rig, rt));
            let (ours, theirs) = pair.unzip();
            Peer { ours, theirs }
        }

        /// Waits on another thread until it is readable.
        pub(super) fn wait<'scope>(
            &mut self,
            scope: &'scope Scope<'scope, '_>,
            rt: &'scope Rt,
            others: &'scope Tally,
        ) -> Option<ScopedJoinHandle<'scope, ()>> {
            let ours = self.ours.take()?;
            Some(scope.spawn(move || {
                let main = async {
                    others.add();
                    let ready = ours.readable().await;
                    assert!(ready.is_ok(), "BLOCKON-5: a socket gave {ready:?}");
                };
                drive(rt, "a socket on another thread", main);
            }))
        }

        pub(super) fn write(&mut self) {
            if let Some(peer) = &mut self.theirs {
                peer.write_all(b"x").expect("BLOCKON-5: an empty socket takes a byte");
            }
        }
    }
}

#[cfg(not(unix))]
mod without_sockets {
    use std::thread::{Scope, ScopedJoinHandle};

    use crate::rig::Rig;
    use crate::rt::Rt;
    use crate::toolbox::Tally;

    pub(super) struct Peer;

    impl Peer {
        pub(super) fn new(_: &Rig<'_>, _: &Rt) -> Peer {
            Peer
        }

        pub(super) fn wait<'scope>(
            &mut self,
            _: &'scope Scope<'scope, '_>,
            _: &'scope Rt,
            _: &'scope Tally,
        ) -> Option<ScopedJoinHandle<'scope, ()>> {
            None
        }

        pub(super) fn write(&mut self) {}
    }
}
