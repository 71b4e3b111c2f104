//! Accepting connections on a socket, by readiness or by completion. TCP's and Unix's are the same.

use core::task::{Context, Poll, ready};
use std::sync::{Mutex, PoisonError};

use socket2::SockAddr;

use super::link::Link;
use super::sys;
use crate::hooks::{Dir, Op, OpId, Source, Token};
use crate::io::source::{Registered, poll_proceed};
use crate::io::waiters::{Side, Who};
use crate::{Capability, Handle, io};

/// A listening socket on a runtime.
pub(super) enum Accepting {
    Ready(Registered),
    Completed(Completed),
}

/// A listener over `Completion`. An accept that is dropped stays in flight for the next.
pub(super) struct Completed {
    handle: Handle,
    source: Source,
    token: Token,
    side: Side,
    op: Mutex<Option<OpId>>,
}

impl Accepting {
    /// A socket that listens, in non-blocking mode, on the runtime of `handle`.
    pub(super) fn new(handle: Handle, source: Source) -> io::Result<Accepting> {
        if handle.runtime().reactor().is_some() {
            return Ok(Accepting::Ready(Registered::new(handle, source)?));
        }
        let completion = handle.require(Capability::Net, |rt| rt.completion())?;
        let token = completion.register(source.clone())?;
        let (side, op) = (Side::new(), Mutex::default());
        Ok(Accepting::Completed(Completed { handle, source, token, side, op }))
    }

    pub(super) fn source(&self) -> &Source {
        match self {
            Accepting::Ready(source) => source.source(),
            Accepting::Completed(completed) => &completed.source,
        }
    }

    pub(super) fn side(&self) -> &Side {
        match self {
            Accepting::Ready(source) => source.side(Dir::Read),
            Accepting::Completed(completed) => &completed.side,
        }
    }

    /// The next connection, on the same runtime, and where it comes from.
    pub(super) fn poll(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Link, SockAddr)>> {
        let (handle, accepted, from) = match self {
            Accepting::Ready(source) => {
                let accept = || sys::accept(&sys::socket(source.source()));
                let (accepted, from) = ready!(source.poll(Dir::Read, who, cx, accept))?;
                (source.handle(), accepted, from)
            }
            Accepting::Completed(completed) => {
                let accepted = ready!(completed.poll(who, cx))?;
                sys::socket(&accepted).set_nonblocking(true)?;
                let from = sys::socket(&accepted).peer_addr()?;
                (&completed.handle, accepted, from)
            }
        };
        Poll::Ready(Ok((Link::from_source(handle.clone(), accepted)?, from)))
    }
}

impl Completed {
    fn poll(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<Source>> {
        ready!(poll_proceed(&self.handle, cx));
        let hook = self.handle.require(Capability::Completion, |rt| rt.completion())?;
        self.side.poll_shared(who, cx, |cx| {
            let mut op = self.op.lock().unwrap_or_else(PoisonError::into_inner);
            let id = match *op {
                Some(id) => id,
                None => {
                    let accept = Op::Accept { io: self.token };
                    *op.insert(hook.submit(accept).map_err(|(_, error)| error)?)
                }
            };
            let done = ready!(hook.poll_done(id, cx));
            *op = None;
            done.res?;
            let accepted = done.accepted.ok_or_else(|| {
                io::Error::other("the runtime's driver accepted, and brought no connection")
            });
            Poll::Ready(accepted)
        })
    }
}

impl Drop for Completed {
    fn drop(&mut self) {
        let op = self.op.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hook) = self.handle.runtime().completion() {
            op.into_iter().for_each(|id| hook.abandon(id));
            hook.deregister(self.token);
        }
    }
}
