//! Mutants of the group BLOCKING.
//!
//! `pool` has small pools that are wrong, for those that replace the hook.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use runtime_conformance::twist::{AnyJoin, AnyWork, Twist, fired};
use runtime_traits::Handle;
use runtime_traits::hooks::Blocking;
use runtime_traits::task::spawn_blocking;

use super::Impossible;
use crate::decorate::Decorated;
use crate::erased::{Join, Never, OnJoin};
use crate::mutant::{Detection, Mutant};

mod pool;

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::twist("M-BLOCKING-1", "The pool has one thread, whatever was declared.", || {
        Arc::new(OneAtATime::default())
    })
    .breaks(&["BLOCKING-1"])
    .detected(Detection::Hangs),
    Mutant::twist("M-BLOCKING-3", "Dropping the handle waits for the closure.", || Arc::new(Joins))
        .breaks(&["BLOCKING-3"])
        .tolerates(&["LEAK-2"]) // a closure that is given up is one of its operations
        .detected(Detection::Hangs),
    Mutant::twist(
        "M-BLOCKING-4",
        "A closure that panics takes its thread with it; after 64 of them the pool is dead.",
        || Arc::new(DiesOfPanics::default()),
    )
    .breaks(&["BLOCKING-2"])
    .tolerates(&["PANIC-1"])
    .detected(Detection::Hangs),
    Mutant::twist("M-BLOCKING-5", "Every closure gets a thread of its own.", || {
        Arc::new(OnPool(|inner| Box::new(pool::ButDedicated(inner, pool::ThreadForEach))))
    })
    .breaks(&["BLOCKING-4"])
    .tolerates(&["SHUTDOWN-5"]), // an end does not know these threads, and waits for its own
    Mutant::twist(
        "M-BLOCKING-6",
        "A closure for which no thread can be started is queued for one that never comes.",
        || Arc::new(Orphans),
    )
    .breaks(&["BLOCKING-6"])
    .detected(Detection::Hangs),
    Mutant::twist("M-BLOCKING-7", "A thread that retires counts as idle until it is gone.", || {
        Arc::new(OnPool(|inner| Box::new(pool::ButDedicated(inner, pool::Strands::default()))))
    })
    .breaks(&["BLOCKING-5"])
    // A closure inside a closure may be the one that is stranded; and so may what stands on closures.
    .tolerates(&[
        "BLOCKING-4",
        "BLOCKING-8",
        "FS-1",
        "FS-2",
        "FS-3",
        "FS-4",
        "FS-5",
        "IO-12",
        "UNIX-2",
    ])
    .detected(Detection::Prob),
    Mutant::twist("M-BLOCKING-8", "In a blocking closure no runtime is current.", || {
        Arc::new(Outside)
    })
    .breaks(&["BLOCKING-7"])
    .tolerates(&["CTX-2", "CTX-4"]), // which look into closures
    Mutant::twist("M-BLOCKING-9", "Closures of all kinds stand in one lane of sixteen.", || {
        Arc::new(OnPool(|inner| Box::new(pool::OneLane::new(inner))))
    })
    .breaks(&["BLOCKING-8"])
    // An end does not know what stands in that lane, nor does a thread that cannot be started; and a
    // dedicated closure is one of the sixteen.
    .tolerates(&[
        "BLOCKING-6",
        "BLOCKING-9",
        "FS-3",
        "LEAK-3",
        "SHUTDOWN-1",
        "SHUTDOWN-2",
        "SHUTDOWN-3",
        "SHUTDOWN-5",
        "SHUTDOWN-6",
    ])
    .detected(Detection::Hangs),
    Mutant::twist("M-BLOCKING-10", "A dedicated closure is one that lasts long.", || {
        Arc::new(OnPool(|inner| Box::new(pool::LongAtMost(inner))))
    })
    .breaks(&["BLOCKING-9"])
    // Which runs one when the long lane is full.
    .tolerates(&["BLOCKING-8"])
    .detected(Detection::Hangs),
];

