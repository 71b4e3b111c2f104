//! WAKE-7: foreign code that calls the runtime back.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use runtime_traits::Handle;
use runtime_traits::hooks::Key;
use runtime_traits::time::sleep;

use crate::Cap;
use crate::rig::{Rig, await_outside, let_time_pass_until};
use crate::rt::Rt;
use crate::toolbox::{AtDrop, Probe, Tally, WakerLab, hand_poll, within_watchdog};

thread_local! {
    /// Whether this thread is calling back already: what that calls does not call back again.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Calls whatever a runtime offers, as a waker or a destructor might.
#[derive(Clone)]
struct Back {
    rt: Rt,
    time: bool,
    fd: bool,
    times: Arc<Tally>,
}

impl Back {
    fn new(rig: &Rig<'_>, rt: &Rt) -> Back {
        let (time, fd) = (rig.has(Cap::Time), rig.has(Cap::Fd));
        Back { rt: rt.clone(), time, fd, times: Arc::new(Tally::new()) }
    }

    /// Calls back, from `place`.
    fn call(&self, place: &str) {
        if INSIDE.replace(true) {
            return;
        }
        let called =
            within_watchdog(&format!("WAKE-7: the runtime, called back by {place}"), || {
                catch_unwind(AssertUnwindSafe(|| self.call_all()))
            });
        INSIDE.set(false);
        assert!(called.is_ok(), "WAKE-7: the runtime panicked when it was called back by {place}");
        self.times.add();
    }

    fn call_all(&self) {
        let _ = self.rt.current();
        let mut task = self.rt.spawn(async {});
        let _ = task.is_finished();
        let _ = hand_poll(&mut task, Waker::noop());
        task.abort();
        drop(task);
        let _ = self.rt.enter(Handle::try_current);
        if self.time {
            self.arm_and_forget();
        }
        #[cfg(unix)]
        if self.fd {
            self.register_and_close();
        }
    }

    /// After the end a timer says that it is gone; that is not asked here.
    fn arm_and_forget(&self) {
        let Some(timer) = self.rt.handle().runtime().timer() else { return };
        let (mut key, at) = (Key::NONE, timer.now() + Duration::from_secs(3600));
        let mut cx = Context::from_waker(Waker::noop());
        let _ = timer.poll_until(&mut key, at, Duration::ZERO, &mut cx);
        timer.forget(&mut key);
    }

    #[cfg(unix)]
    fn register_and_close(&self) {
        let Ok((one, _other)) = std::os::unix::net::UnixStream::pair() else { return };
        let _ = one.set_nonblocking(true);
        drop(runtime_traits::io::Async::new_on(self.rt.handle(), one));
    }

    /// A lab whose wakers call back, however they are used.
    fn lab(&self, of: &'static str) -> WakerLab {
        let [clone, wake, drop] = [(); 3].map(|()| self.clone());
        WakerLab::new()
            .on_clone(move || clone.call(&format!("the clone of a waker of {of}")))
            .on_wake(move || wake.call(&format!("a waker of {of}")))
            .on_drop(move || drop.call(&format!("the destructor of a waker of {of}")))
    }

    /// A value whose destructor calls back.
    fn at_drop(&self, what: &'static str) -> AtDrop {
        let back = self.clone();
        AtDrop::new(move || back.call(what))
    }
}

/// Polls with two wakers of labs in turn, so that one is cloned, and dropped for the other.
fn poll_twice<F: Future>(future: &mut Pin<Box<F>>, back: &Back, of: &'static str) -> [WakerLab; 2] {
    let labs = [back.lab(of), back.lab(of)];
    for lab in &labs {
        let _ = future.as_mut().poll(&mut Context::from_waker(&lab.waker()));
    }
    labs
}

/// WAKE-7: the runtime holds no lock of its own while it clones, wakes or drops a waker of whoever
/// joins a task.
///
/// Method: a join handle is polled with two wakers in turn, then the task ends, or the handle is
/// dropped. Each clone, wake and drop spawns, aborts, polls another handle, arms and forgets a timer,
/// registers and closes a socket, and asks for the current runtime. A lock that is held is a hang, a
/// borrow a panic.
///
/// If this fails, look for the old waker that is dropped, or the new one that is cloned, inside the
/// critical section.
pub(super) fn wake_7_joining_wakers_may_call_back(rig: &Rig<'_>) {
    let rt = rig.rt();
    let back = Back::new(rig, &rt);
    let may_end = Arc::new(Tally::new());
    for is_dropped in [false, true] {
        let (waits_for, ended) = (may_end.clone(), Arc::new(Tally::new()));
        let goal = may_end.count() + 1;
        let says = ended.clone();
        let at_drop = AtDrop::new(move || says.add());
        let mut handle = Box::pin(rt.spawn(async move {
            let _at_drop = at_drop;
            waits_for.reached(goal).await;
        }));
        let labs = poll_twice(&mut handle, &back, "a join handle");
        if is_dropped {
            drop(handle);
            may_end.add();
            rig.drive(&rt, "WAKE-7: a task whose handle was dropped", ended.reached(1));
        } else {
            may_end.add();
            rig.drive_while(&rt, "WAKE-7: a task to end and wake who joins it", || {
                wait_for_wake(&labs);
                let outcome = await_outside("WAKE-7: the handle of a task", handle);
                assert!(outcome.is_ok(), "WAKE-7: a task resolved {outcome:?}");
            });
        }
    }
    let times = back.times.count();
    assert!(times > 0, "WAKE-7: no waker of a join handle was used");
    drop(back);
    rig.shutdown(rt);
}

/// Waits until the runtime has used a waker of `labs`; the watchdog bounds it.
fn wait_for_wake(labs: &[WakerLab]) {
    while labs.iter().all(|lab| lab.wakes() == 0) {
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// WAKE-7: the same for timers.
///
/// Method: as above; one timer fires, one is dropped.
///
/// If this fails, look for a driver that wakes while it walks the wheel.
pub(super) fn wake_7_timers_wakers_may_call_back(rig: &Rig<'_>) {
    let rt = rig.rt();
    let back = Back::new(rig, &rt);
    let timer = |delay| rt.enter(|| sleep(Duration::from_millis(delay)));
    rig.drive(&rt, "WAKE-7: timers whose wakers call back", async {
        let mut dropped = Box::pin(timer(3_600_000));
        let _labs = poll_twice(&mut dropped, &back, "a timer");
        drop(dropped);
        let (first, last) = (timer(5), timer(6));
        let deadline = last.deadline();
        let mut first = Box::pin(first);
        let labs = poll_twice(&mut first, &back, "a timer");
        let_time_pass_until(rt.handle(), deadline);
        last.await;
        first.await;
        drop(labs);
    });
    drop(back);
    rig.shutdown(rt);
}

/// WAKE-7: the same for sockets.
///
/// Method: as above; one wait hears of its event, one is dropped.
///
/// If this fails, look for a reactor that wakes while it holds its table.
#[cfg(unix)]
pub(super) fn wake_7_sockets_wakers_may_call_back(rig: &Rig<'_>) {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    let rt = rig.rt();
    let back = Back::new(rig, &rt);
    let (ours, mut theirs) = rig.setup("a pair of sockets", UnixStream::pair());
    rig.setup("making a socket non-blocking", ours.set_nonblocking(true));
    let ours = rt.enter(|| runtime_traits::io::Async::new(ours));
    let ours = ours.unwrap_or_else(|error| panic!("WAKE-7: registering a socket: {error}"));
    rig.drive_while(&rt, "WAKE-7: a socket whose wakers call back", || {
        let mut dropped = Box::pin(ours.readable());
        let _labs = poll_twice(&mut dropped, &back, "a wait for readiness");
        drop(dropped);
        let mut readable = Box::pin(ours.readable());
        let labs = poll_twice(&mut readable, &back, "a wait for readiness");
        theirs.write_all(b"x").expect("a socket takes a byte");
        wait_for_wake(&labs);
        let ready = await_outside("WAKE-7: a wait for readiness", readable);
        assert!(ready.is_ok(), "WAKE-7: waiting for readiness gave {ready:?}");
    });
    drop((ours, back));
    rig.shutdown(rt);
}

/// WAKE-7: the same for destructors: of a task's future, of its output, of what it panicked with.
///
/// Method: values that call back when they are dropped: in the future of a task that ends, that is
/// aborted, and that the shutdown drops; in an output and in a panic's payload that nobody takes; in a
/// closure that was captured.
///
/// If this fails, look for a task that is dropped as part of an assignment under a lock.
pub(super) fn wake_7_destructors_may_call_back(rig: &Rig<'_>) {
    let rt = rig.rt();
    let back = Back::new(rig, &rt);
    rig.drive_with(&rt, "WAKE-7: destructors that call back", |rt| {
        let in_future = back.at_drop("the destructor of a task that ended");
        drop(rt.spawn(async move { drop(in_future) }));
        let output = back.at_drop("the destructor of an output that nobody took");
        drop(rt.spawn(async move { output }));
        let payload = back.at_drop("the destructor of a panic's payload that nobody took");
        drop(rt.spawn(async move { std::panic::resume_unwind(Box::new(payload)) }));
        await_outside("WAKE-7: three destructors to call back", back.times.reached(3));
        let captured = back.at_drop("the destructor of a task that was aborted");
        let (probe, record) = Probe::new(usize::MAX);
        let parked = rt.spawn(async move {
            let _captured = captured;
            probe.await;
        });
        await_outside("WAKE-7: the first poll of a task", record.polls().reached(1));
        parked.abort();
        record.waker().into_iter().for_each(Waker::wake);
        await_outside("WAKE-7: the destructor of an aborted task", back.times.reached(4));
    });
    let parked = back.at_drop("the destructor of a task that the shutdown dropped");
    drop(rt.spawn(async move {
        let _parked = parked;
        std::future::pending::<()>().await;
    }));
    let times = back.times.clone();
    drop(back);
    rig.shutdown(rt);
    assert!(times.count() >= 5, "WAKE-7: {} of 5 destructors called back", times.count());
}
