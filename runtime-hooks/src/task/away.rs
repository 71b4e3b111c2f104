//! What other threads say to a local task: a word of their own, beside the plain one.
//!
//! Anybody changes it, by compare-and-exchange. It holds *wishes*, a count, and two marks:
//!
//! - `WAKE`, `ABORT`: as the moves of these names.
//! - `ASK`: the join handle waits abroad, its relay is in the cell.
//! - `DETACH`: the join handle is gone.
//! - `POSTED`: mail is under way to the owner, or is about to be: whoever set the bit sends it.
//! - `FOLDED`: the home has ended and the other word is no longer plain. Final; the rest is empty then.
//! - the count of wakers, in units of `REF`: those cloned here less those dropped here. Those of the
//!   owner are in its own word, so this may fall below zero.
//!
//! Every wish sets `POSTED`, and so does a drop that leaves the count at zero or below: the owner alone
//! can tell whether that waker was the last. Mail counts as one waker more ([`Away::counted`]), so that
//! nobody judges before it has come.

use core::sync::atomic::Ordering::{AcqRel, Acquire};

use super::state::REF;
use crate::sync::AtomicUsize;

const POSTED: usize = 1;
const WAKE: usize = 1 << 1;
const ABORT: usize = 1 << 2;
const ASK: usize = 1 << 3;
const DETACH: usize = 1 << 4;
const FOLDED: usize = 1 << 5;
/// Above this many the program has leaked wakers in a loop.
const COUNT_MAX: isize = isize::MAX / 2;

/// The word.
pub(super) struct Away(AtomicUsize);

/// What came of saying something.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Send mail. The cell stays, and its home too, until that has come.
    Post,
    /// It will be heard. If a waker was given up, the cell may be gone already.
    Heard,
    /// Nothing was said, for nobody is home any more: the other word is everybody's.
    Folded,
}

/// What the owner finds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes(usize);

impl Wishes {
    pub(super) fn wakes(self) -> bool {
        self.0 & WAKE != 0
    }
    pub(super) fn aborts(self) -> bool {
        self.0 & ABORT != 0
    }
    pub(super) fn asks(self) -> bool {
        self.0 & ASK != 0
    }
    pub(super) fn detaches(self) -> bool {
        self.0 & DETACH != 0
    }
}

impl Away {
    pub(super) fn new() -> Away {
        Away(AtomicUsize::new(0))
    }

    /// Lets the model checker verify that this access is exclusive; answers what is counted.
    #[cfg(loom)]
    pub(super) fn claim(&mut self) -> usize {
        self.0.with_mut(|word| {
            assert!(*word & !(REF - 1) == *word || *word == FOLDED, "freed with mail: {word:#x}");
            count(*word) as usize
        })
    }

    // ── abroad ──────────────────────────────────────────────────────────────────────────────

    /// Counts a waker.
    pub(super) fn clone_waker(&self) -> Said {
        self.say(|word| {
            assert_below_max(word);
            word.wrapping_add(REF)
        })
    }

    /// `AcqRel` also if it was wished before: see the orderings of `state`.
    pub(super) fn wake(&self) -> Said {
        self.say(|word| word | WAKE | POSTED)
    }

    /// Uncounts a waker.
    pub(super) fn drop_waker(&self) -> Said {
        self.say(|word| {
            let after = word.wrapping_sub(REF);
            if count(after) <= 0 { after | POSTED } else { after }
        })
    }

    /// Wakes, and uncounts the waker that did.
    pub(super) fn wake_and_drop(&self) -> Said {
        self.say(|word| word.wrapping_sub(REF) | WAKE | POSTED)
    }

    pub(super) fn abort(&self) -> Said {
        self.say(|word| word | ABORT | POSTED)
    }

    /// The relay is in the cell, and stays. Said once in a task's life.
    pub(super) fn ask(&self) -> Said {
        self.say(|word| word | ASK | POSTED)
    }

