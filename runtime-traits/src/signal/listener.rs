//! [`Signal`]: one listener, of one of two kinds.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;

use futures_core::Stream;

use super::SignalKind;
use super::watch::Watch;
use crate::hooks::SignalStream;
use crate::io::source::{current, poll_proceed};
use crate::io::waiters::{Side, Who};
use crate::{Handle, io};

/// Listens for a signal on the current runtime.
///
/// What was raised before this returns is not heard.
///
/// # Errors
///
/// `InvalidInput` if there is no such signal, or it cannot be caught (`KILL`, `STOP`), or must not be,
/// since its cause is the program's own and comes again as soon as a handler returns (`SEGV`, `ILL`,
/// `FPE`). `Unsupported` if there is no runtime or it has no signals; else those of the system, such
/// as no descriptor left.
///
/// ```
/// use runtime_traits::{io, signal};
/// # #[cfg(unix)]
/// async fn until_told() -> io::Result<()> {
///     signal::signal(signal::SignalKind::TERMINATE)?.recv().await
/// }
/// ```
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let handle = current()?;
    let kind_of = match handle.runtime().signal().and_then(|hook| hook.listen(kind.as_raw())) {
        Some(stream) => Kind::Object(Object { stream: stream?, side: Side::new(), handle }),
        None => Kind::Ready(Watch::new(handle, kind)?),
    };
    Ok(Signal { kind, of: kind_of, has_ended: false })
}

/// Waits for Ctrl-C.
///
/// Listens from its first poll on; a program that must not miss one keeps a [`Signal`]. From then on
/// Ctrl-C does not end the program: see [what a listener changes](super#what-a-listener-changes).
///
/// ```
/// # use runtime_traits::{io, signal};
/// async fn serve_until_ctrl_c(serve: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
///     let serving = runtime_traits::spawn(serve);
///     signal::ctrl_c().await?;
///     let _ = serving.cancel().await;
///     Ok(())
/// }
/// # use std::future::Future;
/// ```
///
/// # Cancellation
///
/// Lossy: a Ctrl-C that came meanwhile is forgotten, and so is its usual effect.
///
/// # Errors
///
/// As [`signal`](signal()), and the runtime has ended.
pub async fn ctrl_c() -> io::Result<()> {
    #[cfg(unix)]
    const CTRL_C: SignalKind = SignalKind::INTERRUPT;
    #[cfg(windows)]
    const CTRL_C: SignalKind = SignalKind::CTRL_C;
    signal(CTRL_C)?.recv().await
}

/// Hears a signal. Also a `Stream`, which ends with the runtime: after one error, which says so.
///
/// Several listeners hear each their own, on one runtime or many. An item means *at least one since the
/// last*. A forked process has to make its own.
///
/// It takes a descriptor of the process's: on Linux one, on other Unixes two, on Windows none.
pub struct Signal {
    kind: SignalKind,
    of: Kind,
    /// Whether the stream has told its error.
    has_ended: bool,
}

/// Who listens.
enum Kind {
    Ready(Watch),
    Object(Object),
}

/// A listener of the runtime's own.
struct Object {
    stream: Box<dyn SignalStream>,
    side: Side,
    handle: Handle,
}

impl Signal {
    /// Waits for the next.
    ///
    /// ```
    /// # use runtime_traits::{io, signal::Signal};
    /// async fn twice(signal: &mut Signal) -> io::Result<()> {
    ///     signal.recv().await?;
    ///     signal.recv().await
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Safe: it counts as heard when it is returned.
    ///
    /// # Errors
    ///
    /// The runtime has ended. (On Windows nobody is told: who then waits, waits for ever.)
    pub async fn recv(&mut self) -> io::Result<()> {
        let side = self.of.side();
        side.wait(|who, cx| self.of.poll(who, cx)).await
    }

    /// As [`recv`](Signal::recv), for code that polls.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.of.poll(Who::Owner, cx)
    }

    /// What it listens for.
    pub fn kind(&self) -> SignalKind {
        self.kind
    }
}

impl Kind {
    fn side(&self) -> &Side {
        match self {
            Kind::Ready(watch) => watch.side(),
            Kind::Object(object) => &object.side,
        }
    }

    fn poll(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Kind::Ready(watch) => watch.poll(who, cx),
            Kind::Object(object) => object.poll(who, cx),
        }
    }
}

impl Object {
    fn poll(&self, who: Who<'_>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_proceed(&self.handle, cx));
        self.side.poll(who, cx, |cx| self.stream.poll_next(cx))
    }
}

impl Stream for Signal {
    type Item = io::Result<()>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<()>>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        let heard = ready!(this.poll_recv(cx));
        this.has_ended = heard.is_err();
        Poll::Ready(Some(heard))
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.kind).finish_non_exhaustive()
    }
}
