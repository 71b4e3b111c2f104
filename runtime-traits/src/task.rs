//! Tasks: futures that run on their own.

use core::future::Future;
pub use runtime_hooks::task::{JoinHandle, Meta};

/// x
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    crate::Handle::current().spawn(future)
}
