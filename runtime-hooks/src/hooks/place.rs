//! Memory for task cells.

use core::alloc::Layout;
use core::ptr::NonNull;

/// Gives the memory in which tasks live: per-worker free lists, a static arena.
///
/// With a `Place`, a generic `spawn` works in builds without a heap.
///
/// # Safety
///
/// An implementation promises that
///
/// - **P1** a block that [`place`](Place::place) gave fits the layout and belongs to the caller
///   alone until it is given to [`unplace`](Place::unplace), also when the runtime has ended;
/// - **P2** both may be called from any thread.
pub unsafe trait Place: Send + Sync {
    /// A block for `layout`, or `None` when there is none left.
    fn place(&self, layout: Layout) -> Option<NonNull<u8>>;

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// `block` came from `place` of this object with the same `layout`, and is not used afterwards.
    unsafe fn unplace(&self, block: NonNull<u8>, layout: Layout);
}
