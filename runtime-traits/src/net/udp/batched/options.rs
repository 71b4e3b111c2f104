//! What the system offers on this socket, and what it is.

use core::fmt;

use super::BatchedUdpSocket;
use crate::hooks::BorrowedSource;
use crate::io;
use crate::io::source::borrow;
use crate::net::{SocketAddr, sys};

/// What the system offers, and the socket beneath.
impl BatchedUdpSocket {
    /// How many datagrams the system cuts out of one [`Transmit`](super::Transmit); 1 if it does none.
    ///
    /// It falls to 1 when a network adapter is found that cannot.
    pub fn max_gso_segments(&self) -> usize {
        self.offload.max_gso_segments()
    }

    /// How many datagrams the system may put into one buffer; 1 if it never does.
    ///
    /// A buffer of so many times the largest datagram expected has room for every run.
    pub fn gro_segments(&self) -> usize {
        self.offload.gro_segments()
    }

    /// Whether a datagram may be fragmented on its way: the system cannot be told otherwise.
    pub fn may_fragment(&self) -> bool {
        self.offload.may_fragment()
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        sys::socket(self.source.source()).local_addr().and_then(sys::ip)
    }

    /// The error that is pending on the socket, or that stopped a call half-way; it is no longer pending
    /// then.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self.late.take() {
            Some(error) => Ok(Some(error)),
            None => sys::socket(self.source.source()).take_error(),
        }
    }

    /// The socket beneath, for its options: the sizes of its buffers, groups, …
    pub fn as_source(&self) -> BorrowedSource<'_> {
        borrow(self.source.source())
    }
}

impl fmt::Debug for BatchedUdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchedUdpSocket")
            .field("local", &self.local_addr().ok())
            .field("max_gso_segments", &self.max_gso_segments())
            .field("gro_segments", &self.gro_segments())
            .finish_non_exhaustive()
    }
}
