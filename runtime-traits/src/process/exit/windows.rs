//! A thread of the runtime's that waits for the child.
//!
//! It only knocks: how the child exited, each look asks the child itself. It is the child's own
//! ([`Dedicated`](Kind::Dedicated)): in a lane with the threads that read its pipes, a few children would
//! fill that and wait for each other. No end of a runtime waits for it; it goes within a second of that.
//!
//! # Invariants
//!
//! - **E1** The thread knocks after the child has exited, so a look either sees the exit or is followed
//!   by a knock.
//! - **E2** It knocks whatever becomes of it, also if its job never runs, and says before that it is
//!   gone. So who waits for a child that nobody watches is told.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, ready};
use std::os::windows::io::{AsHandle as _, AsRawHandle as _, OwnedHandle, RawHandle};
use std::process::{Child, ExitStatus};
use std::sync::Arc;

use crate::hooks::{Kind, Meta, State, Task};
use crate::io::source::poll_proceed;
use crate::io::waiters::{Side, Who};
use crate::{Capability, Gone, Handle, JoinError, io};

/// How long the thread waits until it looks whether it is still wanted.
const SLICE_MS: u32 = 1000;

/// What is prepared before the child is there: nothing, but it is known that it can be watched.
pub(super) struct Plan(());

impl Plan {
    pub(super) fn new(handle: &Handle) -> io::Result<Plan> {
        handle.require(Capability::Process, |rt| rt.blocking())?;
        Ok(Plan(()))
    }

    /// Watches a child that was not waited for.
    pub(super) fn watch(self, handle: &Handle, child: &Child) -> io::Result<Exit> {
        let blocking = handle.require(Capability::Process, |rt| rt.blocking())?;
        let process = child.as_handle().try_clone_to_owned()?;
        let door = Arc::new(Door { side: Side::new(), is_left: AtomicBool::new(false) });
        let knock = Knock(door.clone());
        let on = handle.clone();
        let job = async move {
            while !has_exited(&process, SLICE_MS) && knock.is_wanted(&on) {}
            drop(knock);
        };
        let (task, join) = Task::new(handle.clone(), Meta::new(None), job)?;
        if let Err((task, refused)) = blocking.spawn(task, Kind::Dedicated) {
            task.refuse(refused);
            return Err(JoinError::from(refused).into());
        }
        drop(join);
        Ok(Exit { handle: handle.clone(), door })
    }
}

/// Where the thread knocks, and others wait.
struct Door {
    side: Side,
    /// Whether the thread has gone.
    is_left: AtomicBool,
}

/// Knocks when it is dropped (E2).
struct Knock(Arc<Door>);

impl Knock {
    /// Whether somebody may wait, on a runtime that has not ended.
    fn is_wanted(&self, handle: &Handle) -> bool {
        Arc::strong_count(&self.0) > 1 && handle.info().state != State::ShutDown
    }
}

impl Drop for Knock {
    fn drop(&mut self) {
        // Before the knock: whoever looks because of it must see this.
        self.0.is_left.store(true, Ordering::SeqCst);
        self.0.side.wake_all();
    }
}

/// A child that is waited for.
pub(super) struct Exit {
    handle: Handle,
    door: Arc<Door>,
}

impl Exit {
    pub(super) fn side(&self) -> &Side {
        &self.door.side
    }

    /// Looks, now and at the knock, until the child has exited.
    pub(super) fn poll(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut look: impl FnMut() -> io::Result<Option<ExitStatus>>,
    ) -> Poll<io::Result<ExitStatus>> {
        ready!(poll_proceed(&self.handle, cx));
        self.door.side.poll(who, cx, |_| {
            let is_left = self.door.is_left.load(Ordering::SeqCst);
            match look() {
                Ok(Some(status)) => Poll::Ready(Ok(status)),
                Ok(None) if is_left => Poll::Ready(Err(Gone.into())),
                Ok(None) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            }
        })
    }
}

/// Waits for the process, at most so long.
fn has_exited(process: &OwnedHandle, limit_ms: u32) -> bool {
    const TIMEOUT: u32 = 258;
    // SAFETY: the handle is open, since we own it, and may be waited for, as every process may.
    let waited = unsafe { WaitForSingleObject(process.as_raw_handle(), limit_ms) };
    // An error says that it cannot be waited for; then the look decides.
    waited != TIMEOUT
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn WaitForSingleObject(handle: RawHandle, milliseconds: u32) -> u32;
}
