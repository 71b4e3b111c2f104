//! Many datagrams with one wait.
//!
//! A batch asks the reactor, the budget and the lists of waiters once, and then moves what can be
//! moved: one system call for each datagram, one *would block* at the end of all.
//!
//! # Invariants
//!
//! - **B1** What a batch counts was moved, in order, from the front; the rest is untouched.
//! - **B2** An error that stops a batch half-way is not lost with the count: the next batch of either
//!   direction tells it, or [`take_error`](UdpSocket::take_error). (The system tells each error once, so
//!   no event follows: this is asked before the reactor, which may want to see one first.) Of several, each
//!   is told once, the oldest first.
//!
//! Not `sendmmsg`: if an error stops it half-way, the system answers the count and forgets the error
//! (`sendmmsg(2)`, BUGS), so the news of a connected peer would be lost (B2).

use core::task::{Context, Poll, ready};

use super::{Kind, UdpSocket};
use crate::hooks::{After, Dir, ReadCursor};
use crate::io;
use crate::io::source::poll_proceed;
use crate::io::waiters::Who;
use crate::net::{SocketAddr, sys};

/// How many datagrams one call moves at most; other tasks shall have their turn.
const BATCH: usize = 64;

/// A datagram to be sent by [`UdpSocket::send_batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    bytes: &'a [u8],
    to: Option<SocketAddr>,
}

impl<'a> Outgoing<'a> {
    /// For the peer that [`connect`](UdpSocket::connect) fixed.
    pub fn new(bytes: &'a [u8]) -> Outgoing<'a> {
        Outgoing { bytes, to: None }
    }

    /// The same for somebody else.
    pub fn to(self, to: SocketAddr) -> Outgoing<'a> {
        Outgoing { to: Some(to), ..self }
    }
}

/// A place for one datagram of [`UdpSocket::recv_batch`].
#[derive(Debug)]
pub struct Arrival<'a> {
    buf: &'a mut [u8],
    len: usize,
    from: Option<SocketAddr>,
}

impl<'a> Arrival<'a> {
    /// A place with this much room, and nothing in it.
    pub fn new(buf: &'a mut [u8]) -> Arrival<'a> {
        Arrival { buf, len: 0, from: None }
    }

    /// The datagram that was received here last; no bytes if there was none.
    pub fn bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Where it came from; `None` if there was none.
    pub fn from(&self) -> Option<SocketAddr> {
        self.from
    }

    fn take(
        &mut self,
        receive: impl FnOnce(&mut ReadCursor<'_>) -> io::Result<SocketAddr>,
    ) -> io::Result<()> {
        let mut cursor = ReadCursor::new(self.buf);
        let from = receive(&mut cursor)?;
        (self.len, self.from) = (cursor.filled().len(), Some(from));
        Ok(())
    }
}

/// Batches.
///
/// An error that stops one half-way is told by *the next call*: the next poll, by any task, of a
/// [`send_batch`](UdpSocket::send_batch) that is not empty or a [`recv_batch`](UdpSocket::recv_batch), of
/// either direction, or [`take_error`](UdpSocket::take_error), whichever comes first. That call moves
/// nothing. Calls for single datagrams do not tell it, and a batch that waits already is not woken for it.
impl UdpSocket {
    /// Sends datagrams in order until the next would have to wait; answers how many were sent.
    ///
    /// It waits for room for the first. One call sends 64 at most.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{Outgoing, SocketAddr, UdpSocket}};
    /// async fn send_all(socket: &UdpSocket, mut batch: &[Outgoing<'_>]) -> io::Result<()> {
    ///     while !batch.is_empty() {
    ///         let sent = socket.send_batch(batch).await?;
    ///         batch = &batch[sent..];
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: a dropped send has sent nothing.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send), for the first of the batch. What stops it later is told by the
    /// next call: the next poll of a `send_batch` or `recv_batch`, or `take_error`, whichever comes first.
    pub async fn send_batch(&self, batch: &[Outgoing<'_>]) -> io::Result<usize> {
        if batch.is_empty() {
            return Ok(0);
        }
        let batch = &batch[..batch.len().min(BATCH)];
        self.side(Dir::Write).wait(|who, cx| self.poll_batch_out(who, cx, batch)).await
    }

    /// Receives the datagrams that are there, one into each place; answers how many there were.
    ///
    /// It waits for the first. One call receives 64 at most.
    ///
    /// ```
    /// # use runtime_traits::{io, net::{Arrival, UdpSocket}};
    /// async fn some(socket: &UdpSocket) -> io::Result<()> {
    ///     let mut bufs = vec![[0; 1500]; 32];
    ///     let mut batch: Vec<_> = bufs.iter_mut().map(|buf| Arrival::new(buf)).collect();
    ///     let n = socket.recv_batch(&mut batch).await?;
    ///     for datagram in &batch[..n] {
    ///         println!("{} bytes from {:?}", datagram.bytes().len(), datagram.from());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: no datagram is lost.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv). What stops a batch after its first datagram is told by the next
    /// call, as with [`send_batch`](UdpSocket::send_batch).
    pub async fn recv_batch(&self, batch: &mut [Arrival<'_>]) -> io::Result<usize> {
        if batch.is_empty() {
            return Ok(0);
        }
        let len = batch.len().min(BATCH);
        let batch = &mut batch[..len];
        self.side(Dir::Read).wait(|who, cx| self.poll_batch_in(who, cx, batch)).await
    }

    fn poll_batch_out(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        batch: &[Outgoing<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.late.take() {
            return Poll::Ready(Err(error));
        }
        match &self.kind {
            Kind::Ready(source) => source.poll_stream(Dir::Write, who, cx, || {
                let socket = sys::socket(source.source());
                self.late.gather(batch.len(), |i| {
                    let Outgoing { bytes, to } = batch[i];
                    sys::send_to(&socket, bytes, to.map(Into::into).as_ref()).map(drop)
                })
            }),
            Kind::Object { handle, socket, sides } => {
                ready!(poll_proceed(handle, cx));
                sides[Dir::Write.index()].poll_shared(who, cx, |cx| {
                    let gathered = self.late.gather(batch.len(), |i| {
                        let Outgoing { bytes, to } = batch[i];
                        at_once(socket.poll_send(cx, bytes, to)).map(drop)
                    });
                    pending_if_blocked(gathered)
                })
            }
        }
    }

    fn poll_batch_in(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        batch: &mut [Arrival<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.late.take() {
            return Poll::Ready(Err(error));
        }
        match &self.kind {
            Kind::Ready(source) => source.poll_stream(Dir::Read, who, cx, || {
                let socket = sys::socket(source.source());
                self.late.gather(batch.len(), |i| {
                    batch[i].take(|cursor| sys::recv_from(&socket, cursor).and_then(sys::ip))
                })
            }),
            Kind::Object { handle, socket, sides } => {
                ready!(poll_proceed(handle, cx));
                sides[Dir::Read.index()].poll_shared(who, cx, |cx| {
                    let gathered = self.late.gather(batch.len(), |i| {
                        batch[i].take(|cursor| at_once(socket.poll_recv(cx, cursor)))
                    });
                    pending_if_blocked(gathered)
                })
            }
        }
    }
}

/// For objects: what is pending would block, …
fn at_once<R>(polled: Poll<io::Result<R>>) -> io::Result<R> {
    crate::net::link::now(polled)
}

/// … and if nothing was moved, it is pending.
fn pending_if_blocked(gathered: io::Result<(usize, After)>) -> Poll<io::Result<usize>> {
    match gathered {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done.map(|(n, _)| n)),
    }
}
