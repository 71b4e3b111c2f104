//! The process's own streams.
//!
//! Each is one for the whole process, as std's are: one buffer, one job at a time, whoever asks and
//! on whichever runtime.
//!
//! ```text
//!   Stdin ─┐                             ┌─ job ─▶ std::io::stdin()
//!   Stdin ─┼─▶ Side ─▶ Mutex<Machine> ───┤
//!   …      ┘   who waits                 └─ bytes of a job whose reader is gone
//! ```
//!
//! # Invariants
//!
//! - **P1** No foreign code runs under the lock of a machine, but for the hook that takes a job. The
//!   waker that is seen there is ours, and the handle of an ended job, maybe the last to hold a runtime,
//!   is dropped outside.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::unblock::Machine;
use super::waiters::{Side, Who};
use super::{AsyncRead, AsyncReadUninit, AsyncWrite};
use crate::hooks::{Kind, ReadCursor};
use crate::io;

/// What std reads from stdin at least.
const STDIN_AHEAD: usize = 8 * 1024;

/// A stream of the process.
struct Shared<T> {
    side: Side,
    machine: Mutex<Machine<T>>,
}

impl<T> Shared<T> {
    fn new(io: T, kind: Kind, ahead: usize) -> Shared<T> {
        Shared { side: Side::new(), machine: Mutex::new(Machine::new(io, kind, ahead)) }
    }

    fn poll<R>(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Machine<T>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.side.poll(who, cx, |cx| {
            let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
            let polled = step(&mut machine, cx);
            let spent = machine.spent.take();
            drop(machine);
            drop(spent); // P1
            polled
        })
    }

    async fn wait<R>(
        &self,
        mut step: impl FnMut(&mut Machine<T>, &mut Context<'_>) -> Poll<R>,
    ) -> R {
        self.side.wait(|who, cx| self.poll(who, cx, &mut step)).await
    }
}

static STDIN: LazyLock<Shared<std::io::Stdin>> =
    LazyLock::new(|| Shared::new(std::io::stdin(), Kind::Dedicated, STDIN_AHEAD));
// What is written leaves soon, as a rule. It must not stand in one lane with reads that wait for their
// peers: those may be as many as the lane takes, and wait for what is to be written.
static STDOUT: LazyLock<Shared<std::io::Stdout>> =
    LazyLock::new(|| Shared::new(std::io::stdout(), Kind::ShortIo, 0));
static STDERR: LazyLock<Shared<std::io::Stderr>> =
    LazyLock::new(|| Shared::new(std::io::stderr(), Kind::ShortIo, 0));

/// The process's standard input.
///
/// Lines are read through a [`BufReader`](crate::io::BufReader):
///
/// ```
/// use runtime_traits::io::{self, AsyncBufReadExt, BufReader};
///
/// async fn ask() -> io::Result<String> {
///     let mut answer = String::new();
///     BufReader::new(io::stdin()).read_line(&mut answer).await?;
///     Ok(answer)
/// }
/// ```
pub fn stdin() -> Stdin {
    Stdin(())
}

/// A handle to the process's standard input: [`stdin`].
///
/// All handles read one stream through one buffer. A job of the runtime that is current where it is
/// polled fills it, on a thread of its own ([`Dedicated`](Kind::Dedicated)) that exists only while
/// somebody has asked for more: a read cannot be called off, and should hold up neither other jobs nor
/// the end of the runtime, or of the program.
///
/// What std's own `stdin()` has buffered is read from there, but not the other way round: use one of
/// the two. The end is told to one reader each time that the system tells it; for a pipe or file that
/// is at every read, for a terminal once per Ctrl-D.
///
/// # Cancellation
///
/// Safe: a read that is dropped goes on, and what comes is for the next reader, on whichever runtime.
/// A `BufReader` around it keeps what it has read beyond a line, and loses that when it is dropped:
/// make one and keep it.
///
/// # Errors
///
/// The system's; `Unsupported` if no runtime is current or it has no `Blocking`; `BrokenPipe` if it has
/// ended.
#[derive(Clone)]
pub struct Stdin(());

impl Stdin {
    /// Reads what there is, at least one byte; `0` is the end, or an empty buffer.
    ///
    /// # Cancellation
    ///
    /// Safe: see [`Stdin`].
    ///
    /// # Errors
    ///
    /// See [`Stdin`].
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut cursor = ReadCursor::new(buf);
        STDIN.wait(|machine, cx| machine.poll_read(cx, &mut cursor)).await?;
        Ok(cursor.filled().len())
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut cursor = ReadCursor::new(buf);
        self.poll_read_cursor(cx, &mut cursor).map_ok(|()| cursor.filled().len())
    }
}

