//! The system calls, by `quinn-udp`. Its types stay here.
//!
//! What is known of a socket (how many segments it cuts, whether it takes ECN marks) falls when a call fails
//! with `EINVAL`: adapters and old systems say so by that (quinn#2202). But so does a source address that is
//! no longer this host's, and that would end offload and marks for all peers. So:
//!
//! # Invariants
//!
//! - **F1** A single datagram that fails with `EINVAL` was wrong itself: what is known is found out anew.
//! - **F2** Finding out sets options of the socket for a moment, which would cut up what is being sent. It
//!   excludes every send.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use quinn_udp::{BATCH_SIZE, UdpSockRef, UdpSocketState};

use super::{RecvMeta, Transmit};
use crate::hooks::{After, Source};
use crate::io;

/// Whether a call fills all the buffers it can: else one that fills fewer says nothing.
const FILLS_ALL: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What is known of a socket.
pub(super) struct Offload(RwLock<UdpSocketState>);

impl Offload {
    pub(super) fn new(source: &Source) -> io::Result<Offload> {
        Ok(Offload(RwLock::new(UdpSocketState::new(socket(source))?)))
    }

    fn known(&self) -> RwLockReadGuard<'_, UdpSocketState> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn max_gso_segments(&self) -> usize {
        self.known().max_gso_segments()
    }

    pub(super) fn gro_segments(&self) -> usize {
        // Windows has it only where it was asked for, and it is not (quinn#2041).
        if cfg!(windows) { 1 } else { self.known().gro_segments() }
    }

    pub(super) fn may_fragment(&self) -> bool {
        self.known().may_fragment()
    }

    /// Sends what can be sent now; answers how many bytes, and what stopped the rest.
    pub(super) fn send(
        &self,
        source: &Source,
        transmit: &Transmit<'_>,
    ) -> io::Result<(usize, Option<io::Error>)> {
        transmit.in_calls(
            || self.max_gso_segments(),
            |part| {
                let part = part.foreign();
                let sent = self.known().try_send(socket(source), &part);
                if part.segment_size.is_none() && is_invalid(&sent) {
                    self.find_out(source);
                }
                sent
            },
        )
    }

    /// F1, F2.
    fn find_out(&self, source: &Source) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // The caller has an error to tell already, and the former knowledge is not wrong, only cautious.
        if let Ok(anew) = UdpSocketState::new(socket(source)) {
            *known = anew;
        }
    }

    /// Fills the first buffers with what is there.
    pub(super) fn recv(
        &self,
        source: &Source,
        bufs: &mut [io::IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> io::Result<(usize, After)> {
        let room = bufs.len().min(meta.len()).min(BATCH_SIZE);
        let mut foreign = [quinn_udp::RecvMeta::default(); BATCH_SIZE];
        let n = self.known().recv(socket(source), &mut bufs[..room], &mut foreign[..room])?;
        meta.iter_mut().zip(&foreign[..n]).for_each(|(meta, foreign)| *meta = (*foreign).into());
        Ok((n, if FILLS_ALL && n < room { After::Drained } else { After::More }))
    }
}

fn socket(source: &Source) -> UdpSockRef<'_> {
    UdpSockRef::from(&**source)
}

/// `EINVAL`, or `WSAEINVAL`.
fn is_invalid(sent: &io::Result<()>) -> bool {
    sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput)
}
