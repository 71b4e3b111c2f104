//! Reading and writing: std's words, the `futures_io` traits, and [`Async`] for descriptors of any
//! kind.
//!
//! [`Error`], [`ErrorKind`] and [`Result`] are std's. [`AsyncRead`] and its siblings are those of
//! `futures-io`, so that everything written against them (TLS, HTTP, compression) takes our streams.
//!
//! What blocks is made asynchronous by [`Unblock`], the twin of a `Read`, `Write`, `Seek` or
//! `Iterator`, and [`unblock`], for closures. What can be polled is better off in [`Async`].
//!
//! [`BufReader`], [`AsyncReadExt`] and what else needs no runtime is re-exported from `futures-lite`.
//! [`copy`] is ours: it flushes while its reader has nothing for now, so that two sides that wait for
//! each other's answers get on; it tries again what was interrupted; and it believes no stream that
//! reports more bytes than it was given.
//!
//! # Files
//!
//! `waiters` is the one way a task waits; `source` is a source on a reactor; `async_fd` is `Async`;
//! `copy`, `bidirectional` and `split` work over any stream; `uninit` is how readers fill fresh
//! memory; `duplex` is a connection in memory; `unblock` and `stdio` stand on `Blocking`.

pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use futures_lite::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter, Bytes, Chain,
    Cursor, Empty, Lines, Repeat, Sink, Split, Take, empty, repeat, sink,
};
pub use std::io::{
    BufRead, Error, ErrorKind, IoSlice, IoSliceMut, Read, Result, Seek, SeekFrom, Write,
};

mod bidirectional;
mod copy;
mod duplex;
mod split;
mod stdio;
mod unblock;
mod uninit;

pub use bidirectional::copy_bidirectional;
pub use copy::copy;
pub(crate) use copy::within;
pub use duplex::{Duplex, duplex};
pub use split::{ReadHalf, ReuniteError, WriteHalf, split};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use unblock::{Unblock, unblock};
pub use uninit::{AsyncReadUninit, ReadAppend, ReadUninit};

#[cfg(all(feature = "net", any(unix, windows)))]
mod async_fd;
#[cfg(all(any(feature = "net", feature = "fs"), any(unix, windows)))]
#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "files use one function of it"))]
pub(crate) mod source;
#[cfg_attr(
    not(all(feature = "net", any(unix, windows))),
    allow(dead_code, reason = "sockets use all of it, the rest a part")
)]
pub(crate) mod waiters;

#[cfg(all(feature = "net", any(unix, windows)))]
pub use async_fd::{AsSource, Async, Readable, Waiter, Writable};