impl AsyncReadUninit for Stdin {
    fn poll_read_cursor(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: &mut ReadCursor<'_>,
    ) -> Poll<io::Result<()>> {
        STDIN.poll(Who::Anyone, cx, |machine, cx| machine.poll_read(cx, cursor))
    }
}

/// A stream that the process writes.
macro_rules! output {
    ($(#[$of_fn:meta])* $name:ident; $(#[$of_type:meta])* $ty:ident, $shared:ident) => {
        $(#[$of_fn])*
        pub fn $name() -> $ty {
            $ty(())
        }

        $(#[$of_type])*
        ///
        /// All handles write to one stream, in the order in which bytes are accepted. Through
        /// [`AsyncWrite`] a write answers when its bytes are copied, at most 64 KiB, and a job writes
        /// them; [`write_all`](Self::write_all) of the handle itself waits for that. Errors are told as
        /// by [`Unblock`](crate::io::Unblock), and may be of another handle's bytes. Closing flushes;
        /// the stream stays open for the others.
        ///
        /// Its jobs are [short](Kind::ShortIo) ones: reads that wait, however many, keep none waiting. If
        /// nobody takes what the process says, a job waits for that on a thread of the pool.
        ///
        /// A flush, or `write_all`, should come before the end of the program, or a job that has not
        /// begun is lost with the runtime.
        ///
        /// # Cancellation
        ///
        /// Leaves running: bytes that were accepted are written. A write that is dropped while pending
        /// has taken nothing; of a `write_all` some may have been accepted.
        ///
        /// # Errors
        ///
        /// The system's; `Unsupported` if no runtime is current or it has no `Blocking`; `BrokenPipe`
        /// if it has ended.
        #[derive(Clone)]
        pub struct $ty(());

        impl $ty {
            /// Writes all of `bytes` and waits until std's stream has taken them.
            ///
            /// # Cancellation
            ///
            /// Leaves running: what was accepted is written; how much that is, is lost.
            ///
            /// # Errors
            ///
            /// The stream's; see there.
            pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
                while !bytes.is_empty() {
                    let slice = [io::IoSlice::new(bytes)];
                    let n = $shared.wait(|machine, cx| machine.poll_write(cx, &slice)).await?;
                    bytes = &bytes[n..];
                }
                $shared.wait(|machine, cx| machine.poll_written(cx)).await
            }

            /// Waits until all that was written, by any handle, has left the process.
            ///
            /// # Cancellation
            ///
            /// Leaves running: it is flushed all the same.
            ///
            /// # Errors
            ///
            /// The stream's; see there.
            pub async fn flush(&self) -> io::Result<()> {
                $shared.wait(|machine, cx| machine.poll_flush(cx)).await
            }
        }

        impl AsyncWrite for $ty {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $shared.poll(Who::Anyone, cx, |machine, cx| machine.poll_write(cx, bufs))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                $shared.poll(Who::Anyone, cx, |machine, cx| machine.poll_flush(cx))
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($ty)).finish_non_exhaustive()
            }
        }
    };
}

output! {
    /// The process's standard output.
    ///
    /// ```
    /// use runtime_traits::io;
    ///
    /// async fn progress(percent: u32) -> io::Result<()> {
    ///     let text = format!("\r{percent} %");
    ///     io::stdout().write_all(text.as_bytes()).await?;
    ///     io::stdout().flush().await // std's stdout keeps what is no whole line
    /// }
    /// ```
    stdout;
    /// A handle to the process's standard output: [`stdout`].
    Stdout, STDOUT
}

output! {
    /// The process's standard error output.
    ///
    /// ```
    /// # use runtime_traits::io;
    /// # async fn example() -> io::Result<()> {
    /// io::stderr().write_all(b"disk almost full\n").await
    /// # }
    /// ```
    stderr;
    /// A handle to the process's standard error output: [`stderr`].
    Stderr, STDERR
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}
