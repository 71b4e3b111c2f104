//! TASK-5, TASK-6: the future as a piece of memory.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use crate::Cap;
use crate::rig::Rig;
use crate::rt::Rt;
use crate::toolbox::fence::GiveWay;
use crate::toolbox::{AtDrop, Gate, WakeCount, hand_poll, hand_poll_on};
use crate::twist::Movable;

/// TASK-5: the future is dropped when it completes or panics, and its destructor has returned before
/// the handle reports completion.
///
/// Method: the future owns a value whose destructor sets a flag; who joins looks at the flag at once.
/// Many times, ending at the first poll and at a later one, with an output and with a panic: one panic
/// for each runtime, since how many it survives is PANIC-1's.
///
/// If this fails, look for an outcome that is published before the future is dropped, or a future that
/// lives as long as its handle.
pub(super) fn task_5_the_future_is_dropped_before_the_handle_is_ready(rig: &Rig<'_>) {
    let rt = rig.rt();
    rig.drive(&rt, "TASK-5: tasks to end", async {
        for round in 0..40 {
            join(&rt, round % 2 == 1, false).await;
        }
    });
    rig.shutdown(rt);
    let panics = if rig.has(Cap::Unwind) { 16 } else { 0 };
    for round in 0..panics {
        let rt = rig.rt();
        rig.drive(&rt, "TASK-5: a task to panic", join(&rt, round % 2 == 1, true));
        rig.shutdown(rt);
    }
}

/// Joins a task, which parks first or does not, and looks whether its future is alive.
async fn join(rt: &Rt, parks: bool, panics: bool) {
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = dropped.clone();
    let guard = AtDrop::new(move || flag.store(true, Ordering::SeqCst));
    let task = rt.spawn(async move {
        let _dropped_with_the_future = &guard;
        if parks {
            GiveWay::default().await;
        }
        assert!(!panics, "the panic that this test is about");
    });
    let ended = task.await;
    let dropped = dropped.load(Ordering::SeqCst);
    assert!(dropped, "TASK-5: its future was alive when a task resolved {ended:?}");
}

/// How often, and how far apart, the handle is looked at while the destructor stands still.
const LOOKS: usize = 100;
const APART: Duration = Duration::from_millis(1);

/// TASK-5: the handle is pending as long as the future's destructor has not returned.
///
/// Method: the destructor of a finished task's future waits at a gate; while it is shut, the handle is
/// polled by hand again and again. If it is ever ready there is no excuse, so red is right; green is
/// stochastic, because nothing says when a wrong answer would come.
///
/// If this fails, look for a destructor that is handed to another thread.
pub(super) fn task_5_the_handle_waits_for_a_slow_destructor(rig: &Rig<'_>) {
    let rt = rig.rt();
    let begun = Arc::new(Gate::new("TASK-5: the destructor of a finished task to begin"));
    let may_end = Arc::new(Gate::new("TASK-5: the observer of a destructor"));
    let returned = Arc::new(AtomicBool::new(false));
    let (here, wait, set) = (begun.clone(), may_end.clone(), returned.clone());
    let slow = AtDrop::new(move || {
        here.open();
        wait.wait();
        set.store(true, Ordering::SeqCst);
    });
    // Captured and not moved into the body: it is dropped with the future, after the last poll.
    let mut task = rt.spawn(poll_fn(move |_| {
        let _captured = &slow;
        Poll::Ready(())
    }));
    rig.drive_while(&rt, "TASK-5: a task to end", || {
        begun.wait();
        let (wakes, waker) = WakeCount::new();
        for _ in 0..LOOKS {
            let ready = hand_poll(&mut task, &waker).is_ready() || task.is_finished();
            let early = (ready || wakes.get() > 0) && !returned.load(Ordering::SeqCst);
            assert!(!early, "TASK-5: the handle was ready before the destructor had returned");
            thread::sleep(APART); // widens the window; orders nothing
        }
        may_end.open();
        let ended = hand_poll_on("TASK-5: the handle after the destructor", &mut task, &waker);
        assert!(ended.is_ok(), "TASK-5: a task that ended resolved {ended:?}");
    });
    rig.shutdown(rt);
}

