//! A child of std's, watched by the runtime.

use core::task::{Context, Poll, ready};
use std::process::{Child, Command, ExitStatus};

use super::exit::{Exit, Plan};
use super::reaper;
use crate::hooks::State;
use crate::io::waiters::{Side, Who};
use crate::{Gone, Handle, io};

/// A child that was started, and what tells of its end.
pub(super) struct Watched {
    child: Child,
    exit: Exit,
    /// Once it is known: it outlasts the runtime.
    status: Option<ExitStatus>,
}

impl Watched {
    /// Starts `command`; calls `take` with its pipes.
    ///
    /// What fails before the child is there leaves none. If something fails afterwards (the runtime
    /// ends meanwhile, or another thread takes the last descriptor), the child is killed, since its
    /// caller is told that there is none.
    pub(super) fn start<P>(
        handle: &Handle,
        command: &mut Command,
        take: impl FnOnce(&mut Child) -> io::Result<P>,
    ) -> io::Result<(Watched, P)> {
        reaper::sweep();
        if handle.info().state == State::ShutDown {
            return Err(Gone.into());
        }
        let plan = Plan::new(handle)?;
        let mut child = command.spawn()?;
        let set_up = |child: &mut Child| Ok((take(child)?, plan.watch(handle, child)?));
        match set_up(&mut child) {
            Ok((pipes, exit)) => Ok((Watched { child, exit, status: None }, pipes)),
            Err(error) => {
                let _ = child.kill();
                reaper::keep(child);
                Err(error)
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.status = self.child.try_wait()?;
        Ok(self.status)
    }

    /// Waits, for a caller who awaits.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let Watched { child, exit, status } = self;
        let side: &Side = exit.side();
        side.wait(|who, cx| poll_wait(child, exit, status, who, cx)).await
    }
}

/// For whoever reaps it.
#[cfg(unix)]
impl Watched {
    /// The child alone, and what tells of its end.
    pub(super) fn into_parts(self) -> (Child, Exit) {
        (self.child, self.exit)
    }
}

fn poll_wait(
    child: &mut Child,
    exit: &Exit,
    status: &mut Option<ExitStatus>,
    who: Who<'_>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<ExitStatus>> {
    if let Some(status) = *status {
        return Poll::Ready(Ok(status));
    }
    let exited = ready!(exit.poll(who, cx, || child.try_wait()))?;
    *status = Some(exited);
    Poll::Ready(Ok(exited))
}
