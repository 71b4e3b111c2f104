//! [`Transmit`]: a run of datagrams to be sent, and how it is cut into calls.

use crate::io;
use crate::net::{IpAddr, SocketAddr};

/// The bytes that one call takes: the most that a datagram over IPv4 carries.
const CALL_MAX: usize = 65_507;

/// How many calls one attempt makes at most; other tasks shall have their turn.
const CALLS_MAX: usize = 64;

/// The two bits of a packet's header by which routers tell of congestion (RFC 3168).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EcnCodepoint {
    /// ECT(0): the sender understands ECN.
    Ect0,
    /// ECT(1): the same, with another meaning for routers (RFC 9331).
    Ect1,
    /// CE: there was congestion.
    Ce,
}

impl EcnCodepoint {
    /// That of a header's traffic class; `None` if the sender does not take part.
    pub fn from_bits(bits: u8) -> Option<EcnCodepoint> {
        match bits & 0b11 {
            0b10 => Some(EcnCodepoint::Ect0),
            0b01 => Some(EcnCodepoint::Ect1),
            0b11 => Some(EcnCodepoint::Ce),
            _ => None,
        }
    }

    /// As it stands in a header.
    pub fn bits(self) -> u8 {
        match self {
            EcnCodepoint::Ect0 => 0b10,
            EcnCodepoint::Ect1 => 0b01,
            EcnCodepoint::Ce => 0b11,
        }
    }
}

/// A datagram to be sent by a [`BatchedUdpSocket`](super::BatchedUdpSocket), or a run of them: to one
/// destination, of one size but for the last, which may be shorter.
///
/// ```
/// # use runtime_traits::net::{EcnCodepoint, SocketAddr, Transmit};
/// let to = SocketAddr::from(([127, 0, 0, 1], 4433));
/// let three = Transmit::new(to, b"onetwo3").segment_size(3).ecn(EcnCodepoint::Ect0);
/// assert_eq!(three.contents(), b"onetwo3");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit<'a> {
    destination: SocketAddr,
    contents: &'a [u8],
    segment_size: Option<usize>,
    ecn: Option<EcnCodepoint>,
    source: Option<IpAddr>,
}

impl<'a> Transmit<'a> {
    /// One datagram. It may be empty.
    pub fn new(destination: SocketAddr, contents: &'a [u8]) -> Transmit<'a> {
        Transmit { destination, contents, segment_size: None, ecn: None, source: None }
    }

    /// Datagrams of so many bytes each; the last has what is left. `None`, or no less than there is: one
    /// datagram.
    ///
    /// What a run received has as its [`stride`](super::RecvMeta::stride) may be passed on.
    pub fn segment_size(self, bytes: impl Into<Option<usize>>) -> Transmit<'a> {
        Transmit { segment_size: bytes.into(), ..self }
    }

