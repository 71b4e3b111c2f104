//! A file as several tasks share it: the state, what is in flight, and who waits.
//!
//! ```text
//!  poll ──▶ lock ─▶ a move of State ─▶ unlock ──┬─ Done ──▶ answered
//!                                               ├─ Wait ──▶ the fan has the waker
//!                                               └─ Start ─▶ object.run(op) ─▶ Flight ─▶ drive
//!  done ──▶ drive: poll the flight ─▶ lock ─▶ State::landed ─▶ unlock ─▶ wake the fan
//! ```
//!
//! # Invariants
//!
//! - **D1** Whoever waits for an operation is the *drive*: a waker of ours. So what is written behind
//!   goes on also when nobody polls the file, and after the file is gone.
//! - **D2** A flight is polled by one thread at a time, and outside the lock: it is boarded, and put
//!   back or ended. A wake that comes meanwhile makes that thread look again.
//! - **D3** The hook is called outside the lock, save for `try_read_at`, which wakes nobody. Wakers and
//!   destructors of others run outside of it.

use core::mem;
use core::task::{Context, Poll, Waker, ready};
use std::io::SeekFrom;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

#[cfg(unix)]
use super::lock::Locks;
use super::state::{Lane, State, Step, Whose};
use crate::hooks::{Boxed, FileDone, FileKind, FileObject, FileOp};
use crate::io::waiters::{Side, Who};
use crate::task::poll_proceed_on;
use crate::{Handle, io};

/// What the clones of a file share.
pub(super) struct Shared {
    handle: Handle,
    object: Arc<dyn FileObject>,
    /// Everybody who waits for anything: landings are rare.
    side: Side,
    inner: Mutex<Inner>,
    #[cfg(unix)]
    locks: Locks,
}

struct Inner {
    state: State,
    flights: [Flight; 2],
}

/// An operation of one lane.
#[derive(Default)]
enum Flight {
    #[default]
    None,
    Parked(Boxed<'static, FileDone>),
    /// Somebody polls it (D2).
    Boarded {
        again: bool,
    },
}

impl Shared {
    pub(super) fn new(handle: Handle, object: Arc<dyn FileObject>, cursor: u64) -> Arc<Shared> {
        let state = State::new(object.kind(), cursor);
        let inner = Mutex::new(Inner { state, flights: Default::default() });
        Arc::new(Shared {
            handle,
            object,
            side: Side::new(),
            inner,
            #[cfg(unix)]
            locks: Locks::default(),
        })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn object(&self) -> &Arc<dyn FileObject> {
        &self.object
    }

    #[cfg(unix)]
    pub(super) fn locks(&self) -> &Locks {
        &self.locks
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The moves do not panic half-way; a hook's `try_read_at` may, and has moved nothing then.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state.
    pub(super) fn peek<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock().state)
    }

    // ── what the methods and the traits poll ────────────────────────────────────────────────────

    pub(super) fn poll_read(
        self: &Arc<Self>,
        whose: &mut Whose,
        who: Who<'_>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(poll_proceed_on(&self.handle, cx));
        self.poll(who, cx, |state, object| {
            state.read(whose, buf, |buf, at| object.try_read_at(buf, at))
        })
    }

    pub(super) fn poll_write(
        self: &Arc<Self>,
        whose: &mut Whose,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(poll_proceed_on(&self.handle, cx));
        self.poll(who, cx, |state, _| state.write(whose, bytes))
    }

    pub(super) fn poll_flush(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(who, cx, |state, _| state.flush())
    }

    /// Waits until nothing is being written, and tells what went wrong.
    pub(super) fn poll_settle(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(who, cx, |state, _| state.settle())
    }

    pub(super) fn poll_seek(
        self: &Arc<Self>,
        whose: &mut Whose,
        who: Who<'_>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        if self.object.kind() == FileKind::Stream {
            return Poll::Ready(self.seek_stream(to));
        }
        self.poll(who, cx, |state, _| state.seek(whose, to))
    }

    /// Few streams seek, and those do not wait for it. What was read ahead counts as not read; while a
    /// read is under way, nobody knows what that will be.
    fn seek_stream(&self, to: SeekFrom) -> io::Result<u64> {
        let mut file = self.object.std().ok_or(io::ErrorKind::NotSeekable)?;
        self.change(|state| {
            if state.is_reading() {
                io::Seek::stream_position(&mut file)?;
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            let ahead = state.ahead() as u64;
            let to = match to {
                SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub_unsigned(ahead)),
                other => other,
            };
            let at = io::Seek::seek(&mut file, to)?;
            state.forget_ahead();
            Ok(at)
        })
    }

