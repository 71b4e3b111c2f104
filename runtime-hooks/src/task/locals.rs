//! Values that belong to a task, whichever thread polls it.
//!
//! ```text
//!  thread-local: whose locals are current ──▶ Locals of the task that is polled, or of a scope in it
//!                                                 │ spawn: copied, without what is not inherited
//!                                                 ▼
//!                                             Locals in the cell of the new task
//! ```
//!
//! A list is immutable and shared: giving a value to a key makes a new list, and it never has a key
//! twice, so it is as long as there are keys in scope, however many generations of tasks handed it on.
//! The slot holds a *borrowed* pointer; a poll costs one load and two stores for it, a spawn one load
//! while there are no values.
//!
//! # Invariants
//!
//! - **V1** A pointer in the slot is to a list that outlives the scope that put it there; the scope
//!   restores the previous one before it ends, also by unwinding.

use alloc::sync::Arc;
use core::any::Any;
use core::cell::Cell;
use core::fmt;
use core::ptr;

#[cfg(not(any(loom, shuttle)))]
std::thread_local! {
    static CURRENT: Cell<*const Locals> = const { Cell::new(ptr::null()) };
}
#[cfg(loom)]
loom::thread_local! {
    static CURRENT: Cell<*const Locals> = Cell::new(ptr::null());
}
#[cfg(shuttle)]
shuttle::thread_local! {
    static CURRENT: Cell<*const Locals> = Cell::new(ptr::null());
}

/// The identity of a task-local: the address of this value, in a `static`.
#[derive(Debug)]
pub struct LocalId {
    inherited: bool,
}

/// A value of any type, shared by the tasks that inherited it.
type Value = Arc<dyn Any + Send + Sync>;

/// The values of a task.
///
/// The cell carries them. Who polls or drops a task's future on another thread, from inside the task's
/// own poll, takes them along: [`with_current`](Locals::with_current) here, [`scope`](Locals::scope) there.
#[derive(Clone, Default)]
pub struct Locals(Option<Arc<[Entry]>>);

#[derive(Clone)]
struct Entry {
    id: &'static LocalId,
    value: Value,
}

impl LocalId {
    /// One whose value goes on to the tasks that are spawned inside its scope.
    pub const fn inherited() -> LocalId {
        LocalId { inherited: true }
    }

    /// One whose value stays with its task.
    pub const fn own() -> LocalId {
        LocalId { inherited: false }
    }
}

impl Locals {
    /// Calls `f` with those of the code that runs: of its task, and of the scopes it is inside.
    pub fn with_current<R>(f: impl FnOnce(&Locals) -> R) -> R {
        // SAFETY: a pointer in the slot is to a live list (V1), for as long as the innermost scope
        // lasts, which is longer than this call.
        match unsafe { CURRENT.with(|current| current.get()).as_ref() } {
            Some(locals) => f(locals),
            None => f(&Locals(None)),
        }
    }

    /// What a task that is spawned now is given.
    #[inline]
    pub(super) fn handed_on() -> Locals {
        // SAFETY: as in `with_current`.
        match unsafe { CURRENT.with(|current| current.get()).as_ref() } {
            Some(locals) if !locals.is_empty() => locals.inherited(),
            _ => Locals(None),
        }
    }

    #[cold]
    fn inherited(&self) -> Locals {
        match &self.0 {
            None => Locals(None),
            Some(entries) if entries.iter().all(|entry| entry.id.inherited) => self.clone(),
            Some(entries) => entries.iter().filter(|entry| entry.id.inherited).cloned().collect(),
        }
    }

    /// Calls `f` with these as the current ones.
    #[inline]
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(CURRENT.with(|current| current.replace(ptr::from_ref(self))));
        f()
    }

    /// The same values, but `value` for `id`.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(&self, id: &'static LocalId, value: Arc<T>) -> Locals {
        let others = self.entries().iter().filter(|entry| !ptr::eq(entry.id, id)).cloned();
        others.chain([Entry { id, value }]).collect()
    }

    /// The value for `id`.
    pub fn get<T: 'static>(&self, id: &'static LocalId) -> Option<&T> {
        let entry = self.entries().iter().find(|entry| ptr::eq(entry.id, id))?;
        entry.value.downcast_ref()
    }

    /// Whether both are one list.
    pub fn is(&self, other: &Locals) -> bool {
        ptr::eq(self.entries(), other.entries())
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn entries(&self) -> &[Entry] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl FromIterator<Entry> for Locals {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Locals {
        let entries: Arc<[Entry]> = entries.into_iter().collect();
        Locals(Some(entries).filter(|entries| !entries.is_empty()))
    }
}

impl fmt::Debug for Locals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locals({})", self.entries().len())
    }
}

/// Puts the previous list back (V1).
struct Restore(*const Locals);

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0));
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::contain::contain;

    static A: LocalId = LocalId::inherited();
    static B: LocalId = LocalId::own();

    #[test]
    fn a_key_is_there_once_whatever_is_put_over_it() {
        let mut locals = Locals::default();
        for n in 0..10 {
            locals = locals.with(&A, Arc::new(n)).with(&B, Arc::new(-n));
        }
        assert_eq!(locals.entries().len(), 2);
        assert_eq!((locals.get(&A), locals.get(&B)), (Some(&9), Some(&-9)));
    }

    #[test]
    fn what_is_handed_on_is_what_is_inherited() {
        let locals = Locals::default().with(&A, Arc::new(1));
        assert!(locals.scope(Locals::handed_on).is(&locals));
        let mixed = locals.with(&B, Arc::new(2));
        let handed_on = mixed.scope(Locals::handed_on);
        assert_eq!((handed_on.get(&A), handed_on.get::<i32>(&B)), (Some(&1), None));
        let own = Locals::default().with(&B, Arc::new(2));
        assert!(own.scope(Locals::handed_on).is_empty());
        assert!(Locals::handed_on().is_empty());
    }

    #[test]
    fn scopes_nest_and_a_panic_leaves_one_too() {
        let seen = || Locals::with_current(|locals| locals.get::<i32>(&A).copied());
        let (one, two) = (Locals::default().with(&A, Arc::new(1)), Locals::default());
        one.scope(|| {
            assert_eq!((seen(), two.scope(seen)), (Some(1), None));
            assert!(contain(|| two.scope(|| panic!("on purpose"))).is_err());
            assert_eq!(seen(), Some(1));
        });
        assert_eq!(seen(), None);
    }
}
