//! Reaps the children that nobody waits for any more.
//!
//! ```text
//!   dropped ─ has exited? ─▶ reaped on the spot
//!      │ no
//!      ▼
//!   the list of the process
//!      ├─ a task of its runtime hears of its exit ─────────▶ reaped
//!      └─ the next starts of children, on any runtime ─────▶ those that have exited are reaped
//! ```
//!
//! Each waits for itself: no child's end depends on what happens to another while its runtime runs.
//! It takes a task, since a hook may answer a poll with *give way*, and somebody must come again then.
//! The list is for those whose task never comes: the runtime has ended, refused it, or is not driven.
//!
//! Not here: other people's children. A wait names one number, and that is a child of ours.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::BTreeMap;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::exit::Exit;
use super::watched::Watched;
use crate::io::waiters::Who;

/// How many of the list a start of a child looks at: the next in turn. It costs a system call each.
const SWEEP: usize = 64;

/// Those that nobody waits for.
static LIST: Mutex<List> = Mutex::new(List { children: BTreeMap::new(), added: 0, swept: 0 });

struct List {
    /// By a number of ours, for the system gives its own away again.
    children: BTreeMap<u64, Child>,
    /// How many there ever were.
    added: u64,
    /// Where the next sweep begins.
    swept: u64,
}

/// Sees to it that no zombie stays of `watched`.
pub(super) fn reap(mut watched: Watched) {
    // An error says that there is none to be reaped.
    if let Ok(None) = watched.try_wait() {
        let (child, exit) = watched.into_parts();
        let handle = exit.handle().clone();
        let number = list().add(child);
        // A runtime that refuses the task drops it.
        drop(handle.spawn(Reap { number, exit }));
    }
}

/// Puts a child on the list, unless it has exited.
pub(super) fn keep(mut child: Child) {
    if is_running(&mut child) {
        list().add(child);
    }
}

/// Reaps those on the list that have exited; all of them, if it is called often.
pub(super) fn sweep() {
    list().sweep();
}

impl List {
    fn add(&mut self, child: Child) -> u64 {
        self.added += 1;
        self.children.insert(self.added, child);
        self.added
    }

    /// Reaps one if it has exited; whether it is gone.
    fn try_reap(&mut self, number: u64) -> bool {
        let runs = self.children.get_mut(&number).is_some_and(is_running);
        if !runs {
            self.children.remove(&number);
        }
        !runs
    }

    fn sweep(&mut self) {
        let turn: Vec<u64> =
            self.children.range(self.swept..).take(SWEEP).map(|(number, _)| *number).collect();
        // After the last comes the first.
        self.swept = if turn.len() < SWEEP { 0 } else { turn[SWEEP - 1] + 1 };
        for number in turn {
            self.try_reap(number);
        }
    }
}

/// Whether it has not exited. Reaps it if it has.
fn is_running(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

fn list() -> MutexGuard<'static, List> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hears of a child's exit in nobody's name. Dropped, it leaves the child to the list.
struct Reap {
    number: u64,
    exit: Exit,
}

impl Future for Reap {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // How it exited, nobody asks.
        let look = || Ok(list().try_reap(self.number).then(ExitStatus::default));
        self.exit.poll(Who::Owner, cx, look).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A list of their own, with so many children; what holds the input of each.
    fn running(n: usize) -> (List, Vec<std::process::ChildStdin>) {
        let mut list = List { children: BTreeMap::new(), added: 0, swept: 0 };
        let inputs = (0..n).map(|_| {
            let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let input = child.stdin.take().unwrap();
            list.add(child);
            input
        });
        let inputs = inputs.collect();
        (list, inputs)
    }

    #[test]
    fn a_child_on_the_list_is_reaped_when_it_has_exited() {
        let (mut list, inputs) = running(3);
        list.sweep();
        assert_eq!(list.children.len(), 3);
        assert!(!list.try_reap(2));
        drop(inputs);
        while !list.try_reap(2) {}
        assert!(list.try_reap(2), "and stays so");
        while !list.children.is_empty() {
            list.sweep();
        }
    }

    /// However long the list, each is looked at after a number of sweeps.
    #[test]
    fn those_that_run_keep_none_from_being_reaped() {
        let (mut list, mut inputs) = running(SWEEP + 1);
        drop(inputs.pop());
        while list.children.len() > SWEEP {
            list.sweep();
        }
        drop(inputs);
        while !list.children.is_empty() {
            list.sweep();
        }
    }
}
