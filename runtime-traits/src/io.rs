//! Reading and writing: std's words, the `futures_io` traits, and [`Async`] for descriptors of any
//! kind.
//!
//! [`Error`], [`ErrorKind`] and [`Result`] are std's. [`AsyncRead`] and its siblings are those of
//! `futures-io`, so that everything written against them (TLS, HTTP, compression) takes our streams.
//!
//! # Files
//!
//! `waiters` is the one way a task waits for a source; `source` is a source on a reactor; `async_fd`
//! is `Async`; `copy` and `split` work over any stream.

pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use std::io::{
    BufRead, Empty, Error, ErrorKind, IoSlice, IoSliceMut, Read, Result, Seek, SeekFrom, Sink,
    Write,
};

mod copy;
mod split;

pub use copy::copy;
pub use split::{ReadHalf, ReuniteError, WriteHalf, split};

#[cfg(all(feature = "net", any(unix, windows)))]
mod async_fd;
#[cfg(all(feature = "net", any(unix, windows)))]
pub(crate) mod source;
#[cfg(all(feature = "net", any(unix, windows)))]
pub(crate) mod waiters;

#[cfg(all(feature = "net", any(unix, windows)))]
pub use async_fd::{AsSource, Async, Readable, Waiter, Writable};
