//! Wakers that tell what is done to them, and do something themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use runtime_conformance_waker::{Behaviour, waker};

/// Something a waker does beside counting.
type Act = Box<dyn Fn() + Send + Sync>;

/// Makes wakers, counts what happens to them, and lets each do something of yours: re-enter the
/// runtime, panic, wait at a gate.
///
/// ```
/// # use runtime_conformance::toolbox::WakerLab;
/// let lab = WakerLab::new();
/// let waker = lab.waker();
/// waker.clone().wake();
/// assert_eq!((lab.clones(), lab.wakes(), lab.alive()), (1, 1, 1));
/// ```
pub struct WakerLab(Arc<Counts>);

#[derive(Default)]
struct Counts {
    clones: AtomicUsize,
    wakes: AtomicUsize,
    drops: AtomicUsize,
    on_clone: Option<Act>,
    on_wake: Option<Act>,
    on_drop: Option<Act>,
}

impl WakerLab {
    /// Wakers that only count.
    pub fn new() -> WakerLab {
        WakerLab(Arc::default())
    }

    /// Does `act` at each clone, before there is one. Before the first waker is made.
    pub fn on_clone(self, act: impl Fn() + Send + Sync + 'static) -> WakerLab {
        self.with(|counts| counts.on_clone = Some(Box::new(act)))
    }

    /// Does `act` at each wake.
    pub fn on_wake(self, act: impl Fn() + Send + Sync + 'static) -> WakerLab {
        self.with(|counts| counts.on_wake = Some(Box::new(act)))
    }

    /// Does `act` when one is dropped, or used up by a wake.
    pub fn on_drop(self, act: impl Fn() + Send + Sync + 'static) -> WakerLab {
        self.with(|counts| counts.on_drop = Some(Box::new(act)))
    }

    fn with(mut self, set: impl FnOnce(&mut Counts)) -> WakerLab {
        set(Arc::get_mut(&mut self.0).expect("behaviour is chosen before a waker is made"));
        self
    }

    /// A waker of this lab.
    pub fn waker(&self) -> Waker {
        waker(self.0.clone())
    }

    /// Clones so far.
    pub fn clones(&self) -> usize {
        self.0.clones.load(Ordering::SeqCst)
    }

    /// Wakes so far.
    pub fn wakes(&self) -> usize {
        self.0.wakes.load(Ordering::SeqCst)
    }

    /// Wakers that were dropped or used up so far.
    pub fn drops(&self) -> usize {
        self.0.drops.load(Ordering::SeqCst)
    }

    /// Wakers that there are now, whoever holds them.
    pub fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl Default for WakerLab {
    fn default() -> WakerLab {
        WakerLab::new()
    }
}

impl Behaviour for Counts {
    fn on_clone(&self) {
        self.clones.fetch_add(1, Ordering::SeqCst);
        self.on_clone.iter().for_each(|act| act());
    }

    fn on_wake(&self) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.on_wake.iter().for_each(|act| act());
    }

    fn on_drop(&self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.on_drop.iter().for_each(|act| act());
    }
}

impl std::fmt::Debug for WakerLab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WakerLab")
            .field("clones", &self.clones())
            .field("wakes", &self.wakes())
            .field("alive", &self.alive())
            .finish()
    }
}