    /// The join handle is gone, and says nothing more.
    pub(super) fn detach(&self) -> Said {
        self.say(|word| word | DETACH | POSTED)
    }

    fn say(&self, next: impl Fn(usize) -> usize) -> Said {
        let said = |word| if word & FOLDED == 0 { Some(next(word)) } else { None };
        match self.0.fetch_update(AcqRel, Acquire, said) {
            Err(_) => Said::Folded,
            Ok(before) if next(before) & !before & POSTED != 0 => Said::Post,
            Ok(_) => Said::Heard,
        }
    }

    // ── the owner ───────────────────────────────────────────────────────────────────────────

    /// What is to be added to the plain word: the count, and one for mail. It may be old by the time it
    /// is used, but never too small by a waker that exists: see *Why the sum is right* in `local`.
    #[inline]
    pub(super) fn counted(&self) -> usize {
        let word = self.0.load(Acquire);
        let mail = if word & POSTED != 0 { REF } else { 0 };
        (count(word) as usize).wrapping_add(mail)
    }

    /// Uncounts a waker, which the plain word counts from now on.
    pub(super) fn bring_home(&self) {
        self.0.fetch_sub(REF, AcqRel);
    }

    /// Takes the mail: the wishes, and how far the count was below zero, where it is not left.
    pub(super) fn receive(&self) -> (Wishes, usize) {
        let stay = |word| Some(count(word).max(0) as usize);
        let before = self.0.fetch_update(AcqRel, Acquire, stay).unwrap_or_else(|word| word);
        (Wishes(before), count(before).min(0).unsigned_abs())
    }

    /// Ends it, unless mail is under way. `hand_over` is called with the count before that, more than
    /// once if others say something meanwhile.
    pub(super) fn fold(&self, hand_over: impl Fn(usize)) -> bool {
        let mut word = self.0.load(Acquire);
        while word & POSTED == 0 {
            hand_over(count(word) as usize);
            match self.0.compare_exchange(word, FOLDED, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }
}

/// The count, in units of `REF`.
fn count(word: usize) -> isize {
    (word & !(REF - 1)) as isize
}

/// A count that overflowed would free memory in use: nothing but stopping is safe.
fn assert_below_max(word: usize) {
    if count(word) > COUNT_MAX {
        std::process::abort();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_wish_is_posted() {
        let away = Away::new();
        assert_eq!(away.wake(), Said::Post);
        assert_eq!((away.wake(), away.abort()), (Said::Heard, Said::Heard));
        assert_eq!(away.counted(), REF, "the mail");
        let (wishes, debt) = away.receive();
        assert!(wishes.wakes() && wishes.aborts() && !wishes.asks() && !wishes.detaches());
        assert_eq!((debt, away.counted()), (0, 0));
        assert_eq!(away.detach(), Said::Post);
    }

    #[test]
    fn a_drop_is_posted_when_it_may_have_been_the_last() {
        let away = Away::new();
        assert_eq!((away.clone_waker(), away.clone_waker()), (Said::Heard, Said::Heard));
        assert_eq!(away.drop_waker(), Said::Heard, "another one is abroad");
        assert_eq!(away.drop_waker(), Said::Post);
        assert_eq!(away.drop_waker(), Said::Heard, "one that was born at home");
        assert_eq!(away.counted(), 0, "one below zero, and the mail");
        assert_eq!((away.receive().1, away.counted()), (REF, 0));
        assert_eq!(away.wake_and_drop(), Said::Post);
        assert_eq!(away.receive().1, REF);
    }

    #[test]
    fn a_folded_word_hears_nothing() {
        let away = Away::new();
        assert_eq!(away.wake(), Said::Post);
        assert!(!away.fold(|_| unreachable!("mail is under way")));
        away.receive();
        assert_eq!(away.clone_waker(), Said::Heard);
        assert!(away.fold(|count| assert_eq!(count, REF)));
        for said in [away.wake(), away.clone_waker(), away.drop_waker(), away.detach()] {
            assert_eq!(said, Said::Folded);
        }
    }
}
