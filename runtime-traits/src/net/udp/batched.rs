//! [`BatchedUdpSocket`]: many datagrams with one system call.
//!
//! ```text
//!  Transmit ─▶ send ─┐                                   ┌─▶ one system call for up to 64 segments
//!                    ├─▶ Registered (when) ─▶ offload ───┤
//!  bufs, RecvMeta ◀─ recv                                └─▶ one for up to 32 buffers
//! ```
//!
//! `transmit` is what goes out, `received` what is known of what came in; `offload` makes the calls.
//!
//! # Invariants
//!
//! - **O1** Offload is a property of the *socket*: once it is on, what is received may be several
//!   datagrams as one, and what lies in the system's queue stays so. Hence a type of its own, and no way
//!   back (UDP-1).
//! - **O2** B1 and B2 of `batch` hold here too: what is counted was moved, an error that stopped the rest
//!   is told by the next call.

use core::task::{Context, Poll};

use super::late::Late;
use super::{Kind, UdpSocket};
use crate::hooks::Dir;
use crate::io;
use crate::io::source::Registered;
use crate::io::waiters::Who;
use crate::net::link::{no_socket, now};

mod offload;
mod options;
mod received;
mod transmit;

use offload::Offload;
pub use received::{Datagrams, RecvMeta};
pub use transmit::{EcnCodepoint, Transmit};

/// A UDP socket that moves many datagrams with one system call, for QUIC and its like.
///
/// Made by [`UdpSocket::into_batched`]; feature `udp-batch`. Every method takes `&self`; several tasks may
/// send and receive at the same time.
///
/// - A [`Transmit`] is a run of datagrams of one size: the system cuts it up (*GSO*, segmentation offload;
///   Linux and Windows). Where it does not, each datagram is a call, and nothing else changes.
/// - A buffer receives such a run, if the system has put one together (*GRO*, Linux): [`RecvMeta`] tells
///   where each begins. Linux fills up to 32 buffers with one call (`recvmmsg`).
/// - Both carry the ECN codepoint and this end's address, as far as the system knows them.
/// - No datagram is fragmented on its way, if the system can promise it
///   ([`may_fragment`](BatchedUdpSocket::may_fragment)): one that is too large is an error.
///
/// ```
/// use runtime_traits::io::{self, IoSliceMut};
/// use runtime_traits::net::{RecvMeta, Transmit, UdpSocket};
///
/// /// Sends back what comes, run by run.
/// async fn echo() -> io::Result<()> {
///     let socket = UdpSocket::bind("[::1]:0").await?.into_batched()?;
///     let mut bufs = vec![vec![0; 65_535]; 8];
///     let mut meta = vec![RecvMeta::default(); 8];
///     loop {
///         let mut slices: Vec<_> = bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
///         let n = socket.recv(&mut slices, &mut meta).await?;
///         for (buf, meta) in bufs.iter().zip(&meta[..n]) {
///             let run = Transmit::new(meta.from(), &buf[..meta.len()]).segment_size(meta.stride());
///             socket.send_all(&run).await?;
///         }
///     }
/// }
/// ```
pub struct BatchedUdpSocket {
    source: Registered,
    offload: Offload,
    late: Late,
}

/// Into a socket for runs of datagrams.
impl UdpSocket {
    /// Turns on what the system offers for many datagrams at once: see [`BatchedUdpSocket`].
    ///
    /// There is no way back: the socket's queue may hold runs of datagrams from then on, and a plain
    /// receive would take one for a single datagram. The socket is closed if this fails.
    ///
    /// # Errors
    ///
    /// The system's; `Unsupported` if the runtime made the socket by means of its own.
    pub fn into_batched(self) -> io::Result<BatchedUdpSocket> {
        let Kind::Ready(source) = self.kind else { return Err(no_socket()) };
        let offload = Offload::new(source.source())?;
        Ok(BatchedUdpSocket { source, offload, late: self.late })
    }
}

