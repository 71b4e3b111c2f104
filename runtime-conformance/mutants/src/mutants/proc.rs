//! Mutants of the group PROC: a hook that starts children of its own, over the reactor beneath.
//!
//! `child` is one that is right, and what may be wrong about it; `pipes` are its pipes.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use runtime_conformance::twist::fired;
use runtime_traits::hooks::{ByteStream, Pipe};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{WaitOptions, wait};

use super::Impossible;
use crate::mutant::{Detection, Mutant};

mod child;
mod pipes;

use child::{Fault, Right, Starts};
use pipes::{OnPipe, Piped};

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-PROC-1", "Who waits takes the status of any child, and keeps it.", || {
        Arc::new(Starts(|| {
            let taken = Arc::default();
            Box::new(move || TakesAny(Arc::clone(&taken)))
        }))
    })
    .breaks(&["PROC-1"]),
    Mutant::twist("M-PROC-2", "A dropped child is reaped when the next one is started.", || {
        Arc::new(Starts(|| {
            let orphans = Orphans::default();
            Box::new(move || {
                orphans.sweep();
                LeavesOrphans(orphans.clone())
            })
        }))
    })
    .breaks(&["PROC-2"])
    // Which wait until a child that they dropped is gone.
    .tolerates(&["PROC-3"])
    .detected(Detection::Hangs),
    Mutant::twist("M-PROC-3", "Waiting keeps an input open that nobody took.", || {
        Arc::new(Starts(|| Box::new(KeepsInput::default)))
    })
    .breaks(&["PROC-4"])
    .detected(Detection::Hangs),
    Mutant::twist(
        "M-PROC-4",
        "Of two outputs the second is read when the first has ended.",
        || Arc::new(Starts(|| Box::new(OneByOne::default))),
    )
    .breaks(&["PROC-4"])
    .detected(Detection::Hangs),
    Mutant::twist("M-PROC-6", "A child inherits a socket that was not meant for it.", || {
        Arc::new(Starts(|| Box::new(LeaksSocket::new)))
    })
    .breaks(&["PROC-5"]),
    Mutant::twist(
        "M-PROC-7",
        "The watch begins with the first wait, and does not look first.",
        || Arc::new(Starts(|| Box::new(LooksNever::default))),
    )
    .breaks(&["PROC-6"])
    // In which children exit before anybody waits, always or by chance.
    .tolerates(&["PROC-1", "PROC-2", "PROC-3", "PROC-4", "PROC-5", "CAP-proc"])
    .detected(Detection::Hangs),
    Mutant::twist("M-PROC-8", "Killing a child that has exited is an error.", || {
        Arc::new(Starts(|| Box::new(|| MindsTheDead)))
    })
    .breaks(&["PROC-3"]),
    Mutant::twist("M-PROC-9", "A child is killed when the first of its outputs ends.", || {
        Arc::new(Starts(|| Box::new(|| KillsEarly)))
    })
    .breaks(&["PROC-3"])
    // By chance: programs close their outputs a moment before they exit.
    .tolerates(&["PROC-4"]),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ── M-PROC-1 ────────────────────────────────────────────────────────────────────────────────────

/// The statuses that one runtime took, by process.
type Taken = Arc<Mutex<HashMap<u32, i32>>>;

struct TakesAny(Taken);

impl Fault for TakesAny {
    fn poll_wait(&self, right: &Right, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        loop {
            if let Some(status) = self.take_all(right.id()) {
                return Poll::Ready(Ok(ExitStatus::from_raw(status)));
            }
            if right.has_exited() {
                // Meanwhile, or another took it.
                let taken = self.take_all(right.id()).map(ExitStatus::from_raw);
                return Poll::Ready(taken.ok_or(rustix::io::Errno::CHILD.into()));
            }
            ready!(right.poll_exit(cx))?;
        }
    }

    fn kill(&self, right: &Right) -> io::Result<()> {
        match self.take_all(right.id()) {
            Some(_) => Ok(()),
            None => right.child().kill(),
        }
    }
}

impl TakesAny {
    /// Takes the status of every child that has exited; what is known of this one.
    fn take_all(&self, own: u32) -> Option<i32> {
        let mut taken = lock(&self.0);
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get().unsigned_abs();
            if pid != own {
                fired();
            }
            taken.insert(pid, status.as_raw());
        }
        taken.get(&own).copied()
    }
}

// ── M-PROC-2 ────────────────────────────────────────────────────────────────────────────────────

/// Children that nobody waits for.
#[derive(Default, Clone)]
struct Orphans(Arc<Mutex<Vec<Arc<Right>>>>);

impl Orphans {
    fn sweep(&self) {
        lock(&self.0).retain(|orphan| matches!(orphan.child().try_wait(), Ok(None)));
    }
}

struct LeavesOrphans(Orphans);

impl Fault for LeavesOrphans {
    fn dropped(&self, right: Arc<Right>) {
        fired();
        lock(&self.0.0).push(right);
    }
}

