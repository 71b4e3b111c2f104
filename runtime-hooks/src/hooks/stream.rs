//! Byte streams as objects.

use core::mem::MaybeUninit;
use core::task::{Context, Poll};
use std::io;
use std::net::{Shutdown, SocketAddr};

use super::BorrowedSource;

/// A window on bytes that need not be initialised, filled from the front.
///
/// Lets a read put bytes straight into a fresh buffer. What is [`filled`](ReadCursor::filled) is
/// initialised; that is this type's invariant, and why [`advance`](ReadCursor::advance) is unsafe.
pub struct ReadCursor<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'a> ReadCursor<'a> {
    /// A cursor over plain bytes.
    pub fn new(bytes: &'a mut [u8]) -> ReadCursor<'a> {
        let (start, len) = (bytes.as_mut_ptr().cast(), bytes.len());
        // SAFETY: same memory, same length; `MaybeUninit<u8>` has the layout of `u8`, and a cursor
        // only ever writes initialised bytes, so the caller's slice stays initialised.
        ReadCursor::uninit(unsafe { core::slice::from_raw_parts_mut(start, len) })
    }

    /// A cursor over bytes that may be uninitialised.
    pub fn uninit(bytes: &'a mut [MaybeUninit<u8>]) -> ReadCursor<'a> {
        ReadCursor { bytes, filled: 0 }
    }

    /// How many bytes still fit.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.filled
    }

    /// What has been filled.
    pub fn filled(&self) -> &[u8] {
        let start = self.bytes.as_ptr().cast();
        // SAFETY: the first `filled` bytes are initialised (the type's invariant).
        unsafe { core::slice::from_raw_parts(start, self.filled) }
    }

    /// The rest, to be written into.
    ///
    /// # Safety
    ///
    /// No uninitialised byte is written into it: the memory may be someone's plain `[u8]`.
    pub unsafe fn unfilled(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.bytes[self.filled..]
    }

    /// The rest as plain bytes, zeroed first: for readers that want a `&mut [u8]`.
    pub fn zeroed(&mut self) -> &mut [u8] {
        let rest = &mut self.bytes[self.filled..];
        rest.fill(MaybeUninit::new(0));
        let (start, len) = (rest.as_mut_ptr().cast(), rest.len());
        // SAFETY: just initialised.
        unsafe { core::slice::from_raw_parts_mut(start, len) }
    }

    /// Counts `n` more bytes as filled.
    ///
    /// # Safety
    ///
    /// The first `n` bytes of [`unfilled`](ReadCursor::unfilled) are initialised.
    ///
    /// # Panics
    ///
    /// If fewer than `n` remain.
    pub unsafe fn advance(&mut self, n: usize) {
        assert!(n <= self.remaining(), "a reader says it read {n} of {} bytes", self.remaining());
        self.filled += n;
    }

    /// Appends `bytes`, as many as fit; answers how many.
    pub fn put(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.remaining());
        for (to, from) in self.bytes[self.filled..].iter_mut().zip(&bytes[..n]) {
            to.write(*from);
        }
        // SAFETY: the loop wrote the first `n`.
        unsafe { self.advance(n) };
        n
    }
}

/// What lies beneath `TcpStream` when the runtime makes sockets of its own.
///
/// All methods take `&self`: a stream is read and written at the same time from different tasks.
/// One waker per direction is kept, the latest.
///
/// # Contract
///
/// - **IO-1** (must) A read fills nothing only at the end or when the cursor has no room.
/// - **IO-3** (must) `Pending` means that the waker is registered and no byte moved.
/// - **IO-5** (must) A write of something takes at least one byte, and no more than there are.
/// - **IO-6** (must) Shutting down writing implies a flush and is idempotent.
/// - **TCP-3** (must) Shutting down writing leaves reading alone.
pub trait ByteStream: Send + Sync {
    /// Reads into `buf`.
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadCursor<'_>) -> Poll<io::Result<()>>;

    /// Writes some of `bufs`, in order; answers how many bytes.
    fn poll_write(&self, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>])
    -> Poll<io::Result<usize>>;

    /// Waits until what was written has left this process.
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends one direction or both.
    fn poll_shutdown(&self, how: Shutdown, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the stream has none.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the stream has none.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The socket beneath, if there is one.
    fn source(&self) -> Option<BorrowedSource<'_>> {
        None
    }
}
