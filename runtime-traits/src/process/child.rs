//! [`Child`]: one process, of one of two kinds.

use core::fmt;
use core::task::{Context, Poll, ready};
use std::process::Command;
use std::sync::Arc;

use super::pipes::Link;
use super::watched::Watched;
use super::{ChildStderr, ChildStdin, ChildStdout, ExitStatus, Output, output, reaper};
use crate::hooks::{ChildObject, Pipe};
use crate::io::source::poll_proceed;
use crate::io::waiters::{Side, Who};
use crate::{Handle, io};

/// A process that was started.
///
/// Dropped, it goes on (unless [`kill_on_drop`](super::Command::kill_on_drop) was set), and leaves no
/// zombie. It stays with the runtime it was started on, wherever it is awaited.
///
/// ```
/// use runtime_traits::{io, process::{Command, Stdio}};
///
/// async fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
///     let mut gzip = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
///     let stdin = gzip.stdin.take().expect("piped");
///     let feeding = async {
///         stdin.write_all(bytes).await?;
///         drop(stdin); // or gzip waits for more
///         Ok(())
///     };
///     // Side by side, or both could wait for each other when the pipes are full.
///     let (fed, output) = join(feeding, gzip.wait_with_output()).await;
///     fed.and(output).map(|output| output.stdout)
/// }
/// # async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
/// #     (a.await, b.await)
/// # }
/// # use std::future::Future;
/// ```
pub struct Child {
    /// Our end of its input, if that was [piped](super::Stdio::piped).
    pub stdin: Option<ChildStdin>,
    /// Our end of its output, if that was piped.
    pub stdout: Option<ChildStdout>,
    /// Our end of its error output, if that was piped.
    pub stderr: Option<ChildStderr>,
    held: Held,
}

/// The child without its pipes, so that those can be moved out.
struct Held {
    /// Emptied by the destructor only.
    of: Option<Kind>,
    kill_on_drop: bool,
}

enum Kind {
    Watched(Watched),
    Object(Object),
}

/// A child of the runtime's own.
struct Object {
    child: Arc<dyn ChildObject>,
    side: Side,
    handle: Handle,
}

impl Child {
    /// Starts `command` on the runtime of `handle`.
    pub(super) fn start(
        handle: Handle,
        command: &mut Command,
        kill_on_drop: bool,
    ) -> io::Result<Child> {
        if let Some(child) = handle.runtime().process().and_then(|hook| hook.spawn(command)) {
            return Ok(Child::from_object(handle, child?, kill_on_drop));
        }
        let (watched, (stdin, stdout, stderr)) = Watched::start(&handle, command, |child| {
            let stdin = child.stdin.take().map(|pipe| ChildStdin::on(&handle, pipe));
            let stdout = child.stdout.take().map(|pipe| ChildStdout::on(&handle, pipe));
            let stderr = child.stderr.take().map(|pipe| ChildStderr::on(&handle, pipe));
            Ok((stdin.transpose()?, stdout.transpose()?, stderr.transpose()?))
        })?;
        let held = Held { of: Some(Kind::Watched(watched)), kill_on_drop };
        Ok(Child { stdin, stdout, stderr, held })
    }

    fn from_object(handle: Handle, child: Arc<dyn ChildObject>, kill_on_drop: bool) -> Child {
        let take = |pipe| child.take(pipe).map(|stream| Link::from_object(handle.clone(), stream));
        Child {
            stdin: take(Pipe::Stdin).map(ChildStdin::from_link),
            stdout: take(Pipe::Stdout).map(ChildStdout::from_link),
            stderr: take(Pipe::Stderr).map(ChildStderr::from_link),
            held: Held {
                of: Some(Kind::Object(Object { child, side: Side::new(), handle })),
                kill_on_drop,
            },
        }
    }

    /// Its number. When it was waited for, the system may give that to another process.
    pub fn id(&self) -> u32 {
        match self.held.kind() {
            Kind::Watched(watched) => watched.id(),
            Kind::Object(object) => object.child.id(),
        }
    }

    /// Ends it by force (`SIGKILL`; on Windows `TerminateProcess`), and does not wait for that. One that
    /// has exited is no error.
    ///
    /// # Errors
    ///
    /// Those of the system: it has become another user's, say.
    pub fn kill(&mut self) -> io::Result<()> {
        self.held.kill()
    }

    /// Its status, if it has exited. Leaves [`stdin`](Child::stdin) alone.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self.held.kind_mut() {
            Kind::Watched(watched) => watched.try_wait(),
            Kind::Object(object) => object.child.try_wait(),
        }
    }

    /// Waits until it has exited; any number of times.
    ///
    /// Closes [`stdin`](Child::stdin) if that was not taken, since it may be what the child waits for.
    /// Does not wait for the ends of its outputs, which its own children may keep; while nobody reads
    /// those and they are full, it waits for you.
    ///
    /// ```
    /// # use runtime_traits::{io, process::Command};
    /// async fn make() -> io::Result<bool> {
    ///     let mut child = Command::new("make").arg("all").spawn()?;
    ///     Ok(child.wait().await?.success())
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe, but that `stdin` stays closed.
    ///
    /// # Errors
    ///
    /// Its runtime has ended before it; those of the system, if somebody else waited for it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        match self.held.kind_mut() {
            Kind::Watched(watched) => watched.wait().await,
            Kind::Object(object) => object.wait().await,
        }
    }

    /// Collects what it writes to those outputs that are here, side by side, and waits for it.
    ///
    /// Closes [`stdin`](Child::stdin) first. Ends when the outputs do *and* it has exited: a child of
    /// its own that keeps an output keeps this waiting, as in std.
    ///
    /// ```
    /// # use runtime_traits::{io, process::{Command, Stdio}};
    /// async fn listing() -> io::Result<Vec<u8>> {
    ///     let child = Command::new("ls").stdout(Stdio::piped()).spawn()?;
    ///     Ok(child.wait_with_output().await?.stdout)
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Lossy: what was collected is lost, and the child is dropped.
    ///
    /// # Errors
    ///
    /// As [`wait`](Child::wait), and those of reading: an output that cannot be read is closed, the
    /// other is read to its end, and the child is waited for all the same.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let reading = output::both(
            output::collect(self.stdout.take().map(ChildStdout::into_link)),
            output::collect(self.stderr.take().map(ChildStderr::into_link)),
        );
        let (stdout, stderr) = reading.await;
        Ok(Output { status: self.wait().await?, stdout: stdout?, stderr: stderr? })
    }
}

impl Held {
    fn kind(&self) -> &Kind {
        self.of.as_ref().expect("emptied by the destructor only")
    }

    fn kind_mut(&mut self) -> &mut Kind {
        self.of.as_mut().expect("emptied by the destructor only")
    }

    fn kill(&mut self) -> io::Result<()> {
        match self.kind_mut() {
            Kind::Watched(watched) => watched.kill(),
            Kind::Object(object) => object.child.kill(),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // Whom it cannot kill goes on.
            let _ = self.kill();
        }
        if let Some(Kind::Watched(watched)) = self.of.take() {
            reaper::reap(watched);
        }
    }
}

impl Object {
    async fn wait(&self) -> io::Result<ExitStatus> {
        self.side.wait(|who, cx| self.poll_wait(who, cx)).await
    }

    fn poll_wait(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        ready!(poll_proceed(&self.handle, cx));
        self.side.poll(who, cx, |cx| self.child.poll_wait(cx))
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}
