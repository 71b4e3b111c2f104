//! Memory for tasks: a few blocks of one size, in a static.
//!
//! # Invariants
//!
//! - **A1** `free[i]` is false from the moment that `place` answers block `i` until `unplace` is given
//!   it: the two moves on that flag are the only ones, so nobody else is given the block meanwhile.
//! - **A2** The arena makes no reference to a block's bytes, ever.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use runtime_traits::hooks::Place;

/// How many tasks may be alive.
pub(crate) const BLOCKS: usize = 4;
/// How big a task may be, header and future.
const SIZE: usize = 512;

pub(crate) struct Arena {
    free: [AtomicBool; BLOCKS],
    blocks: [Block; BLOCKS],
}

#[repr(align(64))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: a block's bytes are touched by whoever `place` gave it to, and by nobody else (A1, A2).
unsafe impl Sync for Block {}

impl Arena {
    pub(crate) const fn new() -> Arena {
        Arena {
            free: [const { AtomicBool::new(true) }; BLOCKS],
            blocks: [const { Block(UnsafeCell::new([0; SIZE])) }; BLOCKS],
        }
    }
}

// SAFETY: P1: a block is answered only if the layout fits in size and alignment, and is nobody
// else's until `unplace` (A1); the one arena is in a static, so it stays. P2: the flags are atomic.
unsafe impl Place for Arena {
    fn place(&self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() > SIZE || layout.align() > align_of::<Block>() {
            return None;
        }
        // `Acquire` pairs with the `Release` in `unplace`: the former tenant has moved out.
        let taken = self.free.iter().position(|free| free.swap(false, Ordering::Acquire))?;
        NonNull::new(self.blocks[taken].0.get().cast())
    }

    unsafe fn unplace(&self, block: NonNull<u8>, _: Layout) {
        let is_it = |mine: &Block| mine.0.get().cast() == block.as_ptr();
        if let Some(left) = self.blocks.iter().position(is_it) {
            self.free[left].store(true, Ordering::Release);
        }
    }
}
