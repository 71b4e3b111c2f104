//! Blocking a thread on a future.
//!
//! smol's `block_on` nests, and drives the reactor when no other thread does. Whether it must poll
//! our tasks too depends on who else would:
//!
//! | | tasks are polled by | so `block_on` polls |
//! |---|---|---|
//! | our own workers, called elsewhere | them | the future |
//! | our own workers, called on one | the others, if any | the future and tasks |
//! | current-thread, hosted | whoever blocks, or the host, perhaps on this very thread | the future and tasks |

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::ptr;
use std::task::Poll;

use runtime_traits::Refused;
use runtime_traits::hooks::{BlockOn, Runtime as _, Tag};
use smol::Executor;

use crate::local;
use crate::local::WhenWoken;
use crate::shared::Shared;

thread_local! {
    /// The runtime whose worker this thread is.
    static WORKER: Cell<*const Tag> = const { Cell::new(ptr::null()) };
}

/// Calls `f` as a worker of `runtime`.
pub(crate) fn on_worker(runtime: &Shared, f: impl FnOnce()) {
    WORKER.set(runtime.tag());
    f();
}

pub(crate) fn is_on_worker(runtime: &Shared) -> bool {
    WORKER.try_with(Cell::get).is_ok_and(|worker| ptr::eq(worker, runtime.tag()))
}

impl BlockOn for Shared {
    fn block_on(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        if self.is_closed() {
            return Err(Refused::SHUT_DOWN);
        }
        let alone = self.has_workers() && !is_on_worker(self);
        let executor = if alone { None } else { self.host().hold() };
        if !alone && executor.is_none() {
            return Err(Refused::SHUT_DOWN);
        }
        self.handle().enter(|| {
            let ended = self.run(executor.as_deref(), main.as_mut());
            executor.into_iter().for_each(|held| self.release(held)); // with it the tasks, if it ended
            if ended {
                smol::block_on(main);
            }
        });
        Ok(())
    }
}

impl Shared {
    /// Runs `main` to its end, and tasks of `executor` beside it; `true` if that is ours and was ended
    /// before.
    fn run(
        &self,
        executor: Option<&Executor<'static>>,
        main: Pin<&mut dyn Future<Output = ()>>,
    ) -> bool {
        let ended = Cell::new(false);
        let mut watch = self.ending().watch();
        let is_ended = || self.is_ours() && self.is_closed();
        local::scope(self.tag(), main, |root| match executor {
            Some(executor) => {
                let mut root = WhenWoken::new(root);
                let root = poll_fn(|cx| match Pin::new(&mut root).poll(cx) {
                    Poll::Ready(()) => Poll::Ready(()),
                    Poll::Pending => watch.poll(cx, is_ended).map(|()| ended.set(true)),
                });
                smol::block_on(executor.run(root));
            }
            None => smol::block_on(root),
        });
        ended.get()
    }
}
