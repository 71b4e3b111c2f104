//! Blocking a thread on a future.

use core::future::Future;
use core::pin::Pin;

use crate::Refused;

/// Runs a future on the calling thread until it is ready.
///
/// Absent where nothing may block: a browser, Node, a main dispatch queue.
///
/// # Contract
///
/// - **BLOCKON-1** (must) The future may borrow and be `!Send`; it is polled on the calling thread
///   only.
/// - **BLOCKON-2** (must) While nothing is ready the thread sleeps.
/// - **BLOCKON-3** (must) A wake between the last poll and the sleep is not lost, whatever user code
///   does with `std::thread::park`.
/// - **BLOCKON-4** (must) A nested call works or is refused at once with
///   [`Refused::NOT_HERE`]; it never deadlocks.
/// - **BLOCKON-5** (must) Calls on several threads, where they are allowed, all make progress; when the
///   thread that drives timers and sockets returns, panics or blocks, another takes over.
/// - **BLOCKON-6** (must) A panic of the future unwinds to the caller and leaves the runtime usable.
/// - **BLOCKON-7** (should) The future is not polled because tasks run that it has nothing to do with.
pub trait BlockOn: Send + Sync {
    /// Returns when `main` is ready. [`Handle::block_on`](crate::Handle::block_on) calls this with
    /// the runtime current.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the runtime has ended, or cannot block here; `main` was not polled then.
    fn block_on(&self, main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused>;
}
