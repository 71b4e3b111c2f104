//! [`RecvMeta`]: what is known of a buffer that was received.

use core::iter::FusedIterator;

use super::EcnCodepoint;
use crate::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What is in a buffer that a [`BatchedUdpSocket`](super::BatchedUdpSocket) received: a datagram, or a run
/// of them from one peer.
///
/// Its default stands for a place where nothing was received yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecvMeta {
    from: SocketAddr,
    len: usize,
    stride: usize,
    ecn: Option<EcnCodepoint>,
    to: Option<IpAddr>,
}

impl RecvMeta {
    /// Who sent it; the unspecified address if nothing was received.
    pub fn from(&self) -> SocketAddr {
        self.from
    }

    /// How many bytes of the buffer were filled; 0 is an empty datagram.
    #[expect(clippy::len_without_is_empty, reason = "no bytes are a datagram too")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// How long each datagram of the run is; the last may be shorter. [`len`](RecvMeta::len), if it is but
    /// one.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The codepoint that it carried; `None` as well if the system does not tell.
    pub fn ecn(&self) -> Option<EcnCodepoint> {
        self.ecn
    }

    /// The address of this host that it was sent to, if the system tells. On a socket for both families,
    /// one of IPv4 stands as IPv6 (`::ffff:…`).
    pub fn to(&self) -> Option<IpAddr> {
        self.to
    }

    /// Whether something may have been cut off that a buffer of `room` bytes had no room for: it is full.
    ///
    /// The system's word is not passed on (quinn#2318), so a run that just fits is suspected too; one byte
    /// more than the longest tells them apart.
    pub fn may_be_truncated(&self, room: usize) -> bool {
        self.len >= room
    }

    /// The datagrams in the buffer, one by one; one, if it is empty.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{BatchedUdpSocket, RecvMeta}};
    /// async fn print(socket: &BatchedUdpSocket, buf: &mut [u8]) -> io::Result<()> {
    ///     let mut meta = [RecvMeta::default()];
    ///     socket.recv(&mut [io::IoSliceMut::new(buf)], &mut meta).await?;
    ///     for datagram in meta[0].datagrams(buf) {
    ///         println!("{} bytes from {}", datagram.len(), meta[0].from());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn datagrams<'b>(&self, buf: &'b [u8]) -> Datagrams<'b> {
        Datagrams { rest: Some(&buf[..self.len.min(buf.len())]), stride: self.stride.max(1) }
    }
}

impl Default for RecvMeta {
    fn default() -> RecvMeta {
        let from = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        RecvMeta { from, len: 0, stride: 0, ecn: None, to: None }
    }
}

impl From<quinn_udp::RecvMeta> for RecvMeta {
    fn from(meta: quinn_udp::RecvMeta) -> RecvMeta {
        RecvMeta {
            from: meta.addr,
            len: meta.len,
            stride: meta.stride,
            ecn: meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8)),
            to: meta.dst_ip,
        }
    }
}

/// The datagrams of a run: see [`RecvMeta::datagrams`].
#[derive(Debug, Clone)]
pub struct Datagrams<'b> {
    rest: Option<&'b [u8]>,
    stride: usize,
}

impl<'b> Iterator for Datagrams<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let rest = self.rest?;
        let (first, more) = rest.split_at(self.stride.min(rest.len()));
        self.rest = Some(more).filter(|more| !more.is_empty());
        Some(first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.map_or(0, |rest| rest.len().div_ceil(self.stride).max(1));
        (count, Some(count))
    }
}

impl ExactSizeIterator for Datagrams<'_> {}
impl FusedIterator for Datagrams<'_> {}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn cut(buf: &[u8], len: usize, stride: usize) -> Vec<&[u8]> {
        let datagrams = RecvMeta { len, stride, ..RecvMeta::default() }.datagrams(buf);
        assert_eq!(datagrams.len(), datagrams.clone().count());
        datagrams.collect()
    }

    #[test]
    fn a_run_is_cut_by_its_stride() {
        assert_eq!(cut(b"onetwo3...", 7, 3), [&b"one"[..], b"two", b"3"]);
        assert_eq!(cut(b"onetwo", 6, 3), [b"one", b"two"]);
        assert_eq!(cut(b"one", 3, 3), [b"one"]);
        assert_eq!(cut(b"one", 0, 0), [b""], "an empty datagram is one");
    }

    #[test]
    fn what_does_not_match_its_buffer_is_no_panic() {
        assert_eq!(cut(b"onetw", 9, 3), [&b"one"[..], b"tw"]);
        assert_eq!(cut(b"on", 2, 0), [b"o", b"n"]);
        assert_eq!(cut(b"", 2, 1), [b""]);
    }
}