// ── M-PROC-3 ────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct KeepsInput {
    waited: AtomicBool,
    kept: Mutex<Option<Box<dyn ByteStream>>>,
}

impl Fault for KeepsInput {
    fn poll_wait(&self, right: &Right, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        self.waited.store(true, Ordering::SeqCst);
        let waited = right.child().try_wait();
        match waited {
            Ok(None) => {}
            other => return Poll::Ready(other.map(|status| status.expect("looked at"))),
        }
        ready!(right.poll_exit(cx))?;
        Poll::Ready(right.child().wait())
    }

    fn pipe(
        self: &Arc<Self>,
        _: &Arc<Right>,
        pipe: Pipe,
        stream: Box<dyn ByteStream>,
    ) -> Box<dyn ByteStream> {
        match pipe {
            Pipe::Stdin => Piped::boxed(stream, Kept(self.clone())),
            _ => stream,
        }
    }
}

struct Kept(Arc<KeepsInput>);

impl OnPipe for Kept {
    /// Waiting drops what was not taken, and then waits. What was taken goes later in the cases.
    fn dropped(&mut self, inner: Box<dyn ByteStream>) {
        if !self.0.waited.load(Ordering::SeqCst) {
            fired();
            *lock(&self.0.kept) = Some(inner);
        }
    }
}

// ── M-PROC-4 ────────────────────────────────────────────────────────────────────────────────────

/// Whether the first output has ended, and who waits for that.
#[derive(Default)]
struct OneByOne(Mutex<(bool, Option<Waker>)>);

impl Fault for OneByOne {
    fn pipe(
        self: &Arc<Self>,
        right: &Arc<Right>,
        pipe: Pipe,
        stream: Box<dyn ByteStream>,
    ) -> Box<dyn ByteStream> {
        match pipe {
            Pipe::Stdout if right.has(Pipe::Stderr) => Piped::boxed(stream, First(self.clone())),
            Pipe::Stdout => stream,
            _ => Piped::boxed(stream, Second(self.clone())),
        }
    }
}

struct First(Arc<OneByOne>);

impl First {
    fn is_over(&self) {
        let waiter = {
            let mut state = lock(&self.0.0);
            state.0 = true;
            state.1.take()
        };
        waiter.into_iter().for_each(Waker::wake);
    }
}

impl OnPipe for First {
    fn ended(&self) {
        self.is_over();
    }

    fn dropped(&mut self, inner: Box<dyn ByteStream>) {
        drop(inner);
        self.is_over();
    }
}

struct Second(Arc<OneByOne>);

impl OnPipe for Second {
    fn may_read(&self, cx: &mut Context<'_>) -> bool {
        let mut state = lock(&self.0.0);
        if !state.0 {
            fired();
            state.1 = Some(cx.waker().clone());
        }
        state.0
    }
}

// ── M-PROC-6 ────────────────────────────────────────────────────────────────────────────────────

/// Made before the child is started.
struct LeaksSocket {
    _ends: Option<(OwnedFd, OwnedFd)>,
}

impl LeaksSocket {
    fn new() -> LeaksSocket {
        fired();
        let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
        LeaksSocket { _ends: socketpair(family, kind, SocketFlags::empty(), None).ok() }
    }
}

impl Fault for LeaksSocket {}

// ── M-PROC-7 ────────────────────────────────────────────────────────────────────────────────────

/// Whether the watch has begun, and whether it began too late.
#[derive(Default)]
struct LooksNever(Mutex<(bool, bool)>);

impl Fault for LooksNever {
    fn poll_wait(&self, right: &Right, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let mut state = lock(&self.0);
        if !std::mem::replace(&mut state.0, true) {
            state.1 = right.has_exited();
        }
        if state.1 {
            fired();
            return Poll::Pending;
        }
        ready!(right.poll_exit(cx))?;
        Poll::Ready(right.child().wait())
    }
}

// ── M-PROC-8 ────────────────────────────────────────────────────────────────────────────────────

struct MindsTheDead;

impl Fault for MindsTheDead {
    fn kill(&self, right: &Right) -> io::Result<()> {
        if right.has_exited() {
            fired();
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it has exited"));
        }
        right.child().kill()
    }
}

// ── M-PROC-9 ────────────────────────────────────────────────────────────────────────────────────

struct KillsEarly;

impl Fault for KillsEarly {
    fn pipe(
        self: &Arc<Self>,
        right: &Arc<Right>,
        pipe: Pipe,
        stream: Box<dyn ByteStream>,
    ) -> Box<dyn ByteStream> {
        match pipe {
            Pipe::Stdin => stream,
            _ => Piped::boxed(stream, Kills(right.clone())),
        }
    }
}

struct Kills(Arc<Right>);

impl OnPipe for Kills {
    fn ended(&self) {
        if !self.0.has_exited() {
            fired();
            let _ = self.0.child().kill();
        }
    }
}