/// TASK-6: the future stays at one address from its first poll to its drop.
///
/// Method: the future could be moved, but the runtime does not know that. It writes down its address
/// at each of 20 polls, between which it gives way, and at its drop.
///
/// If this fails, look for a future that is kept by value in something that grows.
pub(super) fn task_6_the_future_stays_at_one_address(rig: &Rig<'_>) {
    let rt = rig.rt();
    let places: Vec<Places> = (0..20).map(|_| Places::default()).collect();
    let tasks: Vec<_> =
        places.iter().map(|seen| rt.spawn_movable(Here { left: 20, seen: seen.clone() })).collect();
    rig.drive(&rt, "TASK-6: tasks to end", async {
        for task in tasks {
            let _ = task.await;
        }
    });
    rig.shutdown(rt);
    for seen in places {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = seen.windows(2).any(|pair| pair[0] != pair[1]);
        assert!(!moved && seen.len() == 22, "TASK-6: a future was at {seen:x?}");
    }
}

/// Addresses, in their order.
type Places = Arc<Mutex<Vec<usize>>>;

/// Writes down where it is.
struct Here {
    left: usize,
    seen: Places,
}

impl Here {
    fn note(&self) {
        let here = std::ptr::from_ref(self).addr();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(here);
    }
}

impl Future for Here {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.note();
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        // One that was never polled was moved by its owner, as it may be.
        if !self.seen.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.note();
        }
    }
}

impl Movable for Here {
    fn moved(self: Box<Self>) -> Box<dyn Movable> {
        let seen = Arc::default();
        let mut old = *self;
        let new = Here { left: old.left, seen: std::mem::replace(&mut old.seen, seen) };
        Box::new(new) // allocated while `self` is
    }
}

const MIB: usize = 1 << 20;
/// Room for the copies that an unoptimised build makes on the way into the task.
const STACK: usize = 64 * MIB;

/// TASK-6: a future of 1 MiB, and one aligned to 4096 bytes, are kept whole.
///
/// Method: both are filled with a pattern that they check after each of some polls; the aligned one
/// also looks at its address. Spawned from a thread with a large stack; polled where the runtime polls,
/// and written such that a poll needs next to none. That a size which overflows is an error cannot be
/// asked of a runtime: a value of such a type can be neither made nor passed, and the compiler refuses
/// the type of the cell around it (`Layout::new`), long before there is a program.
///
/// If this fails, look for a header that is laid out by hand and forgets the alignment of what follows,
/// or for a future that is moved to a worker's stack and back.
pub(super) fn task_6_large_and_aligned_futures_are_laid_out(rig: &Rig<'_>) {
    let rt = rig.rt();
    let inside = rt.clone();
    let spawn = move || {
        let large = inside.spawn(Large { left: 3, bytes: [PATTERN; MIB] });
        let aligned = inside.spawn(Aligned { left: 3, bytes: [PATTERN; 4096] });
        (large, aligned)
    };
    let thread = rig.setup("a large stack", thread::Builder::new().stack_size(STACK).spawn(spawn));
    let (large, aligned) = thread.join().expect("`spawn` panicked on a large future");
    let seen = rig.drive(&rt, "TASK-6: large tasks to end", async { (large.await, aligned.await) });
    assert!(matches!(seen.0, Ok(true)), "TASK-6: a future of 1 MiB resolved {:?}", seen.0);
    assert!(matches!(seen.1, Ok(true)), "TASK-6: an aligned future resolved {:?}", seen.1);
    rig.shutdown(rt);
}

const PATTERN: u8 = 0x5a;

/// Larger than what people put into tasks.
struct Large {
    left: usize,
    bytes: [u8; MIB],
}

/// Aligned more strictly than any allocator's default.
#[repr(align(4096))]
struct Aligned {
    left: usize,
    bytes: [u8; 4096],
}

/// Gives way a few times, then is ready; at once if something is wrong.
fn poll_whole(left: &mut usize, is_whole: bool, cx: &mut Context<'_>) -> Poll<bool> {
    if *left == 0 || !is_whole {
        return Poll::Ready(is_whole);
    }
    *left -= 1;
    cx.waker().wake_by_ref();
    Poll::Pending
}

impl Future for Large {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let is_whole = self.bytes.iter().all(|byte| *byte == PATTERN);
        poll_whole(&mut self.left, is_whole, cx)
    }
}

impl Future for Aligned {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let in_place = std::ptr::from_ref(&*self).addr() % 4096 == 0;
        let is_whole = in_place && self.bytes.iter().all(|byte| *byte == PATTERN);
        poll_whole(&mut self.left, is_whole, cx)
    }
}
