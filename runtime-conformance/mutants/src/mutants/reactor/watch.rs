//! A reactor around a reactor, that knows some of its sources: override what is wrong.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use runtime_conformance::twist::Twist;
use runtime_traits::Handle;
use runtime_traits::hooks::{After, Dir, Reactor, Source, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketType, getsockname, sockopt};

use crate::decorate::Decorated;

/// The system call.
pub(in crate::mutants) type Op<'o> = &'o mut dyn FnMut() -> io::Result<After>;

/// What is different about some sources. Each default body passes on.
pub(in crate::mutants) trait Fault: Send + Sync + 'static {
    /// What is remembered of a source.
    type State: Default + Send + Sync + 'static;

    /// Whether a source is one of those.
    fn is_about(&self, source: &Source) -> bool;

    /// It was registered.
    fn registered(&self, watched: &Watched<Self::State>) {
        let _ = watched;
    }

    fn poll_io(
        &self,
        inner: &dyn Reactor,
        watched: &Arc<Watched<Self::State>>,
        (token, dir): (Token, Dir),
        cx: &mut Context<'_>,
        op: Op<'_>,
    ) -> Poll<io::Result<()>> {
        let _ = watched;
        inner.poll_io(token, dir, cx, op)
    }

    fn deregister(&self, inner: &dyn Reactor, watched: &Watched<Self::State>, token: Token) {
        let _ = watched;
        inner.deregister(token);
    }
}

/// A source that is being watched.
pub(in crate::mutants) struct Watched<S> {
    source: Weak<OwnedFd>,
    pub(in crate::mutants) state: S,
}

impl<S> Watched<S> {
    /// What the kernel says about it now; nothing if it is gone.
    pub(super) fn asked(&self, what: PollFlags) -> PollFlags {
        let Some(source) = self.source.upgrade() else { return PollFlags::empty() };
        let mut asked = [PollFd::new(&source, what)];
        let _ = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        asked[0].revents()
    }

    /// How many bytes can be read.
    pub(super) fn readable(&self) -> u64 {
        let source = self.source.upgrade();
        source.and_then(|source| rustix::io::ioctl_fionread(source).ok()).unwrap_or_default()
    }

    /// The descriptor itself, if it is there.
    pub(in crate::mutants) fn source(&self) -> Option<Source> {
        self.source.upgrade()
    }

    /// Whether it is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.source.strong_count() == 0
    }

    /// The same source, with nothing remembered.
    pub(super) fn again(&self) -> Watched<()> {
        Watched { source: self.source.clone(), state: () }
    }
}

/// Whether it is an end of a Unix socket pair of this kind.
pub(super) fn is_unix(source: &Source, kind: SocketType) -> bool {
    getsockname(&**source).is_ok_and(|name| name.address_family() == AddressFamily::UNIX)
        && sockopt::socket_type(&**source) == Ok(kind)
}

/// Whether it is an end of a pipe.
pub(super) fn is_pipe(source: &Source) -> bool {
    rustix::fs::fstat(&**source)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_fifo())
}

/// A twist that puts a fault around the reactor.
pub(in crate::mutants) struct Faulty<F>(fn() -> F);

impl<F: Fault> Faulty<F> {
    pub(in crate::mutants) fn twist(make: fn() -> F) -> Arc<dyn Twist> {
        Arc::new(Faulty(make))
    }
}

impl<F: Fault> Twist for Faulty<F> {
    fn runtime(&self, inner: Handle) -> Handle {
        if inner.runtime().reactor().is_none() {
            return inner;
        }
        let around = Around { inner: inner.clone(), fault: (self.0)(), known: Mutex::default() };
        Decorated::over(inner).reactor(Box::new(around)).handle()
    }
}

struct Around<F: Fault> {
    inner: Handle,
    fault: F,
    known: Mutex<Known<F>>,
}

/// The sources that a fault is about, by token.
type Known<F> = HashMap<u64, Arc<Watched<<F as Fault>::State>>>;

impl<F: Fault> Around<F> {
    fn inner(&self) -> &dyn Reactor {
        self.inner.runtime().reactor().expect("looked at when this was made")
    }

    fn known(&self) -> MutexGuard<'_, Known<F>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fault> Reactor for Around<F> {
    fn register(&self, source: Source) -> io::Result<Token> {
        let (is_about, weak) = (self.fault.is_about(&source), Arc::downgrade(&source));
        let watched = Arc::new(Watched { source: weak, state: F::State::default() });
        let token = self.inner().register(source)?;
        if is_about {
            self.fault.registered(&watched);
            self.known().insert(token.0, watched);
        }
        Ok(token)
    }

    fn poll_io(
        &self,
        token: Token,
        dir: Dir,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<After>,
    ) -> Poll<io::Result<()>> {
        let watched = self.known().get(&token.0).cloned();
        match watched {
            Some(watched) => self.fault.poll_io(self.inner(), &watched, (token, dir), cx, op),
            None => self.inner().poll_io(token, dir, cx, op),
        }
    }

    fn deregister(&self, token: Token) {
        let watched = self.known().remove(&token.0);
        match watched {
            Some(watched) => self.fault.deregister(self.inner(), &watched, token),
            None => self.inner().deregister(token),
        }
    }
}

/// A waker that asks before it passes a wake on.
pub(super) struct Ask<A> {
    pub(super) to: Waker,
    pub(super) passes: A,
}

impl<A: Fn() -> bool + Send + Sync + 'static> Ask<A> {
    /// `to`, if `passes` says so.
    pub(super) fn waker(to: &Waker, passes: A) -> Waker {
        Arc::new(Ask { to: to.clone(), passes }).into()
    }
}

impl<A: Fn() -> bool + Send + Sync + 'static> Wake for Ask<A> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if (self.passes)() {
            self.to.wake_by_ref();
        }
    }
}
