//! Waiting for one direction of an [`Async`]: by future, or by poll with an identity.

use core::fmt;
use core::future::Future;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::Async;
use crate::hooks::Dir;
use crate::io;
use crate::io::source::Registered;
use crate::io::waiters::{Key, Who};

/// Code that polls one direction of an [`Async`] and has a name there.
///
/// Poll-style code without a name leaves its waker until the next event. A waiter keeps one, the
/// latest, and releases it when it is dropped. `P` is how it holds the object: a reference, or an
/// `Arc` where a struct keeps both.
///
/// ```
/// # use std::{net::UdpSocket, sync::Arc, task::{Context, Poll}};
/// # use runtime_traits::{hooks::Dir, io::{self, Async, Waiter}};
/// struct Sender {
///     writable: Waiter<UdpSocket, Arc<Async<UdpSocket>>>,
/// }
///
/// impl Sender {
///     fn new(socket: Arc<Async<UdpSocket>>) -> Sender {
///         Sender { writable: Waiter::new(socket, Dir::Write) }
///     }
///
///     fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
///         self.writable.poll_with(cx, |socket| socket.send(bytes))
///     }
/// }
/// ```
pub struct Waiter<T, P: Deref<Target = Async<T>>> {
    io: P,
    dir: Dir,
    key: Key,
}

impl<T, P: Deref<Target = Async<T>>> Waiter<T, P> {
    /// A waiter for one direction of `io`.
    pub fn new(io: P, dir: Dir) -> Waiter<T, P> {
        Waiter { io, dir, key: Key::default() }
    }

    /// Ready when the direction is.
    ///
    /// # Errors
    ///
    /// The runtime has ended.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.source.poll_ready(self.dir, Who::Keyed(&mut self.key), cx)
    }

    /// Calls `op`, and again when the direction is ready, while it answers `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`; the runtime has ended.
    pub fn poll_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let io = &*self.io;
        io.source.poll(self.dir, Who::Keyed(&mut self.key), cx, || op(&io.io))
    }
}

impl<T, P: Deref<Target = Async<T>>> Drop for Waiter<T, P> {
    fn drop(&mut self) {
        self.io.source.side(self.dir).release(&mut self.key);
    }
}

impl<T, P: Deref<Target = Async<T>>> fmt::Debug for Waiter<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Until one direction is ready.
#[derive(Debug)]
pub(super) struct Until<'a> {
    source: &'a Registered,
    dir: Dir,
    key: Key,
}

impl<'a> Until<'a> {
    pub(super) fn new(source: &'a Registered, dir: Dir) -> Until<'a> {
        Until { source, dir, key: Key::default() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.source.poll_ready(self.dir, Who::Keyed(&mut self.key), cx);
        if polled.is_ready() {
            self.source.side(self.dir).release(&mut self.key);
        }
        polled
    }
}

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.source.side(self.dir).release(&mut self.key);
    }
}

/// The future of [`Async::readable`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Readable<'a>(pub(super) Until<'a>);

impl Future for Readable<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

/// The future of [`Async::writable`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Writable<'a>(pub(super) Until<'a>);

impl Future for Writable<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}
