//! FAIR-2 (timers and I/O beside ready tasks), and the pairs of FAIR-3.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use runtime_traits::io::Async;
use runtime_traits::time::{Duration, sleep};

use super::Crowd;
use crate::rig::{Rig, await_outside};
use crate::rt::Rt;
use crate::toolbox::{Tally, WakerLab};

/// How many timers and how many bytes there are, one after the other.
const TIMERS: usize = 3;
const BYTES: usize = 3;

/// FAIR-2: tasks that are always ready do not starve timers.
///
/// Method: more tasks that wake themselves than there are workers. Timers are awaited by a thread that
/// belongs to no runtime, so it is the driver that is waited for and not a place in a queue. A virtual
/// clock stands still while something can run; there it is turned, and the wake must come.
///
/// If this fails, look for a driver that is only looked at when there is nothing to run.
pub(super) fn fair_2_ready_tasks_do_not_starve_timers(rig: &Rig<'_>) {
    let rt = rig.rt();
    beside_a_crowd(rig, &rt, "FAIR-2: timers beside tasks that are always ready", |rt| {
        for _ in 0..TIMERS {
            let mut timer = rt.enter(|| sleep(Duration::from_millis(1)));
            if let Some(clock) = rt.handle().runtime().virtual_time() {
                let first = pin!(&mut timer).poll(&mut Context::from_waker(Waker::noop()));
                assert!(first.is_pending(), "FAIR-2: a millisecond passed at once");
                clock.advance_to(timer.deadline());
            }
            await_outside("FAIR-2: a timer of 1 ms beside tasks that are always ready", timer);
        }
    });
    rig.shutdown(rt);
}

/// FAIR-2: tasks that are always ready do not starve I/O.
///
/// Method: as for timers; a thread waits for a byte, which is sent when the wait has begun, and polls
/// again only when it was woken.
///
/// If this fails: as above.
pub(super) fn fair_2_ready_tasks_do_not_starve_io(rig: &Rig<'_>) {
    let rt = rig.rt();
    let listener = rig.setup("a listener", TcpListener::bind("127.0.0.1:0"));
    let address = rig.setup("its address", listener.local_addr());
    let ours = rig.setup("a connection", TcpStream::connect(address));
    let (mut peer, _) = rig.setup("its other end", listener.accept());
    let ours = rig.setup("a source", Async::new_on(rt.handle(), ours));
    beside_a_crowd(rig, &rt, "FAIR-2: a byte beside tasks that are always ready", |_| {
        for _ in 0..BYTES {
            let mut byte = [0];
            let mut read = pin!(ours.read_with(|mut stream| stream.read(&mut byte)));
            let woken = Arc::new(Tally::new());
            let count = woken.clone();
            let waker = WakerLab::new().on_wake(move || count.add()).waker();
            let mut poll = || read.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll().is_pending(), "FAIR-2: a byte was read that nobody had sent");
            peer.write_all(b"x").expect("loopback takes a byte");
            // Polled for a wake only: the byte could be read now, but that is not the question.
            for wakes in 1.. {
                let hang = "FAIR-2: the wake for a byte, beside tasks that are always ready";
                await_outside(hang, woken.reached(wakes));
                if let Poll::Ready(got) = poll() {
                    assert!(matches!(got, Ok(1)), "FAIR-2: reading a byte gave {got:?}");
                    break;
                }
            }
        }
    });
    rig.shutdown(rt);
}

/// Calls `body` on a thread of its own while every worker has tasks that wake themselves.
fn beside_a_crowd(rig: &Rig<'_>, rt: &Rt, hang: &str, body: impl FnOnce(&Rt) + Send) {
    // Not counted: the thread that waits may be one that the machine does not run.
    let crowd = Crowd::uncounted("FAIR-2");
    let _kept = crowd.spawn_enough_for_all(rt);
    rig.drive_while(rt, hang, || {
        body(rt);
        crowd.go_home();
    });
}

/// Two tasks that wake each other.
pub(super) fn pair(crowd: &Arc<Crowd>) -> [Player; 2] {
    let wakers = Arc::new([Mutex::default(), Mutex::default()]);
    [0, 1].map(|me| Player { crowd: crowd.clone(), wakers: wakers.clone(), me })
}

/// One of them.
pub(super) struct Player {
    crowd: Arc<Crowd>,
    wakers: Arc<[Mutex<Option<Waker>>; 2]>,
    me: usize,
}

impl Future for Player {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let slot =
            |player: usize| self.wakers[player].lock().unwrap_or_else(PoisonError::into_inner);
        let mine = cx.waker().clone();
        let old = slot(self.me).replace(mine);
        drop(old);
        let other = slot(1 - self.me).clone();
        other.into_iter().for_each(Waker::wake);
        if self.crowd.goes_on() { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Player {
    /// The wakers would keep both tasks alive.
    fn drop(&mut self) {
        let mine = self.wakers[self.me].lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(mine);
    }
}