impl BatchedUdpSocket {
    /// Sends the datagrams of `transmit` from the front; answers how many *bytes* that were.
    ///
    /// These are whole datagrams. It is all of them if they are no more than
    /// [`max_gso_segments`](BatchedUdpSocket::max_gso_segments) and 65 507 bytes; of longer ones, it is
    /// what could be sent without waiting again, in 64 system calls at most.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{BatchedUdpSocket, EcnCodepoint, SocketAddr, Transmit}};
    /// async fn ten(socket: &BatchedUdpSocket, to: SocketAddr) -> io::Result<usize> {
    ///     let run = Transmit::new(to, &[7; 12_000]).segment_size(1200).ecn(EcnCodepoint::Ect0);
    ///     socket.send(&run).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped send has sent nothing.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the segment size or the port is 0, or the source is of another family than the
    /// destination. The system's, for the first datagrams; what stops it later is told by the next call of
    /// either direction. The runtime has ended.
    pub async fn send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        self.source.side(Dir::Write).wait(|who, cx| self.poll_out(who, cx, transmit)).await
    }

    /// Sends all datagrams of `transmit`, however many.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{BatchedUdpSocket, SocketAddr, Transmit}};
    /// async fn many(socket: &BatchedUdpSocket, to: SocketAddr) -> io::Result<()> {
    ///     socket.send_all(&Transmit::new(to, &[7; 1_000_000]).segment_size(1200)).await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: how many were sent is not told.
    ///
    /// # Errors
    ///
    /// As [`send`](BatchedUdpSocket::send); some were sent then.
    pub async fn send_all(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let mut rest = Some(*transmit);
        while let Some(some) = rest {
            rest = some.after(self.send(&some).await?);
        }
        Ok(())
    }

    /// Receives what is there: into each buffer one datagram, or a run of one size from one peer. Answers
    /// how many buffers were filled; the same number of `meta` says what is in them.
    ///
    /// It waits for the first. The shorter of the two slices counts; one call fills 32 at most.
    ///
    /// What a buffer has no room for is lost, and can be *several* datagrams: 64 KiB hold every run, and
    /// [`RecvMeta::may_be_truncated`] says where something may be missing. (Apple and OpenBSD pass over what
    /// does not fit, Windows answers an error.)
    ///
    /// ```
    /// # use runtime_traits::{io, net::{BatchedUdpSocket, RecvMeta}};
    /// async fn count(socket: &BatchedUdpSocket) -> io::Result<usize> {
    ///     let (mut buf, mut meta) = (vec![0; 65_535], [RecvMeta::default()]);
    ///     socket.recv(&mut [io::IoSliceMut::new(&mut buf)], &mut meta).await?;
    ///     Ok(meta[0].datagrams(&buf).count())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: no datagram is lost.
    ///
    /// # Errors
    ///
    /// The system's; what stopped an earlier call half-way; the runtime has ended.
    pub async fn recv(
        &self,
        bufs: &mut [io::IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.source.side(Dir::Read).wait(|who, cx| self.poll_in(who, cx, bufs, meta)).await
    }

    /// Waits until there is room to send. Another task may take it first.
    ///
    /// For code that sends by [`try_send`](BatchedUdpSocket::try_send); each such future has a place of
    /// its own among those who wait.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{BatchedUdpSocket, Transmit}};
    /// async fn send(socket: &BatchedUdpSocket, run: Transmit<'_>) -> io::Result<usize> {
    ///     loop {
    ///         match socket.try_send(&run) {
    ///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
    ///             done => return done,
    ///         }
    ///         socket.writable().await?;
    ///     }
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub async fn writable(&self) -> io::Result<()> {
        let poll = |who: Who<'_>, cx: &mut Context<'_>| self.source.poll_ready(Dir::Write, who, cx);
        self.source.side(Dir::Write).wait(poll).await
    }

    /// As [`send`](BatchedUdpSocket::send), for code that polls. Its waker is kept until the next event.
    ///
    /// # Errors
    ///
    /// As [`send`](BatchedUdpSocket::send).
    pub fn poll_send(
        &self,
        cx: &mut Context<'_>,
        transmit: &Transmit<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_out(Who::Anyone, cx, transmit)
    }

    /// As [`recv`](BatchedUdpSocket::recv), for code that polls. Its waker is kept until the next event.
    ///
    /// # Errors
    ///
    /// As [`recv`](BatchedUdpSocket::recv).
    pub fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.poll_in(Who::Anyone, cx, bufs, meta)
    }

    /// As [`writable`](BatchedUdpSocket::writable), for code that polls. Its waker is kept until the next
    /// event.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(Dir::Write, Who::Anyone, cx)
    }

    /// As [`send`](BatchedUdpSocket::send), if that can be done at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; as [`send`](BatchedUdpSocket::send).
    pub fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        now(self.source.side(Dir::Write).now(|who, cx| self.poll_out(who, cx, transmit)))
    }

    /// As [`recv`](BatchedUdpSocket::recv), of what is there already.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; as [`recv`](BatchedUdpSocket::recv).
    pub fn try_recv(
        &self,
        bufs: &mut [io::IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> io::Result<usize> {
        now(self.source.side(Dir::Read).now(|who, cx| self.poll_in(who, cx, bufs, meta)))
    }

    fn poll_out(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        transmit: &Transmit<'_>,
    ) -> Poll<io::Result<usize>> {
        transmit.check()?;
        if let Some(error) = self.late.take() {
            return Poll::Ready(Err(error));
        }
        self.source.poll_stream(Dir::Write, who, cx, || {
            let (bytes, stopped) = self.offload.send(self.source.source(), transmit)?;
            Ok((bytes, self.late.keep(stopped)))
        })
    }

    fn poll_in(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if bufs.is_empty() || meta.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if let Some(error) = self.late.take() {
            return Poll::Ready(Err(error));
        }
        self.source
            .poll_stream(Dir::Read, who, cx, || self.offload.recv(self.source.source(), bufs, meta))
    }
}
