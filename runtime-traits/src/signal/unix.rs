//! A bell on the runtime's reactor.

use core::task::{Context, Poll};

use super::SignalKind;
use super::bell::Bell;
use crate::hooks::Dir;
use crate::io::source::Registered;
use crate::io::waiters::{Side, Who};
use crate::{Capability, Handle, io};

/// A listener on a reactor.
pub(super) struct Watch {
    source: Registered,
    bell: Bell,
}

impl Watch {
    /// Listens on the runtime of `handle`.
    pub(super) fn new(handle: Handle, kind: SignalKind) -> io::Result<Watch> {
        // Asked first: without a reactor the signal keeps its default effect.
        handle.require(Capability::Signal, |rt| rt.reactor())?;
        let bell = Bell::new(kind.as_raw())?;
        Ok(Watch { source: Registered::new(handle, bell.source().clone())?, bell })
    }

    pub(super) fn side(&self) -> &Side {
        self.source.side(Dir::Read)
    }

    /// Ready when the bell was rung since the last time.
    pub(super) fn poll(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll(Dir::Read, who, cx, || self.bell.hush())
    }
}
