//! Blocking a thread on a future, and where that is allowed.
//!
//! tokio panics when a thread that polls tasks blocks, and offers no way to ask beforehand: its
//! `try_current` also answers on threads that may block. So each thread remembers what it knows:
//!
//! | the thread | tokio context | may block |
//! |---|---|---|
//! | a plain one | none | yes |
//! | the same, inside `Handle::enter` | set by us | yes, as before entering |
//! | one of our blocking closures, [`block_in_place`] | set | yes, it is known to |
//! | inside our `block_on` | set | no |
//! | anything else | set, not by us | no: it may be polling tasks |

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use runtime_traits::Refused;
use runtime_traits::hooks::{BlockOn, Runtime as _};
use tokio::runtime::{Handle, Runtime};

use crate::ending;
use crate::local;
use crate::shared::Shared;

thread_local! {
    /// Whether this thread may block although it has a tokio context.
    static ALLOWED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, which blocks, on a worker thread, after the worker's other tasks were moved away.
///
/// As `tokio::task::block_in_place`, and inside it [`Handle::block_on`](crate::Handle::block_on)
/// works.
///
/// # Panics
///
/// On a current-thread runtime.
#[track_caller]
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    tokio::task::block_in_place(|| allowed(f))
}

/// Calls `f` on a thread that may block.
pub(crate) fn allowed<R>(f: impl FnOnce() -> R) -> R {
    with(true, f)
}

/// Calls `f`, which enters a tokio context and otherwise changes nothing.
pub(crate) fn entered<R>(f: impl FnOnce() -> R) -> R {
    with(may_block(), f)
}

fn may_block() -> bool {
    ALLOWED.get() || Handle::try_current().is_err()
}

fn with<R>(allowed: bool, f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ALLOWED.set(self.0);
        }
    }
    let _restore = Restore(ALLOWED.replace(allowed));
    f()
}

impl BlockOn for Shared {
    fn block_on(&self, mut main: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Refused> {
        if self.is_closed() {
            return Err(Refused::SHUT_DOWN);
        }
        if !may_block() {
            return Err(Refused::NOT_HERE);
        }
        let driver = match self.driver() {
            Some(None) => return Err(Refused::SHUT_DOWN),
            Some(driver) => driver,
            None => None,
        };
        let ended = self.run(driver.as_deref(), main.as_mut())?;
        if let Some(tokio) = driver.and_then(Arc::into_inner) {
            // Nobody else drives it. Without waiting: its closures may wait for `main`.
            if ended { tokio.shutdown_background() } else { drop(tokio) }
        }
        if ended {
            self.handle().enter(|| with(false, || ending::alone(main)));
        }
        Ok(())
    }
}

impl Shared {
    /// Runs `main` to its end; `true` if the runtime that `driver` drives was ended before that.
    fn run(
        &self,
        driver: Option<&Runtime>,
        main: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<bool, Refused> {
        let ended = Cell::new(false);
        let mut watch = self.ending().watch();
        let mut with_watch = |mut root: Pin<&mut dyn Future<Output = ()>>, tokio: &Runtime| {
            let root = poll_fn(|cx| match root.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => watch.poll(cx, || self.is_closed()).map(|()| ended.set(true)),
            });
            unless_refused(std::pin::pin!(root), |root| tokio.block_on(root))
        };
        let root = |root: Pin<&mut dyn Future<Output = ()>>| match driver {
            Some(tokio) => with_watch(root, tokio),
            None => unless_refused(root, |root| self.tokio().block_on(root)),
        };
        let run = || with(false, || local::scope(self.tag(), main, root));
        allowed(|| self.handle().enter(run))?; // `allowed`, lest entering asks once more
        Ok(ended.get())
    }
}

/// Calls `block_on`. If it panics before it polls anything, that was tokio's refusal: the thread's
/// notes were wrong, because code we do not know has entered tokio since.
fn unless_refused(
    mut root: Pin<&mut dyn Future<Output = ()>>,
    block_on: impl FnOnce(Pin<&mut dyn Future<Output = ()>>),
) -> Result<(), Refused> {
    let polled = Cell::new(false);
    let root = poll_fn(|cx| -> Poll<()> {
        polled.set(true);
        root.as_mut().poll(cx)
    });
    let root = std::pin::pin!(root);
    match catch_unwind(AssertUnwindSafe(|| block_on(root))) {
        Ok(()) => Ok(()),
        Err(payload) if polled.get() => resume_unwind(payload),
        Err(_) => Err(Refused::NOT_HERE),
    }
}