    /// The codepoint that each datagram carries; `None`: not ECN-capable.
    pub fn ecn(self, ecn: impl Into<Option<EcnCodepoint>>) -> Transmit<'a> {
        Transmit { ecn: ecn.into(), ..self }
    }

    /// The address of this host that it comes from; `None`: the system chooses.
    ///
    /// A server that is bound to all addresses answers from the one that was asked
    /// ([`RecvMeta::to`](super::RecvMeta::to)).
    pub fn source(self, source: impl Into<Option<IpAddr>>) -> Transmit<'a> {
        Transmit { source: source.into(), ..self }
    }

    /// All bytes, one datagram after the other.
    pub fn contents(&self) -> &'a [u8] {
        self.contents
    }

    /// What is left when so many bytes were sent; `None` if nothing is.
    pub fn after(self, sent: usize) -> Option<Transmit<'a>> {
        let contents = self.contents.get(sent..).filter(|rest| !rest.is_empty())?;
        Some(Transmit { contents, ..self })
    }

    /// Refuses what no system can send.
    pub(super) fn check(&self) -> io::Result<()> {
        let is_v4 = |ip: IpAddr| ip.to_canonical().is_ipv4();
        let wrong = if self.segment_size == Some(0) && !self.contents.is_empty() {
            "segments of no bytes"
        } else if self.destination.port() == 0 {
            "port 0 is nobody's"
        } else if self.source.is_some_and(|ip| is_v4(ip) != is_v4(self.destination.ip())) {
            "source and destination are of different families"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
    }

    /// Whether there is more than one datagram.
    fn is_run(&self) -> bool {
        self.segment_size.is_some_and(|size| size < self.contents.len())
    }

    /// The first datagrams: as many as one call takes, of which the system cuts `segments`.
    fn front(&self, segments: usize) -> Transmit<'a> {
        if !self.is_run() {
            return Transmit { segment_size: None, ..*self };
        }
        let size = self.segment_size.unwrap_or(self.contents.len());
        let count = segments.min(CALL_MAX / size).max(1);
        let contents = &self.contents[..self.contents.len().min(size.saturating_mul(count))];
        let front = Transmit { contents, ..*self };
        if front.is_run() { front } else { Transmit { segment_size: None, ..front } }
    }

    /// Calls `send` with one part after the other; answers how many bytes were sent, and what stopped it
    /// if something did. `segments` is how many one call may have: where it falls during a call that fails,
    /// the same is tried again in smaller parts.
    pub(super) fn in_calls(
        &self,
        segments: impl Fn() -> usize,
        mut send: impl FnMut(&Transmit<'_>) -> io::Result<()>,
    ) -> io::Result<(usize, Option<io::Error>)> {
        let (mut sent, mut rest) = (0, *self);
        for _ in 0..CALLS_MAX {
            let before = segments();
            let part = rest.front(before);
            match send(&part) {
                Ok(()) => {
                    sent += part.contents.len();
                    match rest.after(part.contents.len()) {
                        Some(more) => rest = more,
                        None => break,
                    }
                }
                Err(_) if part.is_run() && segments() < before => {}
                Err(error) if sent == 0 => return Err(error),
                Err(error) => return Ok((sent, Some(error))),
            }
        }
        Ok((sent, None))
    }

    pub(super) fn foreign(&self) -> quinn_udp::Transmit<'a> {
        quinn_udp::Transmit {
            destination: self.destination,
            ecn: self.ecn.and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn.bits())),
            contents: self.contents,
            segment_size: self.segment_size,
            src_ip: self.source,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};
    use io::ErrorKind::{InvalidInput, WouldBlock};
    use std::vec::Vec;

    use super::*;

    fn run(contents: &[u8], size: usize) -> Transmit<'_> {
        Transmit::new(SocketAddr::from(([127, 0, 0, 1], 1)), contents).segment_size(size)
    }

    /// The lengths of the calls, and whether each is a run.
    fn calls(transmit: &Transmit<'_>, segments: usize) -> Vec<(usize, bool)> {
        let made = RefCell::new(Vec::new());
        let sent = transmit.in_calls(
            || segments,
            |part| {
                made.borrow_mut().push((part.contents.len(), part.segment_size.is_some()));
                Ok(())
            },
        );
        let made = made.into_inner();
        assert_eq!(sent.unwrap().0, made.iter().map(|(len, _)| len).sum::<usize>());
        made
    }

    #[test]
    fn calls_have_whole_datagrams() {
        assert_eq!(calls(&run(&[0; 100], 30), 64), [(100, true)]);
        assert_eq!(calls(&run(&[0; 100], 30), 2), [(60, true), (40, true)]);
        assert_eq!(calls(&run(&[0; 70], 30), 2), [(60, true), (10, false)]);
        assert_eq!(calls(&run(&[0; 70], 30), 1), [(30, false), (30, false), (10, false)]);
        assert_eq!(calls(&run(&[0; 70], 70), 64), [(70, false)]);
        assert_eq!(calls(&run(&[0; 70], 90), 64), [(70, false)]);
        assert_eq!(calls(&run(&[], 90), 64), [(0, false)]);
        // 64 of them would be more than a call takes.
        assert_eq!(calls(&run(&[0; 76_800], 1200), 64), [(64_800, true), (12_000, true)]);
        // Too large for any call: the system says so.
        assert_eq!(calls(&run(&[0; 150_000], 70_000), 64)[0], (70_000, false));
    }

    #[test]
    fn one_attempt_has_an_end() {
        assert_eq!(calls(&run(&[0; 100], 1), 1).len(), CALLS_MAX);
    }

    #[test]
    fn where_offload_ends_the_same_is_sent_in_smaller_parts() {
        let segments = Cell::new(64);
        let made = RefCell::new(Vec::new());
        let send = |part: &Transmit<'_>| {
            if part.is_run() {
                segments.set(1);
                return Err(InvalidInput.into());
            }
            made.borrow_mut().push(part.contents.to_vec());
            Ok(())
        };
        let sent = run(b"onetwo3", 3).in_calls(|| segments.get(), send);
        assert!(matches!(sent, Ok((7, None))), "{sent:?}");
        assert_eq!(made.into_inner(), [&b"one"[..], b"two", b"3"]);
    }

    #[test]
    fn what_stops_it_half_way_is_told_beside_the_count() {
        let stops_at = |nth: usize| {
            let count = Cell::new(0);
            let send = |_: &Transmit<'_>| match count.replace(count.get() + 1) {
                n if n == nth => Err(WouldBlock.into()),
                _ => Ok(()),
            };
            let sent = run(&[0; 100], 30).in_calls(|| 1, send);
            sent.map(|(n, error)| (n, error.map(|error| error.kind()))).map_err(|e| e.kind())
        };
        assert_eq!(stops_at(0), Err(WouldBlock));
        assert_eq!(stops_at(2), Ok((60, Some(WouldBlock))));
        assert_eq!(stops_at(9), Ok((100, None)));
    }
}
