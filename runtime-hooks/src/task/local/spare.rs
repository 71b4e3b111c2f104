//! The memory of lodgers that are gone, for those that come: a stack of blocks for each size.
//!
//! Without it a home that starts and ends tasks by the thousand spends a quarter of its instructions in
//! the heap.
//!
//! # Invariants
//!
//! - **M1** A block on stack *n* is of the heap, has the layout `layout_of(n)`, and is nobody else's; its
//!   first word leads to the next.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::sync::dealloc;

/// What a home keeps at most, in bytes.
const BYTES_MAX: usize = 4 << 20;
/// The alignment of cells, unless their future wants more; then they are not kept.
const ALIGN: usize = 8;
/// Sizes from this one on, in steps of `ALIGN`.
const SMALLEST: usize = 128;
const STACKS: usize = 64;

/// The blocks of a home. Its owner's.
pub(super) struct Spare {
    stacks: [Option<NonNull<Block>>; STACKS],
    bytes: usize,
}

struct Block {
    next: Option<NonNull<Block>>,
}

impl Spare {
    pub(super) const fn new() -> Spare {
        Spare { stacks: [None; STACKS], bytes: 0 }
    }

    /// A block with this layout, if there is one. It is the caller's, and may go back to the heap.
    #[inline]
    pub(super) fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let stack = self.stacks.get_mut(stack_of(layout))?;
        let block = (*stack)?;
        // SAFETY: it is ours (M1), and leads to the next.
        *stack = unsafe { block.as_ref().next };
        self.bytes -= layout.size();
        Some(block.cast())
    }

    /// Keeps a block; `false`: there is no room for it, or for its kind.
    ///
    /// # Safety
    ///
    /// It is of the heap, with this layout, and if this is `true` it is the caller's no longer.
    #[inline]
    pub(super) unsafe fn keep(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        let bytes = self.bytes + layout.size();
        let Some(stack) = self.stacks.get_mut(stack_of(layout)) else { return false };
        if bytes > BYTES_MAX {
            return false;
        }
        let block: NonNull<Block> = block.cast();
        // SAFETY: it is ours, and large and aligned enough, for it has a stack.
        unsafe { block.write(Block { next: *stack }) };
        (*stack, self.bytes) = (Some(block), bytes);
        true
    }

    /// Gives all back to the heap.
    pub(super) fn clear(&mut self) {
        for (n, stack) in self.stacks.iter_mut().enumerate() {
            while let Some(block) = *stack {
                // SAFETY: it is ours, of the heap, with this layout (M1).
                unsafe {
                    *stack = block.as_ref().next;
                    dealloc(block.as_ptr().cast(), layout_of(n));
                }
            }
        }
        self.bytes = 0;
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The stack for blocks of this layout; one that is not there if there is none.
#[inline]
fn stack_of(layout: Layout) -> usize {
    // A layout of a type: its size is a multiple of its alignment.
    match layout.align() {
        ALIGN => layout.size().wrapping_sub(SMALLEST) / ALIGN,
        _ => STACKS,
    }
}

fn layout_of(stack: usize) -> Layout {
    Layout::from_size_align(SMALLEST + stack * ALIGN, ALIGN).expect("a small one")
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::sync::alloc;

    fn block(layout: Layout) -> NonNull<u8> {
        // SAFETY: none is empty.
        NonNull::new(unsafe { alloc(layout) }).expect("memory")
    }

    #[test]
    fn a_block_comes_back_for_its_own_layout_only() {
        let mut spare = Spare::new();
        let (layout, other) = (layout_of(3), layout_of(4));
        let one = block(layout);
        // SAFETY: of the heap, with this layout.
        assert!(unsafe { spare.keep(one, layout) });
        assert_eq!((spare.take(other), spare.take(layout)), (None, Some(one)));
        assert_eq!((spare.take(layout), spare.bytes), (None, 0));
        // SAFETY: as above; what is kept goes with `spare`.
        assert!(unsafe { spare.keep(one, layout) && spare.keep(block(layout), layout) });
    }

    #[test]
    fn what_is_small_large_aligned_or_too_much_is_not_kept() {
        let mut spare = Spare::new();
        let layouts = [Layout::new::<u64>(), layout_of(STACKS), Layout::new::<[u128; 12]>()];
        // SAFETY: nothing is kept, so nothing is looked at.
        assert!(layouts.iter().all(|layout| unsafe { !spare.keep(NonNull::dangling(), *layout) }));
        let layout = layout_of(STACKS - 1);
        let most = BYTES_MAX / layout.size();
        for n in 0..=most {
            let block = block(layout);
            // SAFETY: of the heap, with this layout; ours if it was not kept.
            unsafe {
                if !spare.keep(block, layout) {
                    assert_eq!(n, most);
                    dealloc(block.as_ptr(), layout);
                }
            }
        }
        assert!(spare.bytes <= BYTES_MAX);
    }
}
