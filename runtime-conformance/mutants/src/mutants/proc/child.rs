//! A child that is watched rightly, and what may be wrong about it: override that.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use runtime_conformance::twist::Twist;
use runtime_traits::Handle;
use runtime_traits::hooks::{ByteStream, ChildObject, Pipe, Process};
use runtime_traits::io::Async;
use runtime_traits::process::{ChildStderr, ChildStdin, ChildStdout};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use super::pipes::{Reads, Writes};
use crate::decorate::Decorated;

/// What is different about children. Each default body passes on.
pub(super) trait Fault: Send + Sync + Sized + 'static {
    fn poll_wait(&self, right: &Right, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        right.poll_wait(cx)
    }

    fn kill(&self, right: &Right) -> io::Result<()> {
        right.child().kill()
    }

    /// Our end of a pipe is handed out.
    fn pipe(
        self: &Arc<Self>,
        right: &Arc<Right>,
        pipe: Pipe,
        stream: Box<dyn ByteStream>,
    ) -> Box<dyn ByteStream> {
        let _ = (right, pipe);
        stream
    }

    /// The child is dropped.
    fn dropped(&self, right: Arc<Right>) {
        right.reap();
    }
}

/// A child of std's on a reactor.
pub(super) struct Right {
    handle: Handle,
    child: Mutex<std::process::Child>,
    exit: Async<OwnedFd>,
    pipes: Mutex<Vec<(Pipe, Box<dyn ByteStream>)>>,
}

impl Right {
    fn start(handle: &Handle, command: &mut Command) -> io::Result<Right> {
        let mut child = command.spawn()?;
        let exit = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        let exit = Async::new_on(handle, exit)?;
        let mut pipes: Vec<(Pipe, Box<dyn ByteStream>)> = Vec::new();
        handle.enter(|| {
            if let Some(pipe) = child.stdin.take() {
                pipes.push((Pipe::Stdin, Box::new(Writes::new(ChildStdin::from_std(pipe)?))));
            }
            if let Some(pipe) = child.stdout.take() {
                pipes.push((Pipe::Stdout, Box::new(Reads::new(ChildStdout::from_std(pipe)?))));
            }
            if let Some(pipe) = child.stderr.take() {
                pipes.push((Pipe::Stderr, Box::new(Reads::new(ChildStderr::from_std(pipe)?))));
            }
            io::Result::Ok(())
        })?;
        let (handle, child, pipes) = (handle.clone(), Mutex::new(child), Mutex::new(pipes));
        Ok(Right { handle, child, exit, pipes })
    }

    pub(super) fn child(&self) -> MutexGuard<'_, std::process::Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn id(&self) -> u32 {
        self.child().id()
    }

    /// Whether it has exited; its status stays where it is.
    pub(super) fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        !matches!(waitid(WaitId::Pid(Pid::from_child(&self.child())), options), Ok(None))
    }

    /// Ready at the event of its exit.
    pub(super) fn poll_exit(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.exit.poll_readable(cx)
    }

    fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        loop {
            let status = self.child().try_wait()?;
            if let Some(status) = status {
                return Poll::Ready(Ok(status));
            }
            ready!(self.poll_exit(cx))?;
        }
    }

    /// Waits in nobody's name.
    pub(super) fn reap(self: Arc<Self>) {
        if let Ok(None) = self.child().try_wait() {
            let right = self.clone();
            let waits = std::future::poll_fn(move |cx| right.poll_wait(cx).map(drop));
            drop(self.handle.spawn(waits));
        }
    }

    /// Whether there is a pipe that nobody took.
    pub(super) fn has(&self, pipe: Pipe) -> bool {
        self.pipes().iter().any(|(other, _)| *other == pipe)
    }

    fn pipes(&self) -> MutexGuard<'_, Vec<(Pipe, Box<dyn ByteStream>)>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, pipe: Pipe) -> Option<Box<dyn ByteStream>> {
        let mut pipes = self.pipes();
        let place = pipes.iter().position(|(other, _)| *other == pipe)?;
        Some(pipes.swap_remove(place).1)
    }
}

/// A twist whose children have a fault, which is made before the child is.
pub(super) struct Starts<F>(pub(super) fn() -> Box<dyn Fn() -> F + Send + Sync>);

impl<F: Fault> Twist for Starts<F> {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let hook = Hook { inner: inner.clone(), make: (self.0)() };
        Decorated::over(inner).process(Box::new(hook)).handle()
    }
}

struct Hook<F> {
    inner: Handle,
    make: Box<dyn Fn() -> F + Send + Sync>,
}

impl<F: Fault> Process for Hook<F> {
    fn spawn(&self, command: &mut Command) -> Option<io::Result<Arc<dyn ChildObject>>> {
        let with = Arc::new((self.make)());
        let right = Right::start(&self.inner, command).map(Arc::new);
        Some(right.map(|right| Arc::new(Child { right, with }) as Arc<dyn ChildObject>))
    }
}

struct Child<F: Fault> {
    right: Arc<Right>,
    with: Arc<F>,
}

impl<F: Fault> ChildObject for Child<F> {
    fn id(&self) -> u32 {
        self.right.id()
    }

    fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        self.with.poll_wait(&self.right, cx)
    }

    fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.right.child().try_wait()
    }

    fn kill(&self) -> io::Result<()> {
        self.with.kill(&self.right)
    }

    fn take(&self, pipe: Pipe) -> Option<Box<dyn ByteStream>> {
        let stream = self.right.take(pipe)?;
        Some(self.with.pipe(&self.right, pipe, stream))
    }
}

impl<F: Fault> Drop for Child<F> {
    fn drop(&mut self) {
        self.with.dropped(self.right.clone());
    }
}
