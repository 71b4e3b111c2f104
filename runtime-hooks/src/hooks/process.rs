//! Child processes of a runtime's own making.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::{Context, Poll};
use std::io;
use std::process::{Command, ExitStatus};

use super::ByteStream;

/// Starts child processes where the ready-made part (over a `Reactor`) is not wanted: a sandbox, a
/// simulation, a test that wants to see what becomes of them.
pub trait Process: Send + Sync {
    /// Starts `command`, in which all is set, its standard streams too.
    ///
    /// `None` means "not mine": the ready-made part is used.
    fn spawn(&self, command: &mut Command) -> Option<io::Result<Arc<dyn ChildObject>>> {
        let _ = command;
        None
    }
}

/// One of the pipes between us and a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pipe {
    /// The child reads it.
    Stdin,
    /// The child writes it.
    Stdout,
    /// The child writes its complaints to it.
    Stderr,
}

/// What lies beneath a child process when the runtime starts it.
///
/// Dropped, it leaves the process running, and sees to it that no zombie stays.
///
/// # Contract
///
/// The same is promised by whoever starts it, a runtime or the ready-made part.
///
/// - **PROC-1** (must) The exit status is the child's own, every time it is asked for, whatever
///   becomes of other children, whoever waits for those.
/// - **PROC-2** (must) A child that was dropped, or waited for, leaves no zombie, also if no other
///   child is ever touched.
/// - **PROC-3** (must) Killing a child that has exited is no error and hits nobody else. A child that
///   is to be killed when it is dropped lives until then, and those who collect its output hold it.
/// - **PROC-4** (must) Waiting ends when the child does, whoever keeps its pipes; an input that nobody
///   took is closed before. Collecting output takes from both pipes as it comes.
/// - **PROC-5** (must) A child inherits the descriptors that were meant for it and no others, no
///   blocked signal, and the default for `SIGPIPE`.
/// - **PROC-6** (must) A child that has exited before anybody waits is reported, and so is each of
///   many that exit at once.
pub trait ChildObject: Send + Sync {
    /// Its number.
    fn id(&self) -> u32;

    /// Ready when it has exited, and from then on always. One waker is kept, the latest.
    fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>>;

    /// Its status, if it has exited.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn try_wait(&self) -> io::Result<Option<ExitStatus>>;

    /// Ends it by force; does not wait. One that has exited is no error.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn kill(&self) -> io::Result<()>;

    /// Our end of a pipe, the first time, if there is that pipe.
    fn take(&self, pipe: Pipe) -> Option<Box<dyn ByteStream>>;
}
