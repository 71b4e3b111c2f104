//! Operations that own their buffers until the kernel is done with them.

use alloc::vec::Vec;
use core::task::{Context, Poll};
use std::io;
use std::net::SocketAddr;

use super::{Source, Token};

/// A buffer on loan to an operation.
///
/// A write sends the initialised bytes; a read appends to them, into the spare capacity. The heap
/// block does not move while the buffer is moved about, so a kernel may hold its address.
#[derive(Debug, Default)]
pub struct IoBuf(Vec<u8>);

impl IoBuf {
    /// The initialised bytes.
    pub fn filled(&self) -> &[u8] {
        &self.0
    }

    /// Where a read puts its bytes, and how many fit. For drivers.
    pub fn spare(&mut self) -> (*mut u8, usize) {
        let spare = self.0.spare_capacity_mut();
        (spare.as_mut_ptr().cast(), spare.len())
    }

    /// Counts `n` bytes of the spare capacity as initialised.
    ///
    /// # Safety
    ///
    /// They are.
    ///
    /// # Panics
    ///
    /// If fewer than `n` are spare.
    pub unsafe fn advance(&mut self, n: usize) {
        let len = self.0.len() + n;
        assert!(len <= self.0.capacity(), "a driver reports more bytes than it was given room for");
        // SAFETY: within the capacity, and initialised as the caller promises.
        unsafe { self.0.set_len(len) };
    }

    /// The vector again.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for IoBuf {
    fn from(bytes: Vec<u8>) -> Self {
        IoBuf(bytes)
    }
}

/// Names an operation in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpId(pub u64);

/// An operation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Op {
    /// Read into the buffer's spare capacity, at a file offset or at the stream's position.
    Read {
        /// The source.
        io: Token,
        /// Where to.
        buf: IoBuf,
        /// File offset.
        at: Option<u64>,
    },
    /// Write the buffer's bytes; may write fewer.
    Write {
        /// The source.
        io: Token,
        /// What.
        buf: IoBuf,
        /// File offset.
        at: Option<u64>,
    },
    /// Connect a fresh socket.
    Connect {
        /// The socket.
        io: Token,
        /// The peer.
        to: SocketAddr,
    },
    /// Accept one connection.
    Accept {
        /// The listener.
        io: Token,
    },
    /// Read whenever there is something, into buffers of the driver's.
    ReadMulti {
        /// The source.
        io: Token,
    },
    /// Accept whenever there is a connection.
    AcceptMulti {
        /// The listener.
        io: Token,
    },
}

/// How an operation ended, or one step of a multishot one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Done {
    /// Bytes moved, or the error. A cancelled operation answers `ECANCELED`
    /// ([`io::ErrorKind::Interrupted`] is never seen here), or its result if it was already done.
    pub res: io::Result<u32>,
    /// The buffer it was given, or one of the driver's.
    pub buf: Option<IoBuf>,
    /// The connection it accepted.
    pub accepted: Option<Source>,
    /// Whether more results follow under the same id.
    pub more: bool,
}

impl Done {
    /// A result without buffer or connection, and the last.
    pub fn new(res: io::Result<u32>) -> Done {
        Done { res, buf: None, accepted: None, more: false }
    }

    /// With the buffer that comes back.
    pub fn with_buf(mut self, buf: IoBuf) -> Done {
        self.buf = Some(buf);
        self
    }

    /// With the connection that was accepted.
    pub fn with_accepted(mut self, source: Source) -> Done {
        self.accepted = Some(source);
        self
    }

    /// With more to follow.
    pub fn with_more(mut self) -> Done {
        self.more = true;
        self
    }
}

/// Submits operations and hands back their results.
///
/// # Life of an operation
///
/// ```text
///            submit ──▶ in flight ──▶ done ──▶ poll_done: Ready, the id is free
///                          │            ▲
///              cancel(id) ─┤ ───────────┘   the buffer still comes back through poll_done
///             abandon(id) ─┴──▶ nobody asks any more: the driver keeps the buffer until the
///                               kernel is done with it, then drops it and closes what it accepted
/// ```
///
/// # Safety
///
/// An implementation promises that
///
/// - **C1** it does not touch a buffer's bytes after it handed the buffer back;
/// - **C2** a buffer that the kernel may still write is neither dropped nor handed out, whatever
///   happened to the future that asked, also at shutdown (wait, or leak);
/// - **C3** for a read, `res = Ok(n)` means that the buffer it returns has been
///   [advanced](IoBuf::advance) by `n`.
///
/// # Contract
///
/// - No method wakes a waker before it returns, and wakers run outside the driver's locks: sockets call
///   these under locks of their own.
/// - `abandon` releases the waker of that operation.
/// - Sources are non-blocking; the driver waits in their stead, so "would block" is never a result.
/// - Writes to a closed peer are errors, never `SIGPIPE`: the driver's business.
/// - After the end, `submit` gives the operation back with an error made from [`Gone`](crate::Gone), and
///   what is in flight ends with one.
/// - **IO-10** (must) C1 to C3; the buffer comes back on success, error and explicit cancel; a result
///   that was complete before the cancel is not lost.
pub unsafe trait Completion: Send + Sync {
    /// Makes a source known. A runtime with a `Reactor` too may use the same tokens for both.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn register(&self, source: Source) -> io::Result<Token>;

    /// Forgets a source. Operations in flight keep it alive.
    fn deregister(&self, token: Token);

    /// Starts an operation.
    ///
    /// # Errors
    ///
    /// Gives it back with the reason: the runtime ended, the queue is full, an unknown operation
    /// (`Unsupported`).
    fn submit(&self, op: Op) -> Result<OpId, (Op, io::Error)>;

    /// The result, once. For multishot operations, the next one.
    fn poll_done(&self, id: OpId, cx: &mut Context<'_>) -> Poll<Done>;

    /// Asks for an early end; the result still comes through `poll_done`.
    fn cancel(&self, id: OpId);

    /// Nobody will ask for the result.
    fn abandon(&self, id: OpId);
}
