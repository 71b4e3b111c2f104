//! Everything that has to be dropped exactly once, in this process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

static ALL: Mutex<Vec<Arc<Count>>> = Mutex::new(Vec::new());

/// How often something was dropped.
#[derive(Debug)]
pub struct Count {
    name: &'static str,
    drops: AtomicUsize,
    may_stay: AtomicBool,
}

impl Count {
    /// A count that is looked at after the case, under this name.
    pub(super) fn registered(name: &'static str) -> Arc<Count> {
        let (drops, may_stay) = (AtomicUsize::new(0), AtomicBool::new(false));
        let count = Arc::new(Count { name, drops, may_stay });
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(count.clone());
        count
    }

    /// Drops so far: zero or one, or something is broken.
    pub fn drops(&self) -> usize {
        self.drops.load(Ordering::SeqCst)
    }

    /// This one may be leaked: the contract leaves it open here.
    pub fn may_stay(&self) {
        self.may_stay.store(true, Ordering::SeqCst);
    }

    /// One drop.
    pub(super) fn dropped(&self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
    }

    fn is_wrong(&self) -> bool {
        match self.drops() {
            0 => !self.may_stay.load(Ordering::SeqCst),
            drops => drops > 1,
        }
    }
}

/// A value that is to be dropped exactly once: an output, a captured variable, a closure.
#[derive(Debug)]
pub struct Tracked(Arc<Count>);

impl Tracked {
    /// A value and the count of its drops. The name is for the report.
    pub fn new(name: &'static str) -> (Tracked, Arc<Count>) {
        let count = Count::registered(name);
        (Tracked(count.clone()), count)
    }

    /// A value whose count only the check after the case looks at.
    pub fn once(name: &'static str) -> Tracked {
        Tracked::new(name).0
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.dropped();
    }
}

/// Sentences about what was not dropped exactly once.
pub(crate) fn not_dropped_once() -> Vec<String> {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong: Vec<_> = all.iter().filter(|count| count.is_wrong()).collect();
    let Some(first) = wrong.first() else { return Vec::new() };
    let others = match wrong.len() {
        1 => String::new(),
        more => format!(", and {} others", more - 1),
    };
    vec![format!("LEAK-1: {} was dropped {} times{others}", first.name, first.drops())]
}
