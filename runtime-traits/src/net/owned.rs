//! Reads and writes with a buffer that goes along and comes back.
//!
//! On a runtime with `Completion` the buffer itself goes to the kernel. Elsewhere, and while bytes of
//! earlier calls are still staged, it is filled or emptied as by `read` and `write`.
//!
//! ```text
//!            first poll                               ready
//!   Here ───────────────▶ Flying (the driver has it) ───────▶ (result, buffer)
//!     └──────────────────────────────────────────────────────▲   by readiness
//!   drop: Here  frees the buffer
//!         Flying  abandons it: the driver frees it when the kernel is done
//! ```

use core::fmt;
use core::future::{Future, poll_fn};
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::vec::Vec;

use super::link::Link;
use super::sys;
use crate::hooks::{Dir, IoBuf, Op, OpId};
use crate::io;
use crate::io::waiters::{Key, Who};

/// What an owned operation resolves with.
type Outcome = (io::Result<usize>, Vec<u8>);

/// Where the buffer is.
enum Stage {
    /// With us; nothing was started.
    Here(Vec<u8>),
    /// With the driver.
    Flying(OpId),
    /// With the caller again.
    Done,
}

/// One operation with its buffer.
struct Owned<'a> {
    link: &'a Link,
    dir: Dir,
    key: Key,
    stage: Stage,
}

impl Owned<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let Stage::Here(buf) = &mut self.stage {
            let buf = mem::take(buf);
            match self.poll_here(buf, cx) {
                Ok(polled) => return polled,
                Err(id) => self.stage = Stage::Flying(id),
            }
        }
        let Stage::Flying(id) = self.stage else {
            panic!("polled after it was ready");
        };
        let Some((hook, _)) = self.link.completion() else {
            return Poll::Pending;
        };
        let done = ready!(hook.poll_done(id, cx));
        self.stage = Stage::Done;
        Poll::Ready((
            done.res.map(|n| n as usize),
            done.buf.map(IoBuf::into_vec).unwrap_or_default(),
        ))
    }

    /// Starts the operation (`Err` with its name), or does it by readiness.
    fn poll_here(&mut self, mut buf: Vec<u8>, cx: &mut Context<'_>) -> Result<Poll<Outcome>, OpId> {
        let empty = match self.dir {
            Dir::Read => buf.capacity() == buf.len(),
            Dir::Write => buf.is_empty(),
        };
        let result = if empty {
            Poll::Ready(Ok(0))
        } else {
            match self.poll_staged(cx) {
                Poll::Ready(Ok(true)) => match self.submit(buf) {
                    Ok(id) => return Err(id),
                    Err((back, error)) => {
                        buf = back;
                        Poll::Ready(Err(error))
                    }
                },
                Poll::Ready(Ok(false)) => self.poll_ready(&mut buf, cx),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        };
        Ok(match result {
            Poll::Ready(result) => {
                self.link.side(self.dir).release(&mut self.key);
                self.stage = Stage::Done;
                Poll::Ready((result, buf))
            }
            Poll::Pending => {
                self.stage = Stage::Here(buf);
                Poll::Pending
            }
        })
    }

    /// Whether the driver may have the buffer: it completes operations, and nothing is staged.
    fn poll_staged(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match (self.link, self.dir) {
            (Link::Staged(staged), Dir::Read) => Poll::Ready(Ok(!staged.has_read())),
            (Link::Staged(staged), Dir::Write) => {
                staged.poll_open(Who::Keyed(&mut self.key), cx).map_ok(|()| true)
            }
            (link, _) => Poll::Ready(Ok(link.completion().is_some())),
        }
    }

    fn submit(&self, buf: Vec<u8>) -> Result<OpId, (Vec<u8>, io::Error)> {
        let Some((hook, token)) = self.link.completion() else {
            return Err((buf, sys::cancelled()));
        };
        let buf = IoBuf::from(buf);
        let op = match self.dir {
            Dir::Read => Op::Read { io: token, buf, at: None },
            Dir::Write => Op::Write { io: token, buf, at: None },
        };
        hook.submit(op).map_err(|(op, error)| match op {
            Op::Read { buf, .. } | Op::Write { buf, .. } => (buf.into_vec(), error),
            _ => (Vec::new(), error),
        })
    }

    /// Reads or writes as everybody else does.
    fn poll_ready(&mut self, buf: &mut Vec<u8>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let who = Who::Keyed(&mut self.key);
        match self.dir {
            Dir::Read => self.link.poll_append(who, cx, buf),
            Dir::Write => self.link.poll_write(who, cx, &[io::IoSlice::new(buf)]),
        }
    }

    async fn cancel(mut self) -> Outcome {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Here(buf) => (Err(sys::cancelled()), buf),
            Stage::Flying(id) => {
                self.stage = Stage::Flying(id);
                if let Some((hook, _)) = self.link.completion() {
                    hook.cancel(id);
                }
                poll_fn(|cx| self.poll(cx)).await
            }
            Stage::Done => panic!("cancelled after it was ready"),
        }
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        self.link.side(self.dir).release(&mut self.key);
        if let (Stage::Flying(id), Some((hook, _))) = (&self.stage, self.link.completion()) {
            hook.abandon(*id);
        }
    }
}

macro_rules! owned {
    ($(#[$doc:meta])* $name:ident, $dir:expr) => {
        $(#[$doc])*
        #[must_use = "futures do nothing unless awaited"]
        pub struct $name<'a>(Owned<'a>);

        impl<'a> $name<'a> {
            pub(super) fn new(link: &'a Link, buf: Vec<u8>) -> $name<'a> {
                $name(Owned { link, dir: $dir, key: Key::default(), stage: Stage::Here(buf) })
            }

            /// Ends the operation early and waits until the buffer is back.
            ///
            /// If it was done already, that result is answered; nothing is lost.
            ///
            /// # Cancellation
            ///
            /// Lossy: the buffer is gone with this future.
            ///
            /// # Errors
            ///
            /// In the result: `ECANCELED` if it ended early, or what the operation met.
            ///
            /// # Panics
            ///
            /// If it was ready before.
            pub async fn cancel(self) -> (io::Result<usize>, Vec<u8>) {
                self.0.cancel().await
            }
        }

        impl Future for $name<'_> {
            type Output = (io::Result<usize>, Vec<u8>);

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.poll(cx)
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

owned! {
    /// The future of `read_owned` of a stream: how many bytes were appended, and the buffer.
    ///
    /// Dropping it while the driver has the buffer leaves the driver to free it; bytes it received
    /// are lost then.
    ReadOwned, Dir::Read
}

owned! {
    /// The future of `write_owned` of a stream: how many bytes were written, from the front, and the
    /// buffer as it was.
    ///
    /// Dropping it while the driver has the buffer leaves the driver to free it; the bytes may be
    /// sent or not.
    WriteOwned, Dir::Write
}