    /// A call was dropped before it had its answer.
    fn abandon(&self, whose: Whose) {
        self.change(|state| state.abandon(whose));
    }

    /// Runs moves until one answers.
    fn poll<T>(
        self: &Arc<Self>,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut State, &dyn FileObject) -> Step<T>,
    ) -> Poll<io::Result<T>> {
        self.side.poll(who, cx, |_| self.attempt(&mut step))
    }

    fn attempt<T>(
        self: &Arc<Self>,
        step: &mut impl FnMut(&mut State, &dyn FileObject) -> Step<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match self.change(|state| step(state, &*self.object)) {
                Step::Done(res) => return Poll::Ready(res),
                Step::Wait => return Poll::Pending,
                Step::Start { lane, op, then } => {
                    self.launch(lane, op);
                    self.drive(lane);
                    if let Some(value) = then {
                        return Poll::Ready(Ok(value));
                    }
                }
            }
        }
    }

    /// One move, and a wake if others may go on because of it.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner.state);
        let freed = inner.state.take_freed();
        drop(inner);
        if freed {
            self.side.wake_all();
        }
        result
    }

    // ── what flies ──────────────────────────────────────────────────────────────────────────────

    fn launch(&self, lane: Lane, op: FileOp) {
        let flight = self.object.clone().run(op);
        self.lock().flights[lane as usize] = Flight::Parked(flight);
    }

    /// Moves a lane on, as far as it goes without waiting.
    fn drive(self: &Arc<Self>, lane: Lane) {
        let drive = Waker::from(self.clone());
        while let Some(mut flight) = self.board(lane) {
            match flight.as_mut().poll(&mut Context::from_waker(&drive)) {
                Poll::Ready(done) => {
                    drop(flight);
                    self.land(lane, done);
                }
                Poll::Pending if self.park(lane, flight) => return,
                Poll::Pending => {}
            }
        }
    }

    /// Takes the flight to poll it; `None` if there is none, or somebody has it, who will look again.
    fn board(&self, lane: Lane) -> Option<Boxed<'static, FileDone>> {
        let mut inner = self.lock();
        let flight = &mut inner.flights[lane as usize];
        match mem::replace(flight, Flight::Boarded { again: true }) {
            Flight::Parked(parked) => {
                *flight = Flight::Boarded { again: false };
                return Some(parked);
            }
            Flight::Boarded { .. } => {}
            Flight::None => *flight = Flight::None,
        }
        None
    }

    /// Puts the flight back; `false` if a wake came meanwhile.
    fn park(&self, lane: Lane, parked: Boxed<'static, FileDone>) -> bool {
        let mut inner = self.lock();
        let flight = mem::replace(&mut inner.flights[lane as usize], Flight::Parked(parked));
        matches!(flight, Flight::Boarded { again: false })
    }

    fn land(&self, lane: Lane, done: FileDone) {
        let mut inner = self.lock();
        inner.flights[lane as usize] = Flight::None;
        let rest = inner.state.landed(lane, done);
        drop(inner);
        match rest {
            Some(op) => self.launch(lane, op),
            None => self.side.wake_all(),
        }
    }
}

/// The drive (D1): called when an operation is done.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.drive(Lane::Ask);
        self.drive(Lane::Write);
    }
}

/// A call of an inherent method. Dropped before its end, it gives up what it started.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Arc<Shared>,
    whose: Whose,
}

impl<'a> Call<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Call<'a> {
        Call { shared, whose: Whose::Call(0) }
    }

    /// Waits for what `poll` answers, in the name of this call.
    pub(super) async fn wait<R>(
        &mut self,
        mut poll: impl FnMut(&Arc<Shared>, &mut Whose, Who<'_>, &mut Context<'_>) -> Poll<R>,
    ) -> R {
        let Call { shared, whose } = self;
        shared.side.wait(|who, cx| poll(shared, whose, who, cx)).await
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.whose != Whose::Call(0) {
            self.shared.abandon(self.whose);
        }
    }
}
