//! What becomes readable when a child exits, on the runtime's reactor.
//!
//! | | a pidfd | a bell for `SIGCHLD` |
//! |---|---|---|
//! | readable | when this child has exited | when any child of the process has |
//! | where | Linux from 5.3, if no filter forbids it | every Unix |
//!
//! Neither tells *how* it exited, and neither is believed: each time the child itself is looked at,
//! by number, and if it has not exited the event was for nothing.
//!
//! # Invariants
//!
//! - **E1** The first look is after the descriptor is registered, so an exit is found by that look or
//!   makes an event after it. This is also why a bell may be made after the child.
//! - **E2** A bell is hushed before the look, so an exit after the look rings it again.
//!
//! `--cfg runtime_force_sigchld` takes the bell everywhere, so that it is tested on Linux.

use core::task::{Context, Poll};
use std::os::fd::OwnedFd;
use std::process::{self, Child, ExitStatus};
use std::sync::Arc;

use crate::hooks::Dir;
use crate::io::source::Registered;
use crate::io::waiters::{Side, Who};
use crate::signal::SignalKind;
use crate::signal::bell::Bell;
use crate::{Capability, Handle, io};

#[cfg(all(target_os = "linux", not(runtime_force_sigchld)))]
#[path = "exit/linux.rs"]
mod pidfd;
#[cfg(not(all(target_os = "linux", not(runtime_force_sigchld))))]
#[path = "exit/none.rs"]
mod pidfd;

/// What is prepared before the child is there, so that little can fail when it is.
pub(super) enum Plan {
    /// A pidfd, for which there is room: this one, of ourselves.
    Pidfd(OwnedFd),
    /// A bell.
    Bell(Exit),
}

impl Plan {
    pub(super) fn new(handle: &Handle) -> io::Result<Plan> {
        handle.require(Capability::Process, |rt| rt.reactor())?;
        match pidfd::open(process::id()) {
            Ok(Some(room)) => Ok(Plan::Pidfd(room)),
            Ok(None) => Ok(Plan::Bell(Exit::bell(handle)?)),
            Err(error) => Err(error),
        }
    }

    /// Watches a child that was not waited for.
    pub(super) fn watch(self, handle: &Handle, child: &Child) -> io::Result<Exit> {
        match self {
            Plan::Bell(exit) => Ok(exit),
            Plan::Pidfd(room) => {
                drop(room);
                // If there is none, the system has reaped the child, since `SIGCHLD` is ignored. The
                // first look tells, whatever is watched.
                match pidfd::open(child.id())? {
                    Some(pidfd) => Exit::pidfd(handle, pidfd),
                    None => {
                        let ours = pidfd::open(process::id())?;
                        Exit::pidfd(handle, ours.ok_or(io::ErrorKind::Unsupported)?)
                    }
                }
            }
        }
    }
}

/// A descriptor that is watched.
pub(super) struct Exit {
    source: Registered,
    bell: Option<Bell>,
}

impl Exit {
    fn pidfd(handle: &Handle, pidfd: OwnedFd) -> io::Result<Exit> {
        let source = Registered::new(handle.clone(), Arc::new(pidfd))?;
        Ok(Exit { source, bell: None })
    }

    fn bell(handle: &Handle) -> io::Result<Exit> {
        let bell = Bell::new(SignalKind::CHILD.as_raw())?;
        let source = Registered::new(handle.clone(), bell.source().clone())?;
        Ok(Exit { source, bell: Some(bell) })
    }

    pub(super) fn handle(&self) -> &Handle {
        self.source.handle()
    }

    pub(super) fn side(&self) -> &Side {
        self.source.side(Dir::Read)
    }

    /// Looks, now and at each event, until the child has exited.
    pub(super) fn poll(
        &self,
        who: Who<'_>,
        cx: &mut Context<'_>,
        mut look: impl FnMut() -> io::Result<Option<ExitStatus>>,
    ) -> Poll<io::Result<ExitStatus>> {
        self.source.poll(Dir::Read, who, cx, || {
            if let Some(bell) = &self.bell {
                // Rung or not, it is quiet now (E2).
                let _ = bell.hush();
            }
            look()?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
        })
    }
}