pub(crate) const IMPOSSIBLE: &[Impossible] = &[];

/// The public call, for work whose type was forgotten.
fn plain(rt: &Handle, work: AnyWork) -> Box<dyn AnyJoin> {
    Box::new(rt.enter(|| spawn_blocking(work)))
}

/// A twist that replaces the hook.
struct OnPool(fn(Handle) -> Box<dyn Blocking>);

impl Twist for OnPool {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().blocking().is_none() {
            return inner;
        }
        Decorated::over(inner.clone()).blocking((self.0)(inner)).handle()
    }
}

// ── M-BLOCKING-1 ────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct OneAtATime(Arc<Mutex<()>>);

impl Twist for OneAtATime {
    fn spawn_blocking(&self, rt: &Handle, work: AnyWork) -> Box<dyn AnyJoin> {
        let turn = self.0.clone();
        let waits = move || {
            if turn.try_lock().is_err() {
                fired();
            }
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            work()
        };
        plain(rt, Box::new(waits))
    }
}

// ── M-BLOCKING-3 ────────────────────────────────────────────────────────────────────────────────

struct Joins;

/// Whether a closure has ended.
#[derive(Default)]
struct Ended(Mutex<bool>, Condvar);

struct Waits(Arc<Ended>);

impl OnJoin for Waits {
    fn on_drop(&mut self, _: &mut dyn AnyJoin) {
        let mut ended = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            fired();
            ended = self.0.1.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Says that the closure has ended when it is dropped, called or not.
struct Says(Arc<Ended>);

impl Drop for Says {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

impl Twist for Joins {
    fn spawn_blocking(&self, rt: &Handle, work: AnyWork) -> Box<dyn AnyJoin> {
        let ended = Arc::new(Ended::default());
        let says = Says(ended.clone());
        let noted = move || {
            let _says = says;
            work()
        };
        Join::boxed(plain(rt, Box::new(noted)), Waits(ended))
    }
}

// ── M-BLOCKING-4 ────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct DiesOfPanics(Arc<AtomicUsize>);

/// Counts a panic that passes by.
struct OnPanic(Arc<AtomicUsize>);

impl Drop for OnPanic {
    fn drop(&mut self) {
        self.0.fetch_add(usize::from(thread::panicking()), Ordering::SeqCst);
    }
}

impl Twist for DiesOfPanics {
    fn spawn_blocking(&self, rt: &Handle, work: AnyWork) -> Box<dyn AnyJoin> {
        if self.0.load(Ordering::SeqCst) >= 64 {
            fired();
            return Box::new(Never);
        }
        let panics = OnPanic(self.0.clone());
        let counted = move || {
            let _panics = panics;
            work()
        };
        plain(rt, Box::new(counted))
    }
}

// ── M-BLOCKING-6 ────────────────────────────────────────────────────────────────────────────────

struct Orphans;

impl Twist for Orphans {
    fn spawn_blocking(&self, rt: &Handle, work: AnyWork) -> Box<dyn AnyJoin> {
        match thread::Builder::new().spawn(|| ()) {
            Ok(control) => {
                let _ = control.join();
                plain(rt, work)
            }
            Err(_) => {
                fired();
                Box::new(Never)
            }
        }
    }
}

// ── M-BLOCKING-8 ────────────────────────────────────────────────────────────────────────────────

thread_local! {
    static IN_CLOSURE: Cell<bool> = const { Cell::new(false) };
}

struct Outside;

impl Twist for Outside {
    fn spawn_blocking(&self, rt: &Handle, work: AnyWork) -> Box<dyn AnyJoin> {
        let outside = move || {
            IN_CLOSURE.set(true);
            let left = work();
            IN_CLOSURE.set(false);
            left
        };
        plain(rt, Box::new(outside))
    }

    fn current(&self) -> Option<Handle> {
        if IN_CLOSURE.get() {
            fired();
            return None;
        }
        Handle::try_current().ok()
    }
}

/// How long threads of the wrong pool wait.
const KEEP_ALIVE: Duration = Duration::from_millis(10);
